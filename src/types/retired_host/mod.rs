//! URLs of Bitbucket Cloud that lead nowhere any more: SSH at `bitbucket.org` (moved on 2026-11-12), and passwords over
//! HTTPS (app passwords ended on 2026-07-28, those of accounts before). Only the host, or the password, is replaced: the
//! rest of a URL stays as it was written.

use std::ops::Range;

use crate::types::cloud_hosts::{self, SSH};
use crate::types::token_prefix::{TokenPrefix, is_token};

/// What is shown instead of a secret.
const MASK: &str = "***";

/// The same URL, or beginning of one, with the host that answers over SSH now. `None` where that is no change.
#[must_use]
pub(crate) fn with_new_host(url: &str) -> Option<String> {
    let parts = UrlSpans::of(url)?;
    let is_old = parts.over_ssh && cloud_hosts::is_retired_ssh(parts.host(url));
    is_old.then(|| replaced(url, parts.host, SSH))
}

/// As [`with_new_host`], for the beginning of a URL, which may end before the colon: `git@bitbucket.org`.
#[must_use]
pub(crate) fn prefix_with_new_host(beginning: &str) -> Option<String> {
    with_new_host(beginning).or_else(|| {
        let (user, host) = beginning.rsplit_once('@')?;
        let is_old = cloud_hosts::is_retired_ssh(host) && !user.contains([':', '/']);
        is_old.then(|| format!("{user}@{SSH}"))
    })
}

/// Whether two URLs, or beginnings of them, are the same place behind the same host over SSH.
#[must_use]
pub(crate) fn is_same_place(one: &str, other: &str) -> bool {
    let place = |url: &str| {
        let parts = UrlSpans::of(url).filter(|parts| parts.over_ssh)?;
        let host = parts.host(url).to_ascii_lowercase();
        Some((host, url.get(parts.path..)?.trim_matches('/').to_owned()))
    };
    place(one).is_some_and(|one| place(other) == Some(one))
}

/// The same URL without its password, where that is one that Bitbucket Cloud takes no more. Tokens are left alone.
#[must_use]
pub(crate) fn without_app_password(url: &str) -> Option<String> {
    let parts = UrlSpans::of(url).filter(|parts| !parts.over_ssh)?;
    if !cloud_hosts::is_http(parts.host(url)) {
        return None;
    }
    let user = parts.user.clone()?;
    let (name, password) = url
        .get(user.clone())?
        .split_once(':')
        .unwrap_or((url.get(user.clone())?, ""));
    if name.starts_with("ATBB") {
        return Some(replaced(url, user.start..user.end + 1, ""));
    }
    let is_dead = !password.is_empty() && !is_token(name, password);
    is_dead.then(|| replaced(url, user, name))
}

/// The text as it may be shown: a password, or a user that is a token, is masked.
#[must_use]
pub(crate) fn redact_url(url: &str) -> String {
    let Some(start) = url.find("://").map(|at| at + 3) else {
        return url.to_owned();
    };
    let authority = url.get(start..).unwrap_or_default();
    let end = authority.find(['/', '?', '#']).unwrap_or(authority.len());
    // A password may hold a slash that somebody forgot to encode.
    let at = authority
        .get(..end)
        .and_then(|authority| authority.rfind('@'))
        .or_else(|| authority.rfind('@'));
    let Some(at) = at else { return url.to_owned() };
    let user = authority.get(..at).unwrap_or_default();
    let shown = match user.split_once(':') {
        Some((name, password)) if !is_secret_user(name) => {
            let mask = if password.is_empty() { "" } else { MASK };
            format!("{name}:{mask}")
        }
        None if !is_secret_user(user) => user.to_owned(),
        Some(_) | None => MASK.to_owned(),
    };
    replaced(url, start..start + at, &shown)
}

fn is_secret_user(user: &str) -> bool {
    TokenPrefix::of(user) != TokenPrefix::Unknown || (user.len() >= 40 && !user.contains("%40"))
}

fn replaced(text: &str, at: Range<usize>, with: &str) -> String {
    let (before, after) = (text.get(..at.start), text.get(at.end..));
    [before.unwrap_or_default(), with, after.unwrap_or_default()].concat()
}

/// Where the parts of a URL are, as git reads it (`git help clone`, section "GIT URLS").
#[derive(Debug)]
struct UrlSpans {
    over_ssh: bool,
    user: Option<Range<usize>>,
    host: Range<usize>,
    path: usize,
}

impl UrlSpans {
    fn of(url: &str) -> Option<Self> {
        match url.split_once("://") {
            Some((scheme, _)) => Self::with_scheme(url, scheme),
            None => Self::scp_like(url),
        }
    }

    fn with_scheme(url: &str, scheme: &str) -> Option<Self> {
        let over_ssh = match scheme.to_ascii_lowercase().as_str() {
            "ssh" | "git+ssh" | "ssh+git" => true,
            "https" | "http" => false,
            _ => return None,
        };
        let start = scheme.len() + 3;
        let rest = url.get(start..)?;
        let path = start + rest.find(['/', '?', '#']).unwrap_or(rest.len());
        Some(Self::authority(url, start..path, over_ssh, path))
    }

    /// `[user@]host:path`, and `[user@host:port]:path` with the brackets as they stand.
    fn scp_like(url: &str) -> Option<Self> {
        if let Some(inner) = url.strip_prefix('[')
            && let Some(end) = inner.find("]:")
        {
            return Some(Self::authority(url, 1..end + 1, true, end + 3));
        }
        let colon = url.find(':')?;
        let before = url.get(..colon)?;
        // With a slash before the colon it is a folder.
        (!before.contains('/')).then(|| Self::authority(url, 0..colon, true, colon + 1))
    }

    fn authority(url: &str, at: Range<usize>, over_ssh: bool, path: usize) -> Self {
        let text = url.get(at.clone()).unwrap_or_default();
        let user = text.rfind('@').map(|end| at.start..at.start + end);
        let mut start = user.as_ref().map_or(at.start, |user| user.end + 1);
        let host = url.get(start..at.end).unwrap_or_default();
        let mut end = start + host.find(':').unwrap_or(host.len());
        if host.starts_with('[')
            && let Some(close) = host.find(']')
        {
            end = start + close;
            start += 1;
        }
        Self {
            over_ssh,
            user,
            host: start..end,
            path,
        }
    }

    fn host<'a>(&self, url: &'a str) -> &'a str {
        url.get(self.host.clone()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
