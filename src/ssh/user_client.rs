//! What the user's own `ssh` knows and does: its known hosts, its agent, and asking with its configuration, as git does
//! without us. Nothing is changed.

use std::path::Path;
use std::time::Duration;

use super::access_check::check_access_with_options;
use super::{AccessCheck, CheckOptions, ClientOptions, Service, SshError};
use crate::sys::subprocess::{CommandSpec, Stderr};
use crate::types::public_key::PublicKey;
use crate::types::ssh_address::{SshHost, SshRemote};

/// A question to a program of OpenSSH that needs no network.
const LIMIT: Duration = Duration::from_secs(5);

/// The keys that a file of the user's has for a server, below hashed names as well (ssh-keygen(1), `-F`). None where there
/// is no such file.
///
/// # Errors
/// [`SshError::Process`].
pub(crate) fn user_known_hosts(file: &Path, host: &SshHost) -> Result<Vec<PublicKey>, SshError> {
    if !file.is_file() {
        return Ok(Vec::new());
    }
    let command = CommandSpec::new("ssh-keygen")
        .args(["-F", &host.known_hosts_name(), "-f"])
        .args([file])
        .new_process_group()
        .stderr(Stderr::Null);
    let printed = command.run(LIMIT)?.stdout;
    let printed = String::from_utf8_lossy(&printed);
    let keys = printed.lines().filter_map(|line| {
        let (name, key) = line.split_once(' ')?;
        let is_key = !name.starts_with(['#', '@']);
        is_key.then(|| key.parse().ok()).flatten()
    });
    Ok(keys.collect())
}

/// The version of `ssh`: `OpenSSH_9.2p1 Debian-2, OpenSSL 3.0.11`.
///
/// # Errors
/// [`SshError::Process`] where it cannot be started.
pub(crate) fn version() -> Result<String, SshError> {
    let command = CommandSpec::new("ssh")
        .args(["-V"])
        .new_process_group()
        .stderr(Stderr::Capture);
    let output = command.run(LIMIT)?;
    Ok(String::from_utf8_lossy(&output.stderr).trim().to_owned())
}

/// How many keys the agent offers; `None` where there is no agent.
#[must_use]
pub(crate) fn agent_keys() -> Option<usize> {
    agent().map(|lines| lines.len())
}

/// Whether the agent has a key, so that nobody need be asked for its passphrase.
#[must_use]
pub(crate) fn agent_has(key: &PublicKey) -> bool {
    let lines = agent().unwrap_or_default();
    let mut keys = lines
        .iter()
        .filter_map(|line| line.parse::<PublicKey>().ok());
    keys.any(|known| known.fingerprint() == key.fingerprint())
}

/// The public keys of the agent, a line each.
fn agent() -> Option<Vec<String>> {
    let command = CommandSpec::new("ssh-add")
        .args(["-L"])
        .env("LC_ALL", "C")
        .new_process_group()
        .stderr(Stderr::Null);
    let output = command.run(LIMIT).ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    // 1: it has no keys; 2: there is no agent (ssh-add(1)).
    match output.status.code() {
        Some(0) => Some(text.lines().map(str::to_owned).collect()),
        Some(1) => Some(Vec::new()),
        _ => None,
    }
}

/// Asks a repository as git does without us: with the user's configuration, agent and keys; but the server is known by
/// this file alone.
///
/// # Errors
/// [`SshError`].
pub(crate) fn check_access_as_user(
    remote: &SshRemote,
    known_hosts: &Path,
    manner: CheckOptions,
) -> Result<AccessCheck, SshError> {
    let login = ClientOptions {
        key: None,
        has_passphrase: false,
        known_hosts: known_hosts.to_owned(),
    };
    let options = login.trust_options()?;
    check_access_with_options(&options, &login, remote, Service::Read, manner)
}
