//! TLS: whether the server's certificate is valid for its name.

use super::server;
use crate::diagnostics::finding::{Finding, FindingId};
use crate::diagnostics::route_facts::HttpRoute;
use crate::exit_status::ExitStatus;
use crate::probe::{CertificateSummary, DetectedProtocol, TlsError};
use crate::types::date::Date;

const ID: FindingId = FindingId::Tls;

pub(crate) fn certificate(route: &HttpRoute, today: Date) -> Option<Finding> {
    if route.base.url().scheme() == "http" {
        if route.speaks_tls {
            let mut secure = route.base.url().clone();
            let _both_are_http = secure.set_scheme("https");
            let next = format!("use {}", secure.as_str().trim_end_matches('/'));
            return Some(fail("this port speaks TLS, but the URL is http://").with_next(next));
        }
        route.probe.as_ref()?;
        return Some(Finding::pass(ID, "not used: the URL is plain http"));
    }
    let handshake = route.tls.as_ref()?;
    let finding = match &handshake.value {
        Ok(info) => Finding::pass(ID, format!("certificate valid ({})", info.protocol))
            .unless([server::certificate_expiry(ID, &info.certificate, today)])
            .with_evidence(names(&info.certificate)),
        Err(error) => failure(route, error),
    };
    Some(finding.with_elapsed(handshake.elapsed))
}

fn fail(message: impl Into<String>) -> Finding {
    Finding::fail(ID, ExitStatus::Unreachable, message)
}

fn names(certificate: &CertificateSummary) -> String {
    let subject = certificate.subject.as_deref().unwrap_or("(no subject)");
    if certificate.is_self_signed {
        format!("certificate of {subject}, self-signed")
    } else {
        let issuer = certificate.issuer.as_deref().unwrap_or("(no issuer)");
        format!("certificate of {subject}, signed by {issuer}")
    }
}

fn failure(route: &HttpRoute, error: &TlsError) -> Finding {
    let host = route.base.url().host_str().unwrap_or_default();
    match error {
        TlsError::UnknownIssuer {
            certificate,
            is_for_another_host,
        } => unknown_issuer(route, certificate, *is_for_another_host),
        TlsError::CaAsEndEntity(certificate) => fail("server certificate is a CA certificate")
            .with_evidence(names(certificate))
            .with_next(
                "ask the administrator for a certificate of this host that a CA has signed (without CA:TRUE)",
            ),
        TlsError::Expired(certificate) => {
            let date = certificate
                .ends_on
                .map_or(String::new(), |date| format!(" on {date}"));
            fail(format!("server certificate expired{date}"))
                .with_evidence(names(certificate))
                .with_next("ask the administrator to renew it; if the date is wrong, set this machine's clock")
        }
        TlsError::NotYetValid(certificate) => {
            let date = certificate
                .begins_on
                .map_or(" yet".to_owned(), |date| format!(" before {date}"));
            fail(format!("server certificate is not valid{date}"))
                .with_evidence(names(certificate))
                .with_next("set this machine's clock, or ask the administrator for another certificate")
        }
        TlsError::HostnameMismatch {
            certificate,
            presented,
        } => {
            let others = if presented.is_empty() {
                let subject = certificate.subject.clone();
                subject.unwrap_or_else(|| "another name".to_owned())
            } else {
                presented.join(", ")
            };
            fail(format!("server certificate is for {others}, not {host}"))
                .with_evidence(names(certificate))
                .with_next("use a name of the certificate, or ask the administrator for one with this name")
        }
        TlsError::Certificate {
            certificate,
            reason,
        } => fail(format!("server certificate is not accepted: {reason}"))
            .with_evidence(names(certificate))
            .with_next("ask the administrator for another certificate"),
        TlsError::NotTls(protocol) => not_tls(route, *protocol),
        TlsError::TimedOut => fail("the port is open, but the server does not respond to TLS")
            .with_next(
                "check the port; a firewall may hold the connection; --timeout SECONDS waits longer",
            ),
        TlsError::Failed(reason) => fail(format!("TLS handshake failed: {reason}")).with_next(
            "the server may not support TLS 1.2, or require a client certificate (--client-cert, --client-key)",
        ),
        TlsError::Setup(reason) => Finding::fail(ID, ExitStatus::LocalError, reason.clone())
            .with_next(
                "check --ca-cert, --client-cert and --client-key of the connection; without any, install ca-certificates",
            ),
    }
}

fn unknown_issuer(
    route: &HttpRoute,
    certificate: &CertificateSummary,
    is_for_another_host: bool,
) -> Finding {
    let message = if certificate.is_self_signed {
        "server certificate is self-signed and not trusted".to_owned()
    } else {
        let issuer = certificate.issuer.as_deref().unwrap_or("an unnamed CA");
        format!("server certificate is signed by {issuer}, which is not trusted")
    };
    let mut evidence = names(certificate);
    if is_for_another_host {
        evidence.push_str("; it is also for another host");
    }
    if route.proxy.is_some() {
        evidence.push_str("; it was received through the proxy, which may have issued it");
    }
    let next = match &route.ca_cert {
        Some(path) => format!(
            "{} does not contain the certificate of that CA: get it from the administrator",
            path.display()
        ),
        None => format!(
            "if this is your organisation's CA, get its certificate from the administrator and add it with --ca-cert FILE \
             (bbconnect connection edit NAME --ca-cert FILE, or connection add {} --ca-cert FILE)",
            route.base
        ),
    };
    fail(message).with_evidence(evidence).with_next(next)
}

fn not_tls(route: &HttpRoute, protocol: DetectedProtocol) -> Finding {
    let message = match protocol {
        DetectedProtocol::Http => "this port speaks plain HTTP, but the URL is https://",
        DetectedProtocol::Ssh => "this port speaks SSH, but the URL is https://",
        DetectedProtocol::Nothing => "the connection is closed when TLS begins",
        DetectedProtocol::Tls | DetectedProtocol::Other => "this port does not speak TLS",
    };
    let mut plain = route.base.url().clone();
    let next = if protocol == DetectedProtocol::Http && plain.set_scheme("http").is_ok() {
        format!(
            "check the port; if the server has no TLS, use {}",
            plain.as_str().trim_end_matches('/')
        )
    } else {
        "check the port; a firewall may close the connection".to_owned()
    };
    fail(message).with_next(next)
}
