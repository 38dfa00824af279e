//! Where a clone URL leads, without the path: transport, user, host and port, checked.

use super::error::CloneUrlError;
use super::host::Host;
use super::host::hosting_site;
use super::path::{self, Path};
use crate::types::cloud_hosts;
use crate::types::git_url::{self, GitUrl, GitUrlError};
use crate::types::ssh_address::is_alias_name;
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
    /// A branch, tag or option of a package manager followed the repository. It is not stored.
    pub(super) had_ref: bool,
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
        self.transport == Transport::Ssh
            && self.port.is_none()
            && self.host.name().is_some_and(is_alias_name)
            && hosting_site(&self.host).is_none()
    }
}

/// Reads a URL: the address and the segments of its path.
pub(super) fn parse(text: &str) -> Result<(Address, Path), CloneUrlError> {
    if is_variable(text) {
        return Err(CloneUrlError::Variable);
    }
    if let Some(error) = remote_helper(text) {
        return Err(error);
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

/// `ext::…`, `fd::…`: git would run `git-remote-ext` (gitremote-helpers(7)). Terraform writes `git::` in front of a URL.
pub(super) fn remote_helper(text: &str) -> Option<CloneUrlError> {
    let (name, address) = text.split_once("::")?;
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"+.-".contains(&byte);
    if name.is_empty() || !name.bytes().all(is_name) {
        return None;
    }
    if name == "git" {
        let end = behind_dot_git(address).unwrap_or(address.len());
        let url = showable(&address[..end]);
        return Some(CloneUrlError::GitGetter { url });
    }
    // `name:` may be a user name, and the rest a password.
    let is_helper = [
        "codecommit",
        "ext",
        "fd",
        "gcrypt",
        "hg",
        "http",
        "https",
        "ssh",
    ]
    .contains(&name);
    Some(if address.contains('@') && !is_helper {
        CloneUrlError::UserInfo
    } else {
        CloneUrlError::RemoteHelper(name.to_owned())
    })
}

/// The end of the first `.git` that something other than a path follows.
fn behind_dot_git(text: &str) -> Option<usize> {
    const END: &str = ".git";
    let mut ends = text.match_indices(END).map(|(at, _)| at + END.len());
    ends.find(|&end| {
        let rest = &text[end..];
        rest.starts_with(['#', '?', '@']) || rest.starts_with("//")
    })
}

/// `$NAME` and `${NAME}`, `%NAME%` and `{{ name }}`.
fn is_variable(text: &str) -> bool {
    let name = text
        .strip_prefix("${")
        .or_else(|| text.strip_prefix('$'))
        .or_else(|| text.strip_prefix('%').filter(|rest| rest.ends_with('%')))
        .or_else(|| text.strip_prefix("{{"));
    name.is_some_and(|name| {
        name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
    }) && !text.contains('@')
}

/// A URL for a hint: one with plain characters, whose user name cannot be a secret.
fn showable(text: &str) -> Option<String> {
    let url = GitUrl::parse(text).ok()?;
    let is_host = url.is_bracketed() || Host::parse(url.host()).is_ok();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-~".contains(&byte);
    let is_port = url
        .port()
        .is_none_or(|port| git_url::parse_port(port).is_some());
    (url.userinfo().is_none_or(is_ssh_account)
        && (url.is_ssh() || url.is_http())
        && is_host
        && is_port
        && url.path().bytes().all(is_plain)
        && url.query().is_empty())
    .then(|| text.to_owned())
}

/// User names of Git servers. Others may be secrets that were pasted in the wrong place.
fn is_ssh_account(user: &str) -> bool {
    ["git", "hg", "stash"].contains(&user)
}

/// Whether an `@` stands where no user information ends, so that what precedes it may be a part of a password: one with
/// an unencoded `#`, `?`, `/` or `@`.
pub(super) fn splits_userinfo(text: &str) -> bool {
    let is_ref = |at: usize| text[..at].strip_suffix(".git").is_some() && !text[at..].contains('/');
    let mut all = text.rmatch_indices('@').map(|(at, _)| at);
    let Some(last) = all.find(|&at| !is_ref(at)) else {
        return false;
    };
    let Ok(url) = GitUrl::parse(text) else {
        return false;
    };
    let end = url.userinfo_span().map(|span| span.end);
    if end == Some(last) || cloud_hosts::is_cloud(url.host()) {
        return false;
    }
    let start = url.scheme().map_or(0, |scheme| scheme.len() + "://".len());
    let before = &text[start..last];
    match url.scheme() {
        Some(_) => before.contains(':') || !url.host().contains('.'),
        // `user:password@host:path`
        None => before
            .split_once(':')
            .is_some_and(|(_, password)| password.contains(['#', '?', '/', '@'])),
    }
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
    let path = address.without_ref(url.path())?;
    let query = url.query();
    address.had_secret |= has_secret(query);
    address.had_ref |= query.starts_with("?ref=") || query.contains('#');
    Ok((address, Path::decode(path)?))
}

fn from_scp_form(url: &GitUrl<'_>) -> Result<(Address, Path), CloneUrlError> {
    reject_scheme_without_slashes(url)?;
    if let Some(rest) = url.userinfo().and_then(|user| user.strip_prefix("git+")) {
        let url = showable(&format!("{rest}@{}:{}", url.host(), url.path()));
        return Err(CloneUrlError::GitPlus { url });
    }
    let mut address = Address::of_url(url, Transport::Ssh)?;
    let path = address.without_ref(url.path())?;
    let is_rooted = path.starts_with('/') && !path.starts_with("/~");
    address.is_relative = !is_rooted;
    if let Some((port, rest)) = path.split_once(':')
        && address.is_relative
        && git_url::parse_port(port).is_some()
    {
        let user = url.userinfo().map(|user| format!("{user}@"));
        let ssh_url = format!(
            "ssh://{}{}:{port}/{rest}",
            user.unwrap_or_default(),
            url.host()
        );
        let ssh_url = showable(&ssh_url);
        return Err(CloneUrlError::ColonAfterPort { ssh_url });
    }
    let path = Path::literal(path)?;
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

/// `bitbucket.org/workspace/repository`: a directory for git, a host for a browser. With a user, the colon behind the host
/// is missing.
fn without_scheme(text: &str) -> CloneUrlError {
    let (host, path) = text.split_once('/').unwrap_or((text, ""));
    if let Some((_, name)) = host.rsplit_once('@')
        && Host::parse(name).is_ok()
        && !path.is_empty()
    {
        let url = showable(&format!("{host}:{path}"));
        return CloneUrlError::MissingColon { url };
    }
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
    let user = address.user.as_deref();
    let user = user.map(|user| if is_ssh_account(user) { user } else { "USER" });
    let ssh_url = format!(
        "ssh://{}{}:{port}/{}",
        user.map(|user| format!("{user}@")).unwrap_or_default(),
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
        let host = match transport {
            _ if url.is_bracketed() => Host::parse_bracketed(url.host())?,
            Transport::Ssh => {
                reject_colon_after_port(url)?;
                Host::parse_for_ssh(url.host())?
            }
            Transport::Https | Transport::Http => Host::parse(url.host())?,
        };
        Ok(Self {
            transport,
            user,
            host,
            port: port(url, transport)?,
            is_relative: false,
            had_secret,
            starts_with_number: false,
            had_ref: false,
        })
    }

    /// The path without a branch, tag or option of a package manager behind `.git`.
    fn without_ref<'a>(&mut self, path: &'a str) -> Result<&'a str, CloneUrlError> {
        let Some(end) = behind_dot_git(path) else {
            return Ok(path);
        };
        let rest = &path[end..];
        if rest.trim_end_matches('/').is_empty() {
            return Ok(path);
        }
        if rest.starts_with('/') {
            return Err(CloneUrlError::BehindRepository);
        }
        self.had_ref = true;
        self.had_secret |= has_secret(rest);
        Ok(&path[..end])
    }
}

/// `ssh://git@host:7999:project/repository.git`
fn reject_colon_after_port(url: &GitUrl<'_>) -> Result<(), CloneUrlError> {
    let Some((host, port)) = url.host().split_once(':') else {
        return Ok(());
    };
    if git_url::parse_port(port).is_none() || host.is_empty() || url.scheme().is_none() {
        return Ok(());
    }
    let user = url.userinfo().map(|user| format!("{user}@"));
    let (user, first) = (user.unwrap_or_default(), url.port().unwrap_or_default());
    let ssh_url = format!("ssh://{user}{host}:{port}/{first}{}", url.path());
    let ssh_url = showable(&ssh_url);
    Err(CloneUrlError::ColonAfterPort { ssh_url })
}

/// An empty port is the default one (RFC 3986, section 3.2.3).
fn port(url: &GitUrl<'_>, transport: Transport) -> Result<Option<u16>, CloneUrlError> {
    let Some(text) = url.port().filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let is_port = git_url::parse_port(text);
    if is_port.is_some() || transport != Transport::Ssh {
        return is_port.map(Some).ok_or(CloneUrlError::Port);
    }
    // An owner, which may begin with a digit: `ssh://git@host:1example/site.git`.
    let is_owner = text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '~')
        || (text.contains(|c: char| c.is_ascii_alphabetic())
            && text.starts_with(|first: char| first.is_ascii_digit())
            && url.path().trim_matches('/').split('/').count() == 1);
    if !is_owner {
        return Err(CloneUrlError::Port);
    }
    let user = url.userinfo().map(|user| format!("{user}@"));
    let (user, host) = (user.unwrap_or_default(), url.host());
    let path = format!("{text}{}", url.path());
    let scp = showable(&format!("{user}{host}:{path}"));
    let ssh = showable(&format!("ssh://{user}{host}/{path}"));
    let forms = scp.zip(ssh).map(|(scp, ssh)| [scp, ssh]);
    Err(CloneUrlError::MixedForms { forms })
}

/// The user name, and whether the user information contained a secret, which is dropped.
fn user(userinfo: &str, transport: Transport) -> Result<(Option<String>, bool), CloneUrlError> {
    let (name, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
    // Other hosts take a token as the user name, with a placeholder or nothing as its password.
    if transport != Transport::Ssh
        && userinfo.contains(':')
        && matches!(password, "" | "x-oauth-basic")
    {
        return Ok((None, true));
    }
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
