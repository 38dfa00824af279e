//! TLS: whether the server proves to be the one of its name.

use super::StageResult;
use super::facts::HttpPath;
use crate::exit_status::ExitStatus;
use crate::probe::{CertificateSummary, DetectedProtocol, TlsError};

const ID: &str = "tls";

pub(super) fn judge(http_path: &HttpPath) -> Option<StageResult> {
    if http_path.base.url().scheme() == "http" {
        if http_path.speaks_tls {
            let mut secure = http_path.base.url().clone();
            let _both_are_http = secure.set_scheme("https");
            return Some(
                StageResult::fail(
                    ID,
                    ExitStatus::Unreachable,
                    "this port speaks TLS, and the URL says http://",
                )
                .with_remedy(format!("write {}", secure.as_str().trim_end_matches('/'))),
            );
        }
        http_path.http.as_ref()?;
        let stage = StageResult::pass(ID, "not used: the URL is plain http");
        return Some(stage);
    }
    let shaken = http_path.tls.as_ref()?;
    Some(
        match &shaken.value {
            Ok(seen) => {
                let stage = StageResult::pass(
                    ID,
                    format!("the server proves who it is, over {}", seen.protocol),
                );
                stage.with_evidence(names(&seen.names))
            }
            Err(error) => failed(http_path, error),
        }
        .with_elapsed(shaken),
    )
}

fn names(names: &CertificateSummary) -> String {
    let subject = names.subject.as_deref().unwrap_or("nobody in particular");
    let issuer = names.issuer.as_deref().unwrap_or("nobody that it names");
    if names.is_self_signed {
        format!("a certificate for {subject}, signed by itself")
    } else {
        format!("a certificate for {subject}, signed by {issuer}")
    }
}

fn failed(http_path: &HttpPath, error: &TlsError) -> StageResult {
    let fail = |message: String| StageResult::fail(ID, ExitStatus::Unreachable, message);
    let host = http_path.base.url().host_str().unwrap_or_default();
    match error {
        TlsError::UnknownIssuer {
            names: of,
            is_for_another,
        } => unknown_issuer(http_path, of, *is_for_another),
        TlsError::CaAsEndEntity(of) => fail(
            "the server shows the certificate of an authority as its own, which is not accepted from anybody".to_owned(),
        )
        .with_evidence(names(of))
        .with_remedy("ask the administrator for a certificate that an authority has signed for this host (without CA:TRUE)"),
        TlsError::Expired(of) => {
            let since = of.ends_on.map_or(String::new(), |date| format!(" on {date}"));
            fail(format!("the server's certificate expired{since}"))
                .with_evidence(names(of))
                .with_remedy("ask the administrator to renew it; if the date is wrong, set this machine's clock")
        }
        TlsError::NotYetValid(of) => {
            let from = of.begins_on.map_or(" yet".to_owned(), |date| format!(" before {date}"));
            fail(format!("the server's certificate is not valid{from}"))
                .with_evidence(names(of))
                .with_remedy("set this machine's clock, or ask the administrator for another certificate")
        }
        TlsError::HostnameMismatch {
            names: of,
            presented,
        } => {
            let others = if presented.is_empty() {
                of.subject.clone().unwrap_or_else(|| "another name".to_owned())
            } else {
                presented.join(", ")
            };
            fail(format!("the server's certificate is for another name: {others}, not {host}"))
                .with_evidence(names(of))
                .with_remedy("use the name that the certificate is for, or ask the administrator for one with this name")
        }
        TlsError::Certificate { names: of, reason } => {
            fail(format!("the server's certificate is not accepted: {reason}"))
                .with_evidence(names(of))
                .with_remedy("ask the administrator for another certificate")
        }
        TlsError::NotTls(speaks) => not_tls(http_path, *speaks),
        TlsError::Silent => fail("the port is open, but nobody answers TLS there".to_owned()).with_remedy(
            "check the port; something in between may hold the connection; --timeout SECONDS waits longer",
        ),
        TlsError::Refused(reason) => fail(format!("TLS fails: {reason}")).with_remedy(
            "the server may be too old for TLS 1.2, or want a client certificate (--client-cert, --client-key)",
        ),
        TlsError::Setup(reason) => StageResult::fail(ID, ExitStatus::LocalError, reason.clone())
            .with_remedy("check --ca-cert, --client-cert and --client-key of the connection; without any, install ca-certificates"),
    }
}

fn unknown_issuer(
    http_path: &HttpPath,
    of: &CertificateSummary,
    is_for_another: bool,
) -> StageResult {
    let issuer = of
        .issuer
        .as_deref()
        .unwrap_or("an authority without a name");
    let message = if of.is_self_signed {
        "the server's certificate is signed by itself, and not trusted here".to_owned()
    } else {
        format!("the server's certificate is signed by {issuer}, which is not trusted here")
    };
    let mut seen = names(of);
    if is_for_another {
        seen.push_str("; it is for another host as well");
    }
    if http_path.proxy.is_some() {
        seen.push_str("; it came through the proxy, which may have made it");
    }
    let next = match &http_path.ca_cert {
        Some(path) => format!(
            "{} does not have that authority's certificate: get it from the administrator",
            path.display()
        ),
        None => format!(
            "if this is your organisation's authority, get its certificate from the administrator and name it with \
             --ca-cert FILE (bbconnect connection edit NAME --ca-cert FILE, or connection add {} --ca-cert FILE)",
            http_path.base
        ),
    };
    StageResult::fail(ID, ExitStatus::Unreachable, message)
        .with_evidence(seen)
        .with_remedy(next)
}

fn not_tls(http_path: &HttpPath, speaks: DetectedProtocol) -> StageResult {
    let what = match speaks {
        DetectedProtocol::Http => "this port speaks plain HTTP, and the URL says https://",
        DetectedProtocol::Ssh => "this port speaks SSH, and the URL says https://",
        DetectedProtocol::Nothing => "the connection is closed as soon as TLS begins",
        DetectedProtocol::Tls | DetectedProtocol::Other => "this port does not speak TLS",
    };
    let mut plain = http_path.base.url().clone();
    let next = if speaks == DetectedProtocol::Http && plain.set_scheme("http").is_ok() {
        format!(
            "check the port; where the server has no TLS, write {}",
            plain.as_str().trim_end_matches('/')
        )
    } else {
        "check the port; a firewall that ends connections looks the same".to_owned()
    };
    StageResult::fail(ID, ExitStatus::Unreachable, what).with_remedy(next)
}
