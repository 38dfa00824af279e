//! TCP: whether somebody listens at one of a host's addresses.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use thiserror::Error;

/// Why an address was not reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TcpFailure {
    /// It says that nobody listens.
    Refused,
    /// It says nothing: a firewall drops what is sent, or the host is down.
    TimedOut,
    /// There is no way to it from here.
    NoRoute,
    /// Something else.
    Other,
}

/// No address was reached: each, and why.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}", .tried.iter().map(|(address, fault)| format!("{address}: {}", fault.description()))
    .collect::<Vec<_>>().join(", "))]
pub(crate) struct TcpError {
    /// The addresses that were tried, in order.
    pub tried: Vec<(SocketAddr, TcpFailure)>,
}

/// A connection.
#[derive(Debug)]
pub(crate) struct TcpConnection {
    /// The connection.
    pub stream: TcpStream,
    /// To which address.
    pub address: SocketAddr,
    /// The addresses before it, which were not reached.
    pub failed: Vec<(SocketAddr, TcpFailure)>,
}

impl TcpFailure {
    /// In words.
    #[must_use]
    pub(crate) fn description(self) -> &'static str {
        match self {
            Self::Refused => "connection refused",
            Self::TimedOut => "no answer",
            Self::NoRoute => "no route",
            Self::Other => "not reached",
        }
    }

    fn of(error: &io::Error) -> Self {
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "the library's list is open, and most of it does not happen here"
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
    /// The fault that says most: an answer before silence.
    #[must_use]
    pub(crate) fn fault(&self) -> TcpFailure {
        let has = |fault| self.tried.iter().any(|(_, tried)| *tried == fault);
        let order = [
            TcpFailure::Refused,
            TcpFailure::TimedOut,
            TcpFailure::NoRoute,
        ];
        order
            .into_iter()
            .find(|fault| has(*fault))
            .unwrap_or(TcpFailure::Other)
    }
}

/// Connects to the first of the addresses that lets it. Each has its share of the time that is left.
///
/// # Errors
/// [`TcpError`].
pub(crate) fn connect(
    addresses: &[SocketAddr],
    limit: Duration,
) -> Result<TcpConnection, TcpError> {
    let deadline = Instant::now() + limit;
    let mut failed = Vec::new();
    for (at, address) in addresses.iter().enumerate() {
        let others = u32::try_from(addresses.len() - at).unwrap_or(u32::MAX);
        let left = deadline.saturating_duration_since(Instant::now());
        let share = (left / others).max(Duration::from_millis(1));
        match TcpStream::connect_timeout(address, share) {
            Ok(stream) => {
                return Ok(TcpConnection {
                    stream,
                    address: *address,
                    failed,
                });
            }
            Err(error) => failed.push((*address, TcpFailure::of(&error))),
        }
    }
    Err(TcpError { tried: failed })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_addresses_before_the_one_that_answers_are_told() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let open = listener.local_addr().unwrap();
        let closed = {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            listener.local_addr().unwrap()
        };
        let limit = Duration::from_secs(5);
        let reached = connect(&[closed, open], limit).unwrap();
        assert_eq!(reached.address, open);
        assert_eq!(reached.failed, [(closed, TcpFailure::Refused)]);
        let error = connect(&[closed], limit).unwrap_err();
        assert_eq!(error.fault(), TcpFailure::Refused);
        assert_eq!(error.to_string(), format!("{closed}: connection refused"));
        let silent = TcpError {
            tried: vec![(closed, TcpFailure::NoRoute), (open, TcpFailure::TimedOut)],
        };
        assert_eq!(silent.fault(), TcpFailure::TimedOut);
    }
}
