//! The first bytes of a server: the SSH banner (RFC 4253, section 4.2), or what other protocol they belong to.

use std::io::{self, Read as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// The protocol of a server's first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DetectedProtocol {
    Http,
    Tls,
    Ssh,
    Other,
    /// The connection was closed without a byte.
    Nothing,
}

impl DetectedProtocol {
    pub(crate) fn from_first_bytes(first: &[u8]) -> Self {
        match first {
            [] => Self::Nothing,
            [0x14..=0x17, 3, ..] => Self::Tls,
            _ if first.starts_with(b"HTTP/") || first.starts_with(b"<") => Self::Http,
            _ if first.starts_with(b"SSH-") => Self::Ssh,
            _ => Self::Other,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SshBanner {
    /// The server's software: `OpenSSH_9.2p1`, `AtlassianSSHD-1.0`.
    pub software: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BannerResult {
    Ssh(SshBanner),
    Other(DetectedProtocol),
    /// No byte within the time limit.
    Silent,
}

/// Lines may precede the banner.
const MAX_BANNER_BYTES: usize = 4096;

pub(crate) fn read_banner(mut stream: &TcpStream, timeout: Duration) -> BannerResult {
    let deadline = Instant::now() + timeout;
    let mut received = Vec::new();
    loop {
        if let Some(banner) = parse(&received) {
            return BannerResult::Ssh(banner);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if received.len() >= MAX_BANNER_BYTES {
            return BannerResult::Other(DetectedProtocol::from_first_bytes(&received));
        }
        if left.is_zero() || stream.set_read_timeout(Some(left)).is_err() {
            return timed_out(&received);
        }
        let mut chunk = [0; 512];
        match stream.read(&mut chunk) {
            Ok(0) => return BannerResult::Other(DetectedProtocol::from_first_bytes(&received)),
            Ok(count) => received.extend_from_slice(&chunk[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if is_timeout(&error) => return timed_out(&received),
            Err(_) => return BannerResult::Other(DetectedProtocol::from_first_bytes(&received)),
        }
    }
}

/// Whether a read or write timed out; which of the two kinds depends on the platform.
pub(super) fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock
    )
}

fn timed_out(received: &[u8]) -> BannerResult {
    if received.is_empty() {
        BannerResult::Silent
    } else {
        BannerResult::Other(DetectedProtocol::from_first_bytes(received))
    }
}

fn parse(received: &[u8]) -> Option<SshBanner> {
    let text = String::from_utf8_lossy(received);
    let (complete, _) = text.rsplit_once('\n')?;
    let line = complete.lines().find(|line| line.starts_with("SSH-"))?;
    let software = line.splitn(3, '-').nth(2)?.trim();
    Some(SshBanner {
        software: software.chars().take(80).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocols_are_detected_by_their_first_bytes() {
        for (first, protocol) in [
            (&b""[..], DetectedProtocol::Nothing),
            (b"HTTP/1.1 400 Bad Request", DetectedProtocol::Http),
            (b"<html>", DetectedProtocol::Http),
            (b"SSH-2.0-OpenSSH_9.2", DetectedProtocol::Ssh),
            (&[0x15, 3, 1, 0, 2, 2, 70], DetectedProtocol::Tls),
            (b"220 mail ready", DetectedProtocol::Other),
        ] {
            assert_eq!(
                DetectedProtocol::from_first_bytes(first),
                protocol,
                "{first:?}"
            );
        }
    }

    #[test]
    fn the_software_is_read_from_the_banner() {
        for (received, software) in [
            (
                "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n",
                Some("OpenSSH_9.2p1 Debian-2"),
            ),
            (
                "welcome\r\nSSH-2.0-AtlassianSSHD-1.0\r\n",
                Some("AtlassianSSHD-1.0"),
            ),
            ("SSH-2.0-OpenSSH", None),
            ("HTTP/1.1 400 Bad Request\r\n", None),
        ] {
            let banner = parse(received.as_bytes()).map(|banner| banner.software);
            assert_eq!(banner.as_deref(), software, "{received}");
        }
    }
}
