//! The line that an SSH server begins with (RFC 4253, section 4.2), before anything is said to it.

use std::io::Read as _;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::DetectedProtocol;

/// What a server begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SshBanner {
    /// Its software: `OpenSSH_9.2p1`, `AtlassianSSHD-1.0`.
    pub software: String,
}

/// What was heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BannerResult {
    /// An SSH server.
    Ssh(SshBanner),
    /// Somebody else.
    Other(DetectedProtocol),
    /// Nothing within the time.
    Silent,
}

/// The most that is read, in bytes: lines may stand before the greeting.
const MAX_BANNER_BYTES: usize = 4096;

/// Listens for the greeting.
#[must_use]
pub(crate) fn read_banner(mut stream: &TcpStream, limit: Duration) -> BannerResult {
    let deadline = Instant::now() + limit;
    let mut heard = Vec::new();
    loop {
        if let Some(greeting) = parsed(&heard) {
            return BannerResult::Ssh(greeting);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if heard.len() >= MAX_BANNER_BYTES {
            return BannerResult::Other(DetectedProtocol::of(&heard));
        }
        if left.is_zero() || stream.set_read_timeout(Some(left)).is_err() {
            return silent(&heard);
        }
        let mut chunk = [0; 512];
        match stream.read(&mut chunk) {
            Ok(0) => return BannerResult::Other(DetectedProtocol::of(&heard)),
            Ok(count) => heard.extend_from_slice(&chunk[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error)
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::TimedOut | std::io::ErrorKind::WouldBlock
                ) =>
            {
                return silent(&heard);
            }
            Err(_) => return BannerResult::Other(DetectedProtocol::of(&heard)),
        }
    }
}

fn silent(heard: &[u8]) -> BannerResult {
    if heard.is_empty() {
        BannerResult::Silent
    } else {
        BannerResult::Other(DetectedProtocol::of(heard))
    }
}

fn parsed(heard: &[u8]) -> Option<SshBanner> {
    let text = String::from_utf8_lossy(heard);
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
    fn the_software_is_read_off_the_greeting() {
        for (heard, software) in [
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
            let found = parsed(heard.as_bytes()).map(|greeting| greeting.software);
            assert_eq!(found.as_deref(), software, "{heard}");
        }
    }
}
