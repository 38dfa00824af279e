//! Proxies: which one requests use, and whether it forwards them.

use std::fmt;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use thiserror::Error;
use url::Url;
use zeroize::Zeroizing;

use super::banner::{DetectedProtocol, is_timeout};
use super::tcp::{DnsError, TcpConnection, TcpError, connect, resolve};
use crate::sys::proxy::{ProxyVariables, intercept};

/// A proxy that requests use: the connection's, or that of `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`.
#[derive(Clone)]
pub(crate) struct Proxy {
    pub host: String,
    pub port: u16,
    pub kind: ProxyKind,
    /// Whether the connection sets it, rather than the environment.
    pub is_named: bool,
    login: Option<Zeroizing<String>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ProxyKind {
    Http,
    Https,
    /// Another scheme, which requests do not use.
    Other(String),
}

/// Why a proxy cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum ProxyError {
    #[error("the proxy does not resolve: {0}")]
    Dns(DnsError),
    #[error("the proxy cannot be reached: {0}")]
    Tcp(TcpError),
    #[error("the proxy requires a login")]
    AuthRequired,
    /// The status of a response other than 407.
    #[error("the proxy responded {0}")]
    Refused(String),
    #[error("the response is not that of a proxy")]
    NotAProxy(DetectedProtocol),
    #[error("no response in time")]
    TimedOut,
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
    /// The proxy for a URL; `configured` is the connection's.
    pub(crate) fn for_url(
        url: &Url,
        configured: Option<&str>,
        variables: &ProxyVariables,
    ) -> Option<Self> {
        let intercept = intercept(url, configured, variables)?;
        let uri = intercept.uri();
        let kind = match uri.scheme_str() {
            None | Some("http") => ProxyKind::Http,
            Some("https") => ProxyKind::Https,
            Some(other) => ProxyKind::Other(other.to_owned()),
        };
        let default_port = if kind == ProxyKind::Https { 443 } else { 80 };
        let login = intercept.basic_auth().and_then(|value| value.to_str().ok());
        Some(Self {
            host: uri.host()?.trim_matches(['[', ']']).to_owned(),
            port: uri.port_u16().unwrap_or(default_port),
            kind,
            is_named: configured.is_some(),
            login: login.map(|login| Zeroizing::new(login.to_owned())),
        })
    }

    /// Whether its URL contains a user name and a password.
    pub(crate) fn has_login(&self) -> bool {
        self.login.is_some()
    }
}

/// Connects through a proxy: the tunnel for `https`; `None` where the proxy only forwards requests.
pub(crate) fn connect_via(
    proxy: &Proxy,
    url: &Url,
    timeout: Duration,
) -> Result<Option<TcpStream>, ProxyError> {
    let deadline = Instant::now() + timeout;
    let addresses = resolve(&proxy.host, proxy.port, timeout).map_err(ProxyError::Dns)?;
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
    let head = if is_tunnel {
        format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n")
    } else {
        format!("GET http://{target}/ HTTP/1.1\r\nHost: {target}\r\nConnection: close\r\n")
    };
    let login = proxy.login.as_ref().map_or(String::new(), |login| {
        format!("Proxy-Authorization: {}\r\n", login.as_str())
    });
    let request = Zeroizing::new(format!("{head}{login}\r\n"));
    let response = exchange(&stream, request.as_bytes(), deadline)?;
    let line = response.lines().next().unwrap_or_default().trim();
    let mut words = line.splitn(2, ' ');
    let is_http = words.next().is_some_and(|word| word.starts_with("HTTP/1"));
    let status = words.next().unwrap_or_default();
    let code = status.split(' ').next().and_then(|code| code.parse().ok());
    match code.filter(|_| is_http) {
        Some(407) => Err(ProxyError::AuthRequired),
        Some(200..=299) if is_tunnel => Ok(Some(stream)),
        Some(_) if !is_tunnel => Ok(None),
        Some(100..=599) => Err(ProxyError::Refused(status.chars().take(80).collect())),
        Some::<u16>(_) | None => Err(ProxyError::NotAProxy(DetectedProtocol::from_first_bytes(
            response.as_bytes(),
        ))),
    }
}

/// Sends a request, and reads the head of the response.
fn exchange(
    mut stream: &TcpStream,
    request: &[u8],
    deadline: Instant,
) -> Result<String, ProxyError> {
    let closed = |_| ProxyError::NotAProxy(DetectedProtocol::Nothing);
    let mut received = Vec::new();
    stream
        .set_write_timeout(Some(Duration::from_secs(5)))
        .map_err(closed)?;
    stream.write_all(request).map_err(closed)?;
    while received.len() < 8192 && !received.windows(4).any(|end| end == b"\r\n\r\n") {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() || stream.set_read_timeout(Some(left)).is_err() {
            return Err(ProxyError::TimedOut);
        }
        let mut chunk = [0; 1024];
        match stream.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => received.extend_from_slice(&chunk[..count]),
            Err(error) if is_timeout(&error) => return Err(ProxyError::TimedOut),
            Err(_) => break,
        }
    }
    Ok(String::from_utf8_lossy(&received).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configured_proxy_does_not_show_its_password() {
        let url = "https://git.example.com/".parse().unwrap();
        let none = ProxyVariables::default();
        let configured = |proxy| Proxy::for_url(&url, Some(proxy), &none).unwrap();
        let proxy = configured("http://jane:marker@proxy.example.com:3128");
        assert_eq!(proxy.to_string(), "proxy.example.com:3128");
        assert!(proxy.has_login() && proxy.is_named);
        assert!(!format!("{proxy:?}").contains("marker"));
        let bare = configured("proxy.example.com");
        assert_eq!((bare.port, bare.kind), (80, ProxyKind::Http));
    }
}
