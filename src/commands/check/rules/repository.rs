//! The repository that the credential is for: visible, permitted, empty or not.

use super::{CheckData, CheckOptions, CheckResult, failed, scopes, undetermined};
use crate::exit_status::ExitStatus;
use crate::types::deployment::Deployment;
use crate::types::finding::{Finding, Severity};
use crate::types::purpose::{Permission, Purpose};

pub(super) fn visible(data: &CheckData, options: &CheckOptions) -> Option<CheckResult> {
    const ID: &str = "repository.visible";
    let of_repository = data.repository.as_ref()?;
    let repo = &of_repository.repo;
    if let Err(summary) = &of_repository.found {
        let is_answer = matches!(summary.exit, ExitStatus::NotFound | ExitStatus::Forbidden);
        let said = if is_answer {
            "is not visible"
        } else {
            "cannot be looked at"
        };
        let finding = Finding::new(
            ID,
            Severity::Fail,
            format!("{repo} {said}: {}", summary.message),
        );
        let next = "check the name, and that the account or token was let in: bbconnect repo list";
        let next = summary.hint.clone().unwrap_or_else(|| next.to_owned());
        return Some(failed(finding.with_remedy(next), summary.exit));
    }
    let Some(has) = of_repository.permission else {
        return Some(Finding::new(ID, Severity::Pass, format!("{repo} is visible")).into());
    };
    let of_purposes = options.purposes.iter().map(|purpose| purpose.permission());
    let of_scopes = options.required.iter().map(|scope| scope.permission());
    let wanted = of_purposes
        .chain(of_scopes)
        .max()
        .unwrap_or(Permission::Read);
    let evidence = format!("permission: {}", name(has));
    // On Data Center it is the permission through this token, so what the token lacks has been said already.
    let is_said = data.connection.deployment != Deployment::Cloud && scopes::lacks(data, options);
    if has < wanted && !data.is_service_credential() && !is_said {
        let message = format!(
            "{repo} is visible, but what is wanted needs the permission to {}",
            verb(wanted)
        );
        let finding = Finding::new(ID, Severity::Fail, message).with_evidence(evidence);
        let next = format!("ask an administrator of {repo} for it");
        return Some(failed(finding.with_remedy(next), ExitStatus::Forbidden));
    }
    Some(
        Finding::new(ID, Severity::Pass, format!("{repo} is visible"))
            .with_evidence(evidence)
            .into(),
    )
}

/// Products that fill a repository want it empty.
pub(super) fn empty(data: &CheckData, options: &CheckOptions) -> Option<CheckResult> {
    const ID: &str = "repository.empty";
    let of_repository = data.repository.as_ref()?;
    of_repository.found.as_ref().ok()?;
    let repo = &of_repository.repo;
    let wants_empty = options.purposes.contains(&Purpose::Appsmith);
    Some(match of_repository.empty {
        None => {
            let finding = Finding::new(
                ID,
                Severity::Unknown,
                format!("whether {repo} is empty cannot be seen"),
            );
            if wants_empty {
                undetermined(finding)
            } else {
                finding.into()
            }
        }
        Some(true) => Finding::new(ID, Severity::Pass, format!("{repo} is empty")).into(),
        Some(false) if wants_empty => {
            let message = format!("{repo} is not empty; Appsmith wants an empty repository");
            let next = "create one: bbconnect repo create NAMESPACE/SLUG";
            Finding::new(ID, Severity::Warn, message)
                .with_remedy(next)
                .into()
        }
        Some(false) => Finding::new(ID, Severity::Pass, format!("{repo} has branches")).into(),
    })
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
