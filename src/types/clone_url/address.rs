//! The syntax of a clone URL: transport, user, host, port, and the parts of its path.

use super::Transport;
use super::error::CloneUrlError;
use super::host::Host;
use super::path::{self, Path};
use super::userinfo::{holds_secret, user};

/// Where a URL leads, without the path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) transport: Transport,
    pub(super) user: Option<String>,
    pub(super) host: Host,
    pub(super) port: Option<u16>,
    /// The path counts from the login folder, not from the root: `host:path`, where `ssh://host/path` is absolute.
    /// Bitbucket makes no difference; other hosts do.
    pub(super) from_home: bool,
    /// A password, or a user name that is a token, stood in the URL. It is not kept.
    pub(super) had_secret: bool,
    /// The path of the short form begins with a number, where a port was perhaps meant.
    pub(super) number_first: bool,
}

/// Takes a URL apart.
pub(super) fn parse(url: &str) -> Result<(Address, Path), CloneUrlError> {
    if let Some(helper) = remote_helper(url) {
        return Err(CloneUrlError::RemoteHelper(helper));
    }
    if url.contains('\\') {
        return Err(if is_drive(url) || url.starts_with('\\') {
            CloneUrlError::LocalPath
        } else {
            CloneUrlError::Character('\\')
        });
    }
    match url.split_once("://") {
        Some((scheme, rest)) if is_scheme(scheme) => {
            with_scheme(&scheme.to_ascii_lowercase(), rest)
        }
        Some(_) | None => scp_like(url),
    }
}

/// `ext::…`, `fd::…`: git would run `git-remote-ext` (gitremote-helpers(7)).
pub(super) fn remote_helper(url: &str) -> Option<String> {
    let (name, _) = url.split_once("::")?;
    (!name.is_empty()
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"+.-".contains(&b)))
    .then(|| name.to_owned())
}

/// RFC 3986, section 3.1.
fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"+.-".contains(&b))
}

/// `C:/…` and `C:\\…`, which are folders on Windows; `c:folder` is a host called `c`.
fn is_drive(text: &str) -> bool {
    let is_folder = |rest: &[u8]| rest.first().is_none_or(|byte| b"/\\".contains(byte));
    matches!(text.as_bytes(), [letter, b':', rest @ ..] if letter.is_ascii_alphabetic() && is_folder(rest))
}

fn with_scheme(scheme: &str, rest: &str) -> Result<(Address, Path), CloneUrlError> {
    let transport = match scheme {
        "ssh" | "git+ssh" | "ssh+git" => Transport::Ssh,
        "https" => Transport::Https,
        "http" => Transport::Http,
        "file" => return Err(CloneUrlError::LocalPath),
        _ => return Err(CloneUrlError::Scheme(scheme.to_owned())),
    };
    // A query and a fragment are parts of a web link only; in an SSH path `?` and `#` would be characters.
    let (rest, query) = match (transport, rest.find(['?', '#'])) {
        (Transport::Https | Transport::Http, Some(at)) => rest.split_at(at),
        (Transport::Ssh, _) | (_, None) => (rest, ""),
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (userinfo, host_port) = authority
        .rsplit_once('@')
        .map_or((None, authority), |(user, host)| (Some(user), host));
    let (user, secret_in_user) =
        userinfo.map_or(Ok((None, false)), |userinfo| user(userinfo, transport))?;
    let (host, port) = host_and_port(host_port)?;
    let had_secret = secret_in_user || holds_secret(query);
    let parts = path::split(path.strip_prefix('/').unwrap_or(path), path::decode)?;
    Ok((
        Address {
            transport,
            user,
            host,
            port,
            from_home: false,
            had_secret,
            number_first: false,
        },
        parts,
    ))
}

/// `[user@]host:path`, `[user@][ipv6]:path` and `[host:port]:path`, as `ssh`, `scp` and git read them.
fn scp_like(text: &str) -> Result<(Address, Path), CloneUrlError> {
    if text.starts_with(['/', '.', '~']) || is_drive(text) {
        return Err(CloneUrlError::LocalPath);
    }
    if text.starts_with('-') {
        return Err(CloneUrlError::OptionLike("clone URL"));
    }
    let (before, path) = split_at_colon(text)?;
    // With a dot behind it, or in brackets, it would be a host of that name.
    let bare = before.trim_matches(['[', ']']).trim_end_matches('.');
    let scheme = bare.to_ascii_lowercase();
    if is_scheme(bare)
        && [
            "https",
            "http",
            "ssh",
            "file",
            "ftp",
            "data",
            "mailto",
            "javascript",
        ]
        .contains(&scheme.as_str())
    {
        return Err(CloneUrlError::MissingSlashes(scheme));
    }
    // `[user@host:port]` has everything in brackets, `user@[host]` the host alone.
    let inner = before
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .filter(|inner| inner.contains('@'));
    let (user_part, host_part) = match inner.unwrap_or(before).rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, before),
    };
    let (user, had_secret) =
        user_part.map_or(Ok((None, false)), |text| user(text, Transport::Ssh))?;
    let (host, port) = match host_part
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        Some(bracketed) if bracketed.matches(':').count() < 2 => host_and_port(bracketed)?,
        _ if inner.is_some() && host_part.matches(':').count() >= 2 => {
            (Host::parse_bracketed(host_part)?, None)
        }
        _ => host_and_port(host_part)?,
    };
    let rooted = path.starts_with('/') && !path.starts_with("/~");
    let parts = path::split(path.strip_prefix('/').unwrap_or(path), |part| {
        Ok(path::literal(part))
    })?;
    let first = parts
        .parts()
        .first()
        .copied()
        .unwrap_or_default()
        .to_owned();
    let number_first = !rooted
        && port.is_none()
        && !first.is_empty()
        && first.bytes().all(|byte| byte.is_ascii_digit());
    let address = Address {
        transport: Transport::Ssh,
        user,
        host,
        port,
        from_home: !rooted,
        had_secret,
        number_first,
    };
    if number_first {
        refuse_port(&address, &first, &parts)?;
    }
    Ok((address, parts))
}

/// Splits at the first colon outside brackets, which must come before any slash; otherwise git sees a local path.
fn split_at_colon(text: &str) -> Result<(&str, &str), CloneUrlError> {
    let from = text.find(']').filter(|_| text.contains('[')).unwrap_or(0);
    let colon = text[from..].find(':').map(|at| from + at);
    let slash = text.find('/');
    match colon {
        Some(colon) if slash.is_none_or(|slash| colon < slash) => {
            Ok((&text[..colon], &text[colon + 1..]))
        }
        _ => Err(without_scheme(text)),
    }
}

/// `bitbucket.org/workspace/repository`: git takes it for a folder, a browser for a host.
fn without_scheme(text: &str) -> CloneUrlError {
    let (host, path) = text.split_once('/').unwrap_or((text, ""));
    let is_host =
        Host::parse(host).is_ok() && host.contains('.') && host.rsplit('.').next() != Some("git");
    if !is_host || path.is_empty() {
        return CloneUrlError::LocalPath;
    }
    // Repeated only where nothing in it can be a secret.
    let is_plain = path
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"/._-~".contains(&byte));
    CloneUrlError::NoScheme {
        with_scheme: is_plain.then(|| format!("https://{text}")),
    }
}

/// `git@host:443/workspace/repository`: the short form has no port, and git would ask for the folder `443`.
fn refuse_port(address: &Address, number: &str, path: &Path) -> Result<(), CloneUrlError> {
    let rest = &path.parts()[1..];
    let is_plain = |part: &&str| {
        part.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-~".contains(&byte))
    };
    if rest.len() < 2 || !rest.iter().all(is_plain) {
        return Ok(());
    }
    let user = address
        .user
        .as_ref()
        .map(|user| format!("{user}@"))
        .unwrap_or_default();
    let port = as_port(number).map_or_else(|| "PORT".to_owned(), |port| port.to_string());
    let ssh_url = format!(
        "ssh://{user}{}:{port}/{}",
        address.host.in_url(),
        rest.join("/")
    );
    Err(CloneUrlError::PortInScpForm {
        number: number.to_owned(),
        ssh_url,
    })
}

/// A port from 1 to 65535, written in digits.
fn as_port(text: &str) -> Option<u16> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|&port| digits && port != 0)
}

fn host_and_port(text: &str) -> Result<(Host, Option<u16>), CloneUrlError> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (inside, behind) = rest
                .split_once(']')
                .ok_or(CloneUrlError::Host("a bracket is not closed"))?;
            let port = match behind {
                "" => None,
                _ => Some(behind.strip_prefix(':').ok_or(CloneUrlError::Port)?),
            };
            (Host::parse_bracketed(inside)?, port)
        }
        None => match text.rsplit_once(':') {
            Some((host, port)) => (Host::parse(host)?, Some(port)),
            None => (Host::parse(text)?, None),
        },
    };
    match port {
        // An empty port is the default one (RFC 3986, section 3.2.3).
        None | Some("") => Ok((host, None)),
        Some(port) => match as_port(port) {
            Some(port) => Ok((host, Some(port))),
            None if port.starts_with(|first: char| first.is_ascii_alphabetic() || first == '~') => {
                Err(CloneUrlError::MixedForms)
            }
            None => Err(CloneUrlError::Port),
        },
    }
}
