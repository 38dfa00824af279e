//! The door to the repository, tried before anything is made or registered: a server that is out of reach, or is not the
//! right one, or a key that cannot be used, is told while there is nothing to take back.

use super::plan::Plan;
use super::step::StepLog;
use crate::app::{App, HostKeyEvidence};
use crate::error::Error;
use crate::ssh::{self, AccessCheck, PrivateKeyFile, SshError};
use crate::types::ssh_address::{SshHost, SshRemote};

/// An SSH server that is reached, and is the right one.
#[derive(Debug)]
pub(super) struct ReachableServer {
    /// The repository there; on Cloud that may be another host than the usual one.
    pub(super) remote: SshRemote,
    /// What it answers to the key that is there already; without one, and before it is registered, that is a refusal.
    pub(super) answer: Result<AccessCheck, SshError>,
}

/// Tries the usual door, and on Cloud those beside it where that one is closed.
pub(super) fn find_reachable(
    app: &App,
    plan: &Plan,
    key: Option<&PrivateKeyFile>,
    evidence: HostKeyEvidence,
    steps: &mut StepLog<'_>,
) -> Result<ReachableServer, Error> {
    let usual = &plan.remote.host;
    trust(app, usual, evidence, steps)?;
    let mut tried = probe(app, &plan.remote, key);
    let mut closed = usual.clone();
    for host in ssh::alternate_hosts(usual) {
        let Err(Error::Ssh(SshError::Unreachable {
            messages: words, ..
        })) = &tried
        else {
            break;
        };
        let said = format!("{closed} is out of reach: {words}; trying {host}");
        steps.warn("ssh", said);
        app.ensure_trusted(&host, HostKeyEvidence::default())?;
        let next = probe(app, &plan.with_host(host.clone()), key);
        if !matches!(&next, Err(Error::Ssh(SshError::Unreachable { .. }))) {
            tried = next;
        }
        closed = host;
    }
    tried
}

/// Makes sure that a server is the right one.
fn trust(
    app: &App,
    host: &SshHost,
    evidence: HostKeyEvidence,
    steps: &mut StepLog<'_>,
) -> Result<(), Error> {
    let trusted = app.ensure_trusted(host, evidence)?;
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
fn probe(
    app: &App,
    remote: &SshRemote,
    key: Option<&PrivateKeyFile>,
) -> Result<ReachableServer, Error> {
    let answer = match app.probe_server(remote, key) {
        Ok(served) => Ok(served),
        Err(Error::Ssh(
            refusal @ (SshError::AuthenticationFailed { .. }
            | SshError::RepositoryAccessDenied { .. }),
        )) => Err(refusal),
        Err(error) => return Err(error),
    };
    Ok(ReachableServer {
        remote: remote.clone(),
        answer,
    })
}
