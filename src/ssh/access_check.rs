//! Runs `ssh` to check whether a server serves a repository to a key: the same program that git uses.
//!
//! This is the only file that interprets the messages of `ssh`. It has no other interface: every failure of a login is exit
//! status 255.

use std::path::Path;
use std::time::Duration;

use super::{ClientOptions, SshError};
use crate::sys::subprocess::{CommandSpec, ProcessError, ProcessOutput, Stderr};
use crate::types::fingerprint::Fingerprint;
use crate::types::host_keys;
use crate::types::ssh_address::{SshHost, SshRemote};

/// Longest part of the messages that is shown, in characters.
const MAX_MESSAGE_CHARS: usize = 300;

/// A flush packet, which ends the client's part of the protocol without a request (gitprotocol-pack(5)).
const FLUSH_PKT: &[u8] = b"0000";

/// The access that is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    Read,
    /// Nothing is pushed.
    Write,
}

impl Service {
    /// The program that the server runs.
    #[must_use]
    pub(crate) fn command(self) -> &'static str {
        match self {
            Self::Read => "git-upload-pack",
            Self::Write => "git-receive-pack",
        }
    }
}

/// What the reference advertisement of a server says about the branches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refs {
    pub(crate) empty: bool,
    pub(crate) default_branch: Option<String>,
}

/// A successful check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AccessCheck {
    pub(crate) refs: Refs,
    pub(crate) host_key: Option<Fingerprint>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct CheckOptions {
    pub(crate) limit: Duration,
    /// Whether `ssh` may prompt for a passphrase on the terminal.
    pub(crate) may_prompt: bool,
}

/// Requests the references of a repository with one key, as `git fetch` or `git push` does.
///
/// # Errors
/// [`SshError`].
pub(crate) fn check_access(
    client: &ClientOptions,
    remote: &SshRemote,
    service: Service,
    check: CheckOptions,
) -> Result<AccessCheck, SshError> {
    check_access_with_args(&client.options()?, client, remote, service, check)
}

/// Requests the references of a repository with the user's configuration, agent and keys, as git does without
/// bbconnect; but with this file of host keys alone.
///
/// # Errors
/// [`SshError`].
pub(crate) fn check_access_as_user(
    remote: &SshRemote,
    known_hosts: &Path,
    check: CheckOptions,
) -> Result<AccessCheck, SshError> {
    let client = ClientOptions {
        key: None,
        has_passphrase: false,
        known_hosts: known_hosts.to_owned(),
    };
    let args = client.trust_options()?;
    check_access_with_args(&args, &client, remote, Service::Read, check)
}

fn check_access_with_args(
    args: &[String],
    client: &ClientOptions,
    remote: &SshRemote,
    service: Service,
    check: CheckOptions,
) -> Result<AccessCheck, SshError> {
    let host = &remote.host;
    let command = remote.command(service.command());
    let output = run_ssh(args, host, remote.user.as_deref(), Some(&command), check)?;
    output.require_login(host, client)?;
    match parse_refs(&output.stdout) {
        Some(refs) => Ok(AccessCheck {
            refs,
            host_key: output.host_key().map(|(_, fingerprint)| fingerprint),
        }),
        None => Err(SshError::RepositoryAccessDenied {
            host: host.clone(),
            messages: output.user_messages(),
        }),
    }
}

/// Connects without a key to find out why a server presents no host key.
///
/// # Errors
/// [`SshError::Process`] if `ssh` cannot be run.
pub(super) fn diagnose_no_host_key(host: &SshHost, limit: Duration) -> Result<SshError, SshError> {
    let client = ClientOptions {
        key: None,
        has_passphrase: false,
        known_hosts: "none".into(),
    };
    let args: Vec<String> = [
        "-F",
        "none",
        "-oIdentityFile=none",
        "-oIdentityAgent=none",
        "-oUserKnownHostsFile=none",
        "-oGlobalKnownHostsFile=/dev/null",
        "-oStrictHostKeyChecking=yes",
    ]
    .map(str::to_owned)
    .into();
    let check = CheckOptions {
        limit,
        may_prompt: false,
    };
    let output = run_ssh(&args, host, None, None, check)?;
    Ok(match output.require_login(host, &client) {
        Err(error) => error,
        Ok(()) => SshError::ProtocolError {
            host: host.clone(),
            messages: "it accepts a login without a key".to_owned(),
        },
    })
}

fn run_ssh(
    args: &[String],
    host: &SshHost,
    user: Option<&str>,
    command: Option<&str>,
    check: CheckOptions,
) -> Result<SshOutput, SshError> {
    let seconds = check.limit.as_secs().clamp(1, 60);
    let batch = if check.may_prompt { "no" } else { "yes" };
    let ssh = CommandSpec::new("ssh")
        .args(args)
        // Not `-v`, which would also apply to the `ssh` of a `ProxyJump`.
        .args(["-oLogLevel=DEBUG1", "-T", "-a", "-x"])
        .args([
            format!("-oBatchMode={batch}"),
            format!("-oConnectTimeout={seconds}"),
        ])
        .args([
            "-oPreferredAuthentications=publickey",
            "-oNumberOfPasswordPrompts=3",
            "-oUpdateHostKeys=no",
            "-oCheckHostIP=no",
            // A shared connection says nothing about the key, and must not be left behind.
            "-oControlMaster=no",
            "-oControlPath=none",
        ])
        .args(["-p", &host.port.to_string()])
        .args(user.into_iter().flat_map(|user| ["-l", user]))
        .args(["--", &host.name])
        .args(command)
        // The messages are parsed, so they must not be translated.
        .env("LC_ALL", "C")
        .stdin(FLUSH_PKT)
        // The list of references may be long; only its first line is read.
        .cut_stdout()
        .stderr(Stderr::Capture);
    let ssh = if check.may_prompt {
        ssh
    } else {
        ssh.new_process_group()
    };
    match ssh.run(check.limit) {
        Ok(output) => Ok(SshOutput::from(output)),
        Err(ProcessError::TimedOut { limit, .. }) => Err(SshError::Unreachable {
            host: host.clone(),
            messages: format!("no response within {} seconds", limit.as_secs()),
        }),
        Err(error) => Err(error.into()),
    }
}

/// Output of an `ssh` that ran with `LogLevel=DEBUG1`.
#[derive(Debug)]
struct SshOutput {
    stdout: Vec<u8>,
    messages: String,
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
    fn contains(&self, text: &str) -> bool {
        self.messages.contains(text)
    }

    /// Whether the server accepted the login, else why it did not.
    fn require_login(&self, host: &SshHost, client: &ClientOptions) -> Result<(), SshError> {
        /// The server did not respond, or not with SSH.
        const UNREACHABLE: [&str; 9] = [
            "Could not resolve hostname",
            "Connection refused",
            "timed out",
            "Connection closed",
            "Connection reset",
            "Network is unreachable",
            "No route to host",
            "kex_exchange_identification",
            "banner exchange",
        ];
        if self.is_authenticated() {
            return Ok(());
        }
        if let Some(error) = self.host_key_error(host, client) {
            return Err(error);
        }
        if let Some(key) = &client.key
            && self.contains("UNPROTECTED PRIVATE KEY FILE")
        {
            return Err(SshError::InsecureKeyPermissions(key.clone()));
        }
        let (host, messages) = (host.clone(), self.user_messages());
        let is_refused = self.contains("Permission denied (")
            || self.contains("Too many authentication failures");
        let is_incompatible = self.contains("no matching ")
            || self.contains("remote software version") && self.contains("incompatible");
        Err(if is_refused {
            match &client.key {
                // The server knows the key, but `ssh` could not decrypt it.
                Some(key) if client.has_passphrase && self.contains("Server accepts key: ") => {
                    SshError::PassphraseRequired(key.clone())
                }
                Some(_) | None => SshError::AuthenticationFailed { host, messages },
            }
        } else if !is_incompatible && UNREACHABLE.iter().any(|text| self.contains(text)) {
            SshError::Unreachable { host, messages }
        } else {
            SshError::ProtocolError { host, messages }
        })
    }

    /// Whether the server itself accepted the login: messages of the `ssh` of a `ProxyJump` may be among these.
    fn is_authenticated(&self) -> bool {
        let uses_proxy = self.contains("Executing proxy command: ");
        let mut lines = self.messages.lines();
        lines.any(|line| {
            line.starts_with("Authenticated to ") && (!uses_proxy || line.contains("(via proxy)"))
        })
    }

    fn host_key_error(&self, host: &SshHost, client: &ClientOptions) -> Option<SshError> {
        let is_changed = self.contains("REMOTE HOST IDENTIFICATION HAS CHANGED")
            || self.contains("REVOKED HOST KEY");
        let is_unknown =
            self.contains("host key is known for") || self.contains("Host key verification failed");
        if !is_changed && !is_unknown {
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
        // A host key of another algorithm than the known one is a change as well.
        Some(
            if is_changed || built_in || self.contains("key found for host") {
                SshError::HostKeyChanged {
                    host: host.clone(),
                    offered,
                    algorithm,
                    known_hosts: client.known_hosts.clone(),
                    built_in,
                }
            } else {
                SshError::HostKeyUnknown {
                    host: host.clone(),
                    offered: offered.zip(algorithm).into_iter().collect(),
                }
            },
        )
    }

    /// The host key that the server presented: `debug1: Server host key: ssh-ed25519 SHA256:…`. The last one is the
    /// server's; jump hosts come before.
    fn host_key(&self) -> Option<(String, Fingerprint)> {
        let (_, rest) = self.messages.rsplit_once("Server host key: ")?;
        let line = rest.lines().next()?.trim();
        let (algorithm, fingerprint) = line.split_once(' ')?;
        Some((algorithm.to_owned(), fingerprint.parse().ok()?))
    }

    /// The messages that are not for debugging, on one line.
    fn user_messages(&self) -> String {
        const OTHER: [&str; 7] = [
            "debug",
            "OpenSSH_",
            "Authenticated to ",
            "Transferred: ",
            "Bytes per second: ",
            "Pseudo-terminal ",
            "Warning: Permanently added",
        ];
        let is_for_user = |line: &&str| {
            !line.is_empty() && !OTHER.iter().any(|beginning| line.starts_with(beginning))
        };
        let lines = self.messages.lines().map(str::trim).filter(is_for_user);
        let text = lines.collect::<Vec<_>>().join("; ");
        if text.is_empty() {
            "ssh gives no reason".to_owned()
        } else {
            text.chars().take(MAX_MESSAGE_CHARS).collect()
        }
    }
}

/// Parses the first line of a reference advertisement (gitprotocol-pack(5), "Reference Discovery").
fn parse_refs(advertisement: &[u8]) -> Option<Refs> {
    let (length, rest) = advertisement.split_first_chunk::<4>()?;
    if length == FLUSH_PKT {
        return Some(Refs {
            empty: true,
            default_branch: None,
        });
    }
    let length = usize::from_str_radix(std::str::from_utf8(length).ok()?, 16).ok()?;
    let line = rest.get(..length.checked_sub(4)?)?;
    let line = String::from_utf8_lossy(line).into_owned();
    let (reference, capabilities) = line.split_once('\0')?;
    let (id, name) = reference.split_once(' ')?;
    let is_id = id.len() >= 40 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let branch = capabilities
        .split_ascii_whitespace()
        .find_map(|word| word.strip_prefix("symref=HEAD:refs/heads/"));
    is_id.then(|| Refs {
        empty: name == "capabilities^{}",
        default_branch: branch.map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refs_are_parsed_from_the_first_line() {
        let packet = |text: &str| format!("{:04x}{text}", text.len() + 4).into_bytes();
        let id = "8a1f5c0e8a1f5c0e8a1f5c0e8a1f5c0e8a1f5c0e";
        let zero = "0".repeat(40);
        let full = packet(&format!(
            "{id} HEAD\0multi_ack symref=HEAD:refs/heads/main agent=git/2\n"
        ));
        let detached = packet(&format!("{id} refs/heads/x\0multi_ack\n"));
        let empty = packet(&format!("{zero} capabilities^{{}}\0multi_ack\n"));
        let expected = |empty, branch: Option<&str>| {
            Some(Refs {
                empty,
                default_branch: branch.map(str::to_owned),
            })
        };
        assert_eq!(parse_refs(&full), expected(false, Some("main")));
        assert_eq!(parse_refs(&detached), expected(false, None));
        assert_eq!(parse_refs(&empty), expected(true, None));
        assert_eq!(parse_refs(b"0000"), expected(true, None));
        for odd in [&b""[..], b"00", b"zzzz", b"0008ERR ", b"Hello, jane!\n"] {
            assert_eq!(parse_refs(odd), None, "{odd:?}");
        }
        assert_eq!(parse_refs(&packet("ERR access denied")), None);
    }

    #[test]
    fn messages_of_a_jump_host_are_not_the_servers() {
        let one = "SHA256:SGlzIGlzIGEgZmluZ2VycHJpbnQgb2YgMzIgYnl0ZXM";
        let two = "SHA256:dHdvIGlzIGEgZmluZ2VycHJpbnQgb2YgMzIgYnl0ZXM";
        let jump = format!(
            "debug1: Executing proxy command: exec ssh -W '[git.example.com]:22' gate\n\
             debug1: Server host key: ssh-ed25519 {one}\r\n\
             Authenticated to gate ([192.0.2.1]:22) using \"publickey\".\r\n\
             debug1: Server host key: ssh-ed25519 {two}\r\n"
        );
        let output = |last: &str| SshOutput {
            stdout: Vec::new(),
            messages: format!("{jump}{last}"),
        };
        let client = ClientOptions {
            key: None,
            has_passphrase: false,
            known_hosts: "none".into(),
        };
        let host = SshHost::new("git.example.com", 22).unwrap();
        let denied = output("git@git.example.com: Permission denied (publickey).\r\n");
        assert!(matches!(
            denied.require_login(&host, &client),
            Err(SshError::AuthenticationFailed { .. })
        ));
        let (_, fingerprint) = denied.host_key().unwrap();
        assert_eq!(fingerprint.to_string(), two);
        let accepted = "Authenticated to git.example.com (via proxy) using \"publickey\".\r\n";
        assert!(output(accepted).require_login(&host, &client).is_ok());
    }
}
