//! SSH servers, repositories on them as git reads a clone URL, and the SSH settings of a Data Center.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use thiserror::Error;

use super::git_url::{self, GitUrl};
use super::public_key::Fingerprint;

pub(crate) const SSH_PORT: u16 = 22;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct SshHost {
    /// The host name or IP address, without brackets. An alias keeps its letter case: `Host` of the SSH
    /// configuration is compared exactly.
    pub name: String,
    pub port: u16,
}

/// Whether a name looks like a `Host` of an SSH configuration: one word, or an end that no domain name has.
pub(crate) fn is_alias_name(name: &str) -> bool {
    // No top-level domain has a dash or an underscore, except in Punycode: `bitbucket.org-work`.
    let last = name.rsplit('.').next().unwrap_or(name);
    let has_unusual_end = last.contains(['-', '_']) && !last.starts_with("xn--");
    let is_word = !name.contains(['.', ':']) && !name.eq_ignore_ascii_case("localhost");
    is_word || has_unusual_end
}

/// A repository over SSH.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SshRemote {
    /// `None` if the URL has no user name; ssh then uses its own configuration.
    pub user: Option<String>,
    pub host: SshHost,
    /// The URL names the port. Without one, `Port` of the SSH configuration applies.
    pub has_port: bool,
    /// The path as it is sent to the server.
    pub path: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("expected HOST, HOST:PORT or a URL")]
pub(crate) struct ParseSshHostError;

impl SshHost {
    /// A host that `ssh` does not take for an option, without characters that have a meaning to it.
    pub(crate) fn new(name: &str, port: u16) -> Result<Self, ParseSshHostError> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let mut name = name.trim_matches(['[', ']']).to_owned();
        if !is_alias_name(&name) {
            name.make_ascii_lowercase();
        }
        let is_host = name.bytes().all(is_plain) || name.parse::<Ipv6Addr>().is_ok();
        if name.is_empty() || name.starts_with('-') || !is_host || port == 0 {
            return Err(ParseSshHostError);
        }
        Ok(Self { name, port })
    }

    /// The name in `known_hosts`: `host`, or `[host]:port` for ports other than 22 (sshd(8)), in lower case.
    pub(crate) fn known_hosts_name(&self) -> String {
        self.to_string().to_ascii_lowercase()
    }
}

impl FromStr for SshHost {
    type Err = ParseSshHostError;

    /// `HOST`, `HOST:PORT`, `[ADDRESS]:PORT`, or an IPv6 address without brackets.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if text.parse::<Ipv6Addr>().is_ok() {
            return Self::new(text, SSH_PORT);
        }
        let (name, port) = git_url::split_host_port(text).map_err(|_| ParseSshHostError)?;
        match port {
            Some(port) => Self::new(name, git_url::parse_port(port).ok_or(ParseSshHostError)?),
            None => Self::new(name, SSH_PORT),
        }
    }
}

impl fmt::Display for SshHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.port == SSH_PORT {
            f.write_str(&self.name)
        } else {
            write!(f, "[{}]:{}", self.name, self.port)
        }
    }
}

impl FromStr for SshRemote {
    type Err = ParseSshHostError;

    /// Reads a URL as git does (connect.c, `parse_connect_url`): the path loses the slash before `~`, and that of a URL
    /// is percent-decoded.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url = GitUrl::parse(text).map_err(|_| ParseSshHostError)?;
        if !url.is_ssh() {
            return Err(ParseSshHostError);
        }
        let is_encoded = url.scheme().is_some();
        let decode = |text: &str| {
            if is_encoded {
                percent_decode_str(text).decode_utf8_lossy().into_owned()
            } else {
                text.to_owned()
            }
        };
        let userinfo = url
            .userinfo()
            .filter(|userinfo| !is_encoded || !userinfo.is_empty());
        let user = userinfo.map(|userinfo| match userinfo.split_once(':') {
            Some((name, _password)) if is_encoded => decode(name),
            Some(_) | None => decode(userinfo),
        });
        let path = decode(url.path());
        let path = match path.strip_prefix("/~") {
            Some(rest) if is_encoded => format!("~{rest}"),
            Some(_) | None => path,
        };
        let port = match url.port() {
            None | Some("") => None,
            Some(port) => Some(git_url::parse_port(port).ok_or(ParseSshHostError)?),
        };
        let host = SshHost::new(url.host(), port.unwrap_or(SSH_PORT))?;
        Self::new(user, host, port.is_some(), path)
    }
}

impl SshRemote {
    fn new(
        user: Option<String>,
        host: SshHost,
        has_port: bool,
        path: String,
    ) -> Result<Self, ParseSshHostError> {
        let is_invalid = |user: &String| {
            user.starts_with('-') || user.is_empty() || user.contains(char::is_control)
        };
        if user.as_ref().is_some_and(is_invalid) || path.contains(char::is_control) {
            return Err(ParseSshHostError);
        }
        Ok(Self {
            user,
            host,
            has_port,
            path,
        })
    }

    /// The same repository on another server.
    pub(crate) fn with_host(&self, host: SshHost) -> Self {
        Self {
            has_port: host.port != SSH_PORT,
            host,
            ..self.clone()
        }
    }

    /// The clone URL: in the scp-like form if the path is relative to the home directory, otherwise `ssh://`.
    pub(crate) fn to_url(&self) -> String {
        let host = if self.host.name.contains(':') {
            format!("[{}]", self.host.name)
        } else {
            self.host.name.clone()
        };
        let port = Some(self.host.port).filter(|&port| port != SSH_PORT);
        if port.is_none() && !self.path.starts_with(['/', '~']) {
            let user = self.user.as_ref().map(|user| format!("{user}@"));
            return format!("{}{host}:{}", user.unwrap_or_default(), self.path);
        }
        git_url::format_ssh(self.user.as_deref(), &host, port, &self.path)
    }

    /// The command that git runs on the server, its path quoted for a shell as git does (quote.c).
    pub(crate) fn command(&self, service: &str) -> String {
        let quoted = self.path.replace('\'', "'\\''").replace('!', "'\\!'");
        format!("{service} '{quoted}'")
    }
}

/// `None` is a setting that the server does not report.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SshSettings {
    pub enabled: Option<bool>,
    /// Whether projects and repositories may have access keys.
    pub access_keys_enabled: Option<bool>,
    /// The SSH server in clone URLs: `ssh://git.example.com:7999`.
    pub base_url: Option<String>,
    /// The port that the server listens on; a proxy may use another.
    pub port: Option<u16>,
    /// The fingerprint of the host key, if it is a SHA-256 one.
    pub fingerprint: Option<Fingerprint>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::test_rows;

    #[test]
    fn clone_urls_are_read_as_git_does() {
        for (url, expected) in test_rows(
            "
            git@ssh.bitbucket.org:acme/site.git => git ssh.bitbucket.org acme/site.git
            ssh://git@git.example.com:7999/web/site.git => git [git.example.com]:7999 /web/site.git
            ssh://git@git.example.com/~jane/my%20site.git => git git.example.com ~jane/my site.git
            ssh://root@[::1]:2222/a/b => root [::1]:2222 /a/b
            git@[host:2222]:a/b => git [host]:2222 a/b
            [git@host:2222]:a/b => git [host]:2222 a/b
            git+ssh://git:pw@host/a?b => git host /a?b
            ",
        ) {
            let remote: SshRemote = url.parse().unwrap();
            let (user, host) = (remote.user.unwrap(), remote.host.known_hosts_name());
            assert_eq!(format!("{user} {host} {}", remote.path), expected, "{url}");
        }
    }

    #[test]
    fn a_remote_is_formatted_as_a_url_of_itself() {
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
            ("Work", Some("work")),
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
            ("a:b:80", None),
            ("", None),
        ] {
            let read = text.parse::<SshHost>().ok();
            assert_eq!(
                read.map(|host| host.known_hosts_name()).as_deref(),
                known_as,
                "{text}"
            );
        }
        let alias: SshHost = "bitbucketCompany".parse().unwrap();
        assert_eq!(alias.name, "bitbucketCompany");
        assert!("ssh://-oX@host/a".parse::<SshRemote>().is_err());
        for (url, name) in [
            ("git@bitbucketWork:a/b", "bitbucketWork"),
            ("ssh://git@bitbucketWork:2222/a/b", "bitbucketWork"),
            ("git@GIT.Example.com:a/b", "git.example.com"),
            ("git@LocalHost:a/b", "localhost"),
        ] {
            let host = url.parse::<SshRemote>().unwrap().host;
            assert_eq!(host.name, name, "{url}");
            assert!(!host.known_hosts_name().contains('W'), "{url}");
        }
    }
}
