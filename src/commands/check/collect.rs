//! Asks a server all that the judging needs, once, and only by reading; side by side where one answer does not depend on
//! another.

use futures_util::future::{join, join_all, join4};

use super::facts::{CheckData, CheckOptions, RepositoryFacts};
use super::rules::needed;
use crate::bitbucket::{
    ApiError, Bitbucket, CredentialContext, Identity, ScopeProbe, Scopes, VisibleRepositories,
};
use crate::error::{Error, ErrorSummary};
use crate::exit_status::ExitStatus;
use crate::types::connection::{AuthMethod, Connection, TokenPrefix};
use crate::types::deployment::Deployment;
use crate::types::repository::RepoId;
use crate::types::scope::{GrantedScopes, Scope};

/// Asks about a connection whose secret is there. The credential is shown once before it is used side by side: a wrong
/// password that is tried many times locks its account.
pub(super) async fn gather(
    bitbucket: &Bitbucket,
    mut data: CheckData,
    repository: Option<&RepoId>,
    options: &CheckOptions,
) -> CheckData {
    let credential = subject(&data.connection, repository);
    let auth = data.connection.auth();
    let shape = *data.secret.as_ref().unwrap_or(&TokenPrefix::Unknown);
    let told = |error| ErrorSummary::from(&Error::from_api(error, auth, shape));
    let (version, identity) = join(bitbucket.version(), bitbucket.identify(&credential)).await;
    let is_server = version.is_ok();
    data.version = Some(version.map_err(told));
    data.identity = is_server.then(|| identity.map_err(|error| as_not_bitbucket(told(error))));
    let Some(identity) = data.valid().cloned() else {
        return data;
    };
    data.granted = match &identity.scopes {
        Scopes::Granted(names) => Some(names.clone()),
        Scopes::Unknown => None,
    };
    let needed = needed(&data, options);
    let (reach, of_repository, shown, ssh) = join4(
        reach(bitbucket, &credential, repository.is_some()),
        of_repository(bitbucket, repository, &identity, &told),
        probe_scopes(
            bitbucket,
            &credential,
            &identity,
            data.granted.as_deref(),
            &needed,
        ),
        bitbucket.ssh_settings(),
    )
    .await;
    (data.reach, data.workspaces) = reach;
    data.repository = of_repository;
    // What is not told is unknown, not an error: the credential may be good without it.
    data.ssh = ssh.ok().flatten();
    match shown {
        ScopeResult::Each(each) => data.shown = each,
        ScopeResult::All(names) => data.granted = Some(names),
    }
    data
}

/// Every Bitbucket knows the address at which it is asked who one is: a server that finds nothing there is none, and says
/// nothing of the credential.
fn as_not_bitbucket(summary: ErrorSummary) -> ErrorSummary {
    let exit = if matches!(summary.exit, ExitStatus::NotFound | ExitStatus::Conflict) {
        ExitStatus::BadResponse
    } else {
        summary.exit
    };
    ErrorSummary { exit, ..summary }
}

/// What the credential is known to be for: the repository that is named counts before the connection's.
fn subject(connection: &Connection, repository: Option<&RepoId>) -> CredentialContext {
    let is_cloud = connection.deployment == Deployment::Cloud;
    let namespace = repository.map(|repo| repo.namespace.clone());
    let named = CredentialContext::from(connection);
    CredentialContext {
        workspace: namespace.clone().filter(|_| is_cloud).or(named.workspace),
        project: namespace.filter(|_| !is_cloud).or(named.project),
        repository: repository
            .map(|repo| repo.slug.clone())
            .or(named.repository),
        ..named
    }
}

/// How far it sees, and in how many workspaces. Data Center is asked in any case: its links tell its base URL.
async fn reach(
    bitbucket: &Bitbucket,
    credential: &CredentialContext,
    is_for_one: bool,
) -> (Option<VisibleRepositories>, Option<usize>) {
    let is_server = !bitbucket.is_cloud();
    let is_token = credential.auth == Some(AuthMethod::AccessToken);
    if is_token || !(is_server || is_for_one) {
        return (None, None);
    }
    let (reach, workspaces) = join(
        bitbucket.visible_repositories(credential.workspace.as_deref()),
        bitbucket.workspaces(),
    )
    .await;
    let workspaces = workspaces.ok().flatten().map(|all| all.len());
    (reach.ok().flatten(), workspaces)
}

async fn of_repository(
    bitbucket: &Bitbucket,
    repo: Option<&RepoId>,
    identity: &Identity,
    told: &impl Fn(ApiError) -> ErrorSummary,
) -> Option<RepositoryFacts> {
    let repo = repo?.clone();
    let is_cloud = bitbucket.is_cloud();
    let found_and_empty = join(bitbucket.repository(&repo), bitbucket.is_empty(&repo));
    let (found, empty, permission) = if is_cloud {
        let (found, empty) = found_and_empty.await;
        let permission = match &found {
            // An access token has no account that could have a permission.
            Ok(repository) if identity.account.is_some() => {
                bitbucket
                    .permission(&repo, repository.name.as_deref())
                    .await
            }
            Ok(_) | Err(_) => Ok(None),
        };
        (found, empty, permission)
    } else {
        let ((found, empty), permission) =
            join(found_and_empty, bitbucket.permission(&repo, None)).await;
        (found, empty, permission)
    };
    let permission = permission.ok().flatten().filter(|_| found.is_ok());
    Some(RepositoryFacts {
        repo,
        found: found.map_err(told),
        empty: empty.ok(),
        permission,
    })
}

/// What reads tell of scopes.
enum ScopeResult {
    Each(Vec<(Scope, bool)>),
    All(Vec<String>),
}

/// Finds out by reads that need them which of the needed scopes a credential has whose server does not list them.
async fn probe_scopes(
    bitbucket: &Bitbucket,
    credential: &CredentialContext,
    identity: &Identity,
    granted: Option<&[String]>,
    needed: &[Scope],
) -> ScopeResult {
    if let Some(names) = granted {
        return ScopeResult::All(names.to_vec());
    }
    let is_api_token = credential.auth == Some(AuthMethod::ApiToken);
    if is_api_token
        && !needed.is_empty()
        && let Ok(Some(names)) = bitbucket.scopes_from_403(identity).await
    {
        return ScopeResult::All(names);
    }
    let reads = needed
        .iter()
        .map(|scope| bitbucket.probe_scope(*scope, credential));
    let shown = join_all(reads).await;
    let mut each = Vec::new();
    for (scope, shown) in needed.iter().zip(shown) {
        match shown {
            Ok(ScopeProbe::Granted(names)) => return ScopeResult::All(names),
            Ok(ScopeProbe::Yes) => each.push((*scope, true)),
            Ok(ScopeProbe::No) => each.push((*scope, false)),
            Ok(ScopeProbe::Inconclusive) | Err(_) => {}
        }
    }
    // What one scope brings need not be shown by itself.
    let has = each
        .iter()
        .filter(|(_, has)| *has)
        .map(|(scope, _)| scope.name());
    let has = GrantedScopes::of(has.collect::<Vec<_>>());
    for scope in needed {
        if has.contains(*scope) && !each.iter().any(|(known, _)| known == scope) {
            each.push((*scope, true));
        }
    }
    ScopeResult::Each(each)
}
