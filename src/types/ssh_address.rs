//! Where a repository is over SSH, as git reads a clone URL: who logs in where, and the path there.

use std::fmt;
use std::str::FromStr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use thiserror::Error;
use url::Url;

/// The port that SSH has unless told otherwise.
pub(crate) const SSH_PORT: u16 = 22;

/// What is not written as it is in the path of a URL.
const IN_PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'{')
    .remove(b'}');

/// An SSH server: its name or address, and its port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct SshHost {
    /// The name or address, without brackets.
    pub name: String,
    /// The port.
    pub port: u16,
}

/// A repository over SSH.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SshRemote {
    /// Who logs in; `None` where the URL does not say.
    pub user: Option<String>,
    /// Where.
    pub host: SshHost,
    /// The path, as it is named to the server.
    pub path: String,
}

/// A text that is no address over SSH.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("it is neither HOST, HOST:PORT nor a URL")]
pub(crate) struct ParseSshHostError;

impl SshHost {
    /// A host that is no option to `ssh`, and has no characters that could mean something to it.
    ///
    /// # Errors
    /// [`ParseSshHostError`].
    pub(crate) fn new(name: &str, port: u16) -> Result<Self, ParseSshHostError> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-:".contains(&byte);
        let name = name.trim_matches(['[', ']']).to_ascii_lowercase();
        if name.is_empty() || name.starts_with('-') || !name.bytes().all(is_plain) || port == 0 {
            return Err(ParseSshHostError);
        }
        Ok(Self { name, port })
    }

    /// As `known_hosts` names it: `host`, or `[host]:port` for another port than 22 (sshd(8)).
    #[must_use]
    pub(crate) fn known_hosts_name(&self) -> String {
        if self.port == SSH_PORT {
            self.name.clone()
        } else {
            format!("[{}]:{}", self.name, self.port)
        }
    }
}

impl FromStr for SshHost {
    type Err = ParseSshHostError;

    /// `HOST`, `HOST:PORT`, `[ADDRESS]:PORT`, or a bare IPv6 address.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let port = |port: &str| port.parse().map_err(|_| ParseSshHostError);
        if let Some(rest) = text.strip_prefix('[') {
            let (name, behind) = rest.split_once(']').ok_or(ParseSshHostError)?;
            return match behind.strip_prefix(':') {
                Some(number) => Self::new(name, port(number)?),
                None if behind.is_empty() => Self::new(name, SSH_PORT),
                None => Err(ParseSshHostError),
            };
        }
        match text.split_once(':') {
            None => Self::new(text, SSH_PORT),
            Some((_, behind)) if behind.contains(':') => {
                text.parse::<std::net::Ipv6Addr>()
                    .map_err(|_| ParseSshHostError)?;
                Self::new(text, SSH_PORT)
            }
            Some((name, number)) => Self::new(name, port(number)?),
        }
    }
}

impl fmt::Display for SshHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.known_hosts_name())
    }
}

impl FromStr for SshRemote {
    type Err = ParseSshHostError;

    /// Reads `ssh://user@host:port/path` and `user@host:path` as git does (connect.c, `parse_connect_url`): a path behind
    /// `~` loses its slash, the one of a URL is decoded.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.starts_with("ssh://") {
            let url = Url::parse(text).map_err(|_| ParseSshHostError)?;
            let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
            let path = decoded(url.path());
            let path = match path.strip_prefix("/~") {
                Some(rest) => format!("~{rest}"),
                None => path,
            };
            let user = (!url.username().is_empty()).then(|| decoded(url.username()));
            let host = url.host_str().ok_or(ParseSshHostError)?;
            return Self::checked(
                user,
                SshHost::new(host, url.port().unwrap_or(SSH_PORT))?,
                path,
            );
        }
        let (user, rest) = match text.split_once('@') {
            Some((user, rest)) => (Some(user.to_owned()), rest),
            None => (None, text),
        };
        let (host, path) = if let Some(rest) = rest.strip_prefix('[') {
            let (host, path) = rest.split_once("]:").ok_or(ParseSshHostError)?;
            let host = match host.rsplit_once(':') {
                Some((name, port)) if !name.contains(':') => {
                    SshHost::new(name, port.parse().map_err(|_| ParseSshHostError)?)?
                }
                _ => SshHost::new(host, SSH_PORT)?,
            };
            (host, path)
        } else {
            let (host, path) = rest.split_once(':').ok_or(ParseSshHostError)?;
            (SshHost::new(host, SSH_PORT)?, path)
        };
        Self::checked(user, host, path.to_owned())
    }
}

impl SshRemote {
    fn checked(
        user: Option<String>,
        host: SshHost,
        path: String,
    ) -> Result<Self, ParseSshHostError> {
        let is_odd = |user: &String| {
            user.starts_with('-') || user.is_empty() || user.contains(char::is_control)
        };
        if user.as_ref().is_some_and(is_odd) || path.contains(char::is_control) {
            return Err(ParseSshHostError);
        }
        Ok(Self { user, host, path })
    }

    /// The same repository on another server.
    #[must_use]
    pub(crate) fn with_host(&self, host: SshHost) -> Self {
        Self {
            host,
            ..self.clone()
        }
    }

    /// As a clone URL: short where the path is relative to the login, else `ssh://`.
    #[must_use]
    pub(crate) fn to_url(&self) -> String {
        let at = self.user.as_ref().map(|user| format!("{user}@"));
        let at = at.unwrap_or_default();
        let host = if self.host.name.contains(':') {
            format!("[{}]", self.host.name)
        } else {
            self.host.name.clone()
        };
        let is_short = self.host.port == SSH_PORT && !self.path.starts_with(['/', '~']);
        if is_short {
            return format!("{at}{host}:{}", self.path);
        }
        let port = if self.host.port == SSH_PORT {
            String::new()
        } else {
            format!(":{}", self.host.port)
        };
        let path = utf8_percent_encode(self.path.trim_start_matches('/'), IN_PATH);
        format!("ssh://{at}{host}{port}/{path}")
    }

    /// The command that git has the server run, its path quoted for a shell as git quotes it (quote.c).
    #[must_use]
    pub(crate) fn command(&self, service: &str) -> String {
        let quoted = self.path.replace('\'', "'\\''").replace('!', "'\\!'");
        format!("{service} '{quoted}'")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clone_urls_are_read_as_git_does() {
        for (url, user, known_as, path) in [
            (
                "git@ssh.bitbucket.org:acme/site.git",
                "git",
                "ssh.bitbucket.org",
                "acme/site.git",
            ),
            (
                "ssh://git@git.example.com:7999/web/site.git",
                "git",
                "[git.example.com]:7999",
                "/web/site.git",
            ),
            (
                "ssh://git@git.example.com/~jane/my%20site.git",
                "git",
                "git.example.com",
                "~jane/my site.git",
            ),
            ("ssh://root@[::1]:2222/a/b", "root", "[::1]:2222", "/a/b"),
            ("git@[host:2222]:a/b", "git", "[host]:2222", "a/b"),
        ] {
            let remote: SshRemote = url.parse().unwrap();
            assert_eq!(
                (
                    remote.user.as_deref(),
                    remote.host.known_hosts_name().as_str(),
                    remote.path.as_str()
                ),
                (Some(user), known_as, path),
                "{url}"
            );
        }
    }

    #[test]
    fn an_address_is_written_as_a_url_that_leads_there() {
        let remote: SshRemote = "git@ssh.bitbucket.org:acme/site.git".parse().unwrap();
        assert_eq!(remote.to_url(), "git@ssh.bitbucket.org:acme/site.git");
        let elsewhere = remote.with_host("altssh.bitbucket.org:443".parse().unwrap());
        assert_eq!(
            elsewhere.to_url(),
            "ssh://git@altssh.bitbucket.org:443/acme/site.git"
        );
        for url in [
            "ssh://git@h/~jane/my%20site.git",
            "ssh://root@[::1]:2222/a/b",
        ] {
            assert_eq!(url.parse::<SshRemote>().unwrap().to_url(), url);
        }
    }

    #[test]
    fn the_path_is_quoted_as_git_quotes_it() {
        let remote: SshRemote = "git@h:it's!/x".parse().unwrap();
        assert_eq!(
            remote.command("git-upload-pack"),
            r"git-upload-pack 'it'\''s'\!'/x'"
        );
    }

    #[test]
    fn hosts_are_never_options() {
        for (text, known_as) in [
            ("bitbucket.org", Some("bitbucket.org")),
            ("Git.Example.com:7999", Some("[git.example.com]:7999")),
            ("[::1]:22", Some("::1")),
            ("::1", Some("::1")),
            (
                "altssh.bitbucket.org:443",
                Some("[altssh.bitbucket.org]:443"),
            ),
            ("-oProxyCommand=x", None),
            ("a b", None),
            ("host:0", None),
            ("host:x", None),
            ("", None),
        ] {
            let read = text.parse::<SshHost>().ok();
            assert_eq!(
                read.map(|host| host.known_hosts_name()).as_deref(),
                known_as,
                "{text}"
            );
        }
        assert!("ssh://-oX@host/a".parse::<SshRemote>().is_err());
    }
}
