//! The server itself: its version, the address it believes to have, its clock; and the credential.

use url::Url;

use super::StageResult;
use super::facts::HttpPath;
use crate::exit_status::ExitStatus;
use crate::types::connection::BaseUrl;
use crate::types::timestamp::Timestamp;
use crate::types::version::Version;

/// The oldest version that will do.
const OLDEST: Version = Version::new(7, 14, 0);

/// A clock that is off by less is a clock.
const MAX_CLOCK_SKEW_SECS: u64 = 120;

pub(super) fn version(http_path: &HttpPath) -> Option<StageResult> {
    const ID: &str = "version";
    let probe = http_path.http.as_ref()?.value.as_ref().ok()?;
    if !probe.is_bitbucket {
        return None;
    }
    if http_path.is_cloud {
        return Some(StageResult::pass(ID, "Bitbucket Cloud has no versions"));
    }
    let text = probe.version.as_ref()?;
    let stage = match text.parse::<Version>() {
        Err(_) => StageResult::unknown(ID, "the server's version cannot be read"),
        Ok(version) if version < OLDEST => StageResult::fail(
            ID,
            ExitStatus::BadResponse,
            format!("the server is too old: {text}, and {OLDEST} is the oldest that will do"),
        )
        .with_remedy("ask the administrator for an update"),
        Ok(version) => match version.end_of_support(http_path.now.date()) {
            Some(date) => StageResult::warn(
                ID,
                format!("Atlassian's support for this version ended on {date}"),
            )
            .with_remedy("ask the administrator for an update"),
            None => StageResult::pass(ID, format!("the server is {OLDEST} or newer")),
        },
    };
    Some(stage.with_evidence(text.clone()))
}

/// The server's links begin with what its administrator entered as its base URL, not with what it was asked by.
pub(super) fn base_url(http_path: &HttpPath) -> Option<StageResult> {
    const ID: &str = "base-url";
    let links = http_path.links.as_ref()?;
    let urls: Vec<Url> = links
        .value
        .iter()
        .filter_map(|link| Url::parse(link).ok())
        .collect();
    let is_wrong = |url: &&Url| {
        if matches!(url.scheme(), "http" | "https") {
            !http_path.base.contains(url)
        } else {
            is_loopback(url) && !http_path.base.is_loopback()
        }
    };
    let stage = if let Some(elsewhere) = urls.iter().find(is_wrong) {
        let (message, field) = if elsewhere.scheme() == "ssh" {
            (
                "the server believes its SSH address to be `localhost`, so its clone URLs lead nowhere",
                "Administration > SSH access > SSH base URL".to_owned(),
            )
        } else {
            let message = if is_loopback(elsewhere) {
                "the server believes its address to be `localhost`, so its links and webhooks lead nowhere"
            } else {
                "the server's links begin with another address than the one it is reached by"
            };
            let field = format!(
                "Administration > Server settings > Base URL to {}",
                http_path.base
            );
            (message, field)
        };
        StageResult::warn(ID, message)
            .with_evidence(elsewhere.to_string())
            .with_remedy(format!("ask the administrator to set {field}"))
    } else if let Some(first) = urls.first() {
        StageResult::pass(ID, "the server's links begin with this URL")
            .with_evidence(first.to_string())
    } else {
        StageResult::unknown(
            ID,
            "nothing is visible whose links would tell the server's base URL",
        )
    };
    Some(stage.with_elapsed(links))
}

fn is_loopback(url: &Url) -> bool {
    let mut web = url.clone();
    if url.scheme() == "ssh" {
        // Only special schemes have their hosts read as addresses.
        let host = url.host_str().unwrap_or_default();
        let Ok(other) = Url::parse(&format!("http://{host}")) else {
            return false;
        };
        web = other;
    }
    let is_unspecified = matches!(web.host_str(), Some("0.0.0.0" | "[::]"));
    is_unspecified || BaseUrl::parse(web.as_str()).is_ok_and(|base| base.is_loopback())
}

pub(super) fn clock(http_path: &HttpPath) -> Option<StageResult> {
    const ID: &str = "clock";
    let probe = http_path.http.as_ref()?.value.as_ref().ok()?;
    let Some(there) = probe.date.as_deref().and_then(Timestamp::from_http_date) else {
        return probe
            .is_bitbucket
            .then(|| StageResult::unknown(ID, "the server does not tell its time"));
    };
    let off = http_path.now.as_second() - there.as_second();
    let size = off.unsigned_abs();
    if size <= MAX_CLOCK_SKEW_SECS {
        return Some(StageResult::pass(
            ID,
            "this machine's clock and the server's agree",
        ));
    }
    let (which, minutes) = (if off > 0 { "ahead of" } else { "behind" }, size / 60);
    let length = if minutes < 120 {
        format!("{minutes} minutes")
    } else {
        format!("{} hours", minutes / 60)
    };
    let stage = StageResult::warn(
        ID,
        format!(
            "this machine's clock is {length} {which} the server's: tokens and certificates seem expired or not valid yet"
        ),
    );
    Some(
        stage
            .with_evidence(format!("here {}, there {there}", http_path.now))
            .with_remedy("set the clock that is wrong, by NTP"),
    )
}

pub(super) fn credential(http_path: &HttpPath) -> Option<StageResult> {
    const ID: &str = "credential";
    let asked = http_path.credential.as_ref()?;
    let stage = match &asked.value {
        None => StageResult::unknown(ID, "none is used: no connection is for this address")
            .with_remedy("bbconnect connection add makes one"),
        Some(Ok(identity)) => match &identity.account {
            Some(account) => StageResult::pass(ID, format!("the server accepts it, as {account}")),
            None => StageResult::pass(ID, "the server accepts it"),
        },
        // Neither yes nor no.
        Some(Err(trouble)) if trouble.exit == ExitStatus::Failure => {
            let stage = StageResult::unknown(ID, trouble.message.clone());
            match &trouble.hint {
                Some(hint) => stage.with_remedy(hint.clone()),
                None => stage,
            }
        }
        Some(Err(trouble)) => StageResult::from_error(ID, trouble),
    };
    Some(stage.with_elapsed(asked))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_recognised_in_either_scheme() {
        for (url, expected) in [
            ("http://localhost:7990/x", true),
            ("ssh://git@localhost:7999", true),
            ("ssh://127.0.0.1:7999", true),
            ("http://0.0.0.0:7990", true),
            ("ssh://git.example.com:7999", false),
            ("https://localhost.example.com", false),
        ] {
            assert_eq!(is_loopback(&url.parse().unwrap()), expected, "{url}");
        }
    }
}
