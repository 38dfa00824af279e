//! What an answer of `ssh` means, read from its messages: the only place that knows their words.

use super::{Login, SshError, host_keys};
use crate::model::fingerprint::Fingerprint;
use crate::model::ssh_address::SshHost;
use crate::process::Ended;

/// The most of somebody else's words that is repeated, in characters.
const MOST_WORDS: usize = 300;

/// How an `ssh` ended, run with `-v`.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) stdout: Vec<u8>,
    messages: String,
}

/// What it means.
#[derive(Debug)]
pub(super) enum Verdict {
    /// The server let the key in; what came of it stands in the output.
    LoggedIn,
    /// It did not come to that.
    No(SshError),
}

impl From<Ended> for Answered {
    fn from(ended: Ended) -> Self {
        Self {
            stdout: ended.stdout,
            messages: String::from_utf8_lossy(&ended.stderr).into_owned(),
        }
    }
}

impl Answered {
    pub(super) fn verdict(&self, host: &SshHost, login: &Login) -> Verdict {
        let says = |words: &str| self.messages.contains(words);
        if says("Authenticated to ") {
            return Verdict::LoggedIn;
        }
        let (host, words) = (host.clone(), self.words());
        Verdict::No(if let Some(error) = self.about_host_key(&host, login) {
            error
        } else if let Some(key) = &login.key
            && says("UNPROTECTED PRIVATE KEY FILE")
        {
            SshError::OpenToOthers(key.clone())
        } else if says("Permission denied (") || says("Too many authentication failures") {
            // The server said that it knows the key, which could not be opened.
            let is_known = says("Server accepts key: ");
            match &login.key {
                Some(key) if login.is_locked && is_known => SshError::Locked(key.clone()),
                Some(_) | None => SshError::Denied { host, words },
            }
        } else if says("no matching ") || says("remote software version") && says("incompatible") {
            SshError::Unusable { host, words }
        } else if [
            "Could not resolve hostname",
            "Connection refused",
            "timed out",
            "Connection closed",
            "Connection reset",
            "Network is unreachable",
            "No route to host",
            "kex_exchange_identification",
            "banner exchange",
        ]
        .iter()
        .any(|words| says(words))
        {
            SshError::Unreachable { host, words }
        } else {
            SshError::Unusable { host, words }
        })
    }

    fn about_host_key(&self, host: &SshHost, login: &Login) -> Option<SshError> {
        let says = |words: &str| self.messages.contains(words);
        let changed = says("REMOTE HOST IDENTIFICATION HAS CHANGED") || says("REVOKED HOST KEY");
        let unknown = says("host key is known for") || says("Host key verification failed");
        if !changed && !unknown {
            return None;
        }
        let (algorithm, offered) = self.host_key().unzip();
        if let Some(fingerprint) = offered
            && let Some(reason) = host_keys::retired(algorithm.as_deref(), fingerprint)
        {
            return Some(SshError::HostKeyRetired {
                host: host.clone(),
                fingerprint,
                reason,
            });
        }
        let built_in = host_keys::built_in_keys(host).is_some();
        // Another kind of key than the one that is known is as much of a change.
        Some(if changed || built_in || says("key found for host") {
            SshError::HostKeyChanged {
                host: host.clone(),
                offered,
                algorithm,
                known_hosts: login.known_hosts.clone(),
                built_in,
            }
        } else {
            SshError::HostKeyUnknown {
                host: host.clone(),
                offered: offered.zip(algorithm).into_iter().collect(),
            }
        })
    }

    /// The host key that the server showed: `debug1: Server host key: ssh-ed25519 SHA256:…`
    pub(super) fn host_key(&self) -> Option<(String, Fingerprint)> {
        let line = self.between("Server host key: ", "\n")?;
        let (algorithm, fingerprint) = line.split_once(' ')?;
        Some((algorithm.to_owned(), fingerprint.parse().ok()?))
    }

    fn between(&self, start: &str, end: &str) -> Option<&str> {
        let behind = self.messages.split_once(start)?.1;
        Some(behind.split(end).next()?.trim())
    }

    /// What was said to people, on one line.
    pub(super) fn words(&self) -> String {
        let is_for_people = |line: &&str| {
            !line.is_empty()
                && !line.starts_with("debug")
                && !line.starts_with("OpenSSH_")
                && !line.starts_with("Authenticated to ")
                && !line.starts_with("Transferred: ")
                && !line.starts_with("Bytes per second: ")
                && !line.starts_with("Pseudo-terminal ")
                && !line.starts_with("Warning: Permanently added")
        };
        let lines = self.messages.lines().map(str::trim).filter(is_for_people);
        let all = lines.collect::<Vec<_>>().join("; ");
        if all.is_empty() {
            "it says nothing".to_owned()
        } else {
            all.chars().take(MOST_WORDS).collect()
        }
    }
}
