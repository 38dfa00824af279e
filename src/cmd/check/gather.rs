//! Asks a server all that the judging needs, once, and only by reading; side by side where one answer does not depend on
//! another.

use futures_util::future::{join, join_all, join4};

use super::facts::{Facts, Question, RepositoryFacts};
use super::judge::needed;
use crate::bitbucket::{ApiError, Bitbucket, Identity, Reach, Scopes, Shown, Subject};
use crate::error::{Error, Trouble};
use crate::exit::Exit;
use crate::model::connection::{Auth, Connection, TokenShape};
use crate::model::deployment::Deployment;
use crate::model::repository::RepoPath;
use crate::model::scope::{Granted, Scope};

/// Asks about a connection whose secret is there. The credential is shown once before it is used side by side: a wrong
/// password that is tried many times locks its account.
pub(super) async fn gather(
    bitbucket: &Bitbucket,
    mut facts: Facts,
    repository: Option<&RepoPath>,
    question: &Question,
) -> Facts {
    let subject = subject(&facts.connection, repository);
    let auth = facts.connection.auth;
    let shape = *facts.secret.as_ref().unwrap_or(&TokenShape::Unknown);
    let told = |error| Trouble::from(&Error::refused_by(error, auth, shape));
    let (version, identity) = join(bitbucket.version(), bitbucket.identify(&subject)).await;
    let is_server = version.is_ok();
    facts.version = Some(version.map_err(told));
    facts.identity = is_server.then(|| identity.map_err(|error| no_bitbucket(told(error))));
    let Some(identity) = facts.valid().cloned() else {
        return facts;
    };
    facts.granted = match &identity.scopes {
        Scopes::Granted(names) => Some(names.clone()),
        Scopes::Undisclosed => None,
    };
    let needed = needed(&facts, question);
    let (reach, of_repository, shown, ssh) = join4(
        reach(bitbucket, &subject, repository.is_some()),
        of_repository(bitbucket, repository, &identity, &told),
        shown(
            bitbucket,
            &subject,
            &identity,
            facts.granted.as_deref(),
            &needed,
        ),
        bitbucket.ssh_settings(),
    )
    .await;
    (facts.reach, facts.workspaces) = reach;
    facts.repository = of_repository;
    // What is not told is unknown, not an error: the credential may be good without it.
    facts.ssh = ssh.ok().flatten();
    match shown {
        Learned::Each(each) => facts.shown = each,
        Learned::All(names) => facts.granted = Some(names),
    }
    facts
}

/// Every Bitbucket knows the address at which it is asked who one is: a server that finds nothing there is none, and says
/// nothing of the credential.
fn no_bitbucket(trouble: Trouble) -> Trouble {
    let exit = if matches!(trouble.exit, Exit::NotFound | Exit::Conflict) {
        Exit::Unusable
    } else {
        trouble.exit
    };
    Trouble { exit, ..trouble }
}

/// What the credential is known to be for: the repository that is named counts before the connection's.
fn subject(connection: &Connection, repository: Option<&RepoPath>) -> Subject {
    let is_cloud = connection.deployment == Deployment::Cloud;
    let namespace = repository.map(|path| path.namespace.clone());
    let named = Subject::from(connection);
    Subject {
        workspace: namespace.clone().filter(|_| is_cloud).or(named.workspace),
        project: namespace.filter(|_| !is_cloud).or(named.project),
        repository: repository
            .map(|path| path.slug.clone())
            .or(named.repository),
        ..named
    }
}

/// How far it sees, and in how many workspaces. Data Center is asked in any case: its links tell its base URL.
async fn reach(
    bitbucket: &Bitbucket,
    subject: &Subject,
    is_for_one: bool,
) -> (Option<Reach>, Option<usize>) {
    let is_server = !bitbucket.is_cloud();
    let is_token = subject.auth == Some(Auth::AccessToken);
    if is_token || !(is_server || is_for_one) {
        return (None, None);
    }
    let (reach, workspaces) = join(
        bitbucket.reach(subject.workspace.as_deref()),
        bitbucket.workspaces(),
    )
    .await;
    let workspaces = workspaces.ok().flatten().map(|all| all.len());
    (reach.ok().flatten(), workspaces)
}

async fn of_repository(
    bitbucket: &Bitbucket,
    path: Option<&RepoPath>,
    identity: &Identity,
    told: &impl Fn(ApiError) -> Trouble,
) -> Option<RepositoryFacts> {
    let path = path?.clone();
    let is_cloud = bitbucket.is_cloud();
    let found_and_empty = join(bitbucket.repository(&path), bitbucket.is_empty(&path));
    let (found, empty, permission) = if is_cloud {
        let (found, empty) = found_and_empty.await;
        let permission = match &found {
            // An access token has no account that could have a permission.
            Ok(repository) if identity.account.is_some() => {
                bitbucket
                    .permission(&path, repository.name.as_deref())
                    .await
            }
            Ok(_) | Err(_) => Ok(None),
        };
        (found, empty, permission)
    } else {
        let ((found, empty), permission) =
            join(found_and_empty, bitbucket.permission(&path, None)).await;
        (found, empty, permission)
    };
    let permission = permission.ok().flatten().filter(|_| found.is_ok());
    Some(RepositoryFacts {
        path,
        found: found.map_err(told),
        empty: empty.ok(),
        permission,
    })
}

/// What reads tell of scopes.
enum Learned {
    Each(Vec<(Scope, bool)>),
    All(Vec<String>),
}

/// Finds out by reads that need them which of the needed scopes a credential has whose server does not list them.
async fn shown(
    bitbucket: &Bitbucket,
    subject: &Subject,
    identity: &Identity,
    granted: Option<&[String]>,
    needed: &[Scope],
) -> Learned {
    if let Some(names) = granted {
        return Learned::All(names.to_vec());
    }
    let is_api_token = subject.auth == Some(Auth::ApiToken);
    if is_api_token
        && !needed.is_empty()
        && let Ok(Some(names)) = bitbucket.scopes_by_refusal(identity).await
    {
        return Learned::All(names);
    }
    let reads = needed.iter().map(|scope| bitbucket.shows(*scope, subject));
    let shown = join_all(reads).await;
    let mut each = Vec::new();
    for (scope, shown) in needed.iter().zip(shown) {
        match shown {
            Ok(Shown::Granted(names)) => return Learned::All(names),
            Ok(Shown::Yes) => each.push((*scope, true)),
            Ok(Shown::No) => each.push((*scope, false)),
            Ok(Shown::Nothing) | Err(_) => {}
        }
    }
    // What one scope brings need not be shown by itself.
    let has = each
        .iter()
        .filter(|(_, has)| *has)
        .map(|(scope, _)| scope.name());
    let has = Granted::of(has.collect::<Vec<_>>());
    for scope in needed {
        if has.covers(*scope) && !each.iter().any(|(known, _)| known == scope) {
            each.push((*scope, true));
        }
    }
    Learned::Each(each)
}
