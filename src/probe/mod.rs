//! The stages of reaching a host: its name, TCP, a proxy in between, TLS, the greeting of an SSH server. Each is looked at
//! by itself and within a time limit, and answers with data; nothing of ours is sent but what opens the stage.

mod certificate;
mod dns;
mod proxy;
mod recording_verifier;
mod ssh_banner;
mod tcp;
mod tls;

pub(crate) use certificate::CertificateSummary;
pub(crate) use dns::{DnsError, resolve};
pub(crate) use proxy::{Proxy, ProxyError, ProxyKind, connect_via};
#[cfg(test)]
pub(crate) use ssh_banner::SshBanner;
pub(crate) use ssh_banner::{BannerResult, read_banner};
pub(crate) use tcp::{TcpConnection, TcpError, TcpFailure, connect};
pub(crate) use tls::{HandshakeInfo, TlsError, TlsSettings, handshake};

/// What the first bytes of an answer look like, where another protocol was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DetectedProtocol {
    /// HTTP in the clear.
    Http,
    /// TLS.
    Tls,
    /// SSH.
    Ssh,
    /// Something else.
    Other,
    /// Nothing: the connection was closed without a word.
    Nothing,
}

impl DetectedProtocol {
    /// What bytes look like.
    #[must_use]
    pub(crate) fn of(first: &[u8]) -> Self {
        match first {
            [] => Self::Nothing,
            [0x14..=0x17, 3, ..] => Self::Tls,
            _ if first.starts_with(b"HTTP/") || first.starts_with(b"<") => Self::Http,
            _ if first.starts_with(b"SSH-") => Self::Ssh,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocols_are_known_by_their_first_bytes() {
        for (first, speaks) in [
            (&b""[..], DetectedProtocol::Nothing),
            (b"HTTP/1.1 400 Bad Request", DetectedProtocol::Http),
            (b"<html>", DetectedProtocol::Http),
            (b"SSH-2.0-OpenSSH_9.2", DetectedProtocol::Ssh),
            (&[0x15, 3, 1, 0, 2, 2, 70], DetectedProtocol::Tls),
            (b"220 mail ready", DetectedProtocol::Other),
        ] {
            assert_eq!(DetectedProtocol::of(first), speaks, "{first:?}");
        }
    }
}
