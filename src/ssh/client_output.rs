//! What an answer of `ssh` means, read from its messages: the only place that knows their words.

use super::{ClientOptions, SshError};
use crate::sys::subprocess::ProcessOutput;
use crate::types::fingerprint::Fingerprint;
use crate::types::host_keys;
use crate::types::ssh_address::SshHost;

/// The most of somebody else's words that is repeated, in characters.
const MAX_MESSAGE_CHARS: usize = 300;

/// How an `ssh` ended that told what it does (`LogLevel=DEBUG1`).
#[derive(Debug)]
pub(super) struct SshOutput {
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

impl From<ProcessOutput> for SshOutput {
    fn from(output: ProcessOutput) -> Self {
        Self {
            stdout: output.stdout,
            messages: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl SshOutput {
    pub(super) fn verdict(&self, host: &SshHost, options: &ClientOptions) -> Verdict {
        let says = |words: &str| self.messages.contains(words);
        if self.is_authenticated() {
            return Verdict::LoggedIn;
        }
        let (host, words) = (host.clone(), self.user_messages());
        Verdict::No(if let Some(error) = self.about_host_key(&host, options) {
            error
        } else if let Some(key) = &options.key
            && says("UNPROTECTED PRIVATE KEY FILE")
        {
            SshError::InsecureKeyPermissions(key.clone())
        } else if says("Permission denied (") || says("Too many authentication failures") {
            // The server said that it knows the key, which could not be opened.
            let is_known = says("Server accepts key: ");
            match &options.key {
                Some(key) if options.has_passphrase && is_known => {
                    SshError::PassphraseRequired(key.clone())
                }
                Some(_) | None => SshError::AuthenticationFailed {
                    host,
                    messages: words,
                },
            }
        } else if says("no matching ") || says("remote software version") && says("incompatible") {
            SshError::ProtocolError {
                host,
                messages: words,
            }
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
            SshError::Unreachable {
                host,
                messages: words,
            }
        } else {
            SshError::ProtocolError {
                host,
                messages: words,
            }
        })
    }

    /// Whether the server itself let somebody in: the messages of an `ssh` that leads to it may be among these.
    fn is_authenticated(&self) -> bool {
        let is_led = self.messages.contains("Executing proxy command: ");
        let mut told = self.messages.lines();
        told.any(|line| {
            line.starts_with("Authenticated to ") && (!is_led || line.contains("(via proxy)"))
        })
    }

    fn about_host_key(&self, host: &SshHost, options: &ClientOptions) -> Option<SshError> {
        let says = |words: &str| self.messages.contains(words);
        let changed = says("REMOTE HOST IDENTIFICATION HAS CHANGED") || says("REVOKED HOST KEY");
        let unknown = says("host key is known for") || says("Host key verification failed");
        if !changed && !unknown {
            return None;
        }
        let (algorithm, offered) = self.host_key().unzip();
        if let Some(fingerprint) = offered
            && let Some(reason) = host_keys::retirement_reason(algorithm.as_deref(), fingerprint)
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
                known_hosts: options.known_hosts.clone(),
                built_in,
            }
        } else {
            SshError::HostKeyUnknown {
                host: host.clone(),
                offered: offered.zip(algorithm).into_iter().collect(),
            }
        })
    }

    /// The host key that the server showed: `debug1: Server host key: ssh-ed25519 SHA256:…`. The last one is that of the
    /// server itself, which is reached after whoever leads to it.
    pub(super) fn host_key(&self) -> Option<(String, Fingerprint)> {
        let (_, behind) = self.messages.rsplit_once("Server host key: ")?;
        let line = behind.lines().next()?.trim();
        let (algorithm, fingerprint) = line.split_once(' ')?;
        Some((algorithm.to_owned(), fingerprint.parse().ok()?))
    }

    /// What was said to people, on one line.
    pub(super) fn user_messages(&self) -> String {
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
            all.chars().take(MAX_MESSAGE_CHARS).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_jump_host_says_is_not_the_servers_word() {
        let one = "SHA256:SGlzIGlzIGEgZmluZ2VycHJpbnQgb2YgMzIgYnl0ZXM";
        let two = "SHA256:dHdvIGlzIGEgZmluZ2VycHJpbnQgb2YgMzIgYnl0ZXM";
        let to_jump = format!(
            "debug1: Executing proxy command: exec ssh -W '[git.example.com]:22' gate\n\
             debug1: Server host key: ssh-ed25519 {one}\r\n\
             Authenticated to gate ([192.0.2.1]:22) using \"publickey\".\r\n\
             debug1: Server host key: ssh-ed25519 {two}\r\n"
        );
        let answered = |last: &str| SshOutput {
            stdout: Vec::new(),
            messages: format!("{to_jump}{last}"),
        };
        let options = ClientOptions {
            key: None,
            has_passphrase: false,
            known_hosts: "none".into(),
        };
        let host = SshHost::new("git.example.com", 22).unwrap();
        let denied = answered("git@git.example.com: Permission denied (publickey).\r\n");
        assert!(matches!(
            denied.verdict(&host, &options),
            Verdict::No(SshError::AuthenticationFailed { .. })
        ));
        let (_, shown) = denied.host_key().unwrap();
        assert_eq!(shown.to_string(), two);
        let let_in = "Authenticated to git.example.com (via proxy) using \"publickey\".\r\n";
        assert!(matches!(
            answered(let_in).verdict(&host, &options),
            Verdict::LoggedIn
        ));
    }
}
