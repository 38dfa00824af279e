//! TLS: whether the server's certificate is valid for its name.

use std::fmt::Write as _;

use super::server;
use crate::diagnostics::finding::{Finding, FindingId};
use crate::diagnostics::route_facts::HttpRoute;
use crate::exit_status::ExitStatus;
use crate::probe::{CertificateSummary, DetectedProtocol, TlsError};
use crate::sys::tls::{SYSTEM_CERTIFICATES_HINT, TlsFailure};
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
    match error {
        TlsError::Certificate {
            failure,
            reason,
            certificate,
            other_hosts,
        } => rejected(route, *failure, reason, certificate, other_hosts.as_deref()),
        TlsError::NotTls(protocol) => not_tls(route, *protocol),
        TlsError::TimedOut => fail("the port is open, but the server does not respond to TLS")
            .with_next(
                "check the port; a firewall may hold the connection, or pass --timeout SECONDS to wait longer",
            ),
        TlsError::Failed(failure, reason) => match failure.message() {
            Some(message) => fail(message).with_next(failure.hint()),
            None => fail(format!("TLS handshake failed: {reason}")).with_next(
                "the server may not support TLS 1.2, or require a client certificate (--client-cert, --client-key)",
            ),
        },
        TlsError::Setup(reason) => Finding::fail(ID, ExitStatus::LocalError, reason.clone())
            .with_next(format!(
                "check --ca-cert, --client-cert and --client-key of the connection; without any, {SYSTEM_CERTIFICATES_HINT}"
            )),
    }
}

/// A certificate that is not accepted.
fn rejected(
    route: &HttpRoute,
    failure: TlsFailure,
    reason: &str,
    certificate: &CertificateSummary,
    other_hosts: Option<&[String]>,
) -> Finding {
    let message = failure.message().map_or_else(
        || format!("the server's certificate is not accepted: {reason}"),
        str::to_owned,
    );
    let mut evidence = names(certificate);
    let dates = [
        (failure == TlsFailure::Expired, "until", certificate.ends_on),
        (
            failure == TlsFailure::NotYetValid,
            "from",
            certificate.begins_on,
        ),
    ];
    for (applies, word, date) in dates {
        if let (true, Some(date)) = (applies, date) {
            let _infallible = write!(evidence, ", valid {word} {date}");
        }
    }
    match other_hosts {
        Some([]) => evidence.push_str(", valid for no host"),
        Some(hosts) => {
            let _infallible = write!(evidence, ", valid for {}", hosts.join(", "));
        }
        None => {}
    }
    let is_unknown = failure == TlsFailure::UnknownIssuer;
    if is_unknown && route.proxy.is_some() {
        evidence.push_str("; it was received through the proxy, which may have issued it");
    }
    let next = match &route.ca_cert {
        Some(path) if is_unknown => format!(
            "{} does not contain the certificate of that CA: get it from the administrator",
            path.display()
        ),
        Some(_) | None => failure.hint().to_owned(),
    };
    fail(message).with_evidence(evidence).with_next(next)
}

fn not_tls(route: &HttpRoute, protocol: DetectedProtocol) -> Finding {
    let message = match protocol {
        DetectedProtocol::Http => "no TLS on this port, but plain HTTP",
        DetectedProtocol::Ssh => "no TLS on this port, but SSH",
        DetectedProtocol::Nothing => "the connection is closed when TLS begins",
        DetectedProtocol::Tls | DetectedProtocol::Other => "no TLS on this port",
    };
    let mut plain = route.base.url().clone();
    let next = if protocol == DetectedProtocol::Http && plain.set_scheme("http").is_ok() {
        format!(
            "check the port; where the server has no TLS, use {}",
            plain.as_str().trim_end_matches('/')
        )
    } else {
        "check the port; a firewall may close the connection".to_owned()
    };
    fail(message).with_next(next)
}
