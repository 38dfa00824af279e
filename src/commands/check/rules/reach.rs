//! How far the credential reaches: one for a single repository should not be a key to all of them.

use super::{CheckData, CheckResult};
use crate::types::connection::TokenLevel as Belongs;
use crate::types::deployment::Deployment;
use crate::types::finding::{Finding, Severity};

const ID: &str = "credential.reach";

pub(super) fn breadth(data: &CheckData) -> Option<CheckResult> {
    data.valid()?;
    let is_for = data
        .repository
        .as_ref()
        .map(|repository| repository.repo.to_string());
    let Some(is_for) = is_for else {
        let message = "it is for no single repository, so its reach is not judged";
        let seen = seen(data)?;
        return Some(
            Finding::new(ID, Severity::Pass, message)
                .with_evidence(seen)
                .into(),
        );
    };
    let finding = match data.known_level() {
        Some(Belongs::Repo) => {
            let message = "it belongs to one repository and reaches nothing beside it";
            Finding::new(ID, Severity::Pass, message)
        }
        Some(level @ (Belongs::Project | Belongs::Workspace)) if data.reach.is_none() => {
            let all = if level == Belongs::Project {
                "project"
            } else {
                "workspace"
            };
            let message = format!("it is for {is_for}, and reaches every repository of the {all}");
            Finding::new(ID, Severity::Warn, message)
                .with_remedy("use an access token of the repository")
        }
        Some(Belongs::Project | Belongs::Workspace | Belongs::User) | None => {
            counted(data, &is_for)
        }
    };
    Some(finding.into())
}

fn counted(data: &CheckData, is_for: &str) -> Finding {
    let (Some(reach), Some(seen)) = (&data.reach, seen(data)) else {
        return Finding::new(
            ID,
            Severity::Unknown,
            "how far it reaches cannot be counted",
        );
    };
    if reach.repositories <= 1 && !reach.more && data.workspaces.unwrap_or(1) <= 1 {
        let message = format!("it reaches no repository beside {is_for}");
        return Finding::new(ID, Severity::Pass, message).with_evidence(seen);
    }
    let message = format!("it is for {is_for}, and reaches more than that");
    let next = match data.connection.deployment {
        Deployment::Cloud => {
            "use an access token of the repository, or the API token of a bot account"
        }
        Deployment::DataCenter | Deployment::Unknown => {
            "use an HTTP access token of the repository (since 7.18), or one of a bot user"
        }
    };
    Finding::new(ID, Severity::Warn, message)
        .with_evidence(seen)
        .with_remedy(next)
}

/// How much it sees, as far as one page of a list tells.
fn seen(data: &CheckData) -> Option<String> {
    let reach = data.reach.as_ref()?;
    let at_least = if reach.more { "at least " } else { "" };
    let repositories = plural(reach.repositories, "repository", "repositories");
    let projects = reach
        .projects
        .map(|count| plural(count, "project", "projects"));
    let workspaces = data
        .workspaces
        .map(|count| plural(count, "workspace", "workspaces"));
    let more: Vec<String> = projects
        .into_iter()
        .chain(workspaces)
        .map(|text| format!(", {text}"))
        .collect();
    Some(format!("it sees {at_least}{repositories}{}", more.concat()))
}

fn plural(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
