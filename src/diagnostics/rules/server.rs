//! The server: version, base URL, encryption, certificate, clock. These rules are shared by `check` and `doctor`.

use url::{Host, Url};

use crate::diagnostics::finding::{Finding, FindingId};
use crate::exit_status::ExitStatus;
use crate::probe::CertificateSummary;
use crate::types::connection::BaseUrl;
use crate::types::date::{Date, Timestamp};
use crate::types::ssh_address::SshSettings;
use crate::types::version::Version;

/// The oldest version of Data Center that is supported.
pub(crate) const OLDEST_SUPPORTED_VERSION: Version = Version::new(7, 14, 0);

/// A difference up to this is normal.
const MAX_CLOCK_SKEW_SECS: u64 = 120;

/// A certificate that expires within this time is a warning.
const CERTIFICATE_RENEWAL_DAYS: i64 = 14;

/// The version of a Data Center.
pub(crate) fn version(
    id: FindingId,
    reported: Option<&str>,
    min_version: Version,
    today: Date,
) -> Finding {
    let Some(text) = reported else {
        return Finding::unknown(id, "the server does not report its version");
    };
    let finding = match text.parse::<Version>() {
        Err(_) => Finding::unknown(id, "the server version cannot be parsed"),
        Ok(version) if version < min_version => {
            let message = format!("server version {text} is below {min_version}");
            Finding::fail(id, ExitStatus::BadResponse, message).with_next(
                "ask the administrator to upgrade the server; `bbconnect check --min-version VERSION` accepts an older one",
            )
        }
        Ok(version) => match version.end_of_support(today) {
            Some(date) => {
                let message = format!("Atlassian's support for this version ended on {date}");
                Finding::warn(id, message).with_next("ask the administrator to upgrade the server")
            }
            None => Finding::pass(id, format!("server version is {min_version} or newer")),
        },
    };
    finding.with_evidence(text)
}

/// The base URL that is set on a Data Center: links begin with it, whatever URL the server is reached by.
pub(crate) fn base_url<'a>(
    id: FindingId,
    base: &BaseUrl,
    links: impl IntoIterator<Item = &'a str>,
) -> Finding {
    let links: Vec<Url> = links
        .into_iter()
        .filter_map(|link| Url::parse(link).ok())
        .collect();
    let Some(first) = links.first() else {
        return Finding::unknown(
            id,
            "the server's base URL is unknown: no visible project or repository has a link",
        );
    };
    let Some(other) = links.iter().find(|link| !base.contains(link)) else {
        return Finding::pass(id, "the server's links begin with this URL")
            .with_evidence(first.as_str());
    };
    let message = if is_loopback(other) {
        "the server's base URL is `localhost`: its links and webhooks do not work from other machines"
    } else {
        "the server's base URL is not the URL that it is reached by"
    };
    Finding::warn(id, message)
        .with_evidence(other.as_str())
        .with_next(format!(
            "ask the administrator to set Administration > Server settings > Base URL to {base}"
        ))
}

/// An SSH base URL of a Data Center that only works on the server itself.
pub(crate) fn ssh_base_url(
    id: FindingId,
    base: &BaseUrl,
    settings: Option<&SshSettings>,
) -> Option<Finding> {
    let url = Url::parse(settings?.base_url.as_deref()?).ok()?;
    (is_loopback(&url) && !is_loopback(base.url())).then(|| {
        Finding::warn(
            id,
            "the server's SSH base URL is `localhost`: its SSH clone URLs do not work from other machines",
        )
        .with_evidence(url.as_str())
        .with_next("ask the administrator to set Administration > SSH access > SSH base URL")
    })
}

/// Whether a URL of any scheme leads to the machine that resolves it.
fn is_loopback(url: &Url) -> bool {
    // Only hosts of special schemes such as http are parsed as IP addresses.
    match url.host_str().map(Host::parse) {
        Some(Ok(Host::Domain(name))) => name == "localhost" || name.ends_with(".localhost"),
        Some(Ok(Host::Ipv4(address))) => address.is_loopback() || address.is_unspecified(),
        Some(Ok(Host::Ipv6(address))) => address.is_loopback() || address.is_unspecified(),
        Some(Err(_)) | None => false,
    }
}

/// Plain http to another machine.
pub(crate) fn insecure_transport(id: FindingId, base: &BaseUrl) -> Option<Finding> {
    base.is_insecure().then(|| {
        Finding::warn(id, "the URL is plain http: traffic is not encrypted")
            .with_next("use https://, or ask the administrator to enable it")
    })
}

/// A certificate that is valid, but not for long.
pub(crate) fn certificate_expiry(
    id: FindingId,
    certificate: &CertificateSummary,
    today: Date,
) -> Option<Finding> {
    let ends_on = certificate.ends_on?;
    let left = today.days_until(ends_on);
    (left <= CERTIFICATE_RENEWAL_DAYS).then(|| {
        let message = format!(
            "the server's certificate expires on {ends_on} ({})",
            in_days(left)
        );
        Finding::warn(id, message).with_next("ask the administrator to renew the certificate")
    })
}

/// A date relative to today.
pub(crate) fn in_days(days: i64) -> String {
    match days {
        0 => "today".to_owned(),
        1 => "tomorrow".to_owned(),
        -1 => "yesterday".to_owned(),
        2.. => format!("in {days} days"),
        _ => format!("{} days ago", days.unsigned_abs()),
    }
}

/// The difference between this machine's clock and the server's, when a response arrived.
pub(crate) fn clock(id: FindingId, reported: Option<Timestamp>, received_at: Timestamp) -> Finding {
    let Some(reported) = reported else {
        return Finding::unknown(id, "the server does not report its time");
    };
    let skew = received_at.as_second() - reported.as_second();
    if skew.unsigned_abs() <= MAX_CLOCK_SKEW_SECS {
        return Finding::pass(id, "this machine's clock and the server's agree");
    }
    let direction = if skew > 0 { "ahead of" } else { "behind" };
    let minutes = skew.unsigned_abs() / 60;
    let length = if minutes < 120 {
        format!("{minutes} minutes")
    } else {
        format!("{} hours", minutes / 60)
    };
    let message = format!(
        "this machine's clock is {length} {direction} the server's: tokens and certificates may seem expired or not yet \
         valid"
    );
    Finding::warn(id, message)
        .with_evidence(format!("local {received_at}, server {reported}"))
        .with_next("synchronize the clock that is wrong, for example with NTP")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_recognised_in_every_scheme() {
        for (url, expected) in [
            ("http://localhost:7990/x", true),
            ("ssh://git@localhost:7999", true),
            ("ssh://127.0.0.2:7999", true),
            ("ssh://git@[::1]:7999", true),
            ("http://0.0.0.0:7990", true),
            ("ssh://git@git.localhost:7999", true),
            ("ssh://git.example.com:7999", false),
            ("https://localhost.example.com", false),
            ("ssh://git@localhost.example.com:7999", false),
        ] {
            assert_eq!(is_loopback(&url.parse().unwrap()), expected, "{url}");
        }
    }
}
