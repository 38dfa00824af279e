//! Hosts: names and IP addresses that are safe to pass to ssh, git and a browser; hosting sites other than Bitbucket.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::error::CloneUrlError;
use crate::types::ssh_address::is_alias_name;

/// A host name in lower case, an alias of the SSH configuration as written, or an IP address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host(Kind);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Name(String),
    V4(Ipv4Addr),
    V6(Ipv6Addr),
}

impl Host {
    /// The host of an SSH URL without brackets. OpenSSH distinguishes capital letters in a `Host`, so what may be an alias
    /// is kept as written.
    pub(super) fn parse_for_ssh(text: &str) -> Result<Self, CloneUrlError> {
        let host = Self::parse(text)?;
        Ok(match host.name() {
            Some(name) if is_alias_name(name) => Self(Kind::Name(
                text.strip_suffix('.').unwrap_or(text).to_owned(),
            )),
            Some(_) | None => host,
        })
    }

    /// A host without brackets: a name or an IPv4 address.
    pub(super) fn parse(text: &str) -> Result<Self, CloneUrlError> {
        let name = text.strip_suffix('.').unwrap_or(text);
        if name.is_empty() {
            return Err(CloneUrlError::NoHost);
        }
        if name.starts_with('-') {
            return Err(CloneUrlError::OptionLike("host"));
        }
        if !name.is_ascii() {
            return Err(CloneUrlError::Host("not ASCII"));
        }
        if name.contains(':') {
            return Err(CloneUrlError::Host("IPv6 address without brackets"));
        }
        if !name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        {
            return Err(CloneUrlError::Host("invalid character"));
        }
        if name.len() > 253
            || name
                .split('.')
                .any(|label| label.is_empty() || label.len() > 63)
        {
            return Err(CloneUrlError::Host("a label is empty or too long"));
        }
        let last = name.rsplit('.').next().unwrap_or(name);
        // Browsers and resolvers read numbers in several notations as IPv4 addresses, and differ.
        let is_number = last.starts_with("0x")
            || last.starts_with("0X")
            || last.bytes().all(|byte| byte.is_ascii_digit());
        if is_number {
            let address = name
                .parse()
                .map_err(|_| CloneUrlError::Host("not an IPv4 address"))?;
            return Ok(Self(Kind::V4(address)));
        }
        let name = name.to_ascii_lowercase();
        match url::Host::parse(&name) {
            Ok(url::Host::Domain(same)) if same == name => Ok(Self(Kind::Name(name))),
            _ => Err(CloneUrlError::Host("not a valid host name")),
        }
    }

    /// The text inside brackets: an IPv6 address.
    pub(super) fn parse_bracketed(text: &str) -> Result<Self, CloneUrlError> {
        match text.parse() {
            Ok(address) => Ok(Self(Kind::V6(address))),
            Err(_) if text.contains('%') => {
                Err(CloneUrlError::Host("IPv6 zones are not supported"))
            }
            Err(_) => Err(CloneUrlError::Host("not an IPv6 address")),
        }
    }

    /// Whether two hosts are the same for DNS, which ignores letter case.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Kind::Name(one), Kind::Name(other)) => one.eq_ignore_ascii_case(other),
            (one, other) => one == other,
        }
    }

    /// `None` for an IP address.
    pub(super) fn name(&self) -> Option<&str> {
        match &self.0 {
            Kind::Name(name) => Some(name),
            Kind::V4(_) | Kind::V6(_) => None,
        }
    }

    pub(super) fn is_localhost(&self) -> bool {
        self.name() == Some("localhost")
    }

    /// The host in a URL: an IPv6 address is in brackets.
    #[must_use]
    pub fn in_url(&self) -> String {
        match &self.0 {
            Kind::V6(address) => format!("[{address}]"),
            Kind::Name(_) | Kind::V4(_) => self.to_string(),
        }
    }
}

impl fmt::Display for Host {
    /// The host for `ssh` and a resolver: without brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Name(name) => f.write_str(name),
            Kind::V4(address) => address.fmt(f),
            Kind::V6(address) => address.fmt(f),
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct HostingSite {
    pub(super) depth: Depth,
    /// The page of the deploy keys, below the page of the repository.
    pub(super) keys_page: Option<&'static [&'static str]>,
}

/// The number of segments in the path of a repository.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Depth {
    Exactly(usize),
    AtLeast(usize),
    /// The site has no repositories that can be cloned.
    None,
}

pub(super) fn hosting_site(host: &Host) -> Option<HostingSite> {
    let name = host.name()?;
    let (depth, keys_page): (_, Option<&'static [&'static str]>) = match name {
        "github.com" | "www.github.com" | "ssh.github.com" | "codeberg.org" => {
            (Depth::Exactly(2), Some(&["settings", "keys"]))
        }
        "gitlab.com" | "altssh.gitlab.com" => {
            (Depth::AtLeast(2), Some(&["-", "settings", "repository"]))
        }
        "gitee.com" | "git.sr.ht" | "framagit.org" | "gitea.com" => (Depth::Exactly(2), None),
        "gist.github.com" | "gist.gitlab.com" | "raw.githubusercontent.com" => (Depth::None, None),
        "git.kernel.org" => (Depth::AtLeast(1), None),
        "dev.azure.com" | "ssh.dev.azure.com" | "vs-ssh.visualstudio.com" => {
            (Depth::AtLeast(3), None)
        }
        _ if name.ends_with(".atlassian.com") || name.ends_with(".atlassian.net") => {
            (Depth::None, None)
        }
        _ if name.ends_with(".visualstudio.com") || name.ends_with(".amazonaws.com") => {
            (Depth::AtLeast(2), None)
        }
        _ => return None,
    };
    Some(HostingSite { depth, keys_page })
}
