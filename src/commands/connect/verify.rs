//! Checks over SSH: before anything is changed whether the server can be reached and is the right one, and afterwards whether
//! it serves the repository to the key.

use super::plan::Plan;
use super::steps::{StepId, StepLog};
use crate::app::{App, HostKeyEvidence, RetryPolicy, TrustPreview};
use crate::error::Error;
use crate::ssh::{
    self, AccessCheck, ClientOptions, Destination, HostKey, PrivateKeyFile, Service, SshError,
};
use crate::types::registered_key::Access;
use crate::types::ssh_address::{SshHost, SshRemote};

/// An SSH server that can be reached and has a trusted host key.
pub(super) struct ReachableServer {
    /// The repository there, as git names it. On Cloud it may be at another host than the usual one.
    pub(super) remote: SshRemote,
    pub(super) destination: Destination,
    /// The response to the existing key. Without a key, and for one that is not registered, it is a refusal.
    response: Result<AccessCheck, SshError>,
    trust: Trust,
}

/// A server that serves the repository to the key.
pub(super) struct VerifiedAccess {
    /// The repository as git names it.
    pub(super) remote: SshRemote,
    pub(super) destination: Destination,
    pub(super) check: AccessCheck,
    /// Whether the key may do what was requested. A key that should push may have read access only.
    pub(super) is_sufficient: bool,
}

/// Connects to the usual server, and on Cloud to the alternate ones if it cannot be reached. Host keys are pinned unless
/// this is a dry run.
pub(super) fn find_reachable(
    app: &App,
    plan: &Plan,
    key: Option<&PrivateKeyFile>,
    evidence: HostKeyEvidence,
    dry_run: bool,
    steps: &mut StepLog<'_>,
) -> Result<ReachableServer, Error> {
    let destination = app.ssh_destination(&plan.remote)?;
    if let Some(proxy) = destination.proxy() {
        let message = format!("{} is reached through {proxy}", plan.remote.host);
        steps.pass(StepId::Ssh, message);
    }
    let usual = &destination.host.clone();
    let trust = Trust::new(app, &destination, evidence, dry_run)?;
    trust.report(usual, steps);
    let mut result = probe(app, &plan.remote, destination, key, trust);
    let mut unreachable = usual.clone();
    for host in ssh::alternate_hosts(usual) {
        let Err(Error::Ssh(SshError::Unreachable { messages, .. })) = &result else {
            break;
        };
        steps.warn(
            StepId::Ssh,
            format!("{unreachable} cannot be reached: {messages}; trying {host}"),
        );
        let remote = plan.remote.with_host(host.clone());
        let destination = app.ssh_destination(&remote)?;
        let trust = Trust::new(app, &destination, HostKeyEvidence::default(), dry_run)?;
        let next = probe(app, &remote, destination, key, trust);
        if !matches!(&next, Err(Error::Ssh(SshError::Unreachable { .. }))) {
            result = next;
        }
        unreachable = host;
    }
    result
}

/// The trusted host keys of a server.
enum Trust {
    Pinned(Vec<HostKey>),
    Preview(TrustPreview),
}

impl Trust {
    fn new(
        app: &App,
        destination: &Destination,
        evidence: HostKeyEvidence,
        dry_run: bool,
    ) -> Result<Self, Error> {
        Ok(if dry_run {
            Self::Preview(app.preview_trust(destination, evidence)?)
        } else {
            Self::Pinned(app.ensure_trusted(destination, evidence)?.keys)
        })
    }

    /// Options for a login with a key and these host keys.
    fn ssh_options(
        &self,
        app: &App,
        key: Option<&PrivateKeyFile>,
        destination: &Destination,
    ) -> ClientOptions {
        let mut options = app.ssh_options(key, destination);
        if let Self::Preview(preview) = self {
            preview.known_hosts().clone_into(&mut options.known_hosts);
        }
        options
    }

    fn report(&self, host: &SshHost, steps: &mut StepLog<'_>) {
        let (keys, needs_confirmation) = match self {
            Self::Pinned(keys) => (keys, false),
            Self::Preview(preview) => (&preview.keys, preview.needs_confirmation),
        };
        let keys = keys.iter().map(|key| {
            format!(
                "{} {} ({})",
                key.key.algorithm(),
                key.key.fingerprint(),
                key.source.name()
            )
        });
        let keys = keys.collect::<Vec<_>>().join(", ");
        if needs_confirmation {
            steps.warn(
                StepId::HostKey,
                format!(
                    "the host key of {host} is not known, you would be asked to trust it: {keys}"
                ),
            );
        } else {
            steps.pass(StepId::HostKey, format!("{host}: {keys}"));
        }
    }
}

/// Requests the repository with the existing key, or without one. A refusal is a result, everything else an error.
fn probe(
    app: &App,
    remote: &SshRemote,
    destination: Destination,
    key: Option<&PrivateKeyFile>,
    trust: Trust,
) -> Result<ReachableServer, Error> {
    let options = trust.ssh_options(app, key, &destination);
    let response = match app.probe_server(&options, &destination.remote(remote), key) {
        Ok(check) => Ok(check),
        Err(Error::Ssh(
            refusal @ (SshError::AuthenticationFailed { .. }
            | SshError::RepositoryAccessDenied { .. }),
        )) => Err(refusal),
        Err(error) => return Err(error),
    };
    Ok(ReachableServer {
        remote: remote.clone(),
        destination,
        response,
        trust,
    })
}

impl ReachableServer {
    /// Why the server refused the existing key.
    pub(super) fn into_refusal(self) -> Result<Self, SshError> {
        match self.response {
            Err(refusal) => Err(refusal),
            Ok(_) => Ok(self),
        }
    }
}

/// Requests the repository, again while the server refuses a new key. If the plan asks for write access, pushing is
/// checked as well.
pub(super) fn verify_access(
    app: &App,
    plan: &Plan,
    key: &PrivateKeyFile,
    server: ReachableServer,
    retry: RetryPolicy,
    steps: &mut StepLog<'_>,
) -> Result<VerifiedAccess, Error> {
    let destination = server.destination;
    let options = server.trust.ssh_options(app, Some(key), &destination);
    let remote = destination.remote(&server.remote);
    let check = match server.response {
        Ok(check) => check,
        Err(_) => app.check_access_with_retry(&options, &remote, retry)?,
    };
    let host = &remote.host;
    steps.pass(StepId::Ssh, format!("SSH access verified on {host}"));
    let is_sufficient = plan.access() == Access::Read || can_push(app, &options, &remote, steps)?;
    Ok(VerifiedAccess {
        remote: server.remote,
        destination,
        check,
        is_sufficient,
    })
}

fn can_push(
    app: &App,
    options: &ClientOptions,
    remote: &SshRemote,
    steps: &mut StepLog<'_>,
) -> Result<bool, Error> {
    match app.check_access(options, remote, Service::Write) {
        Ok(_) => {
            steps.pass(StepId::Push, "the key has write access");
            Ok(true)
        }
        Err(Error::Ssh(SshError::RepositoryAccessDenied { messages, .. })) => {
            let note = format!("the key has no write access: {messages}");
            steps.warn(StepId::Push, note);
            Ok(false)
        }
        Err(error) => Err(error),
    }
}
