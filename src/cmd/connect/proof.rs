//! The proof that it works: the server is the right one, and serves the repository to this key alone.

use super::plan::Plan;
use super::step::Steps;
use crate::context::{Context, Patience, Trusted, Vouchers};
use crate::error::Error;
use crate::model::deployment::Deployment;
use crate::model::registered_key::Access;
use crate::model::ssh_address::{SshAddress, SshHost};
use crate::ssh::{self, Served, Service, SshError, StoredKey};

/// A repository that was served.
#[derive(Debug)]
pub(super) struct Proof {
    pub(super) served: Served,
    /// Where; on Cloud that may be another host than the usual one.
    pub(super) address: SshAddress,
}

/// Makes sure that a server is the right one.
pub(super) fn trust(
    context: &Context,
    host: &SshHost,
    vouchers: Vouchers,
    steps: &mut Steps<'_>,
) -> Result<Trusted, Error> {
    let trusted = context.trust(host, vouchers)?;
    let known: Vec<_> = trusted
        .keys
        .iter()
        .map(|key| {
            format!(
                "{} {} ({})",
                key.key.algorithm(),
                key.key.fingerprint(),
                key.source.name()
            )
        })
        .collect();
    steps.pass("host-key", format!("{host}: {}", known.join(", ")));
    Ok(trusted)
}

/// Asks for the repository, patiently where the key is new, and on Cloud also through the doors beside the usual one.
pub(super) fn get(
    context: &Context,
    plan: &Plan,
    key: &StoredKey,
    patience: Patience,
    steps: &mut Steps<'_>,
) -> Result<Proof, Error> {
    let mut tried = ask(context, key, &plan.address, patience);
    let mut address = plan.address.clone();
    if plan.deployment == Deployment::Cloud {
        for host in other_doors(&plan.address.host) {
            let Err(Error::Ssh(SshError::Unreachable { words, .. })) = &tried else {
                break;
            };
            steps.warn(
                "ssh",
                format!("{} is out of reach: {words}; trying {host}", address.host),
            );
            context.trust(&host, Vouchers::default())?;
            address = plan.through(host);
            let next = ask(context, key, &address, patience);
            if !matches!(&next, Err(Error::Ssh(SshError::Unreachable { .. }))) {
                tried = next;
            }
        }
    }
    let served = tried?;
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

fn ask(
    context: &Context,
    key: &StoredKey,
    address: &SshAddress,
    patience: Patience,
) -> Result<Served, Error> {
    context.ask_patiently(key, address, patience)
}

/// Cloud's other servers: the one that all traffic moved to, and the one on a port that firewalls let through.
fn other_doors(usual: &SshHost) -> Vec<SshHost> {
    let mut hosts = ssh::built_in_hosts();
    hosts.retain(|host| host != usual && host.name != "bitbucket.org");
    hosts
}
