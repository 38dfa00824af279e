//! The proof that it works: the server serves the repository to this key alone.

use super::plan::Plan;
use super::probe::ReachableServer;
use super::step::StepLog;
use crate::app::{App, RetryPolicy};
use crate::error::Error;
use crate::ssh::{AccessCheck, PrivateKeyFile, Service, SshError};
use crate::types::registered_key::Access;
use crate::types::ssh_address::SshRemote;

/// A repository that was served.
#[derive(Debug)]
pub(super) struct VerifiedAccess {
    pub(super) served: AccessCheck,
    /// Where.
    pub(super) remote: SshRemote,
}

/// Asks for the repository where it was not served before, patiently where the key is new.
pub(super) fn verify_access(
    app: &App,
    plan: &Plan,
    key: &PrivateKeyFile,
    door: ReachableServer,
    patience: RetryPolicy,
    steps: &mut StepLog<'_>,
) -> Result<VerifiedAccess, Error> {
    let remote = door.remote;
    let served = match door.answer {
        Ok(served) => served,
        Err(_) => app.check_access_with_retry(key, &remote, patience)?,
    };
    let host = &remote.host;
    steps.pass("ssh", format!("{host} serves the repository to this key"));
    if plan.access() == Access::Write {
        verify_push(app, key, &remote, steps)?;
    }
    Ok(VerifiedAccess { served, remote })
}

fn verify_push(
    app: &App,
    key: &PrivateKeyFile,
    remote: &SshRemote,
    steps: &mut StepLog<'_>,
) -> Result<(), Error> {
    match app.check_access(key, remote, Service::Write) {
        Ok(_) => steps.pass("push", "the key may push".to_owned()),
        Err(Error::Ssh(SshError::RepositoryAccessDenied {
            messages: words, ..
        })) => {
            steps.warn("push", format!("the key may not push: {words}"));
        }
        Err(error) => return Err(error),
    }
    Ok(())
}
