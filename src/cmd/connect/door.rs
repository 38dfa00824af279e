//! The door to the repository, tried before anything is made or registered: a server that is out of reach, or is not the
//! right one, or a key that cannot be used, is told while there is nothing to take back.

use super::plan::Plan;
use super::step::Steps;
use crate::context::{Context, Vouchers};
use crate::error::Error;
use crate::model::ssh_address::{SshAddress, SshHost};
use crate::ssh::{self, Served, SshError, StoredKey};

/// An SSH server that is reached, and is the right one.
#[derive(Debug)]
pub(super) struct Door {
    /// The repository there; on Cloud that may be another host than the usual one.
    pub(super) address: SshAddress,
    /// What it answers to the key that is there already; without one, and before it is registered, that is a refusal.
    pub(super) answer: Result<Served, SshError>,
}

/// Tries the usual door, and on Cloud those beside it where that one is closed.
pub(super) fn find(
    context: &Context,
    plan: &Plan,
    key: Option<&StoredKey>,
    vouchers: Vouchers,
    steps: &mut Steps<'_>,
) -> Result<Door, Error> {
    let usual = &plan.address.host;
    trust(context, usual, vouchers, steps)?;
    let mut tried = knock(context, &plan.address, key);
    let mut closed = usual.clone();
    for host in ssh::other_doors(usual) {
        let Err(Error::Ssh(SshError::Unreachable { words, .. })) = &tried else {
            break;
        };
        let said = format!("{closed} is out of reach: {words}; trying {host}");
        steps.warn("ssh", said);
        context.trust(&host, Vouchers::default())?;
        let next = knock(context, &plan.through(host.clone()), key);
        if !matches!(&next, Err(Error::Ssh(SshError::Unreachable { .. }))) {
            tried = next;
        }
        closed = host;
    }
    tried
}

/// Makes sure that a server is the right one.
fn trust(
    context: &Context,
    host: &SshHost,
    vouchers: Vouchers,
    steps: &mut Steps<'_>,
) -> Result<(), Error> {
    let trusted = context.trust(host, vouchers)?;
    let known = trusted.keys.iter().map(|key| {
        format!(
            "{} {} ({})",
            key.key.algorithm(),
            key.key.fingerprint(),
            key.source.name()
        )
    });
    let known = known.collect::<Vec<_>>().join(", ");
    steps.pass("host-key", format!("{host}: {known}"));
    Ok(())
}

/// Asks for the repository with the key, or with none. A refusal is an answer; all else is in the way.
fn knock(context: &Context, address: &SshAddress, key: Option<&StoredKey>) -> Result<Door, Error> {
    let answer = match context.knock(address, key) {
        Ok(served) => Ok(served),
        Err(Error::Ssh(refusal @ (SshError::Denied { .. } | SshError::NoAccess { .. }))) => {
            Err(refusal)
        }
        Err(error) => return Err(error),
    };
    Ok(Door {
        address: address.clone(),
        answer,
    })
}
