//! The keys of the user's SSH agent.

use std::time::Duration;

use crate::sys::subprocess::{CommandSpec, Stderr};
use crate::types::public_key::PublicKey;

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
