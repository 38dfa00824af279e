//! Gathers the facts about connections, concurrently: none waits for a slow one, and none is hidden by an unreachable
//! one. It only reads.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use futures_util::future::{join, join_all, join4};

use super::targets::CheckTarget;
use crate::app::{App, ReachabilityCache, VerifiedCredential};
use crate::bitbucket::{
    ApiError, Bitbucket, CredentialContext, Identity, ScopeProbe, Scopes, VisibleRepositories,
};
use crate::diagnostics::report::{ConnectionReport, ReportOptions};
use crate::diagnostics::{
    CheckOptions, ConnectionFacts, KeyFacts, RepositoryFacts, judge_connection, needed_scopes,
};
use crate::error::{Error, ErrorSummary};
use crate::resolve::{RepositorySource, ResolvedRepository, SelectedConnection, SshConnection};
use crate::ssh::{PrivateKeyFile, Service, SshError};
use crate::sys::worker_pool;
use crate::types::auth_failure_help::CredentialOrigin;
use crate::types::connection::{AuthMethod, Connection, TokenPrefix};
use crate::types::deployment::Deployment;
use crate::types::repository::{Permission, RepoId, Repository};
use crate::types::scope::{GrantedScopes, Scope};

/// Adds what a valid credential can read.
async fn add_facts(
    bitbucket: &Bitbucket,
    facts: &mut ConnectionFacts,
    mut context: CredentialContext,
    requested: Option<&ResolvedRepository>,
    options: &CheckOptions,
) {
    let Some(identity) = facts.credential.valid().cloned() else {
        return;
    };
    let mut repository = requested.map(|requested| requested.id.clone());
    let connection = facts.credential.connection.clone();
    let prefix = *facts
        .credential
        .secret
        .as_ref()
        .unwrap_or(&TokenPrefix::Unknown);
    let name = facts.credential.name.clone();
    let origin = CredentialOrigin::of(&connection, &name);
    let summarize =
        |error| ErrorSummary::from(&Error::from_api(error, &connection, prefix, origin));
    facts.granted = match &identity.scopes {
        Scopes::Granted(names) => Some(names.clone()),
        Scopes::Unknown => None,
    };
    let needed = needed_scopes(facts, options);
    let mut is_repeated = false;
    let (reach, of_repository, scopes, ssh_settings) = loop {
        let all = join4(
            reach(bitbucket, &context, repository.is_some()),
            repository_facts(bitbucket, repository.as_ref(), &identity),
            probe_scopes(
                bitbucket,
                &context,
                &identity,
                facts.granted.as_deref(),
                &needed,
            ),
            bitbucket.ssh_settings(),
        )
        .await;
        // Permissions and scopes of a renamed repository are requested under its current name.
        let current = all.1.as_ref().and_then(ServerRepository::current_name);
        match (current, &repository) {
            (Some(current), Some(known)) if known.is_renamed_to(&current) && !is_repeated => {
                is_repeated = true;
                context = credential_context(&facts.credential.connection, Some(&current));
                repository = Some(current);
            }
            _ => break all,
        }
    };
    (facts.reach, facts.workspaces) = reach;
    facts.repository = requested.zip(of_repository).map(|(requested, found)| {
        let source = &requested.source;
        RepositoryFacts {
            id: found.current_name().unwrap_or_else(|| requested.id.clone()),
            requested: requested.id.clone(),
            source: (*source != RepositorySource::Flag).then(|| source.to_string()),
            repository: found.repository.map_err(summarize),
            empty: found.empty,
            permission: found.permission,
        }
    });
    // Settings that cannot be read are unknown: the credential may be valid without them.
    facts.ssh_settings = ssh_settings.ok().flatten();
    match scopes {
        ScopeFacts::Probed(probed) => facts.probed_scopes = probed,
        ScopeFacts::Listed(names) => facts.granted = Some(names),
    }
}

/// What is known about the credential beforehand: `--repo` counts before the connection's repository.
fn credential_context(connection: &Connection, repository: Option<&RepoId>) -> CredentialContext {
    let is_cloud = connection.deployment == Deployment::Cloud;
    let namespace = repository.map(|repo| repo.namespace.clone());
    let own = CredentialContext::from(connection);
    CredentialContext {
        workspace: namespace.clone().filter(|_| is_cloud).or(own.workspace),
        project: namespace.filter(|_| !is_cloud).or(own.project),
        repository: repository.map(|repo| repo.slug.clone()).or(own.repository),
        ..own
    }
}

/// The visible repositories and the number of workspaces. Data Center is always asked: the links contain its base URL.
async fn reach(
    bitbucket: &Bitbucket,
    context: &CredentialContext,
    has_repository: bool,
) -> (Option<VisibleRepositories>, Option<usize>) {
    let is_datacenter = !bitbucket.is_cloud();
    let is_access_token = context.auth == Some(AuthMethod::AccessToken);
    if is_access_token || !(is_datacenter || has_repository) {
        return (None, None);
    }
    let (reach, workspaces) = join(
        bitbucket.visible_repositories(context.workspace.as_deref()),
        bitbucket.workspaces(),
    )
    .await;
    let workspaces = workspaces.ok().flatten().map(|all| all.len());
    (reach.ok().flatten(), workspaces)
}

struct ServerRepository {
    repository: Result<Repository, ApiError>,
    empty: Option<bool>,
    permission: Option<Permission>,
}

impl ServerRepository {
    fn current_name(&self) -> Option<RepoId> {
        self.repository.as_ref().ok().map(Repository::path)
    }
}

async fn repository_facts(
    bitbucket: &Bitbucket,
    id: Option<&RepoId>,
    identity: &Identity,
) -> Option<ServerRepository> {
    let id = id?;
    let repository_and_empty = join(bitbucket.repository(id), bitbucket.is_empty(id));
    let (repository, empty, permission) = if bitbucket.is_cloud() {
        let (repository, empty) = repository_and_empty.await;
        let permission = match &repository {
            // An access token has no account that could have a permission.
            Ok(repository) if identity.account.is_some() => {
                bitbucket.permission(id, repository.name.as_deref()).await
            }
            Ok(_) | Err(_) => Ok(None),
        };
        (repository, empty, permission)
    } else {
        let ((repository, empty), permission) =
            join(repository_and_empty, bitbucket.permission(id, None)).await;
        (repository, empty, permission)
    };
    let permission = permission.ok().flatten().filter(|_| repository.is_ok());
    Some(ServerRepository {
        repository,
        empty: empty.ok(),
        permission,
    })
}

enum ScopeFacts {
    Probed(Vec<(Scope, bool)>),
    Listed(Vec<String>),
}

/// The needed scopes of a credential whose server does not list them: each is tested by a read that needs it.
async fn probe_scopes(
    bitbucket: &Bitbucket,
    context: &CredentialContext,
    identity: &Identity,
    granted: Option<&[String]>,
    needed: &[Scope],
) -> ScopeFacts {
    if let Some(names) = granted {
        return ScopeFacts::Listed(names.to_vec());
    }
    let is_api_token = context.auth == Some(AuthMethod::ApiToken);
    if is_api_token
        && !needed.is_empty()
        && let Ok(Some(names)) = bitbucket.scopes_from_403(identity).await
    {
        return ScopeFacts::Listed(names);
    }
    let requests = needed
        .iter()
        .map(|scope| bitbucket.probe_scope(*scope, context));
    let mut probed = Vec::new();
    for (scope, result) in needed.iter().zip(join_all(requests).await) {
        match result {
            Ok(ScopeProbe::Granted(names)) => return ScopeFacts::Listed(names),
            Ok(ScopeProbe::Yes) => probed.push((*scope, true)),
            Ok(ScopeProbe::No) => probed.push((*scope, false)),
            Ok(ScopeProbe::Inconclusive) | Err(_) => {}
        }
    }
    // A granted scope implies others.
    let granted = probed.iter().filter(|(_, is_granted)| *is_granted);
    let granted =
        GrantedScopes::from_names(granted.map(|(scope, _)| scope.name()).collect::<Vec<_>>());
    for scope in needed {
        if granted.contains(*scope) && !probed.iter().any(|(known, _)| known == scope) {
            probed.push((*scope, true));
        }
    }
    ScopeFacts::Probed(probed)
}

/// What the connection's SSH key may do; `None` where it has none. Only the first step of a push is requested, so that
/// nothing is written.
fn key(selected: &SelectedConnection, options: &CheckOptions, app: &App) -> Option<KeyFacts> {
    let ssh = SshConnection::new(selected.name.clone(), selected.connection.clone())?;
    let mut facts = KeyFacts {
        path: ssh.key.clone(),
        can_read: None,
        can_write: None,
    };
    let key = match PrivateKeyFile::read(&ssh.key) {
        Ok(key) if key.has_passphrase => return Some(facts),
        Ok(key) => key,
        Err(error) => {
            facts.can_read = Some(Err(ErrorSummary::from(&Error::from(error))));
            return Some(facts);
        }
    };
    let destination = match app.ssh_destination(&ssh.remote) {
        Ok(destination) => destination,
        Err(error) => {
            facts.can_read = Some(Err(ErrorSummary::from(&error)));
            return Some(facts);
        }
    };
    let (client, remote) = (
        app.ssh_options(Some(&key), &destination),
        destination.remote(&ssh.remote),
    );
    let can_read = app.check_access(&client, &remote, Service::Read);
    let can_read = can_read
        .map(drop)
        .map_err(|error| ErrorSummary::from(&error));
    if can_read.is_ok() && options.needs_push() {
        facts.can_write = match app.check_access(&client, &remote, Service::Write) {
            Ok(_) => Some(true),
            Err(Error::Ssh(SshError::RepositoryAccessDenied { .. })) => Some(false),
            Err(_) => None,
        };
    }
    facts.can_read = Some(can_read);
    Some(facts)
}

/// Checks connections, and returns their reports in the same order.
pub(super) fn check_all(
    targets: &[CheckTarget],
    options: &CheckOptions,
    report: ReportOptions,
    app: &App,
) -> Vec<ConnectionReport> {
    let total = targets.len();
    let progress = app.ui.progress(&match targets {
        [CheckTarget::Connection(selected, _)] => {
            format!("checking {}", selected.connection.base_url)
        }
        _ => format!("checking {total} connections"),
    });
    let done = AtomicUsize::new(0);
    let reachability = ReachabilityCache::default();
    worker_pool::map_bounded(
        targets,
        |target| match target {
            CheckTarget::Connection(selected, _) => {
                selected.connection.base_url.origin().to_string()
            }
            CheckTarget::Unreadable(name, _) => name.clone(),
        },
        |target| {
            let checked = match target {
                CheckTarget::Connection(selected, repository) => {
                    let started = Instant::now();
                    let facts =
                        gather_one(selected, repository.as_ref(), options, &reachability, app);
                    let findings = judge_connection(&facts, options);
                    ConnectionReport::new(facts, findings, report, started.elapsed())
                }
                CheckTarget::Unreadable(name, summary) => {
                    ConnectionReport::unreadable(name, summary)
                }
            };
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            if total > 1 {
                progress.set_message(&format!("checked {done} of {total} connections"));
            }
            checked
        },
    )
}

fn gather_one(
    selected: &SelectedConnection,
    repository: Option<&ResolvedRepository>,
    options: &CheckOptions,
    reachability: &ReachabilityCache,
    app: &App,
) -> ConnectionFacts {
    let id = repository.map(|repository| &repository.id);
    let context = credential_context(&selected.connection, id);
    let VerifiedCredential {
        mut facts,
        bitbucket,
    } = app.verify_credential(selected, &context, reachability);
    if let Some(bitbucket) = bitbucket {
        let gathering = add_facts(&bitbucket, &mut facts, context, repository, options);
        if let Err(error) = app.block_on(gathering) {
            facts.credential.secret = Err(ErrorSummary::from(&error));
        }
    }
    facts.key = key(selected, options, app);
    facts
}
