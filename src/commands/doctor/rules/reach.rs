//! The URL, the name, TCP, and a proxy in between.

use std::net::SocketAddr;

use super::StageResult;
use super::facts::{DoctorData, HttpPath};
use crate::exit_status::ExitStatus;
use crate::probe::{
    DetectedProtocol, DnsError, Proxy, ProxyError, ProxyKind, TcpError, TcpFailure,
};
use crate::types::clone_url::UrlWarningKind;

pub(super) fn url(facts: &DoctorData) -> StageResult {
    const ID: &str = "url";
    let what = match (&facts.http_path, &facts.ssh) {
        (Some(way), _) if way.is_guess => {
            format!("an SSH server, and perhaps a Data Center at {}", way.base)
        }
        (Some(way), _) if way.is_cloud => format!("Bitbucket Cloud, its API at {}", way.base),
        (Some(way), _) => format!("a Data Center at {}", way.base),
        (None, Some(ssh)) => format!("an SSH server at {}", ssh.host),
        (None, None) => "nothing that could be looked at".to_owned(),
    };
    let warning = facts.warnings.first();
    if let Some(warning) = warning {
        let next = if warning.id == UrlWarningKind::SshHostMoved {
            "bbconnect migrate changes the remotes that still use it"
        } else {
            "bbconnect url CLONE_URL shows the forms that work"
        };
        return StageResult::warn(ID, warning.message.clone())
            .with_evidence(what)
            .with_remedy(next);
    }
    match &facts.http_path {
        Some(http_path) if http_path.base.is_insecure() => StageResult::warn(
            ID,
            "the URL is plain http, so everybody on the way can read along",
        )
        .with_evidence(what)
        .with_remedy("write https://, or ask the administrator for it"),
        Some(_) | None => match &facts.name {
            Some(name) => StageResult::pass(ID, what).with_evidence(format!("connection {name}")),
            None => StageResult::pass(ID, what),
        },
    }
}

pub(super) fn dns(http_path: &HttpPath) -> Option<StageResult> {
    const ID: &str = "dns";
    let host = http_path
        .base
        .url()
        .host_str()
        .unwrap_or_default()
        .to_owned();
    let Some(resolved) = &http_path.dns else {
        let (proxy, _) = http_path.proxy.as_ref()?;
        return Some(StageResult::unknown(
            ID,
            format!("left to the proxy {proxy}: it resolves {host}"),
        ));
    };
    Some(
        match &resolved.value {
            Ok(addresses) => {
                let all: Vec<_> = addresses.iter().map(|it| it.ip().to_string()).collect();
                let is_address = all
                    .first()
                    .is_some_and(|first| *first == host.trim_matches(['[', ']']));
                let message = if is_address {
                    "there is no name to resolve: it is an address".to_owned()
                } else {
                    format!("{host} resolves")
                };
                StageResult::pass(ID, message).with_evidence(all.join(", "))
            }
            Err(error) => failed_name(ID, &host, error),
        }
        .with_elapsed(resolved),
    )
}

pub(super) fn failed_name(id: &'static str, host: &str, error: &DnsError) -> StageResult {
    let message = match error {
        DnsError::Unknown(_) => format!("{host} does not resolve"),
        DnsError::TimedOut => format!("{host} does not resolve in time: no name server answers"),
    };
    StageResult::fail(id, ExitStatus::Unreachable, message)
        .with_evidence(error.to_string())
        .with_remedy("check the spelling, and whether a VPN or another name server is needed")
}

pub(super) fn tcp(http_path: &HttpPath) -> Option<StageResult> {
    const ID: &str = "tcp";
    let Some(connected) = &http_path.tcp else {
        let (proxy, _) = http_path.proxy.as_ref()?;
        return Some(StageResult::unknown(
            ID,
            format!("left to the proxy {proxy}: nothing goes straight to the server"),
        ));
    };
    Some(match &connected.value {
        Ok((address, failed)) if failed.is_empty() => {
            StageResult::pass(ID, format!("{address} answers"))
        }
        Ok((address, failed)) => {
            let error = TcpError {
                tried: failed.clone(),
            };
            StageResult::warn(ID, format!("{address} answers, but an address before it does not"))
                .with_evidence(error.to_string())
                .with_remedy("every connection waits for that one first: check IPv6, or the name server's entry")
        }
        Err(error) => failed_tcp(ID, error, http_path.base.url().port_or_known_default()),
    }
    .with_elapsed(connected))
}

pub(super) fn failed_tcp(id: &'static str, error: &TcpError, port: Option<u16>) -> StageResult {
    let port = port.map_or_else(String::new, |port| format!(" {port}"));
    let (message, next) = match error.fault() {
        TcpFailure::Refused => (
            format!("the connection is refused: nothing listens on port{port}"),
            "check the port, and whether the server is running",
        ),
        TcpFailure::TimedOut => (
            format!("no answer on port{port}: a firewall drops it, or the host is down"),
            "ask for this port to be opened (bbconnect doctor --allow-list); --timeout SECONDS waits longer",
        ),
        TcpFailure::NoRoute => (
            "there is no way to this address from here".to_owned(),
            "check the network, and whether a VPN is needed",
        ),
        TcpFailure::Other => (
            "it cannot be reached".to_owned(),
            "check the network, and whether a VPN is needed",
        ),
    };
    let tried: Vec<SocketAddr> = error.tried.iter().map(|(address, _)| *address).collect();
    let stage = StageResult::fail(id, ExitStatus::Unreachable, message).with_remedy(next);
    if tried.is_empty() {
        stage
    } else {
        stage.with_evidence(error.to_string())
    }
}

pub(super) fn proxy(http_path: &HttpPath) -> Option<StageResult> {
    const ID: &str = "proxy";
    let Some((proxy, asked)) = &http_path.proxy else {
        http_path.tcp.as_ref()?;
        return Some(StageResult::pass(ID, "no proxy is set for this address"));
    };
    let from = if proxy.is_named {
        "named by the connection"
    } else {
        "named by the environment (HTTPS_PROXY, HTTP_PROXY or ALL_PROXY)"
    };
    let stage = match &asked.value {
        Ok(()) => match &proxy.kind {
            ProxyKind::Http => {
                StageResult::pass(ID, format!("the proxy {proxy} lets requests through"))
            }
            ProxyKind::Https => StageResult::pass(
                ID,
                format!("the proxy {proxy} answers; it is spoken to over TLS"),
            ),
            ProxyKind::Other(scheme) => StageResult::warn(
                ID,
                format!("the proxy {proxy} speaks {scheme}, which is not used"),
            )
            .with_remedy("name an HTTP proxy"),
        },
        Err(error) => failed_proxy(ID, proxy, error),
    };
    Some(stage.with_evidence(from).with_elapsed(asked))
}

fn failed_proxy(id: &'static str, proxy: &Proxy, error: &ProxyError) -> StageResult {
    let change = if proxy.is_named {
        "change it with bbconnect connection edit NAME --proxy URL"
    } else {
        "change HTTPS_PROXY, or leave this host out with NO_PROXY"
    };
    let (message, next) = match error {
        ProxyError::AuthRequired if proxy.has_login() => (
            format!("the proxy {proxy} does not accept the login that it is given (407)"),
            format!("check user name and password in the proxy's URL; {change}"),
        ),
        ProxyError::AuthRequired => (
            format!("the proxy {proxy} asks for a login (407)"),
            format!("write http://USER:PASSWORD@{proxy}; {change}"),
        ),
        ProxyError::Name(DnsError::Unknown(_)) => (
            format!("the proxy {proxy} cannot be reached: its name does not resolve"),
            change.to_owned(),
        ),
        ProxyError::Name(DnsError::TimedOut) | ProxyError::Tcp(_) => (
            format!("the proxy {proxy} cannot be reached: {}", inner(error)),
            change.to_owned(),
        ),
        ProxyError::Refused(status) => (
            format!("the proxy {proxy} does not let this through: {status}"),
            format!("ask its administrator to allow the host; {change}"),
        ),
        ProxyError::NotAProxy(speaks) => {
            let what = match speaks {
                DetectedProtocol::Tls => "it speaks TLS: write https:// in front of it",
                DetectedProtocol::Nothing => "it closes the connection",
                DetectedProtocol::Http | DetectedProtocol::Ssh | DetectedProtocol::Other => {
                    "it is something else"
                }
            };
            (
                format!("{proxy} does not answer as a proxy: {what}"),
                change.to_owned(),
            )
        }
        ProxyError::Silent => (
            format!("the proxy {proxy} does not answer in time"),
            change.to_owned(),
        ),
    };
    StageResult::fail(id, ExitStatus::Unreachable, message).with_remedy(next)
}

fn inner(error: &ProxyError) -> String {
    match error {
        ProxyError::Name(error) => error.to_string(),
        ProxyError::Tcp(error) => error.to_string(),
        ProxyError::AuthRequired
        | ProxyError::Refused(_)
        | ProxyError::NotAProxy(_)
        | ProxyError::Silent => error.to_string(),
    }
}
