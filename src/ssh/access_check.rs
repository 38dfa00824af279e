//! Runs `ssh` to check whether a server serves a repository to a key: the same program that git uses.
//!
//! This is the only file that interprets the messages of `ssh`. It has no other interface: every failure of a login is exit
//! status 255.

use std::path::Path;
use std::time::Duration;
use std::{fs, io};

use super::SshError;
use super::client_options::ClientOptions;
use super::error::TOO_MANY_KEYS;
use super::host_config::{ConfigRoute, Destination};
use crate::sys::atomic_file;
use crate::sys::subprocess::{CommandSpec, ProcessError, Stderr};
use crate::types::host_keys;
use crate::types::public_key::{Fingerprint, PublicKey, known_hosts_keys};
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
pub(crate) fn check_access_as_user(
    destination: &Destination,
    remote: &SshRemote,
    known_hosts: &Path,
    check: CheckOptions,
) -> Result<AccessCheck, SshError> {
    let client = ClientOptions {
        route: destination.route.clone(),
        ..ClientOptions::without_key(known_hosts)
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
    let target = SshTarget::new(host, remote.user.as_deref(), client.route.as_ref());
    let output = run_ssh(args, &target, Some(&command), check)?;
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

/// The host keys that a server presents where only the user's configuration leads to it: `ssh` itself connects, once for
/// each algorithm, without a key.
pub(crate) fn scan_with_config(
    destination: &Destination,
    limit: Duration,
) -> Result<Vec<PublicKey>, SshError> {
    const ALGORITHMS: [&str; 3] = [
        "ssh-ed25519",
        "ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521",
        "rsa-sha2-512,rsa-sha2-256,ssh-rsa",
    ];
    let check = CheckOptions {
        limit,
        may_prompt: false,
    };
    let host = &destination.host;
    let (mut keys, mut failure) = (Vec::new(), None);
    for algorithms in ALGORITHMS {
        let dir = tempfile::tempdir().map_err(temp_file_error)?;
        let file = dir.path().join("known_hosts");
        let client = ClientOptions {
            route: destination.route.clone(),
            ..ClientOptions::without_key(&file)
        };
        let mut args = client.options()?;
        // Not checked yet: the caller compares the keys. The first value of an option counts.
        let accepted = [
            "StrictHostKeyChecking=accept-new",
            "HashKnownHosts=no",
            "PreferredAuthentications=none",
        ];
        let accepted = accepted.map(str::to_owned);
        let algorithms = format!("HostKeyAlgorithms={algorithms}");
        let first = accepted.into_iter().chain([algorithms]);
        args.splice(0..0, first.flat_map(|setting| ["-o".to_owned(), setting]));
        let target = SshTarget::new(host, destination.user.as_deref(), client.route.as_ref());
        let output = run_ssh(&args, &target, None, check)?;
        let accepted = atomic_file::read(&file).map_err(temp_file_error)?;
        let found = known_hosts_keys(accepted.unwrap_or_default().as_bytes());
        if found.is_empty() {
            let error = output.require_login(host, &client).err();
            let is_other_algorithm = matches!(error, Some(SshError::NoCommonAlgorithm { .. }));
            failure = failure.or(error);
            if !is_other_algorithm {
                break;
            }
        }
        keys.extend(found);
    }
    match failure {
        Some(failure) if keys.is_empty() => Err(failure),
        _ if keys.is_empty() => Err(SshError::ProtocolError {
            host: host.clone(),
            messages: "no host key was presented".to_owned(),
        }),
        _ => Ok(keys),
    }
}

/// Connects without a key to find out why a server presents no host key.
pub(super) fn diagnose_no_host_key(host: &SshHost, limit: Duration) -> Result<SshError, SshError> {
    let client = ClientOptions::without_key(Path::new("none"));
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
    let output = run_ssh(&args, &SshTarget::new(host, None, None), None, check)?;
    Ok(match output.require_login(host, &client) {
        Err(error) => error,
        Ok(()) => SshError::ProtocolError {
            host: host.clone(),
            messages: "a login without a key was accepted".to_owned(),
        },
    })
}

/// The arguments of `ssh` that name a server, and the name for messages.
struct SshTarget<'a> {
    host: &'a SshHost,
    user: Option<&'a str>,
    name: &'a str,
    port: Option<u16>,
}

impl<'a> SshTarget<'a> {
    fn new(host: &'a SshHost, user: Option<&'a str>, route: Option<&'a ConfigRoute>) -> Self {
        let (name, port) = match route {
            Some(route) => (route.name.as_str(), route.port),
            None => (host.name.as_str(), Some(host.port)),
        };
        Self {
            host,
            user,
            name,
            port,
        }
    }
}

fn temp_file_error(source: io::Error) -> SshError {
    SshError::TempFile(source)
}

fn run_ssh(
    args: &[String],
    target: &SshTarget<'_>,
    command: Option<&str>,
    check: CheckOptions,
) -> Result<SshOutput, SshError> {
    let seconds = check.limit.as_secs().clamp(1, 60);
    let batch = if check.may_prompt { "no" } else { "yes" };
    // Standard error also has what the server and a `ProxyCommand` print.
    let log = tempfile::NamedTempFile::new().map_err(temp_file_error)?;
    let ssh = CommandSpec::new("ssh")
        .args(args)
        .args(["-E"])
        .args([log.path()])
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
        .args(
            target
                .port
                .into_iter()
                .flat_map(|port| ["-p".to_owned(), port.to_string()]),
        )
        .args(target.user.into_iter().flat_map(|user| ["-l", user]))
        .args(["--", target.name])
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
        Ok(output) => Ok(SshOutput {
            stdout: output.stdout,
            log: lossy(&fs::read(log.path()).map_err(temp_file_error)?),
            stderr: lossy(&output.stderr),
        }),
        Err(ProcessError::TimedOut { limit, .. }) => Err(SshError::Unreachable {
            host: target.host.clone(),
            messages: format!("no response within {} seconds", limit.as_secs()),
        }),
        Err(error) => Err(error.into()),
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Output of an `ssh` that ran with `LogLevel=DEBUG1`.
#[derive(Debug)]
struct SshOutput {
    stdout: Vec<u8>,
    /// Its own messages (`-E`).
    log: String,
    /// What the server and a `ProxyCommand` print. It decides nothing.
    stderr: String,
}

impl SshOutput {
    /// The messages of `ssh` for the user, without those that repeat a text of the server.
    fn own_messages(&self) -> impl Iterator<Item = &str> {
        const OTHER: [&str; 3] = ["debug", "Received disconnect from ", "Disconnected from "];
        let lines = self.log.lines().map(str::trim_end);
        lines.filter(|line| !OTHER.iter().any(|start| line.starts_with(start)))
    }

    fn contains(&self, text: &str) -> bool {
        self.own_messages().any(|line| line.contains(text))
    }

    /// The last message for debugging with this beginning, without it.
    fn debug_message(&self, start: &str) -> Option<&str> {
        let lines = self.log.lines().rev();
        let mut messages = lines.filter_map(|line| line.strip_prefix("debug1: "));
        messages
            .find_map(|line| line.strip_prefix(start))
            .map(str::trim)
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
            return self.require_this_key(host, client);
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
        let is_refused = self.contains("Permission denied (") || self.has_too_many_keys();
        let is_incompatible =
            self.contains("remote software version") && self.contains("incompatible");
        let mut no_common = self
            .own_messages()
            .filter_map(|line| line.split_once("no matching "));
        if let Some((_, rest)) = no_common.next() {
            let what = rest.split_once(" found").map_or(rest, |(what, _)| what);
            let offer = rest.split_once("Their offer: ");
            return Err(SshError::NoCommonAlgorithm {
                host,
                what: what.to_owned(),
                offer: offer.map(|(_, offer)| offer.trim().to_owned()),
            });
        }
        Err(if is_refused {
            match &client.key {
                Some(_) if self.log.lines().any(is_unusable_rsa) => {
                    SshError::OnlySha1Signatures(host)
                }
                // The server knows the key, but `ssh` could not decrypt it.
                Some(key)
                    if client.uses_agent
                        && self.debug_message("Server accepts key: ").is_some() =>
                {
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

    /// Whether the server itself accepted the login.
    fn is_authenticated(&self) -> bool {
        let mut lines = self.log.lines();
        lines.any(|line| line.starts_with("Authenticated to "))
    }

    /// With the user's configuration `ssh` also offers the keys that it names.
    fn require_this_key(&self, host: &SshHost, client: &ClientOptions) -> Result<(), SshError> {
        let accepted = self.debug_message("Server accepts key: ").and_then(|line| {
            let mut words = line.split(' ');
            words.find_map(|word| word.parse::<Fingerprint>().ok())
        });
        match (client.fingerprint, accepted) {
            (Some(ours), Some(accepted)) if client.route.is_some() && ours != accepted => {
                Err(SshError::AuthenticationFailed {
                    host: host.clone(),
                    messages: format!(
                        "it accepts another key of your SSH configuration, {accepted}"
                    ),
                })
            }
            _ => Ok(()),
        }
    }

    /// Servers say this when they disconnect.
    fn has_too_many_keys(&self) -> bool {
        let mut lines = self.log.lines();
        lines.any(|line| line.contains(TOO_MANY_KEYS) && !line.starts_with("debug"))
    }

    fn host_key_error(&self, host: &SshHost, client: &ClientOptions) -> Option<SshError> {
        let is_revoked = self.contains("REVOKED HOST KEY") || self.contains("revoked by file");
        let is_changed = self.contains("REMOTE HOST IDENTIFICATION HAS CHANGED");
        let is_unknown =
            self.contains("host key is known for") || self.contains("Host key verification failed");
        if !is_changed && !is_unknown && !is_revoked {
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
        if is_revoked && let Some(fingerprint) = offered {
            return Some(SshError::HostKeyRevoked {
                host: host.clone(),
                fingerprint,
                file: client.known_hosts.clone(),
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
                    known_hosts: client.known_hosts.as_path().into(),
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

    /// The host key that the server presented: `debug1: Server host key: ssh-ed25519 SHA256:…`.
    fn host_key(&self) -> Option<(String, Fingerprint)> {
        let line = self.debug_message("Server host key: ")?;
        let (algorithm, fingerprint) = line.split_once(' ')?;
        Some((algorithm.to_owned(), fingerprint.parse().ok()?))
    }

    /// The messages of `ssh` and of the server that are not for debugging, on one line.
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
        let lines = self.stderr.lines().chain(self.log.lines());
        let lines: Vec<_> = lines.map(str::trim).filter(is_for_user).collect();
        let text = lines.join("; ");
        if text.is_empty() {
            "ssh gives no reason".to_owned()
        } else {
            text.chars().take(MAX_MESSAGE_CHARS).collect()
        }
    }
}

/// Whether a message for debugging says that no signature algorithm can be used with the key: the server accepts RSA keys
/// only with SHA-1.
fn is_unusable_rsa(line: &str) -> bool {
    line.starts_with("debug1: ")
        && (line.ends_with(": no mutual signature algorithm")
            || line.contains("corresponding algo not in PubkeyAccepted"))
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
    use crate::ssh::host_config::HostConfig;

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

    fn output(log: &str, stderr: &str) -> SshOutput {
        SshOutput {
            stdout: Vec::new(),
            log: log.to_owned(),
            stderr: stderr.to_owned(),
        }
    }

    #[test]
    fn only_messages_of_ssh_itself_decide() {
        let host = SshHost::new("git.example.com", 22).unwrap();
        let client = ClientOptions::without_key(Path::new("none"));
        let key = "SHA256:SGlzIGlzIGEgZmluZ2VycHJpbnQgb2YgMzIgYnl0ZXM";
        let other = "SHA256:dHdvIGlzIGEgZmluZ2VycHJpbnQgb2YgMzIgYnl0ZXM";
        let log = format!("debug1: Server host key: ssh-ed25519 {key}\r\n");
        let denied = format!("{log}git@git.example.com: Permission denied (publickey).\r\n");
        for text in [
            format!("debug1: Server host key: ssh-ed25519 {other}"),
            "REMOTE HOST IDENTIFICATION HAS CHANGED".to_owned(),
            "Authenticated to git.example.com ([192.0.2.1]:22) using \"publickey\".".to_owned(),
        ] {
            let remarks = [
                format!("debug1: kex_exchange_identification: banner line 0: {text}"),
                format!("debug1: Remote: {text}"),
                format!("Received disconnect from 192.0.2.1 port 22:2: {text}"),
            ];
            let logs = remarks.map(|remark| format!("{remark}\n{denied}"));
            let outputs = logs.iter().map(|log| output(log, ""));
            for output in outputs.chain([output(&denied, &format!("{text}\n"))]) {
                let result = output.require_login(&host, &client);
                assert!(
                    matches!(result, Err(SshError::AuthenticationFailed { .. })),
                    "{output:?} {result:?}"
                );
                assert_eq!(output.host_key().unwrap().1.to_string(), key);
            }
        }
        let accepted = "Authenticated to git.example.com (via proxy) using \"publickey\".\r\n";
        let output = output(&format!("{log}{accepted}"), "");
        assert!(output.require_login(&host, &client).is_ok());
    }

    #[test]
    fn algorithms_that_are_not_common_are_named() {
        let host = SshHost::new("git.example.com", 22).unwrap();
        let client = ClientOptions::without_key(Path::new("none"));
        for what in ["host key type", "key exchange method", "cipher"] {
            let log = format!(
                "Unable to negotiate with 192.0.2.1 port 22: no matching {what} found. Their offer: ssh-rsa,ssh-dss\r\n"
            );
            let error = output(&log, "").require_login(&host, &client).unwrap_err();
            assert!(error.to_string().contains(what), "{error}");
            assert!(error.hint().is_some());
        }
        let client = ClientOptions {
            key: Some("/k".into()),
            ..client
        };
        let log = "debug1: Offering public key: /k RSA SHA256:x explicit\n\
                   debug1: send_pubkey_test: no mutual signature algorithm\n\
                   git@git.example.com: Permission denied (publickey).\n";
        let error = output(log, "").require_login(&host, &client).unwrap_err();
        assert!(matches!(error, SshError::OnlySha1Signatures(_)), "{error}");
    }

    #[test]
    fn another_key_of_the_configuration_is_not_this_one() {
        let host = SshHost::new("git.example.com", 22).unwrap();
        let (ours, other) = (
            "SHA256:SGlzIGlzIGEgZmluZ2VycHJpbnQgb2YgMzIgYnl0ZXM",
            "SHA256:dHdvIGlzIGEgZmluZ2VycHJpbnQgb2YgMzIgYnl0ZXM",
        );
        let config = HostConfig::parse("hostname git.example.com\nport 22\nproxyjump gate\n");
        let destination = Destination::new(&host, false, None, config.as_ref());
        let client = ClientOptions {
            fingerprint: Some(ours.parse().unwrap()),
            route: destination.route,
            ..ClientOptions::without_key(Path::new("none"))
        };
        for (accepted, is_ours) in [(ours, true), (other, false)] {
            let log = format!(
                "debug1: Server accepts key: /k ED25519 {accepted} explicit\nAuthenticated to h (via proxy) using \"publickey\".\n"
            );
            let result = output(&log, "").require_login(&host, &client);
            assert_eq!(result.is_ok(), is_ours);
        }
    }
}
