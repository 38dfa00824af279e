//! Names: which addresses a host has.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use thiserror::Error;

/// Why a name has no address.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum DnsError {
    /// Nobody knows it, or nobody could be asked: the system does not tell which.
    #[error("{0}")]
    Unknown(String),
    /// The system did not answer in time.
    #[error("no answer in time")]
    TimedOut,
}

/// The addresses of a host, in the system's order. An address is its own.
///
/// # Errors
/// [`DnsError`].
pub(crate) fn resolve(host: &str, port: u16, limit: Duration) -> Result<Vec<SocketAddr>, DnsError> {
    let host = host.trim_matches(['[', ']']).to_owned();
    let (tell, told) = mpsc::channel();
    // The system cannot be interrupted while it looks; the thread is left behind.
    thread::spawn(move || {
        let looked = (host.as_str(), port).to_socket_addrs();
        drop(tell.send(looked.map(Iterator::collect::<Vec<_>>)));
    });
    match told.recv_timeout(limit) {
        Ok(Ok(addresses)) if addresses.is_empty() => {
            Err(DnsError::Unknown("it has no address".to_owned()))
        }
        Ok(Ok(mut addresses)) => {
            addresses.dedup();
            Ok(addresses)
        }
        Ok(Err(error)) => Err(DnsError::Unknown(error.to_string())),
        Err(_) => Err(DnsError::TimedOut),
    }
}
