//! The host keys that a server shows, through the real `ssh-keyscan`: every kind it has, not only the one that would be
//! agreed on.

use std::time::Duration;

use super::SshError;
use super::access_check::diagnose_no_host_key;
use crate::sys::subprocess::{CommandSpec, ProcessError, Stderr};
use crate::types::public_key::PublicKey;
use crate::types::ssh_address::SshHost;

/// The kinds that are asked for, in the order in which people are told.
const ORDER: [&str; 3] = ["ssh-ed25519", "ecdsa-", "ssh-rsa"];

/// The host keys of a server. Nothing is proved by them: whoever stands in between shows keys as well.
///
/// # Errors
/// [`SshError::Unreachable`] and its kin where it shows none.
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
    let printed = match command.run(limit + Duration::from_secs(1)) {
        Ok(output) => output.stdout,
        Err(ProcessError::TimedOut { .. }) => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    let printed = String::from_utf8_lossy(&printed);
    let mut keys: Vec<PublicKey> = printed.lines().filter_map(shown).collect();
    if keys.is_empty() {
        return Err(diagnose_no_host_key(host, limit)?);
    }
    let place = |key: &PublicKey| {
        let is_kind = |kind: &str| key.algorithm().starts_with(kind);
        ORDER.iter().position(|kind| is_kind(kind))
    };
    keys.sort_by_key(|key| place(key).unwrap_or(ORDER.len()));
    keys.dedup();
    Ok(keys)
}

/// `host algorithm base64`, or a comment.
fn shown(line: &str) -> Option<PublicKey> {
    let (name, key) = line.split_once(' ')?;
    if name.starts_with('#') {
        return None;
    }
    key.parse().ok()
}
