//! Base URLs of servers, and their origins.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use url::Url;

use crate::types::clone_url::CloneUrlError;
use crate::types::cloud_hosts;
use crate::types::escape::needs_escape;
use crate::types::loopback;
use crate::types::token_prefix::is_secret_username;

/// The URL below which the API is: `https://api.bitbucket.org/2.0`, or a Data Center with its context path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct BaseUrl(pub(super) Url);

/// Scheme, host and port: what a credential is bound to (RFC 6454).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Origin(String);

/// Why a text is not a base URL.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum BaseUrlError {
    #[error("invalid URL: {0}")]
    NotAUrl(String),
    #[error("the scheme `{0}` is not one of https and http")]
    Scheme(String),
    #[error("the URL contains a password or token")]
    Secret,
    /// It is the URL of a repository, in which the end of the base URL is not recognisable.
    #[error("this is the URL of a repository")]
    Repository,
    /// The text is neither the URL of a server nor a clone URL.
    #[error(transparent)]
    CloneUrl(#[from] CloneUrlError),
    /// A page of the Atlassian account, Jira or Confluence; with the host.
    #[error("{0} is not a Bitbucket server")]
    Atlassian(String),
    /// It contains an invisible character, or one that changes the direction of text.
    #[error("the URL contains the invisible or control character U+{:04X}", u32::from(*.0))]
    Deceptive(char),
}

impl BaseUrlError {
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::CloneUrl(
                CloneUrlError::Scheme(_) | CloneUrlError::NoHost | CloneUrlError::Host(_),
            )
            | Self::NotAUrl(_)
            | Self::Scheme(_)
            | Self::Deceptive(_) => {
                "use https://bitbucket.org, or the URL of your server as in a browser"
            }
            Self::CloneUrl(error) => return error.hint().unwrap_or_default(),
            Self::Secret => "omit the secret, and pass --token-stdin",
            Self::Atlassian(_) => "use https://bitbucket.org for Bitbucket Cloud",
            Self::Repository => "use the URL of the server, as in https://git.example.com",
        }
        .to_owned()
    }
}

/// Parses a URL, `https` by default, without userinfo, query and fragment.
pub(super) fn parse_http_url(text: &str) -> Result<Url, BaseUrlError> {
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
    // Fails only for a URL without a host, which no HTTP URL is.
    let _has_host = url.set_username("");
    Ok(url)
}

/// Rejects a password, and a token in place of the user name.
fn check_userinfo(url: &Url) -> Result<(), BaseUrlError> {
    if url.password().is_some() || is_secret_username(url.username()) {
        return Err(BaseUrlError::Secret);
    }
    Ok(())
}

impl BaseUrl {
    /// # Errors
    /// For a text that is not an HTTP, HTTPS or SSH URL, or one with a secret.
    pub(crate) fn parse(text: &str) -> Result<Self, BaseUrlError> {
        if text.starts_with("ssh://") {
            // The server of a connection with SSH alone.
            if let Some(deceptive) = text.chars().find(|&character| needs_escape(character)) {
                return Err(BaseUrlError::Deceptive(deceptive));
            }
            let url = Url::parse(text).map_err(|error| BaseUrlError::NotAUrl(error.to_string()))?;
            check_userinfo(&url)?;
            return Ok(Self(url));
        }
        let mut url = parse_http_url(text)?;
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        Ok(Self(url))
    }

    pub(crate) fn origin(&self) -> Origin {
        Origin::from_url(&self.0)
    }

    pub(crate) fn url(&self) -> &Url {
        &self.0
    }

    /// Whether it is Bitbucket Cloud itself.
    pub(crate) fn is_cloud(&self) -> bool {
        self.0.host_str().is_some_and(cloud_hosts::is_cloud)
    }

    /// Whether it is plain HTTP to another machine.
    pub(crate) fn is_insecure(&self) -> bool {
        self.0.scheme() == "http" && !self.is_loopback()
    }

    pub(crate) fn is_loopback(&self) -> bool {
        loopback::is_url(&self.0)
    }

    /// Whether a link leads to this server, below its context path.
    pub(crate) fn contains(&self, link: &Url) -> bool {
        let context = self.0.path().trim_end_matches('/');
        let rest = link.path().strip_prefix(context);
        self.origin() == Origin::from_url(link)
            && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl Origin {
    pub(crate) fn from_url(url: &Url) -> Self {
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
    fn a_base_url_contains_no_secret() {
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
    fn plain_http_is_secure_on_loopback_only() {
        for (url, insecure) in [
            ("http://git.example.com", true),
            ("https://git.example.com", false),
            ("http://localhost:7990", false),
            ("http://127.3.2.1", false),
            ("http://[::1]:7990", false),
            ("http://localhost.example.com", true),
        ] {
            assert_eq!(
                BaseUrl::parse(url).unwrap().is_insecure(),
                insecure,
                "{url}"
            );
        }
    }
}
