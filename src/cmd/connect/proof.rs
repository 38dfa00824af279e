//! The proof that it works: the server serves the repository to this key alone.

use super::door::Door;
use super::plan::Plan;
use super::step::Steps;
use crate::context::{Context, Patience};
use crate::error::Error;
use crate::model::registered_key::Access;
use crate::model::ssh_address::SshAddress;
use crate::ssh::{Served, Service, SshError, StoredKey};

/// A repository that was served.
#[derive(Debug)]
pub(super) struct Proof {
    pub(super) served: Served,
    /// Where.
    pub(super) address: SshAddress,
}

/// Asks for the repository where it was not served before, patiently where the key is new.
pub(super) fn get(
    context: &Context,
    plan: &Plan,
    key: &StoredKey,
    door: Door,
    patience: Patience,
    steps: &mut Steps<'_>,
) -> Result<Proof, Error> {
    let address = door.address;
    let served = match door.answer {
        Ok(served) => served,
        Err(_) => context.ask_patiently(key, &address, patience)?,
    };
    let host = &address.host;
    steps.pass("ssh", format!("{host} serves the repository to this key"));
    if plan.access() == Access::Write {
        prove_pushing(context, key, &address, steps)?;
    }
    Ok(Proof { served, address })
}

fn prove_pushing(
    context: &Context,
    key: &StoredKey,
    address: &SshAddress,
    steps: &mut Steps<'_>,
) -> Result<(), Error> {
    match context.ask_over_ssh(key, address, Service::Write) {
        Ok(_) => steps.pass("push", "the key may push".to_owned()),
        Err(Error::Ssh(SshError::NoAccess { words, .. })) => {
            steps.warn("push", format!("the key may not push: {words}"));
        }
        Err(error) => return Err(error),
    }
    Ok(())
}
