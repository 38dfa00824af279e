//! The repository: visible, permitted, empty.

use super::scopes;
use crate::diagnostics::connection_facts::{CheckOptions, ConnectionFacts, RepositoryFacts};
use crate::diagnostics::finding::{Finding, FindingId};
use crate::exit_status::ExitStatus;
use crate::types::deployment::Deployment;
use crate::types::purpose::Purpose;
use crate::types::repository::Permission;

pub(crate) fn visible(facts: &ConnectionFacts, options: &CheckOptions) -> Option<Finding> {
    const ID: FindingId = FindingId::RepositoryVisible;
    let repository = facts.repository.as_ref()?;
    let id = &repository.id;
    if let Err(summary) = &repository.repository {
        let message = format!("{id}: {}", summary.message);
        let next = "check the name, and that the account or token has access: bbconnect repo list";
        let next = summary.hint.clone().unwrap_or_else(|| next.to_owned());
        return Some(Finding::fail(ID, summary.exit, message).with_next(next));
    }
    let Some(permission) = repository.permission else {
        return Some(Finding::pass(ID, format!("{id} is visible")));
    };
    let of_purposes = options.purposes.iter().map(|purpose| purpose.permission());
    let of_scopes = options.required.iter().map(|scope| scope.permission());
    let wanted = of_purposes
        .chain(of_scopes)
        .max()
        .unwrap_or(Permission::Read);
    // On Data Center this is the permission through the token: a missing scope was reported already.
    let is_reported = facts.credential.connection.deployment != Deployment::Cloud
        && scopes::lacks_required(facts, options);
    let finding =
        if permission < wanted && !facts.credential.is_service_credential() && !is_reported {
            let message = format!("{id} is visible, but requires {} permission", wanted.name());
            Finding::fail(ID, ExitStatus::Forbidden, message)
                .with_next(format!("ask an administrator of {id} for it"))
        } else {
            Finding::pass(ID, format!("{id} is visible"))
        };
    Some(finding.with_evidence(format!("permission: {}", permission.name())))
}

/// Appsmith requires an empty repository.
pub(crate) fn empty(facts: &ConnectionFacts, options: &CheckOptions) -> Option<Finding> {
    const ID: FindingId = FindingId::RepositoryEmpty;
    let repository = facts.repository.as_ref()?;
    repository.repository.as_ref().ok()?;
    let id = &repository.id;
    let must_be_empty = options.purposes.contains(&Purpose::Appsmith);
    Some(match repository.empty {
        None => {
            let message = format!("unknown whether {id} is empty");
            if must_be_empty {
                Finding::undetermined(ID, message)
            } else {
                Finding::unknown(ID, message)
            }
        }
        Some(true) => Finding::pass(ID, format!("{id} is empty")),
        Some(false) if must_be_empty => {
            let message = format!("{id} is not empty; Appsmith requires an empty repository");
            Finding::warn(ID, message).with_next("create one: bbconnect repo create NAMESPACE/SLUG")
        }
        Some(false) => Finding::pass(ID, format!("{id} has branches")),
    })
}

/// An archived repository is read-only. `None` where the server does not report whether it is archived.
pub(crate) fn archived(facts: &ConnectionFacts, options: &CheckOptions) -> Option<Finding> {
    const ID: FindingId = FindingId::RepositoryArchived;
    let repository = facts.repository.as_ref()?;
    let id = &repository.id;
    if !repository.repository.as_ref().ok()?.archived? {
        return Some(Finding::pass(ID, format!("{id} is not archived")));
    }
    let message = format!("{id} is archived, so it is read-only");
    if !options.writes_to_repository() {
        return Some(Finding::pass(ID, message));
    }
    let next = format!("ask an administrator of {id} to unarchive it");
    Some(Finding::fail(ID, ExitStatus::Failure, message).with_next(next))
}

/// The server returned the repository under another name than the requested one.
pub(crate) fn renamed(facts: &ConnectionFacts) -> Option<Finding> {
    const ID: FindingId = FindingId::RepositoryRenamed;
    let RepositoryFacts {
        id,
        requested,
        source,
        ..
    } = facts.repository.as_ref()?;
    if !requested.is_renamed_to(id) {
        return None;
    }
    let next = match source {
        Some(source) => format!("use {id} in {source}"),
        None => format!("pass --repo {id}"),
    };
    let message = format!("{requested} was renamed to {id}");
    Some(Finding::warn(ID, message).with_next(next))
}
