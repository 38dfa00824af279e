//! Queries to the programs of OpenSSH: the host keys of a server, the user's configuration, known hosts and agent. Nothing is
//! changed.

use std::path::Path;
use std::time::Duration;

use super::SshError;
use super::access_check::diagnose_no_host_key;
use crate::sys::subprocess::{CommandSpec, ProcessError, ProcessOutput, Stderr};
use crate::types::public_key::PublicKey;
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
///
/// # Errors
/// [`SshError`] if there are none.
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

/// The keys that one of the user's known-hosts files has for a server, also under hashed names (ssh-keygen(1), `-F`). None
/// if the file does not exist.
///
/// # Errors
/// [`SshError::Process`].
pub(crate) fn user_known_hosts(file: &Path, host: &SshHost) -> Result<Vec<PublicKey>, SshError> {
    if !file.is_file() {
        return Ok(Vec::new());
    }
    let command = CommandSpec::new("ssh-keygen")
        .args(["-F", &host.known_hosts_name(), "-f"])
        .args([file]);
    Ok(known_hosts_keys(&run_local(command)?.stdout))
}

/// The keys of lines as in `known_hosts`, without comments and marked lines.
fn known_hosts_keys(lines: &[u8]) -> Vec<PublicKey> {
    let lines = String::from_utf8_lossy(lines);
    let keys = lines.lines().filter_map(|line| {
        let (name, key) = line.split_once(' ')?;
        let is_key = !name.starts_with(['#', '@']);
        is_key.then(|| key.parse().ok()).flatten()
    });
    keys.collect()
}

/// The user and host that the user's SSH configuration sets for an alias. `None` if it sets nothing.
///
/// # Errors
/// [`SshError::Process`].
pub(crate) fn resolve(
    alias: &SshHost,
    user: Option<&str>,
) -> Result<Option<(Option<String>, SshHost)>, SshError> {
    let settings = |options: &[&str]| -> Result<_, SshError> {
        let command = CommandSpec::new("ssh")
            .args(options)
            .args(user.into_iter().flat_map(|user| ["-l", user]))
            .args(["-G", "--", &alias.name]);
        let stdout = run_local(command)?.stdout;
        Ok(parse_ssh_g(&String::from_utf8_lossy(&stdout)))
    };
    let configured = settings(&[])?;
    let defaults = settings(&["-F", "none"])?;
    Ok(configured.filter(|configured| defaults.as_ref() != Some(configured)))
}

/// Parses `hostname`, `port` and `user` of the output of `ssh -G`.
fn parse_ssh_g(settings: &str) -> Option<(Option<String>, SshHost)> {
    let setting = |name: &str| {
        let mut lines = settings.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
    };
    let name = setting("hostname")?;
    let port = setting("port")?.parse().ok()?;
    let host = SshHost::new(name, port).ok()?;
    Some((setting("user").map(str::to_owned), host))
}

/// The version of `ssh`, such as `OpenSSH_9.2p1 Debian-2, OpenSSL 3.0.11`.
///
/// # Errors
/// [`SshError::Process`] if it cannot be started.
pub(crate) fn version() -> Result<String, SshError> {
    let command = CommandSpec::new("ssh").args(["-V"]).new_process_group();
    let output = command.stderr(Stderr::Capture).run(LOCAL_LIMIT)?;
    Ok(String::from_utf8_lossy(&output.stderr).trim().to_owned())
}

/// The number of keys in the agent. `None` if there is no agent.
#[must_use]
pub(crate) fn agent_keys() -> Option<usize> {
    list_agent().map(|lines| lines.len())
}

/// Whether the agent has a key, so that its passphrase is not needed.
#[must_use]
pub(crate) fn agent_has(key: &PublicKey) -> bool {
    let lines = list_agent().unwrap_or_default();
    let mut keys = lines
        .iter()
        .filter_map(|line| line.parse::<PublicKey>().ok());
    keys.any(|known| known.fingerprint() == key.fingerprint())
}

/// The public keys of the agent, one per line.
fn list_agent() -> Option<Vec<String>> {
    let output = run_local(CommandSpec::new("ssh-add").args(["-L"])).ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    // ssh-add(1): 1 stands for an empty agent, 2 for no agent.
    match output.status.code() {
        Some(0) => Some(text.lines().map(str::to_owned).collect()),
        Some(1) => Some(Vec::new()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_an_alias_are_parsed() {
        let settings =
            "host work\nuser git\nhostname ssh.bitbucket.org\nport 7999\naddressfamily any\n";
        let host = SshHost::new("ssh.bitbucket.org", 7999).unwrap();
        assert_eq!(parse_ssh_g(settings), Some((Some("git".to_owned()), host)));
        assert_eq!(parse_ssh_g("hostname -oX\nport 22\n"), None);
        assert_eq!(parse_ssh_g("hostname work\n"), None);
        assert_eq!(parse_ssh_g(""), None);
    }
}
