//! Name resolution and TCP connections.

use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use std::{io, thread};

use thiserror::Error;

use crate::types::loopback;

/// Why an address did not accept a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TcpFailure {
    /// Nothing listens on the port.
    Refused,
    /// A firewall drops the packets, or the host is down.
    TimedOut,
    NoRoute,
    Other,
}

/// No address accepted a connection.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}", .tried.iter().map(|(address, failure)| format!("{address}: {}", failure.description()))
    .collect::<Vec<_>>().join(", "))]
pub(crate) struct TcpError {
    /// The addresses that were tried, in order.
    pub tried: Vec<(SocketAddr, TcpFailure)>,
}

#[derive(Debug)]
pub(crate) struct TcpConnection {
    pub stream: TcpStream,
    pub address: SocketAddr,
    /// The addresses before it, which did not accept a connection.
    pub failed: Vec<(SocketAddr, TcpFailure)>,
}

impl TcpFailure {
    pub(crate) fn description(self) -> &'static str {
        match self {
            Self::Refused => "connection refused",
            Self::TimedOut => "no response",
            Self::NoRoute => "no route",
            Self::Other => "failed",
        }
    }

    fn from_io_error(error: &io::Error) -> Self {
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "the list is open, and most kinds do not occur here"
        )]
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::Refused,
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Self::TimedOut,
            io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::AddrNotAvailable
            | io::ErrorKind::NetworkDown
            | io::ErrorKind::PermissionDenied => Self::NoRoute,
            _ => Self::Other,
        }
    }
}

impl TcpError {
    /// The failure that says most about the host: a refusal before a timeout.
    pub(crate) fn reason(&self) -> TcpFailure {
        let has = |failure| self.tried.iter().any(|(_, tried)| *tried == failure);
        let order = [
            TcpFailure::Refused,
            TcpFailure::TimedOut,
            TcpFailure::NoRoute,
        ];
        order
            .into_iter()
            .find(|failure| has(*failure))
            .unwrap_or(TcpFailure::Other)
    }
}

/// Connects to the first address that accepts a connection. Each has its share of the remaining time.
pub(crate) fn connect(
    addresses: &[SocketAddr],
    timeout: Duration,
) -> Result<TcpConnection, TcpError> {
    let deadline = Instant::now() + timeout;
    let mut failed = Vec::new();
    for (index, address) in addresses.iter().enumerate() {
        let remaining = u32::try_from(addresses.len() - index).unwrap_or(u32::MAX);
        let left = deadline.saturating_duration_since(Instant::now());
        let share = (left / remaining).max(Duration::from_millis(1));
        match TcpStream::connect_timeout(address, share) {
            Ok(stream) => {
                return Ok(TcpConnection {
                    stream,
                    address: *address,
                    failed,
                });
            }
            Err(error) => failed.push((*address, TcpFailure::from_io_error(&error))),
        }
    }
    Err(TcpError { tried: failed })
}

/// Why a name has no address.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum DnsError {
    /// The name is unknown, or no name server was reached: the system does not distinguish them.
    #[error("{0}")]
    Failed(String),
    #[error("no response in time")]
    TimedOut,
}

/// The addresses of a host, in the system's order. Names of this machine are not looked up.
pub(crate) fn resolve(
    host: &str,
    port: u16,
    timeout: Duration,
) -> Result<Vec<SocketAddr>, DnsError> {
    let host = host.trim_matches(['[', ']']).to_owned();
    if loopback::is_name(&host) {
        let addresses = loopback::ADDRESSES.map(|address| SocketAddr::new(address, port));
        return Ok(addresses.to_vec());
    }
    let (sender, receiver) = mpsc::channel();
    // The system call cannot be interrupted; the thread is left behind.
    thread::spawn(move || {
        let addresses = (host.as_str(), port).to_socket_addrs();
        drop(sender.send(addresses.map(Iterator::collect::<Vec<_>>)));
    });
    match receiver.recv_timeout(timeout) {
        Ok(Ok(addresses)) if addresses.is_empty() => {
            Err(DnsError::Failed("no address for this name".to_owned()))
        }
        Ok(Ok(mut addresses)) => {
            addresses.dedup();
            Ok(addresses)
        }
        Ok(Err(error)) => Err(DnsError::Failed(error.to_string())),
        Err(_) => Err(DnsError::TimedOut),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_fail_before_one_that_accepts_are_returned() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let open = listener.local_addr().unwrap();
        let closed = {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            listener.local_addr().unwrap()
        };
        let limit = Duration::from_secs(5);
        let connection = connect(&[closed, open], limit).unwrap();
        assert_eq!(connection.address, open);
        assert_eq!(connection.failed, [(closed, TcpFailure::Refused)]);
        let error = connect(&[closed], limit).unwrap_err();
        assert_eq!(error.reason(), TcpFailure::Refused);
        assert_eq!(error.to_string(), format!("{closed}: connection refused"));
        let timed_out = TcpError {
            tried: vec![(closed, TcpFailure::NoRoute), (open, TcpFailure::TimedOut)],
        };
        assert_eq!(timed_out.reason(), TcpFailure::TimedOut);
    }
}
