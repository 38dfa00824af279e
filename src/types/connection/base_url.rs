//! The base URL of a Bitbucket, found in whatever a person pastes.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use url::{Host, Url};

use crate::types::cloud_hosts;
use crate::types::escape::needs_escape;
use crate::types::token_prefix::TokenPrefix;

/// Where a Bitbucket's API begins: `https://api.bitbucket.org/2.0`, or a Data Center with its context path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BaseUrl(pub(super) Url);

/// Scheme, host and port: what a credential is bound to (RFC 6454).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Origin(String);

/// Why a text is no base URL.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BaseUrlError {
    /// It is no URL at all.
    #[error("the URL cannot be read: {0}")]
    NotAUrl(String),
    /// Its scheme is not HTTP.
    #[error("the scheme `{0}` is not one of https and http")]
    Scheme(String),
    /// It holds a secret.
    #[error("the URL contains a password or token")]
    Secret,
    /// It leads to a repository, and does not show what of it is the server.
    #[error("the URL is that of a repository")]
    Repository,
    /// It contains what cannot be seen.
    #[error("the URL contains the character U+{:04X}, which cannot be seen or changes what is seen", u32::from(*.0))]
    Deceptive(char),
}

impl BaseUrlError {
    /// What to type instead.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Secret => "leave it out; it is asked for, or given with --token-stdin",
            Self::Repository => "leave out the repository, as in https://git.example.com",
            Self::NotAUrl(_) | Self::Scheme(_) | Self::Deceptive(_) => {
                "write https://bitbucket.org, or the address of your server as a browser shows it"
            }
        }
        .to_owned()
    }
}

/// A URL without userinfo, query and fragment; `https` where there is no scheme.
pub(super) fn read(text: &str) -> Result<Url, BaseUrlError> {
    if let Some(deceptive) = text.chars().find(|&character| needs_escape(character)) {
        return Err(BaseUrlError::Deceptive(deceptive));
    }
    let scheme = text.split_once("://").map(|(scheme, _)| scheme);
    let with_scheme = if scheme.is_some_and(|scheme| !scheme.contains(['/', '?', '#'])) {
        text.to_owned()
    } else {
        format!("https://{text}")
    };
    let mut url =
        Url::parse(&with_scheme).map_err(|error| BaseUrlError::NotAUrl(error.to_string()))?;
    if !matches!(url.scheme(), "https" | "http") {
        return Err(BaseUrlError::Scheme(url.scheme().to_owned()));
    }
    check_userinfo(&url)?;
    url.set_query(None);
    url.set_fragment(None);
    // Cannot fail for a URL with a host, which every http URL has.
    let _has_host = url.set_username("");
    Ok(url)
}

/// Refuses a password, and a token in place of a user.
fn check_userinfo(url: &Url) -> Result<(), BaseUrlError> {
    if url.password().is_some() || TokenPrefix::of(url.username()) != TokenPrefix::Unknown {
        return Err(BaseUrlError::Secret);
    }
    Ok(())
}

impl BaseUrl {
    /// Reads a base URL as it is stored.
    ///
    /// # Errors
    /// [`BaseUrlError`] for whatever is not an HTTP(S) or SSH URL without a secret.
    pub fn parse(text: &str) -> Result<Self, BaseUrlError> {
        if text.starts_with("ssh://") {
            // The server of a connection for SSH alone.
            if let Some(deceptive) = text.chars().find(|&character| needs_escape(character)) {
                return Err(BaseUrlError::Deceptive(deceptive));
            }
            let url = Url::parse(text).map_err(|error| BaseUrlError::NotAUrl(error.to_string()))?;
            check_userinfo(&url)?;
            return Ok(Self(url));
        }
        let mut url = read(text)?;
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        Ok(Self(url))
    }

    /// Scheme, host and port.
    #[must_use]
    pub fn origin(&self) -> Origin {
        Origin::of(&self.0)
    }

    /// The URL.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.0
    }

    /// Whether it is Bitbucket Cloud itself.
    #[must_use]
    pub fn is_cloud(&self) -> bool {
        self.0.host_str().is_some_and(cloud_hosts::is_cloud)
    }

    /// Whether it is `http` to somewhere else than this machine.
    #[must_use]
    pub fn is_insecure(&self) -> bool {
        self.0.scheme() == "http" && !self.is_loopback()
    }

    /// Whether it names the machine that asks.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match self.0.host() {
            Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
            Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
            None => false,
        }
    }

    /// Whether a link leads to this server, below its context path.
    #[must_use]
    pub fn contains(&self, link: &Url) -> bool {
        let context = self.0.path().trim_end_matches('/');
        let rest = link.path().strip_prefix(context);
        self.origin() == Origin::of(link)
            && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl Origin {
    /// The origin of a URL.
    #[must_use]
    pub fn of(url: &Url) -> Self {
        Self(url.origin().ascii_serialization())
    }
}

impl TryFrom<String> for BaseUrl {
    type Error = BaseUrlError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<BaseUrl> for String {
    fn from(base: BaseUrl) -> Self {
        base.to_string()
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_holds_no_secret() {
        for url in [
            "ssh://git:hunter2@git.example.com",
            "ssh://ATATT3x@git.example.com",
            "https://jane:hunter2@git.example.com",
        ] {
            assert_eq!(BaseUrl::parse(url), Err(BaseUrlError::Secret), "{url}");
        }
        assert!(BaseUrl::parse("ssh://git@git.example.com:7999").is_ok());
    }

    #[test]
    fn plain_http_is_protected_on_this_machine_only() {
        for (url, unprotected) in [
            ("http://git.example.com", true),
            ("https://git.example.com", false),
            ("http://localhost:7990", false),
            ("http://127.3.2.1", false),
            ("http://[::1]:7990", false),
            ("http://localhost.example.com", true),
        ] {
            assert_eq!(
                BaseUrl::parse(url).unwrap().is_insecure(),
                unprotected,
                "{url}"
            );
        }
    }
}
