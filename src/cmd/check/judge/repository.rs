//! What the credential reaches: the repository that it is for, and how much beside it.

use super::{Facts, Judged, Question, failed, open, scopes};
use crate::exit::Exit;
use crate::model::deployment::Deployment;
use crate::model::finding::{Finding, Level};
use crate::model::purpose::{Permission, Purpose};

/// A credential for one repository should not be a key to all of them.
pub(super) fn reach(facts: &Facts) -> Option<Judged> {
    const ID: &str = "credential.reach";
    facts.valid()?;
    if facts.is_bot() {
        let belongs = facts
            .level()
            .and_then(|level| serde_json::to_value(level).ok());
        let belongs = belongs
            .as_ref()
            .and_then(|level| level.as_str())
            .unwrap_or("workspace");
        let message = format!("it belongs to a {belongs} and reaches nothing beside it");
        return Some(
            Finding::new(ID, Level::Pass, message.replace("a repo ", "a repository ")).into(),
        );
    }
    let is_for = facts
        .repository
        .as_ref()
        .map(|repository| repository.path.to_string());
    let Some(reach) = &facts.reach else {
        let message = "how far it reaches cannot be counted";
        return is_for.map(|_| Finding::new(ID, Level::Unknown, message).into());
    };
    let at_least = if reach.more { "at least " } else { "" };
    let repositories = plural(reach.repositories, "repository", "repositories");
    let projects = facts
        .projects
        .map(|count| format!(" in {}", plural(count, "project", "projects")));
    let evidence = format!(
        "it sees {at_least}{repositories}{}",
        projects.unwrap_or_default()
    );
    let Some(is_for) = is_for else {
        let message = "it is for no single repository, so its reach is not judged";
        return Some(Finding::new(ID, Level::Pass, message).seen(evidence).into());
    };
    if reach.repositories <= 1 && !reach.more {
        let message = format!("it reaches no repository beside {is_for}");
        return Some(Finding::new(ID, Level::Pass, message).seen(evidence).into());
    }
    let message = format!("it is for {is_for}, and reaches everything that its owner reaches");
    let next = match facts.connection.deployment {
        Deployment::Cloud => {
            "use an access token of the repository, or the API token of a bot account"
        }
        Deployment::DataCenter | Deployment::Unknown => {
            "use an HTTP access token of the repository (since 7.18), or one of a bot user"
        }
    };
    Some(
        Finding::new(ID, Level::Warn, message)
            .seen(evidence)
            .next(next)
            .into(),
    )
}

pub(super) fn visible(facts: &Facts, question: &Question) -> Option<Judged> {
    const ID: &str = "repository.visible";
    let of_repository = facts.repository.as_ref()?;
    let path = &of_repository.path;
    if let Err(trouble) = &of_repository.found {
        let is_answer = matches!(trouble.exit, Exit::NotFound | Exit::Forbidden);
        let said = if is_answer {
            "is not visible"
        } else {
            "cannot be looked at"
        };
        let finding = Finding::new(
            ID,
            Level::Fail,
            format!("{path} {said}: {}", trouble.message),
        );
        let next = "check the name, and that the account or token was let in: bbconnect repo list";
        return Some(failed(finding.next(next), trouble.exit));
    }
    let Some(has) = of_repository.permission else {
        return Some(Finding::new(ID, Level::Pass, format!("{path} is visible")).into());
    };
    let wanted = question
        .purposes
        .iter()
        .map(|purpose| purpose.permission())
        .max();
    let wanted = wanted.unwrap_or(Permission::Read);
    let evidence = format!("permission: {}", name(has));
    // On Data Center it is the permission through this token, so what the token lacks has been said already.
    let is_said =
        facts.connection.deployment != Deployment::Cloud && scopes::lacks(facts, question);
    if has < wanted && !facts.is_bot() && !is_said {
        let message = format!(
            "{path} is visible, but what is wanted needs the permission to {}",
            verb(wanted)
        );
        let finding = Finding::new(ID, Level::Fail, message).seen(evidence);
        let next = format!("ask an administrator of {path} for it");
        return Some(failed(finding.next(next), Exit::Forbidden));
    }
    Some(
        Finding::new(ID, Level::Pass, format!("{path} is visible"))
            .seen(evidence)
            .into(),
    )
}

/// Products that fill a repository want it empty.
pub(super) fn empty(facts: &Facts, question: &Question) -> Option<Judged> {
    const ID: &str = "repository.empty";
    let of_repository = facts.repository.as_ref()?;
    of_repository.found.as_ref().ok()?;
    let path = &of_repository.path;
    let wants_empty = question.purposes.contains(&Purpose::Appsmith);
    Some(match of_repository.empty {
        None => {
            let finding = Finding::new(
                ID,
                Level::Unknown,
                format!("whether {path} is empty cannot be seen"),
            );
            if wants_empty {
                open(finding)
            } else {
                finding.into()
            }
        }
        Some(true) => Finding::new(ID, Level::Pass, format!("{path} is empty")).into(),
        Some(false) if wants_empty => {
            let message = format!("{path} is not empty; Appsmith wants an empty repository");
            let next = "create one: bbconnect repo create NAMESPACE/SLUG";
            Finding::new(ID, Level::Warn, message).next(next).into()
        }
        Some(false) => Finding::new(ID, Level::Pass, format!("{path} has branches")).into(),
    })
}

fn plural(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn name(permission: Permission) -> &'static str {
    match permission {
        Permission::Read => "read",
        Permission::Write => "write",
        Permission::Admin => "admin",
    }
}

fn verb(permission: Permission) -> &'static str {
    match permission {
        Permission::Read => "read",
        Permission::Write => "write",
        Permission::Admin => "administer",
    }
}
