//! What the credential can access: one for a single repository should not open all of them.

use crate::diagnostics::connection_facts::ConnectionFacts;
use crate::diagnostics::finding::{Finding, FindingId};
use crate::types::connection::TokenLevel;
use crate::types::counted;
use crate::types::deployment::Deployment;

const ID: FindingId = FindingId::CredentialReach;

pub(crate) fn reach(facts: &ConnectionFacts) -> Option<Finding> {
    facts.credential.valid()?;
    let Some(repository) = &facts.repository else {
        let message = "not checked: the connection has no repository";
        return Some(Finding::pass(ID, message).with_evidence(visible(facts)?));
    };
    let repository = repository.id.to_string();
    Some(match facts.credential.known_level() {
        Some(TokenLevel::Repo) => Finding::pass(ID, "scoped to one repository"),
        Some(level @ (TokenLevel::Project | TokenLevel::Workspace)) if facts.reach.is_none() => {
            let owner = if level == TokenLevel::Project {
                "project"
            } else {
                "workspace"
            };
            let message =
                format!("used for {repository}, can access every repository of the {owner}");
            Finding::warn(ID, message).with_next("use an access token of the repository")
        }
        Some(TokenLevel::Project | TokenLevel::Workspace | TokenLevel::User) | None => {
            counted(facts, &repository)
        }
    })
}

fn counted(facts: &ConnectionFacts, repository: &str) -> Finding {
    let (Some(reach), Some(visible)) = (&facts.reach, visible(facts)) else {
        return Finding::unknown(ID, "accessible repositories unknown: they cannot be listed");
    };
    // Everybody can read public repositories.
    let private = reach.repositories - reach.public.min(reach.repositories);
    let is_public = facts.repository.as_ref().is_some_and(|facts| {
        let repository = facts.repository.as_ref();
        repository.is_ok_and(|repository| repository.private == Some(false))
    });
    let has_others = private > usize::from(!is_public) || facts.workspaces.unwrap_or(1) > 1;
    if !has_others && reach.more && reach.public > 0 {
        let message = "accessible repositories unknown: there are more than the first page lists";
        return Finding::unknown(ID, message).with_evidence(visible);
    }
    if !has_others && !reach.more {
        let message = format!("can access no repository other than {repository}");
        return Finding::pass(ID, message).with_evidence(visible);
    }
    let next = match facts.credential.connection.deployment {
        Deployment::Cloud => {
            "use an access token of the repository, or the API token of a bot account"
        }
        Deployment::DataCenter | Deployment::Unknown => {
            "use an HTTP access token of the repository (since 7.18), or one of a bot user"
        }
    };
    let message = format!("used for {repository}, can access other repositories");
    Finding::warn(ID, message)
        .with_evidence(visible)
        .with_next(next)
}

/// The counts of the first page of a list.
fn visible(facts: &ConnectionFacts) -> Option<String> {
    let reach = facts.reach.as_ref()?;
    let at_least = if reach.more { "at least " } else { "" };
    let repositories = counted::counted(reach.repositories, "repository", "repositories");
    let public = match reach.public {
        0 => String::new(),
        public => format!(", {public} of them public"),
    };
    let projects = reach
        .projects
        .map(|count| counted::counted(count, "project", "projects"));
    let workspaces = facts
        .workspaces
        .map(|count| counted::counted(count, "workspace", "workspaces"));
    let more: Vec<String> = projects
        .into_iter()
        .chain(workspaces)
        .map(|text| format!(", {text}"))
        .collect();
    Some(format!(
        "visible: {at_least}{repositories}{public}{}",
        more.concat()
    ))
}
