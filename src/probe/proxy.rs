//! A proxy in between: whether requests go through one, and whether it lets them.

use std::fmt;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use hyper_util::client::proxy::matcher::Matcher;
use thiserror::Error;
use url::Url;
use zeroize::Zeroizing;

use super::{DetectedProtocol, DnsError, TcpConnection, TcpError, connect, resolve};

/// A proxy, as requests find it: named for the connection, or by `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`.
#[derive(Clone)]
pub(crate) struct Proxy {
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How it is spoken to.
    pub kind: ProxyKind,
    /// Whether the connection names it, rather than the environment.
    pub is_named: bool,
    login: Option<Zeroizing<String>>,
}

/// How a proxy is spoken to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ProxyKind {
    /// HTTP in the clear.
    Http,
    /// HTTP over TLS.
    Https,
    /// By another scheme, which requests do not use.
    Other(String),
}

/// Why a proxy is no way through.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum ProxyError {
    /// Its name does not resolve.
    #[error("its name does not resolve: {0}")]
    Name(DnsError),
    /// It is not reached.
    #[error("it cannot be reached: {0}")]
    Tcp(TcpError),
    /// It wants to know who asks.
    #[error("it asks for a login")]
    AuthRequired,
    /// It does not pass the request on.
    #[error("it answers {0}")]
    Refused(String),
    /// It is no proxy.
    #[error("it does not answer as a proxy")]
    NotAProxy(DetectedProtocol),
    /// It says nothing.
    #[error("no answer in time")]
    Silent,
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self})")
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl Proxy {
    /// The proxy for a URL, as requests find it.
    #[must_use]
    pub(crate) fn of(url: &Url, named: Option<&str>) -> Option<Self> {
        let matcher = match named {
            Some(named) => Matcher::builder().all(named).build(),
            None => Matcher::from_system(),
        };
        let found = matcher.intercept(&url.as_str().parse().ok()?)?;
        // The library takes `NO_PROXY=*` for every name, and not for addresses.
        let any = format!("{}://any.host.invalid", url.scheme());
        matcher.intercept(&any.parse().ok()?)?;
        let uri = found.uri();
        let kind = match uri.scheme_str() {
            None | Some("http") => ProxyKind::Http,
            Some("https") => ProxyKind::Https,
            Some(other) => ProxyKind::Other(other.to_owned()),
        };
        let usual = if kind == ProxyKind::Https { 443 } else { 80 };
        let login = found.basic_auth().and_then(|value| value.to_str().ok());
        Some(Self {
            host: uri.host()?.trim_matches(['[', ']']).to_owned(),
            port: uri.port_u16().unwrap_or(usual),
            kind,
            is_named: named.is_some(),
            login: login.map(|login| Zeroizing::new(login.to_owned())),
        })
    }

    /// Whether it comes with a user name and a password.
    #[must_use]
    pub(crate) fn has_login(&self) -> bool {
        self.login.is_some()
    }
}

/// Goes through a proxy: the connection behind it for `https`; nothing where only a request would tell.
///
/// # Errors
/// [`ProxyError`].
pub(crate) fn connect_via(
    proxy: &Proxy,
    url: &Url,
    limit: Duration,
) -> Result<Option<TcpStream>, ProxyError> {
    let deadline = Instant::now() + limit;
    let addresses = resolve(&proxy.host, proxy.port, limit).map_err(ProxyError::Name)?;
    let left = deadline.saturating_duration_since(Instant::now());
    let TcpConnection { stream, .. } = connect(&addresses, left).map_err(ProxyError::Tcp)?;
    if proxy.kind != ProxyKind::Http {
        return Ok(None);
    }
    let target = format!(
        "{}:{}",
        url.host_str().unwrap_or_default(),
        url.port_or_known_default().unwrap_or(443)
    );
    let is_tunnel = url.scheme() == "https";
    let first = if is_tunnel {
        format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n")
    } else {
        format!("GET http://{target}/ HTTP/1.1\r\nHost: {target}\r\nConnection: close\r\n")
    };
    let login = proxy.login.as_ref().map_or(String::new(), |login| {
        format!("Proxy-Authorization: {}\r\n", login.as_str())
    });
    let request = Zeroizing::new(format!("{first}{login}\r\n"));
    let answer = exchange(&stream, request.as_bytes(), deadline)?;
    let line = answer.lines().next().unwrap_or_default().trim();
    let mut words = line.splitn(2, ' ');
    let is_http = words.next().is_some_and(|word| word.starts_with("HTTP/1"));
    let status = words.next().unwrap_or_default();
    let code = status.split(' ').next().and_then(|code| code.parse().ok());
    match code.filter(|_| is_http) {
        Some(407) => Err(ProxyError::AuthRequired),
        Some(200..=299) if is_tunnel => Ok(Some(stream)),
        Some(_) if !is_tunnel => Ok(None),
        Some(100..=599) => Err(ProxyError::Refused(status.chars().take(80).collect())),
        Some::<u16>(_) | None => Err(ProxyError::NotAProxy(DetectedProtocol::of(
            answer.as_bytes(),
        ))),
    }
}

/// Sends, and reads up to the end of the head.
fn exchange(
    mut stream: &TcpStream,
    request: &[u8],
    deadline: Instant,
) -> Result<String, ProxyError> {
    let closed = |_| ProxyError::NotAProxy(DetectedProtocol::Nothing);
    let mut heard = Vec::new();
    stream
        .set_write_timeout(Some(Duration::from_secs(5)))
        .map_err(closed)?;
    stream.write_all(request).map_err(closed)?;
    while heard.len() < 8192 && !heard.windows(4).any(|end| end == b"\r\n\r\n") {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() || stream.set_read_timeout(Some(left)).is_err() {
            return Err(ProxyError::Silent);
        }
        let mut chunk = [0; 1024];
        match stream.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => heard.extend_from_slice(&chunk[..count]),
            Err(error)
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::TimedOut | std::io::ErrorKind::WouldBlock
                ) =>
            {
                return Err(ProxyError::Silent);
            }
            Err(_) => break,
        }
    }
    Ok(String::from_utf8_lossy(&heard).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_proxy_is_read_without_telling_its_login() {
        let url = "https://git.example.com/".parse().unwrap();
        let proxy = Proxy::of(&url, Some("http://jane:marker@proxy.example.com:3128")).unwrap();
        assert_eq!(proxy.to_string(), "proxy.example.com:3128");
        assert!(proxy.has_login() && proxy.is_named);
        assert!(!format!("{proxy:?}").contains("marker"));
        let bare = Proxy::of(&url, Some("proxy.example.com")).unwrap();
        assert_eq!((bare.port, bare.kind), (80, ProxyKind::Http));
    }
}
