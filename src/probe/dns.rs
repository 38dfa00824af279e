//! Name resolution.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use thiserror::Error;

use crate::types::loopback;

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
