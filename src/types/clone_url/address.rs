//! Where a clone URL leads, without the path: transport, user, host and port, checked.

use super::error::CloneUrlError;
use super::host::Host;
use super::hosting_sites;
use super::path::{self, Path};
use crate::types::git_url::{self, GitUrl, GitUrlError};
use crate::types::token_prefix::is_secret_username;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// `ssh://…` or the scp-like form.
    Ssh,
    Https,
    Http,
}

impl Transport {
    #[must_use]
    pub fn scheme(self) -> &'static str {
        match self {
            Self::Ssh => "ssh",
            Self::Https => "https",
            Self::Http => "http",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) transport: Transport,
    pub(super) user: Option<String>,
    pub(super) host: Host,
    pub(super) port: Option<u16>,
    /// The path is relative to the home directory (`host:path`), where that of `ssh://host/path` is absolute. Bitbucket
    /// makes no difference, other hosts do.
    pub(super) is_relative: bool,
    /// The URL had a password, or a user name that is a token. It is not stored.
    pub(super) had_secret: bool,
    /// The path of the scp-like form begins with a number, perhaps meant as a port.
    pub(super) starts_with_number: bool,
}

impl Address {
    pub(super) fn is_http(&self) -> bool {
        self.transport != Transport::Ssh
    }

    /// `user@`, or nothing.
    pub(super) fn user_prefix(&self) -> String {
        let user = self.user.as_ref().map(|user| format!("{user}@"));
        user.unwrap_or_default()
    }

    /// `:port`, or nothing.
    pub(super) fn port_suffix(&self) -> String {
        let port = self.port.map(|port| format!(":{port}"));
        port.unwrap_or_default()
    }

    /// Whether the host looks like a `Host` of an SSH configuration: one word, reached without a port.
    pub(super) fn is_ssh_alias(&self) -> bool {
        // No top-level domain has a dash or an underscore, except in Punycode: `bitbucket.org-work`.
        let has_unusual_end = |name: &str| {
            let last = name.rsplit('.').next().unwrap_or(name);
            last.contains(['-', '_']) && !last.starts_with("xn--")
        };
        let is_alias =
            |name: &str| (!name.contains('.') && name != "localhost") || has_unusual_end(name);
        self.transport == Transport::Ssh
            && self.port.is_none()
            && self.host.name().is_some_and(is_alias)
            && hosting_sites::find(&self.host).is_none()
    }
}

/// Reads a URL: the address and the segments of its path.
pub(super) fn parse(text: &str) -> Result<(Address, Path), CloneUrlError> {
    if let Some(helper) = remote_helper(text) {
        return Err(CloneUrlError::RemoteHelper(helper));
    }
    if text.contains('\\') {
        return Err(if is_drive(text) || text.starts_with('\\') {
            CloneUrlError::LocalPath
        } else {
            CloneUrlError::Character('\\')
        });
    }
    if text.starts_with(['/', '.', '~']) || is_drive(text) {
        return Err(CloneUrlError::LocalPath);
    }
    if text.starts_with('-') {
        return Err(CloneUrlError::OptionLike("clone URL"));
    }
    let url = GitUrl::parse(text).map_err(|error| match error {
        GitUrlError::LocalPath => without_scheme(text),
        GitUrlError::UnclosedBracket => CloneUrlError::Host("a bracket is not closed"),
        GitUrlError::TextAfterBracket => CloneUrlError::Port,
    })?;
    match url.scheme() {
        Some(scheme) => from_url(&url, scheme),
        None => from_scp_form(&url),
    }
}

/// `ext::…`, `fd::…`: git would run `git-remote-ext` (gitremote-helpers(7)).
pub(super) fn remote_helper(text: &str) -> Option<String> {
    let (name, _) = text.split_once("::")?;
    (!name.is_empty()
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"+.-".contains(&b)))
    .then(|| name.to_owned())
}

/// `C:/…` and `C:\\…`, which are directories on Windows; `c:directory` is a host called `c`.
fn is_drive(text: &str) -> bool {
    let is_path = |rest: &[u8]| rest.first().is_none_or(|byte| b"/\\".contains(byte));
    matches!(text.as_bytes(), [letter, b':', rest @ ..] if letter.is_ascii_alphabetic() && is_path(rest))
}

fn from_url(url: &GitUrl<'_>, scheme: &str) -> Result<(Address, Path), CloneUrlError> {
    let scheme = scheme.to_ascii_lowercase();
    let transport = match scheme.as_str() {
        _ if url.is_ssh() => Transport::Ssh,
        "https" => Transport::Https,
        "http" => Transport::Http,
        "file" => return Err(CloneUrlError::LocalPath),
        _ => return Err(CloneUrlError::Scheme(scheme)),
    };
    let mut address = Address::of_url(url, transport)?;
    address.had_secret |= has_secret(url.query());
    Ok((address, Path::decode(url.path())?))
}

fn from_scp_form(url: &GitUrl<'_>) -> Result<(Address, Path), CloneUrlError> {
    reject_scheme_without_slashes(url)?;
    let mut address = Address::of_url(url, Transport::Ssh)?;
    let is_rooted = url.path().starts_with('/') && !url.path().starts_with("/~");
    address.is_relative = !is_rooted;
    let path = Path::literal(url.path())?;
    let segments = path.segments();
    let first = segments.first().copied().unwrap_or_default();
    address.starts_with_number = address.is_relative
        && address.port.is_none()
        && !first.is_empty()
        && first.bytes().all(|byte| byte.is_ascii_digit());
    if address.starts_with_number {
        reject_port(&address, &segments)?;
    }
    Ok((address, path))
}

/// `https:host`. With a dot behind it or in brackets, a scheme's name would be a host.
fn reject_scheme_without_slashes(url: &GitUrl<'_>) -> Result<(), CloneUrlError> {
    const SCHEMES: [&str; 8] = [
        "https",
        "http",
        "ssh",
        "file",
        "ftp",
        "data",
        "mailto",
        "javascript",
    ];
    let name = url.host().trim_end_matches('.').to_ascii_lowercase();
    if url.userinfo().is_none() && SCHEMES.contains(&name.as_str()) {
        return Err(CloneUrlError::MissingSlashes(name));
    }
    Ok(())
}

/// `bitbucket.org/workspace/repository`: a directory for git, a host for a browser.
fn without_scheme(text: &str) -> CloneUrlError {
    let (host, path) = text.split_once('/').unwrap_or((text, ""));
    let is_host =
        Host::parse(host).is_ok() && host.contains('.') && host.rsplit('.').next() != Some("git");
    if !is_host || path.is_empty() {
        return CloneUrlError::LocalPath;
    }
    // Repeated only if it cannot contain a secret.
    let is_plain = path
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"/._-~".contains(&byte));
    CloneUrlError::NoScheme {
        with_scheme: is_plain.then(|| format!("https://{text}")),
    }
}

/// `git@host:443/workspace/repository`: the scp-like form has no port, git would request the directory `443`.
fn reject_port(address: &Address, segments: &[&str]) -> Result<(), CloneUrlError> {
    let is_plain = |segment: &&str| {
        segment
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-~".contains(&byte))
    };
    let [number, rest @ ..] = segments else {
        return Ok(());
    };
    if rest.len() < 2 || !rest.iter().all(is_plain) {
        return Ok(());
    }
    let port = git_url::parse_port(number);
    let port = port.map_or_else(|| "PORT".to_owned(), |port| port.to_string());
    let ssh_url = format!(
        "ssh://{}{}:{port}/{}",
        address.user_prefix(),
        address.host.in_url(),
        rest.join("/")
    );
    Err(CloneUrlError::PortInScpForm {
        number: (*number).to_owned(),
        ssh_url,
    })
}

impl Address {
    fn of_url(url: &GitUrl<'_>, transport: Transport) -> Result<Self, CloneUrlError> {
        let (user, had_secret) = match url.userinfo() {
            Some(userinfo) => user(userinfo, transport)?,
            None => (None, false),
        };
        let host = if url.is_bracketed() {
            Host::parse_bracketed(url.host())?
        } else {
            Host::parse(url.host())?
        };
        Ok(Self {
            transport,
            user,
            host,
            port: port(url.port())?,
            is_relative: false,
            had_secret,
            starts_with_number: false,
        })
    }
}

/// An empty port is the default one (RFC 3986, section 3.2.3).
fn port(text: Option<&str>) -> Result<Option<u16>, CloneUrlError> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    match git_url::parse_port(text) {
        Some(port) => Ok(Some(port)),
        None if text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '~') => {
            Err(CloneUrlError::MixedForms)
        }
        None => Err(CloneUrlError::Port),
    }
}

/// The user name, and whether the user information contained a secret, which is dropped.
fn user(userinfo: &str, transport: Transport) -> Result<(Option<String>, bool), CloneUrlError> {
    let (name, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
    let name = path::decode(name).map_err(|_| CloneUrlError::User("invalid percent-encoding"))?;
    let had_password = !password.is_empty();
    if name.is_empty() && transport == Transport::Ssh {
        return Err(CloneUrlError::User("empty"));
    }
    if name.is_empty() || is_secret_username(&name) {
        return Ok((None, had_password || !name.is_empty()));
    }
    if name.starts_with('-') {
        return Err(CloneUrlError::OptionLike("user name"));
    }
    if !name.starts_with(|first: char| first.is_alphanumeric() || first == '_') {
        return Err(CloneUrlError::User("leading combining mark"));
    }
    let is_allowed = |c: char| {
        c.is_alphanumeric() || "._-+~=".contains(c) || (c == '@' && transport != Transport::Ssh)
    };
    if !name.chars().all(is_allowed) {
        return Err(CloneUrlError::User("invalid character"));
    }
    Ok((Some(name), had_password))
}

/// Whether a query seems to contain a token. Queries are dropped in any case.
fn has_secret(query: &str) -> bool {
    let query = query.to_ascii_lowercase();
    [
        "token=",
        "password=",
        "secret=",
        "jwt=",
        "key=",
        "sig=",
        "signature=",
        "code=",
    ]
    .iter()
    .any(|key| query.contains(key))
}
