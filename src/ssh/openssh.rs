//! Queries to the programs of OpenSSH: the host keys of a server, the user's known hosts, the keys of the agent, the
//! version. Nothing is changed.

use std::path::Path;
use std::time::Duration;

use super::SshError;
use super::access_check::diagnose_no_host_key;
use crate::sys::subprocess::{CommandSpec, ProcessError, ProcessOutput, Stderr};
use crate::types::public_key::{PublicKey, known_hosts_keys};
use crate::types::ssh_address::SshHost;

/// For queries without network access.
const LOCAL_LIMIT: Duration = Duration::from_secs(10);

/// The order in which host keys are shown: prefixes of algorithms.
const ALGORITHM_ORDER: [&str; 3] = ["ssh-ed25519", "ecdsa-", "ssh-rsa"];

fn run_local(command: CommandSpec) -> Result<ProcessOutput, ProcessError> {
    let command = command.env("LC_ALL", "C").new_process_group();
    command.stderr(Stderr::Null).run(LOCAL_LIMIT)
}

/// The host keys that a server presents, of every algorithm. They are not authenticated.
pub(crate) fn scan(host: &SshHost, limit: Duration) -> Result<Vec<PublicKey>, SshError> {
    let seconds = limit.as_secs().clamp(1, 60);
    let command = CommandSpec::new("ssh-keyscan")
        .args(["-T", &seconds.to_string()])
        .args(["-p", &host.port.to_string()])
        .args(["-t", "rsa,ecdsa,ed25519"])
        .args(["--", &host.name])
        .env("LC_ALL", "C")
        .new_process_group()
        .stderr(Stderr::Null);
    let stdout = match command.run(limit + Duration::from_secs(1)) {
        Ok(output) => output.stdout,
        Err(ProcessError::TimedOut { .. }) => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    let mut keys = known_hosts_keys(&stdout);
    if keys.is_empty() {
        return Err(diagnose_no_host_key(host, limit)?);
    }
    let rank = |key: &PublicKey| {
        let mut order = ALGORITHM_ORDER.iter();
        let position = order.position(|prefix| key.algorithm().starts_with(prefix));
        position.unwrap_or(ALGORITHM_ORDER.len())
    };
    keys.sort_by_key(rank);
    keys.dedup();
    Ok(keys)
}

/// The keys that one of the user's known-hosts files has for a server, also under hashed names. None if the file does not
/// exist.
pub(crate) fn user_known_hosts(file: &Path, host: &SshHost) -> Result<Vec<PublicKey>, SshError> {
    if !file.is_file() {
        return Ok(Vec::new());
    }
    Ok(known_hosts_keys(lines_for(file, host)?.as_bytes()))
}

/// The lines of a known-hosts file for a server, also those with hashed names (ssh-keygen(1), `-F`).
pub(super) fn lines_for(file: &Path, host: &SshHost) -> Result<String, SshError> {
    let command = CommandSpec::new("ssh-keygen")
        .args(["-F", &host.known_hosts_name(), "-f"])
        .args([file]);
    Ok(String::from_utf8_lossy(&run_local(command)?.stdout).into_owned())
}

/// The version of `ssh`, such as `OpenSSH_9.2p1 Debian-2, OpenSSL 3.0.11`.
pub(crate) fn version() -> Result<String, SshError> {
    let command = CommandSpec::new("ssh").args(["-V"]).new_process_group();
    let output = command.stderr(Stderr::Capture).run(LOCAL_LIMIT)?;
    Ok(String::from_utf8_lossy(&output.stderr).trim().to_owned())
}

const LIMIT: Duration = Duration::from_secs(10);

/// The number of keys in the agent. `None` if there is no agent.
pub(crate) fn agent_keys() -> Option<usize> {
    list_agent().map(|lines| lines.len())
}

/// Whether the agent has a key, so that its passphrase is not needed.
pub(crate) fn agent_has(key: &PublicKey) -> bool {
    let lines = list_agent().unwrap_or_default();
    let mut keys = lines
        .iter()
        .filter_map(|line| line.parse::<PublicKey>().ok());
    keys.any(|known| known.fingerprint() == key.fingerprint())
}

/// The public keys of the agent, one per line.
fn list_agent() -> Option<Vec<String>> {
    let command = CommandSpec::new("ssh-add").args(["-L"]).env("LC_ALL", "C");
    let command = command.new_process_group().stderr(Stderr::Null);
    let output = command.run(LIMIT).ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    // ssh-add(1): 1 stands for an empty agent, 2 for no agent.
    match output.status.code() {
        Some(0) => Some(text.lines().map(str::to_owned).collect()),
        Some(1) => Some(Vec::new()),
        _ => None,
    }
}
