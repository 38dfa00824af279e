//! What Cloud's access tokens of a repository, a project or a workspace can have at all.

use super::CheckData;
#[cfg(test)]
use super::healthy::{healthy, question};
#[cfg(test)]
use super::{CheckOptions, exit_status, is_asked, judge};
use crate::model::connection::{AuthMethod, TokenLevel as Belongs};
use crate::model::scope::{Scope, ScopeSystem};

/// Whether the page where the credential is made offers a scope. Access tokens have few, the narrower the fewer.
pub(super) fn can_be_ticked(facts: &CheckData, scope: Scope) -> bool {
    if facts.connection.auth != AuthMethod::AccessToken
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
        || match facts.level() {
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
    use crate::exit::ExitStatus;
    use crate::model::connection::TokenPrefix;
    use crate::model::deployment::Deployment;
    use crate::model::finding::{Finding, Severity};
    use crate::model::purpose::Purpose;

    /// An access token of Cloud, with what it was granted.
    fn access_token(level: Belongs, granted: &[&str]) -> CheckData {
        let mut facts = healthy();
        facts.connection.deployment = Deployment::Cloud;
        facts.connection.auth = AuthMethod::AccessToken;
        facts.connection.level = Some(level);
        facts.secret = Ok(TokenPrefix::AccessToken);
        facts.granted = Some(granted.iter().map(ToString::to_string).collect());
        facts
    }

    fn found(facts: &CheckData, question: &CheckOptions, id: &str) -> Finding {
        let findings = judge(facts, question).into_iter();
        let mut own = findings.filter(|judged| judged.finding.id == id);
        own.next().unwrap().finding
    }

    fn next_of(facts: &CheckData, question: &CheckOptions) -> String {
        found(facts, question, "credential.scopes").next.unwrap()
    }

    #[test]
    fn what_no_access_token_can_have_is_not_to_be_ticked() {
        let question = question(&[Purpose::Appcircle]);
        let granted = ["repository", "pullrequest", "webhook"];
        for (level, never) in [
            (Belongs::Repo, "email, project"),
            (Belongs::Project, "email"),
            (Belongs::Workspace, "email"),
        ] {
            let next = next_of(&access_token(level, &granted), &question);
            let expected = format!("can have {never}: use an API token");
            assert!(next.contains(&expected), "{next}");
        }
        let next = next_of(
            &access_token(Belongs::Repo, &["repository"]),
            &self::question(&[Purpose::Webhook]),
        );
        assert!(next.contains("tick webhook"), "{next}");
    }

    #[test]
    fn a_key_that_the_preset_leaves_to_a_person_is_only_a_warning() {
        let facts = access_token(Belongs::Workspace, &["repository"]);
        let both = [Purpose::Appsmith, Purpose::DeployKey];
        for (purposes, level, status) in [
            (&both[..1], Severity::Warn, ExitStatus::Success),
            (&both, Severity::Fail, ExitStatus::Forbidden),
        ] {
            let question = question(purposes);
            assert_eq!(found(&facts, &question, "credential.kind").level, level);
            let findings = judge(&facts, &question);
            assert_eq!(exit_status(&findings, is_asked(&question), false), status);
        }
    }
}
