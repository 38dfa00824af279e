//! Asks a server all that the judging needs, once, and only by reading; side by side where one answer does not depend on
//! another.

use futures_util::future::{join, join_all, join3};

use super::facts::{Facts, Question, RepositoryFacts, Trouble};
use super::judge::needed;
use crate::bitbucket::{ApiError, Bitbucket, Identity, Reach, Scopes, Shown, Subject};
use crate::error::Error;
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
    facts.identity = is_server.then(|| identity.map_err(told));
    let Some(identity) = facts.valid().cloned() else {
        return facts;
    };
    facts.granted = match &identity.scopes {
        Scopes::Granted(names) => Some(names.clone()),
        Scopes::Undisclosed => None,
    };
    let (reach, of_repository, shown) = join3(
        reach(bitbucket, &subject, repository.is_some()),
        of_repository(bitbucket, repository, &identity, &told),
        shown(
            bitbucket,
            &subject,
            &identity,
            facts.granted.as_deref(),
            &needed(&facts, question),
        ),
    )
    .await;
    (facts.reach, facts.projects) = reach;
    facts.repository = of_repository;
    match shown {
        Learned::Each(each) => facts.shown = each,
        Learned::All(names) => facts.granted = Some(names),
    }
    facts
}

/// What the credential is known to be for: the repository that is named counts before the connection's.
fn subject(connection: &Connection, repository: Option<&RepoPath>) -> Subject {
    let is_cloud = connection.deployment == Deployment::Cloud;
    let namespace = repository.map(|path| path.namespace.clone());
    Subject {
        auth: Some(connection.auth),
        level: connection.level,
        workspace: namespace
            .clone()
            .filter(|_| is_cloud)
            .or_else(|| connection.workspace.clone()),
        project: namespace
            .filter(|_| !is_cloud)
            .or_else(|| connection.project.clone()),
        repository: repository
            .map(|path| path.slug.clone())
            .or_else(|| connection.repository.clone()),
    }
}

/// How far it sees, and how many projects. Data Center is asked in any case: its links tell its base URL.
async fn reach(
    bitbucket: &Bitbucket,
    subject: &Subject,
    is_for_one: bool,
) -> (Option<Reach>, Option<usize>) {
    let is_server = matches!(bitbucket, Bitbucket::DataCenter(_));
    let is_token = subject.auth == Some(Auth::AccessToken);
    if is_token || !(is_server || is_for_one) {
        return (None, None);
    }
    let workspace = subject.workspace.as_deref();
    let projects = async {
        let workspace = workspace.unwrap_or_default();
        let asks = is_for_one && (is_server || !workspace.is_empty());
        if !asks {
            return None;
        }
        bitbucket
            .projects(workspace)
            .await
            .ok()
            .map(|projects| projects.len())
    };
    let (reach, projects) = join(bitbucket.reach(workspace), projects).await;
    // What is not told is unknown, not an error: the credential may be good without it.
    (reach.ok().flatten(), projects)
}

async fn of_repository(
    bitbucket: &Bitbucket,
    path: Option<&RepoPath>,
    identity: &Identity,
    told: &impl Fn(ApiError) -> Trouble,
) -> Option<RepositoryFacts> {
    let path = path?.clone();
    let (found, empty) = join(bitbucket.repository(&path), bitbucket.is_empty(&path)).await;
    let has_account = identity.account.is_some() || matches!(bitbucket, Bitbucket::DataCenter(_));
    let permission = match &found {
        Ok(repository) if has_account => {
            let asked = bitbucket
                .permission(&path, repository.name.as_deref())
                .await;
            asked.ok().flatten()
        }
        Ok(_) | Err(_) => None,
    };
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
    let reads = needed
        .iter()
        .map(|scope| bitbucket.shows(*scope, subject, identity));
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
