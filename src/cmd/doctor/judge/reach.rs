//! The URL, the name, TCP, and a proxy in between.

use std::net::SocketAddr;

use super::Stage;
use super::facts::{Facts, Way};
use crate::exit::Exit;
use crate::model::clone_url::NoteId;
use crate::net::{NameError, Proxy, ProxyError, ProxyKind, Speaks, TcpError, TcpFault};

pub(super) fn url(facts: &Facts) -> Stage {
    const ID: &str = "url";
    let what = match (&facts.way, &facts.ssh) {
        (Some(way), _) if way.is_guess => {
            format!("an SSH server, and perhaps a Data Center at {}", way.base)
        }
        (Some(way), _) if way.is_cloud => format!("Bitbucket Cloud, its API at {}", way.base),
        (Some(way), _) => format!("a Data Center at {}", way.base),
        (None, Some(ssh)) => format!("an SSH server at {}", ssh.host),
        (None, None) => "nothing that could be looked at".to_owned(),
    };
    let note = facts.notes.first();
    if let Some(note) = note {
        let next = if note.id == NoteId::SshHostMoved {
            "bbconnect migrate changes the remotes that still use it"
        } else {
            "bbconnect url CLONE_URL shows the forms that work"
        };
        return Stage::warn(ID, note.message.clone()).seen(what).next(next);
    }
    match &facts.way {
        Some(way) if way.base.is_unprotected() => Stage::warn(
            ID,
            "the URL is plain http, so everybody on the way can read along",
        )
        .seen(what)
        .next("write https://, or ask the administrator for it"),
        Some(_) | None => match &facts.name {
            Some(name) => Stage::pass(ID, what).seen(format!("connection {name}")),
            None => Stage::pass(ID, what),
        },
    }
}

pub(super) fn dns(way: &Way) -> Option<Stage> {
    const ID: &str = "dns";
    let host = way.base.url().host_str().unwrap_or_default().to_owned();
    let Some(resolved) = &way.dns else {
        let (proxy, _) = way.proxy.as_ref()?;
        return Some(Stage::unknown(
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
                Stage::pass(ID, message).seen(all.join(", "))
            }
            Err(error) => failed_name(ID, &host, error),
        }
        .took(resolved),
    )
}

pub(super) fn failed_name(id: &'static str, host: &str, error: &NameError) -> Stage {
    let message = match error {
        NameError::Unknown(_) => format!("{host} does not resolve"),
        NameError::TimedOut => format!("{host} does not resolve in time: no name server answers"),
    };
    Stage::fail(id, Exit::Unreachable, message)
        .seen(error.to_string())
        .next("check the spelling, and whether a VPN or another name server is needed")
}

pub(super) fn tcp(way: &Way) -> Option<Stage> {
    const ID: &str = "tcp";
    let Some(connected) = &way.tcp else {
        let (proxy, _) = way.proxy.as_ref()?;
        return Some(Stage::unknown(
            ID,
            format!("left to the proxy {proxy}: nothing goes straight to the server"),
        ));
    };
    Some(match &connected.value {
        Ok((address, failed)) if failed.is_empty() => {
            Stage::pass(ID, format!("{address} answers"))
        }
        Ok((address, failed)) => {
            let error = TcpError {
                tried: failed.clone(),
            };
            Stage::warn(ID, format!("{address} answers, but an address before it does not"))
                .seen(error.to_string())
                .next("every connection waits for that one first: check IPv6, or the name server's entry")
        }
        Err(error) => failed_tcp(ID, error, way.base.url().port_or_known_default()),
    }
    .took(connected))
}

pub(super) fn failed_tcp(id: &'static str, error: &TcpError, port: Option<u16>) -> Stage {
    let port = port.map_or_else(String::new, |port| format!(" {port}"));
    let (message, next) = match error.fault() {
        TcpFault::Refused => (
            format!("the connection is refused: nothing listens on port{port}"),
            "check the port, and whether the server is running",
        ),
        TcpFault::Silent => (
            format!("no answer on port{port}: a firewall drops it, or the host is down"),
            "ask for this port to be opened (bbconnect doctor --allow-list); --timeout SECONDS waits longer",
        ),
        TcpFault::NoWay => (
            "there is no way to this address from here".to_owned(),
            "check the network, and whether a VPN is needed",
        ),
        TcpFault::Other => (
            "it cannot be reached".to_owned(),
            "check the network, and whether a VPN is needed",
        ),
    };
    let tried: Vec<SocketAddr> = error.tried.iter().map(|(address, _)| *address).collect();
    let stage = Stage::fail(id, Exit::Unreachable, message).next(next);
    if tried.is_empty() {
        stage
    } else {
        stage.seen(error.to_string())
    }
}

pub(super) fn proxy(way: &Way) -> Option<Stage> {
    const ID: &str = "proxy";
    let Some((proxy, asked)) = &way.proxy else {
        way.tcp.as_ref()?;
        return Some(Stage::pass(ID, "no proxy is set for this address"));
    };
    let from = if proxy.is_named {
        "named by the connection"
    } else {
        "named by the environment (HTTPS_PROXY, HTTP_PROXY or ALL_PROXY)"
    };
    let stage = match &asked.value {
        Ok(()) => match &proxy.kind {
            ProxyKind::Http => Stage::pass(ID, format!("the proxy {proxy} lets requests through")),
            ProxyKind::Https => Stage::pass(
                ID,
                format!("the proxy {proxy} answers; it is spoken to over TLS"),
            ),
            ProxyKind::Other(scheme) => Stage::warn(
                ID,
                format!("the proxy {proxy} speaks {scheme}, which is not used"),
            )
            .next("name an HTTP proxy"),
        },
        Err(error) => failed_proxy(ID, proxy, error),
    };
    Some(stage.seen(from).took(asked))
}

fn failed_proxy(id: &'static str, proxy: &Proxy, error: &ProxyError) -> Stage {
    let change = if proxy.is_named {
        "change it with bbconnect connection edit NAME --proxy URL"
    } else {
        "change HTTPS_PROXY, or leave this host out with NO_PROXY"
    };
    let (message, next) = match error {
        ProxyError::WantsLogin if proxy.has_login() => (
            format!("the proxy {proxy} does not accept the login that it is given (407)"),
            format!("check user name and password in the proxy's URL; {change}"),
        ),
        ProxyError::WantsLogin => (
            format!("the proxy {proxy} asks for a login (407)"),
            format!("write http://USER:PASSWORD@{proxy}; {change}"),
        ),
        ProxyError::Name(NameError::Unknown(_)) => (
            format!("the proxy {proxy} cannot be reached: its name does not resolve"),
            change.to_owned(),
        ),
        ProxyError::Name(NameError::TimedOut) | ProxyError::Tcp(_) => (
            format!("the proxy {proxy} cannot be reached: {}", inner(error)),
            change.to_owned(),
        ),
        ProxyError::Refused(status) => (
            format!("the proxy {proxy} does not let this through: {status}"),
            format!("ask its administrator to allow the host; {change}"),
        ),
        ProxyError::NotAProxy(speaks) => {
            let what = match speaks {
                Speaks::Tls => "it speaks TLS: write https:// in front of it",
                Speaks::Nothing => "it closes the connection",
                Speaks::Http | Speaks::Ssh | Speaks::Other => "it is something else",
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
    Stage::fail(id, Exit::Unreachable, message).next(next)
}

fn inner(error: &ProxyError) -> String {
    match error {
        ProxyError::Name(error) => error.to_string(),
        ProxyError::Tcp(error) => error.to_string(),
        ProxyError::WantsLogin
        | ProxyError::Refused(_)
        | ProxyError::NotAProxy(_)
        | ProxyError::Silent => error.to_string(),
    }
}
