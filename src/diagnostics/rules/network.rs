//! The first steps to a server: URL, name resolution, TCP, proxy.

use super::server;
use crate::diagnostics::finding::{Finding, FindingId};
use crate::diagnostics::route_facts::{HttpRoute, RouteFacts};
use crate::exit_status::ExitStatus;
use crate::probe::{
    DetectedProtocol, DnsError, Proxy, ProxyError, ProxyKind, TcpError, TcpFailure,
};
use crate::types::clone_url::UrlWarningKind;

pub(crate) fn url(facts: &RouteFacts) -> Finding {
    const ID: FindingId = FindingId::Url;
    let target = match (&facts.http, &facts.ssh) {
        (Some(http), _) if http.is_guess => {
            format!("an SSH server, possibly a Data Center at {}", http.base)
        }
        (Some(http), _) if http.is_cloud => format!("Bitbucket Cloud, API at {}", http.base),
        (Some(http), _) => format!("Data Center at {}", http.base),
        (None, Some(ssh)) => format!("SSH server at {}", ssh.host),
        (None, None) => "no server to connect to".to_owned(),
    };
    let target = match &facts.alias {
        Some(alias) => format!("{target}; {alias}"),
        None => target,
    };
    if let Some(warning) = facts.warnings.first() {
        let next = if warning.id == UrlWarningKind::SshHostMoved {
            "run `bbconnect migrate` to update the remotes that use it"
        } else {
            "run `bbconnect url CLONE_URL` to see the URLs that work"
        };
        return Finding::warn(ID, warning.message.clone())
            .with_evidence(target)
            .with_next(next);
    }
    let insecure = facts
        .http
        .as_ref()
        .and_then(|http| server::insecure_transport(ID, &http.base));
    match (insecure, &facts.name) {
        (Some(finding), _) => finding.with_evidence(target),
        (None, Some(name)) => Finding::pass(ID, target).with_evidence(format!("connection {name}")),
        (None, None) => Finding::pass(ID, target),
    }
}

pub(crate) fn dns(route: &HttpRoute) -> Option<Finding> {
    const ID: FindingId = FindingId::Dns;
    let host = route.base.url().host_str().unwrap_or_default();
    let Some(resolved) = &route.dns else {
        let (proxy, _) = route.proxy.as_ref()?;
        let message = format!("not tested: the proxy {proxy} resolves {host}");
        return Some(Finding::unknown(ID, message));
    };
    let finding = match &resolved.value {
        Ok(addresses) => {
            let all: Vec<_> = addresses
                .iter()
                .map(|address| address.ip().to_string())
                .collect();
            let is_address = all
                .first()
                .is_some_and(|first| *first == host.trim_matches(['[', ']']));
            let message = if is_address {
                "IP address, nothing to resolve".to_owned()
            } else {
                format!("{host} resolves")
            };
            Finding::pass(ID, message).with_evidence(all.join(", "))
        }
        Err(error) => dns_failure(ID, host, error),
    };
    Some(finding.with_elapsed(resolved.elapsed))
}

pub(crate) fn dns_failure(id: FindingId, host: &str, error: &DnsError) -> Finding {
    let message = match error {
        DnsError::Failed(_) => format!("{host} does not resolve"),
        DnsError::TimedOut => format!("{host} does not resolve in time: no name server responds"),
    };
    Finding::fail(id, ExitStatus::Unreachable, message)
        .with_evidence(error.to_string())
        .with_next("check the spelling, and whether a VPN or another name server is needed")
}

pub(crate) fn tcp(route: &HttpRoute) -> Option<Finding> {
    const ID: FindingId = FindingId::Tcp;
    let Some(connected) = &route.tcp else {
        let (proxy, _) = route.proxy.as_ref()?;
        let message = format!("not tested: connections go through the proxy {proxy}");
        return Some(Finding::unknown(ID, message));
    };
    let finding = match &connected.value {
        Ok((address, failed)) if failed.is_empty() => {
            Finding::pass(ID, format!("{address} accepts connections"))
        }
        Ok((address, failed)) => {
            let message =
                format!("{address} accepts connections, but an address before it does not");
            let error = TcpError {
                tried: failed.clone(),
            };
            Finding::warn(ID, message)
                .with_evidence(error.to_string())
                .with_next(
                    "every connection tries that address first: check IPv6, or the DNS record",
                )
        }
        Err(error) => tcp_failure(ID, error, route.base.url().port_or_known_default()),
    };
    Some(finding.with_elapsed(connected.elapsed))
}

pub(crate) fn tcp_failure(id: FindingId, error: &TcpError, port: Option<u16>) -> Finding {
    let port = port.map_or_else(String::new, |port| format!(" {port}"));
    let (message, next) = match error.reason() {
        TcpFailure::Refused => (
            format!("connection refused: nothing listens on port{port}"),
            "check the port, and whether the server is running",
        ),
        TcpFailure::TimedOut => (
            format!("no response on port{port}: blocked by a firewall, or the host is down"),
            "ask for this port to be opened (bbconnect doctor --allow-list), or pass --timeout SECONDS to wait longer",
        ),
        TcpFailure::NoRoute => (
            "no route to this address".to_owned(),
            "check the network, and whether a VPN is needed",
        ),
        TcpFailure::Other => (
            "the host cannot be reached".to_owned(),
            "check the network, and whether a VPN is needed",
        ),
    };
    let finding = Finding::fail(id, ExitStatus::Unreachable, message).with_next(next);
    if error.tried.is_empty() {
        finding
    } else {
        finding.with_evidence(error.to_string())
    }
}

pub(crate) fn proxy(route: &HttpRoute) -> Option<Finding> {
    const ID: FindingId = FindingId::Proxy;
    let Some((proxy, connected)) = &route.proxy else {
        route.tcp.as_ref()?;
        return Some(Finding::pass(ID, "no proxy is set for this URL"));
    };
    let source = if proxy.is_named {
        "set by the connection"
    } else {
        "set by the environment (HTTPS_PROXY, HTTP_PROXY or ALL_PROXY)"
    };
    let finding = match &connected.value {
        Ok(()) => match &proxy.kind {
            ProxyKind::Http => Finding::pass(ID, format!("the proxy {proxy} forwards requests")),
            ProxyKind::Https => Finding::pass(
                ID,
                format!("the proxy {proxy} accepts connections, over TLS"),
            ),
            ProxyKind::Other(scheme) => {
                let message = format!("the proxy {proxy} uses {scheme}, which is not supported");
                Finding::warn(ID, message).with_next("set an HTTP proxy")
            }
        },
        Err(error) => proxy_failure(ID, proxy, error),
    };
    Some(
        finding
            .with_evidence(source)
            .with_elapsed(connected.elapsed),
    )
}

fn proxy_failure(id: FindingId, proxy: &Proxy, error: &ProxyError) -> Finding {
    let change = if proxy.is_named {
        "change it with `bbconnect connection edit NAME --proxy URL`"
    } else {
        "change HTTPS_PROXY, or exclude this host with NO_PROXY"
    };
    let (message, next) = match error {
        ProxyError::AuthRequired if proxy.has_login() => (
            format!("the proxy {proxy} does not accept its user name and password (407)"),
            format!("check user name and password in the proxy's URL; {change}"),
        ),
        ProxyError::AuthRequired => (
            format!("the proxy {proxy} requires a login (407)"),
            format!("write http://USER:PASSWORD@{proxy}; {change}"),
        ),
        ProxyError::Dns(DnsError::Failed(_)) => (
            format!("the proxy {proxy} cannot be reached: its name does not resolve"),
            change.to_owned(),
        ),
        ProxyError::Dns(error @ DnsError::TimedOut) => (
            format!("the proxy {proxy} cannot be reached: {error}"),
            change.to_owned(),
        ),
        ProxyError::Tcp(error) => (
            format!("the proxy {proxy} cannot be reached: {error}"),
            change.to_owned(),
        ),
        ProxyError::Refused(status) => (
            format!("the proxy {proxy} refuses to forward this request: {status}"),
            format!("ask its administrator to allow the host; {change}"),
        ),
        ProxyError::NotAProxy(protocol) => {
            let what = match protocol {
                DetectedProtocol::Tls => "the server speaks TLS; add https:// in front",
                DetectedProtocol::Nothing => "the server closes the connection",
                DetectedProtocol::Http | DetectedProtocol::Ssh | DetectedProtocol::Other => {
                    "the server is of another kind"
                }
            };
            (format!("{proxy} is not a proxy: {what}"), change.to_owned())
        }
        ProxyError::TimedOut => (
            format!("the proxy {proxy} does not respond in time"),
            change.to_owned(),
        ),
    };
    Finding::fail(id, ExitStatus::Unreachable, message).with_next(next)
}
