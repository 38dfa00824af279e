//! What Cloud's access tokens of a repository, a project or a workspace can have at all.

use super::CheckData;
#[cfg(test)]
use super::fixtures::{healthy, question};
#[cfg(test)]
use super::{CheckOptions, exit_status, is_asked, judge};
use crate::types::connection::{AuthMethod, TokenLevel as Belongs};
use crate::types::scope::{Scope, ScopeSystem};

/// Whether the page where the credential is made offers a scope. Access tokens have few, the narrower the fewer.
pub(super) fn can_be_ticked(data: &CheckData, scope: Scope) -> bool {
    if data.connection.auth() != AuthMethod::AccessToken
        || scope.vocabulary() != ScopeSystem::Classic
    {
        return true;
    }
    let (family, _) = scope.name().split_once(':').unwrap_or((scope.name(), ""));
    let is_of_repositories = matches!(
        family,
        "repository" | "pullrequest" | "webhook" | "pipeline" | "runner"
    );
    is_of_repositories
        || match data.level() {
            Some(Belongs::Repo) => false,
            Some(Belongs::Project) => scope.name() == "project",
            Some(Belongs::Workspace | Belongs::User) | None => {
                matches!(scope.name(), "project" | "project:admin" | "account")
            }
        }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit_status::ExitStatus;
    use crate::types::connection::{Credential, TokenPrefix};
    use crate::types::deployment::Deployment;
    use crate::types::finding::{Finding, Severity};
    use crate::types::purpose::Purpose;

    /// An access token of Cloud, with what it was granted.
    fn access_token(level: Belongs, granted: &[&str]) -> CheckData {
        let mut data = healthy();
        data.connection.deployment = Deployment::Cloud;
        data.connection.credential = Credential::AccessToken {
            level: Some(level),
            username: None,
        };
        data.secret = Ok(TokenPrefix::AccessToken);
        data.granted = Some(granted.iter().map(ToString::to_string).collect());
        data
    }

    fn found(data: &CheckData, options: &CheckOptions, id: &str) -> Finding {
        let findings = judge(data, options).into_iter();
        let mut own = findings.filter(|judged| judged.finding.id == id);
        own.next().unwrap().finding
    }

    fn next_of(data: &CheckData, options: &CheckOptions) -> String {
        found(data, options, "credential.scopes").next.unwrap()
    }

    #[test]
    fn what_no_access_token_can_have_is_not_to_be_ticked() {
        let options = question(&[Purpose::Appcircle]);
        let granted = ["repository", "pullrequest", "webhook"];
        for (level, never) in [
            (Belongs::Repo, "email, project"),
            (Belongs::Project, "email"),
            (Belongs::Workspace, "email"),
        ] {
            let next = next_of(&access_token(level, &granted), &options);
            let expected = format!("can have {never}: use an API token");
            assert!(next.contains(&expected), "{next}");
        }
        let next = next_of(
            &access_token(Belongs::Repo, &["repository"]),
            &question(&[Purpose::Webhook]),
        );
        assert!(next.contains("tick webhook"), "{next}");
    }

    #[test]
    fn a_key_that_the_preset_leaves_to_a_person_is_only_a_warning() {
        let data = access_token(Belongs::Workspace, &["repository"]);
        let both = [Purpose::Appsmith, Purpose::DeployKey];
        for (purposes, level, status) in [
            (&both[..1], Severity::Warn, ExitStatus::Success),
            (&both, Severity::Fail, ExitStatus::Forbidden),
        ] {
            let options = question(purposes);
            assert_eq!(found(&data, &options, "credential.kind").level, level);
            let findings = judge(&data, &options);
            assert_eq!(exit_status(&findings, is_asked(&options), false), status);
        }
    }
}
