//! Git's protocol for credential helpers: requests and responses in lines of text.
//!
//! <https://git-scm.com/docs/git-credential#IOFMT>

use std::fmt::Write as _;

use thiserror::Error;
use url::Url;
use zeroize::Zeroizing;

use crate::types::secret::Secret;

#[derive(Debug, Default)]
pub struct CredentialRequest {
    /// `https`, `http`, or another protocol, which is not supported.
    pub protocol: String,
    /// With the port, if there is one.
    pub host: String,
    /// Sent only with `credential.useHttpPath`.
    pub path: Option<String>,
    /// From the URL, or from an earlier response.
    pub username: Option<String>,
    /// In `store` and `erase`: the password, or the credential of another scheme.
    pub password: Option<Secret>,
    /// Git supports other schemes than Basic.
    pub supports_authtype: bool,
}

#[derive(Debug)]
pub enum CredentialResponse {
    /// Git asks the next helper.
    Nothing,
    Basic {
        username: String,
        password: Secret,
        /// In seconds since 1970.
        expires_at: Option<i64>,
    },
    /// For a git that supports it.
    Bearer {
        token: Secret,
        /// In seconds since 1970.
        expires_at: Option<i64>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("invalid git credential request on stdin")]
pub struct ParseError;

impl CredentialRequest {
    /// Reads a request up to an empty line; unknown keys are ignored.
    ///
    /// # Errors
    /// [`ParseError`] for a line without `=`.
    pub fn read(text: &str) -> Result<Self, ParseError> {
        let mut request = Self::default();
        for line in text.lines().take_while(|line| !line.is_empty()) {
            let (key, value) = line.split_once('=').ok_or(ParseError)?;
            let some = || Some(value.to_owned()).filter(|value| !value.is_empty());
            match key {
                "protocol" => value.clone_into(&mut request.protocol),
                "host" => value.clone_into(&mut request.host),
                "path" => request.path = some(),
                "username" => request.username = some(),
                "password" | "credential" => request.password = some().map(Secret::new),
                "capability[]" => request.supports_authtype |= value == "authtype",
                "url" => request.read_url(value),
                _ => {}
            }
        }
        Ok(request)
    }

    /// `url=` sets all parts.
    fn read_url(&mut self, text: &str) {
        let Ok(url) = Url::parse(text) else { return };
        url.scheme().clone_into(&mut self.protocol);
        // The host as it is written: git passes it on so.
        let authority = text.split_once("://").map(|(_, rest)| rest);
        let authority = authority.and_then(|rest| rest.split(['/', '?', '#']).next());
        let host = authority.map(|text| text.rsplit_once('@').map_or(text, |(_, host)| host));
        host.unwrap_or_default().clone_into(&mut self.host);
        self.path =
            Some(url.path().trim_start_matches('/').to_owned()).filter(|path| !path.is_empty());
        self.username = Some(url.username().to_owned()).filter(|name| !name.is_empty());
    }

    /// The URL that the credential is for; `None` where it is incomplete or not HTTP, or its host is written in another way
    /// than in a URL, apart from the letter case: what git connects to is the host as it is written.
    #[must_use]
    pub fn url(&self) -> Option<Url> {
        if !matches!(self.protocol.as_str(), "https" | "http") || self.host.is_empty() {
            return None;
        }
        if self.host.chars().any(char::is_control) {
            return None;
        }
        let mut url = Url::parse(&format!("{}://{}/", self.protocol, self.host)).ok()?;
        let is_plain = url.username().is_empty() && url.path() == "/" && url.query().is_none();
        if !is_plain || url.fragment().is_some() || !is_written_plainly(&url, &self.host) {
            return None;
        }
        // Set, not joined: a path that begins with `//` is no other host.
        url.set_path(self.path.as_deref().unwrap_or_default());
        Some(url)
    }
}

/// Whether a host, with its port, is written as in a URL.
fn is_written_plainly(url: &Url, written: &str) -> bool {
    let host = url.host_str().unwrap_or_default();
    let with_port = url
        .port_or_known_default()
        .map(|port| format!("{host}:{port}"));
    let is_default = url.port().is_none();
    let is_with_port = with_port.is_some_and(|text| written.eq_ignore_ascii_case(&text));
    is_with_port || is_default && written.eq_ignore_ascii_case(host)
}

impl CredentialResponse {
    /// Whether it can be written in lines: after a line break git would read another key.
    fn is_representable(&self) -> bool {
        let has_none = |text: &str| !text.chars().any(char::is_control) && !text.is_empty();
        match self {
            Self::Nothing => false,
            Self::Basic {
                username, password, ..
            } => has_none(username) && has_none(password.expose()),
            Self::Bearer { token, .. } => has_none(token.expose()),
        }
    }

    /// The text for git; empty where a value cannot be written in a line.
    #[must_use]
    pub fn write(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(8 * 1024));
        if !self.is_representable() {
            return text;
        }
        let expires_at = match self {
            Self::Nothing => return text,
            Self::Basic {
                username,
                password,
                expires_at,
            } => {
                let password = password.expose();
                // Writing to a string cannot fail.
                let _written = write!(text, "username={username}\npassword={password}\n");
                expires_at
            }
            Self::Bearer { token, expires_at } => {
                let token = token.expose();
                let _written = write!(
                    text,
                    "capability[]=authtype\nauthtype=Bearer\ncredential={token}\n"
                );
                expires_at
            }
        };
        if let Some(seconds) = expires_at {
            let _written = writeln!(text, "password_expiry_utc={seconds}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_git_sends_is_read() {
        let text = "capability[]=authtype\ncapability[]=state\nprotocol=https\nhost=git.example.com:8443\n\
                    path=ctx/scm/web/site.git\nusername=jane\nwwwauth[]=Basic realm=\"Atlassian Bitbucket\"\nnew=x\n\nrest";
        let request = CredentialRequest::read(text).unwrap();
        assert_eq!(request.host, "git.example.com:8443");
        assert_eq!(request.username.as_deref(), Some("jane"));
        assert!(request.supports_authtype);
        assert_eq!(
            request.url().map(String::from).as_deref(),
            Some("https://git.example.com:8443/ctx/scm/web/site.git")
        );
        let request =
            CredentialRequest::read("url=https://jane@bitbucket.org/acme/site.git\n").unwrap();
        assert_eq!(
            (request.host.as_str(), request.path.as_deref()),
            ("bitbucket.org", Some("acme/site.git"))
        );
        assert_eq!(
            CredentialRequest::read("nonsense\n").unwrap_err(),
            ParseError
        );
    }

    #[test]
    fn a_host_cannot_smuggle_another() {
        for host in [
            "bitbucket.org/evil",
            "a@bitbucket.org",
            "bitbucket.org?x",
            "bitbucket.org#x",
            // Spelled in another way than the host of a connection.
            "bitbucket%2eorg",
            "bitbucket。org",
            "ｂitbucket.org",
            "bit\u{ad}bucket.org",
            "127.1",
            "0x7f.0.0.1",
            "",
        ] {
            let request = CredentialRequest {
                protocol: "https".to_owned(),
                host: host.to_owned(),
                ..CredentialRequest::default()
            };
            assert_eq!(request.url(), None, "{host}");
        }
        let request = CredentialRequest::read(
            "protocol=https\nhost=bitbucket.org:444\npath=/bitbucket.org/x\n",
        )
        .unwrap();
        assert_eq!(request.url().map(|url| url.port()), Some(Some(444)));
        for (line, is_answered) in [
            ("host=BitBucket.ORG", true),
            ("host=bitbucket.org:443", true),
            ("host=[::1]:7990", true),
            ("url=https://jane@Bitbucket.org/acme/site.git", true),
            ("url=https://bitbucket%2eorg/acme/site.git", false),
            ("url=https://bitbucket。org/", false),
            ("url=https://jane@ｂitbucket.org", false),
        ] {
            let request = CredentialRequest::read(&format!("protocol=https\n{line}\n")).unwrap();
            assert_eq!(request.url().is_some(), is_answered, "{line}");
        }
    }

    #[test]
    fn answers_are_git_s_byte_for_byte() {
        let secret = || Secret::new("s3cret".to_owned());
        let basic = CredentialResponse::Basic {
            username: "x-token-auth".to_owned(),
            password: secret(),
            expires_at: Some(1_800_000_000),
        };
        assert_eq!(
            *basic.write(),
            "username=x-token-auth\npassword=s3cret\npassword_expiry_utc=1800000000\n"
        );
        let bearer = CredentialResponse::Bearer {
            token: secret(),
            expires_at: None,
        };
        assert_eq!(
            *bearer.write(),
            "capability[]=authtype\nauthtype=Bearer\ncredential=s3cret\n"
        );
        assert_eq!(*CredentialResponse::Nothing.write(), "");
        let hostile = CredentialResponse::Basic {
            username: "u\npassword=evil".to_owned(),
            password: secret(),
            expires_at: None,
        };
        assert_eq!(*hostile.write(), "");
    }
}
