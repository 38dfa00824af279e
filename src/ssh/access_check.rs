//! Asking an SSH server with one key, through the real `ssh`: the same program that git will use.

use std::time::Duration;

use super::client_output::{SshOutput, Verdict};
use super::{ClientOptions, SshError};
use crate::sys::subprocess::{CommandSpec, ProcessError, Stderr};
use crate::types::fingerprint::Fingerprint;
use crate::types::ssh_address::{SshHost, SshRemote};

/// What a repository is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    /// What `git fetch` begins with.
    Read,
    /// What `git push` begins with. Nothing is pushed.
    Write,
}

impl Service {
    /// The program that the server is asked to run.
    #[must_use]
    pub(crate) fn command(self) -> &'static str {
        match self {
            Self::Read => "git-upload-pack",
            Self::Write => "git-receive-pack",
        }
    }
}

/// The branches of a repository, as a server shows them to whoever may read or write it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refs {
    /// Whether there are none.
    pub empty: bool,
    /// The branch that a clone checks out, where there is one.
    pub default_branch: Option<String>,
}

/// What a server answered to somebody whom it lets in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AccessCheck {
    /// The branches.
    pub refs: Refs,
    /// The host key that the server proved to have.
    pub host_key: Option<Fingerprint>,
}

/// How somebody is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CheckOptions {
    /// How long the answer may take.
    pub limit: Duration,
    /// Whether `ssh` may ask for a passphrase at the terminal.
    pub may_ask: bool,
}

/// A git that wants nothing: the flush packet that ends its half of the talk (gitprotocol-pack(5)).
const FLUSH_PKT: &[u8] = b"0000";

/// Asks for a repository with one key, and answers with its branches: the proof that git will be served.
///
/// # Errors
/// [`SshError`], told apart by what the user can do next.
pub(crate) fn check_access(
    options: &ClientOptions,
    remote: &SshRemote,
    service: Service,
    manner: CheckOptions,
) -> Result<AccessCheck, SshError> {
    check_access_with_options(&options.options()?, options, remote, service, manner)
}

/// Asks for a repository with these options.
pub(super) fn check_access_with_options(
    options: &[String],
    login: &ClientOptions,
    remote: &SshRemote,
    service: Service,
    manner: CheckOptions,
) -> Result<AccessCheck, SshError> {
    let host = &remote.host;
    let answered = run_ssh(
        options,
        host,
        remote.user.as_deref(),
        Some(&remote.command(service.command())),
        manner,
    )?;
    match answered.verdict(host, login) {
        Verdict::LoggedIn => match refs(&answered.stdout) {
            Some(refs) => Ok(AccessCheck {
                refs,
                host_key: answered.host_key().map(|(_, fingerprint)| fingerprint),
            }),
            None => Err(SshError::RepositoryAccessDenied {
                host: host.clone(),
                messages: answered.user_messages(),
            }),
        },
        Verdict::No(error) => Err(error),
    }
}

/// Why a server shows no host key: asked without a key, it says at least what is in the way.
///
/// # Errors
/// [`SshError::Process`] where `ssh` cannot be run.
pub(super) fn diagnose_no_host_key(host: &SshHost, limit: Duration) -> Result<SshError, SshError> {
    let login = ClientOptions {
        key: None,
        has_passphrase: false,
        known_hosts: "none".into(),
    };
    let options: Vec<String> = [
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
    let manner = CheckOptions {
        limit,
        may_ask: false,
    };
    let answered = run_ssh(&options, host, None, None, manner)?;
    Ok(match answered.verdict(host, &login) {
        Verdict::No(error) => error,
        Verdict::LoggedIn => SshError::ProtocolError {
            host: host.clone(),
            messages: "it lets everybody in".to_owned(),
        },
    })
}

fn run_ssh(
    options: &[String],
    host: &SshHost,
    user: Option<&str>,
    command: Option<&str>,
    manner: CheckOptions,
) -> Result<SshOutput, SshError> {
    let seconds = manner.limit.as_secs().clamp(1, 60);
    let batch = if manner.may_ask { "no" } else { "yes" };
    let task = CommandSpec::new("ssh")
        .args(options)
        // As `-v`, which a `ProxyJump` would hand on to an `ssh` of its own.
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
            // A connection that is shared says nothing of the key, and one of ours must not stay behind.
            "-oControlMaster=no",
            "-oControlPath=none",
        ])
        .args(["-p", &host.port.to_string()])
        .args(user.into_iter().flat_map(|user| ["-l", user]))
        .args(["--", &host.name])
        .args(command)
        // Its messages are read, so they must be the untranslated ones.
        .env("LC_ALL", "C")
        .stdin(FLUSH_PKT)
        // The list of references may be long; only its first line is read.
        .cut_stdout()
        .stderr(Stderr::Capture);
    let task = if manner.may_ask {
        task
    } else {
        task.new_process_group()
    };
    match task.run(manner.limit) {
        Ok(output) => Ok(SshOutput::from(output)),
        Err(ProcessError::TimedOut { limit, .. }) => Err(SshError::Unreachable {
            host: host.clone(),
            messages: format!("no answer within {} seconds", limit.as_secs()),
        }),
        Err(error) => Err(error.into()),
    }
}

/// Reads the list of references that a server begins with (gitprotocol-pack(5), "Reference Discovery"). `None` for
/// whatever is not one.
fn refs(advertised: &[u8]) -> Option<Refs> {
    let (length, rest) = advertised.split_first_chunk::<4>()?;
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
    fn the_first_line_tells_what_a_repository_has() {
        let packet = |text: &str| format!("{:04x}{text}", text.len() + 4).into_bytes();
        let id = "8a1f5c0e8a1f5c0e8a1f5c0e8a1f5c0e8a1f5c0e";
        let zero = "0".repeat(40);
        let full = packet(&format!(
            "{id} HEAD\0multi_ack symref=HEAD:refs/heads/main agent=git/2\n"
        ));
        let detached = packet(&format!("{id} refs/heads/x\0multi_ack\n"));
        let empty = packet(&format!("{zero} capabilities^{{}}\0multi_ack\n"));
        let told = |empty, branch: Option<&str>| {
            Some(Refs {
                empty,
                default_branch: branch.map(str::to_owned),
            })
        };
        assert_eq!(refs(&full), told(false, Some("main")));
        assert_eq!(refs(&detached), told(false, None));
        assert_eq!(refs(&empty), told(true, None));
        assert_eq!(refs(b"0000"), told(true, None));
        for odd in [&b""[..], b"00", b"zzzz", b"0008ERR ", b"Hello, jane!\n"] {
            assert_eq!(refs(odd), None, "{odd:?}");
        }
        assert_eq!(refs(&packet("ERR access denied")), None);
    }
}
