//! The server itself: its version, the address it believes to have, its clock; and the credential.

use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};
use url::Url;

use super::Stage;
use super::facts::Way;
use crate::exit::Exit;
use crate::model::connection::BaseUrl;
use crate::model::version::Version;

/// The oldest version that will do.
const OLDEST: Version = Version::new(7, 14, 0);

/// A clock that is off by less is a clock.
const MOST_SECONDS: u64 = 120;

/// The date of an answer (RFC 9110, section 5.6.7).
const DATE: &[BorrowedFormatItem<'_>] = format_description!(
    "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
);

pub(super) fn version(way: &Way) -> Option<Stage> {
    const ID: &str = "version";
    let greeting = way.http.as_ref()?.value.as_ref().ok()?;
    if !greeting.is_bitbuckets {
        return None;
    }
    if way.is_cloud {
        return Some(Stage::pass(ID, "Bitbucket Cloud has no versions"));
    }
    let text = greeting.version.as_ref()?;
    let stage = match text.parse::<Version>() {
        Err(_) => Stage::unknown(ID, "the server's version cannot be read"),
        Ok(version) if version < OLDEST => Stage::fail(
            ID,
            Exit::Unusable,
            format!("the server is too old: {text}, and {OLDEST} is the oldest that will do"),
        )
        .next("ask the administrator for an update"),
        Ok(version) => {
            let today = crate::model::day::Day::from(way.now.date());
            match version.support_ended(today) {
                Some(day) => Stage::warn(
                    ID,
                    format!("Atlassian's support for this version ended on {day}"),
                )
                .next("ask the administrator for an update"),
                None => Stage::pass(ID, format!("the server is {OLDEST} or newer")),
            }
        }
    };
    Some(stage.seen(text.clone()))
}

/// The server's links begin with what its administrator entered as its base URL, not with what it was asked by.
pub(super) fn base_url(way: &Way) -> Option<Stage> {
    const ID: &str = "base-url";
    let links = way.links.as_ref()?;
    let urls: Vec<Url> = links
        .value
        .iter()
        .filter_map(|link| Url::parse(link).ok())
        .collect();
    let is_wrong = |url: &&Url| {
        if matches!(url.scheme(), "http" | "https") {
            !way.base.is_above(url)
        } else {
            is_loopback(url) && !way.base.is_loopback()
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
                way.base
            );
            (message, field)
        };
        Stage::warn(ID, message)
            .seen(elsewhere.to_string())
            .next(format!("ask the administrator to set {field}"))
    } else if let Some(first) = urls.first() {
        Stage::pass(ID, "the server's links begin with this URL").seen(first.to_string())
    } else {
        Stage::unknown(
            ID,
            "nothing is visible whose links would tell the server's base URL",
        )
    };
    Some(stage.took(links))
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

pub(super) fn clock(way: &Way) -> Option<Stage> {
    const ID: &str = "clock";
    let greeting = way.http.as_ref()?.value.as_ref().ok()?;
    let Some(there) = greeting.date.as_deref().and_then(read) else {
        return greeting
            .is_bitbuckets
            .then(|| Stage::unknown(ID, "the server does not tell its time"));
    };
    let off = (way.now - there).whole_seconds();
    let size = off.unsigned_abs();
    if size <= MOST_SECONDS {
        return Some(Stage::pass(
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
    let stage = Stage::warn(
        ID,
        format!(
            "this machine's clock is {length} {which} the server's: tokens and certificates seem expired or not valid yet"
        ),
    );
    Some(
        stage
            .seen(format!(
                "here {}, there {there}",
                way.now.replace_nanosecond(0).unwrap_or(way.now)
            ))
            .next("set the clock that is wrong, by NTP"),
    )
}

fn read(date: &str) -> Option<OffsetDateTime> {
    let read = PrimitiveDateTime::parse(date, DATE).ok()?;
    Some(read.assume_utc())
}

pub(super) fn credential(way: &Way) -> Option<Stage> {
    const ID: &str = "credential";
    let asked = way.credential.as_ref()?;
    let stage = match &asked.value {
        None => Stage::unknown(ID, "none is used: no connection is for this address")
            .next("bbconnect connection add makes one"),
        Some(Ok(identity)) => match &identity.account {
            Some(account) => Stage::pass(ID, format!("the server accepts it, as {account}")),
            None => Stage::pass(ID, "the server accepts it"),
        },
        // Neither yes nor no.
        Some(Err(trouble)) if trouble.exit == Exit::No => {
            let stage = Stage::unknown(ID, trouble.message.clone());
            match &trouble.hint {
                Some(hint) => stage.next(hint.clone()),
                None => stage,
            }
        }
        Some(Err(trouble)) => Stage::trouble(ID, trouble),
    };
    Some(stage.took(asked))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_answers_are_read() {
        let read = read("Sat, 21 Nov 2026 19:03:59 GMT").unwrap();
        assert_eq!(read.unix_timestamp(), 1_795_287_839);
        assert!(super::read("yesterday").is_none());
    }

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
