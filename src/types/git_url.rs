//! Syntax of Git URLs: scheme, user, host, port and path, each with its position in the text.
//!
//! Both forms of `git help clone`, section "GIT URLS": `scheme://[user@]host[:port]/path` (RFC 3986) and the scp-like
//! `[user@]host:path`. In the latter, git accepts brackets around the host or around user, host and port
//! (connect.c, `parse_connect_url`). Nothing is decoded or checked here; what the parts mean is decided by
//! `clone_url`, `ssh_address`, `retired_url` and `connection::base_url`.

use std::ops::Range;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Unreserved characters of RFC 3986 and the braces of UUIDs stay as they are.
const PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'{')
    .remove(b'}');

#[derive(Debug, Clone)]
pub(crate) struct GitUrl<'a> {
    text: &'a str,
    /// End of the scheme; `None` in the scp-like form.
    scheme: Option<usize>,
    authority: Authority,
    path: Range<usize>,
    query: Range<usize>,
}

#[derive(Debug, Clone)]
struct Authority {
    userinfo: Option<Range<usize>>,
    host: HostPort,
}

/// A host without brackets, and its port.
#[derive(Debug, Clone)]
struct HostPort {
    host: Range<usize>,
    is_bracketed: bool,
    port: Option<Range<usize>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GitUrlError {
    /// Neither a scheme nor a colon before the first slash: git takes it for a local path.
    LocalPath,
    UnclosedBracket,
    /// Something other than a colon follows the closing bracket.
    TextAfterBracket,
}

impl<'a> GitUrl<'a> {
    pub(crate) fn parse(text: &'a str) -> Result<Self, GitUrlError> {
        match text.split_once("://") {
            Some((scheme, _)) if is_scheme(scheme) => Self::with_scheme(text, scheme.len()),
            Some(_) | None => Self::scp_like(text),
        }
    }

    fn with_scheme(text: &'a str, scheme_end: usize) -> Result<Self, GitUrlError> {
        let start = scheme_end + "://".len();
        // In the path of an SSH URL, `?` and `#` are ordinary characters.
        let query = text[start..]
            .find(['?', '#'])
            .filter(|_| is_http_scheme(&text[..scheme_end]))
            .map_or(text.len(), |at| start + at);
        let path = text[start..query].find('/').map_or(query, |at| start + at);
        Ok(Self {
            text,
            scheme: Some(scheme_end),
            authority: Authority::parse(text, start..path)?,
            path: path..query,
            query: query..text.len(),
        })
    }

    fn scp_like(text: &'a str) -> Result<Self, GitUrlError> {
        // A colon inside brackets belongs to a port or to an IPv6 address.
        let opening = if text.starts_with('[') {
            Some(0)
        } else {
            text.find("@[")
        };
        let brackets_end = opening.and_then(|at| Some(at + text[at..].find(']')?));
        let from = brackets_end.unwrap_or(0);
        let colon = text[from..].find(':').map(|at| from + at);
        let colon = colon
            .filter(|&colon| text.find('/').is_none_or(|slash| colon < slash))
            .ok_or(GitUrlError::LocalPath)?;
        Ok(Self {
            text,
            scheme: None,
            authority: Authority::parse_scp(text, colon)?,
            path: colon + 1..text.len(),
            query: text.len()..text.len(),
        })
    }

    /// `None` in the scp-like form.
    pub(crate) fn scheme(&self) -> Option<&'a str> {
        self.scheme.map(|end| &self.text[..end])
    }

    pub(crate) fn is_ssh(&self) -> bool {
        let is_ssh = |scheme: &str| {
            ["ssh", "git+ssh", "ssh+git"]
                .iter()
                .any(|name| scheme.eq_ignore_ascii_case(name))
        };
        self.scheme().is_none_or(is_ssh)
    }

    pub(crate) fn is_http(&self) -> bool {
        self.scheme().is_some_and(is_http_scheme)
    }

    /// The text before `@`: a user name and perhaps a password.
    pub(crate) fn userinfo(&self) -> Option<&'a str> {
        self.userinfo_span().map(|span| &self.text[span])
    }

    /// The host without brackets.
    pub(crate) fn host(&self) -> &'a str {
        &self.text[self.host_span()]
    }

    /// Whether the host was in brackets, as IPv6 addresses are.
    pub(crate) fn is_bracketed(&self) -> bool {
        self.authority.host.is_bracketed
    }

    /// The text after the host's colon, which may be empty.
    pub(crate) fn port(&self) -> Option<&'a str> {
        self.authority
            .host
            .port
            .clone()
            .map(|span| &self.text[span])
    }

    /// The path: with its leading slash in a URL, all that follows the colon in the scp-like form.
    pub(crate) fn path(&self) -> &'a str {
        &self.text[self.path.clone()]
    }

    /// Query and fragment of an HTTP URL.
    pub(crate) fn query(&self) -> &'a str {
        &self.text[self.query.clone()]
    }

    pub(crate) fn userinfo_span(&self) -> Option<Range<usize>> {
        self.authority.userinfo.clone()
    }

    pub(crate) fn host_span(&self) -> Range<usize> {
        self.authority.host.host.clone()
    }
}

impl Authority {
    /// `[user@]host[:port]`
    fn parse(text: &str, span: Range<usize>) -> Result<Self, GitUrlError> {
        let (userinfo, host) = split_userinfo(text, span);
        Ok(Self {
            userinfo,
            host: HostPort::parse(text, host)?,
        })
    }

    /// `[user@]host`, `[user@][ipv6]`, `[user@][host:port]` or `[user@host:port]`, which end at a colon.
    fn parse_scp(text: &str, end: usize) -> Result<Self, GitUrlError> {
        let inner = inside_brackets(text, 0..end).filter(|inner| text[inner.clone()].contains('@'));
        let is_whole = inner.is_some();
        let (userinfo, host) = split_userinfo(text, inner.unwrap_or(0..end));
        let is_ipv6 = |span: &Range<usize>| text[span.clone()].matches(':').count() >= 2;
        let host = match inside_brackets(text, host.clone()) {
            Some(inner) if !is_ipv6(&inner) => HostPort::parse(text, inner)?,
            None if is_whole && is_ipv6(&host) => HostPort {
                host,
                is_bracketed: true,
                port: None,
            },
            Some(_) | None => HostPort::parse(text, host)?,
        };
        Ok(Self { userinfo, host })
    }
}

impl HostPort {
    /// `host`, `host:port`, `[host]` or `[host]:port`
    fn parse(text: &str, span: Range<usize>) -> Result<Self, GitUrlError> {
        let authority = &text[span.clone()];
        if authority.starts_with('[') {
            let close = authority.find(']').ok_or(GitUrlError::UnclosedBracket)?;
            let close = span.start + close;
            let port = match &text[close + 1..span.end] {
                "" => None,
                behind if behind.starts_with(':') => Some(close + 2..span.end),
                _ => return Err(GitUrlError::TextAfterBracket),
            };
            return Ok(Self {
                host: span.start + 1..close,
                is_bracketed: true,
                port,
            });
        }
        let colon = authority.rfind(':').map(|at| span.start + at);
        Ok(Self {
            host: span.start..colon.unwrap_or(span.end),
            is_bracketed: false,
            port: colon.map(|colon| colon + 1..span.end),
        })
    }
}

fn split_userinfo(text: &str, span: Range<usize>) -> (Option<Range<usize>>, Range<usize>) {
    match text[span.clone()].rfind('@') {
        Some(at) => {
            let at = span.start + at;
            (Some(span.start..at), at + 1..span.end)
        }
        None => (None, span),
    }
}

fn inside_brackets(text: &str, span: Range<usize>) -> Option<Range<usize>> {
    let part = &text[span.clone()];
    (part.len() >= 2 && part.starts_with('[') && part.ends_with(']'))
        .then(|| span.start + 1..span.end - 1)
}

/// RFC 3986, section 3.1.
pub(crate) fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+.-".contains(&byte))
}

fn is_http_scheme(scheme: &str) -> bool {
    scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http")
}

/// The host and the port of `host`, `host:port`, `[host]` or `[host]:port`.
pub(crate) fn split_host_port(text: &str) -> Result<(&str, Option<&str>), GitUrlError> {
    let parts = HostPort::parse(text, 0..text.len())?;
    Ok((&text[parts.host], parts.port.map(|port| &text[port])))
}

/// A port from 1 to 65535, in digits only.
pub(crate) fn parse_port(text: &str) -> Option<u16> {
    let is_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|&port| is_digits && port != 0)
}

/// `ssh://user@host:port/path` with the path percent-encoded. An IPv6 address must be in brackets.
pub(crate) fn format_ssh(user: Option<&str>, host: &str, port: Option<u16>, path: &str) -> String {
    let user = user.map(|user| format!("{user}@")).unwrap_or_default();
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    let path = utf8_percent_encode(path.trim_start_matches('/'), PATH);
    format!("ssh://{user}{host}{port}/{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_split() {
        for (text, user, host, port, path) in [
            ("https://h/a?b#c", None, "h", None, "/a"),
            ("https://u:p@h:1/a", Some("u:p"), "h", Some("1"), "/a"),
            ("https://u@v@h", Some("u@v"), "h", None, ""),
            ("https://h?a/b@c", None, "h", None, ""),
            ("ssh://u@[::1]:2/a?b", Some("u"), "::1", Some("2"), "/a?b"),
            ("ssh://h:/a", None, "h", Some(""), "/a"),
            ("u@h:a/b", Some("u"), "h", None, "a/b"),
            ("h:/a:b", None, "h", None, "/a:b"),
            ("h:a/[b]", None, "h", None, "a/[b]"),
            ("h:a://b", None, "h", None, "a://b"),
            ("u@[h:1]:a", Some("u"), "h", Some("1"), "a"),
            ("[u@h:1]:a", Some("u"), "h", Some("1"), "a"),
            ("[u@::1]:a", Some("u"), "::1", None, "a"),
            ("u@[::1]:a", Some("u"), "::1", None, "a"),
            ("[::1]:a", None, "::1", None, "a"),
            (":", None, "", None, ""),
        ] {
            let url = GitUrl::parse(text).unwrap();
            assert_eq!(
                (url.userinfo(), url.host(), url.port(), url.path()),
                (user, host, port, path),
                "{text}"
            );
            let span = url.host_span();
            assert_eq!(&text[span], host, "{text}");
        }
    }

    #[test]
    fn other_texts_are_rejected() {
        for (text, error) in [
            ("", GitUrlError::LocalPath),
            ("a/b:c", GitUrlError::LocalPath),
            ("[::1]", GitUrlError::LocalPath),
            ("ssh://[::1/a", GitUrlError::UnclosedBracket),
            ("ssh://[::1]x/a", GitUrlError::TextAfterBracket),
        ] {
            assert_eq!(GitUrl::parse(text).unwrap_err(), error, "{text}");
        }
    }
}
