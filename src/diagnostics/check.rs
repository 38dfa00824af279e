//! The findings of `check`, in the order of its output, and their exit status.

use super::connection_facts::{CheckOptions, ConnectionFacts};
use super::finding::{Finding, FindingId, Severity};
use super::rules::{credential, reach, repository, scopes, server, ssh};
use crate::error::ErrorSummary;
use crate::exit_status::ExitStatus;
use crate::probe::CertificateSummary;
use crate::types::deployment::Deployment;

pub(crate) fn judge(facts: &ConnectionFacts, options: &CheckOptions) -> Vec<Finding> {
    let all = [
        reachable(facts, options),
        version(facts, options),
        base_url(facts),
        Some(credential::present(&facts.credential)),
        valid(facts),
        kind(facts, options),
        scopes::required(facts, options),
        scopes::excess(facts, options),
        credential::expiry(
            FindingId::CredentialExpiry,
            &facts.credential,
            options.today,
            options.expires_within,
            facts.server_error().is_some(),
        ),
        reach::reach(facts),
        repository::visible(facts, options),
        repository::empty(facts, options),
        repository::archived(facts, options),
        repository::renamed(facts),
        ssh::access(facts, options),
    ];
    all.into_iter().flatten().collect()
}

/// The finding of a connection whose entry or secret cannot be read.
pub(crate) fn missing_credential(summary: &ErrorSummary) -> Finding {
    Finding::from_error(FindingId::CredentialPresent, summary)
}

/// The exit status of one connection's findings: the smallest of the failures. Without a failure, 1 where a requirement
/// is undetermined, and with `--strict` 11 for warnings.
pub(crate) fn exit_status(
    findings: &[Finding],
    has_requirements: bool,
    strict: bool,
) -> ExitStatus {
    let worst = ExitStatus::most_significant(findings.iter().map(|finding| finding.exit));
    if worst != ExitStatus::Success {
        return worst;
    }
    if has_requirements && findings.iter().any(|finding| finding.is_undetermined) {
        return ExitStatus::Failure;
    }
    let has_warning = findings
        .iter()
        .any(|finding| finding.level == Severity::Warn);
    if strict && has_warning {
        ExitStatus::Warnings
    } else {
        ExitStatus::Success
    }
}

fn reachable(facts: &ConnectionFacts, options: &CheckOptions) -> Option<Finding> {
    const ID: FindingId = FindingId::ServerReachable;
    facts.version.as_ref()?;
    let base = &facts.credential.connection.base_url;
    if let Some(summary) = facts.server_error() {
        return Some(Finding::from_error(ID, summary).with_evidence(base.to_string()));
    }
    let certificate = facts
        .certificate
        .as_deref()
        .map(CertificateSummary::from_der);
    let finding = Finding::pass(ID, "the server responds").unless([
        server::insecure_transport(ID, base),
        certificate.and_then(|it| server::certificate_expiry(ID, &it, options.today)),
        facts
            .time
            .and_then(|(reported, at)| server::clock(ID, Some(reported), at).if_problem()),
    ]);
    Some(match finding.evidence {
        Some(_) => finding,
        None => finding.with_evidence(base.to_string()),
    })
}

fn version(facts: &ConnectionFacts, options: &CheckOptions) -> Option<Finding> {
    if facts.credential.connection.deployment == Deployment::Cloud {
        return None;
    }
    let reported = facts.version.as_ref()?.as_ref().ok()?.as_deref();
    Some(server::version(
        FindingId::ServerVersion,
        reported,
        options.min_version,
        options.today,
    ))
}

fn base_url(facts: &ConnectionFacts) -> Option<Finding> {
    let connection = &facts.credential.connection;
    if connection.deployment == Deployment::Cloud {
        return None;
    }
    facts.credential.valid()?;
    let links = facts.reach.iter().flat_map(|reach| reach.links.iter());
    let repository = facts.repository.iter();
    let repository = repository.filter_map(|facts| facts.repository.as_ref().ok());
    let links = links.chain(repository.flat_map(|repository| repository.web.iter()));
    Some(server::base_url(
        FindingId::ServerBaseUrl,
        &connection.base_url,
        links.map(String::as_str),
    ))
}

fn valid(facts: &ConnectionFacts) -> Option<Finding> {
    const ID: FindingId = FindingId::CredentialValid;
    facts.version.as_ref()?;
    if facts.server_error().is_some() {
        let message = "not verified: the server gave no usable response";
        return Some(Finding::undetermined(ID, message));
    }
    credential::valid(ID, &facts.credential)
}

fn kind(facts: &ConnectionFacts, options: &CheckOptions) -> Option<Finding> {
    let finding = credential::kind(FindingId::CredentialKind, &facts.credential)?;
    Some(if finding.level == Severity::Pass {
        finding.unless([credential::key_registration(&facts.credential, options)])
    } else {
        finding
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bitbucket::{Identity, VisibleRepositories};
    use crate::diagnostics::rules::fixtures::{failure, healthy, options, repository};
    use crate::types::connection::{Credential, TokenLevel, TokenPrefix};
    use crate::types::purpose::Purpose;
    use crate::types::repository::Permission;

    #[track_caller]
    fn assert_found(
        facts: &ConnectionFacts,
        options: &CheckOptions,
        expected: &[(FindingId, Severity)],
        exit: ExitStatus,
    ) {
        let findings = judge(facts, options);
        for (id, level) in expected {
            let found = findings.iter().find(|finding| finding.id == *id);
            let found = found.map(|finding| finding.level);
            assert_eq!(found, Some(*level), "{id:?}: {findings:#?}");
        }
        assert_eq!(
            exit_status(&findings, options.has_requirements(), false),
            exit,
            "{findings:#?}"
        );
    }

    /// The level of one finding where nothing is required.
    #[track_caller]
    fn assert_level(facts: &ConnectionFacts, id: FindingId, level: Severity, exit: ExitStatus) {
        assert_found(facts, &options(&[]), &[(id, level)], exit);
    }

    fn with_identity(identity: Option<Result<Identity, ErrorSummary>>) -> ConnectionFacts {
        let mut facts = healthy();
        facts.credential.identity = identity;
        facts
    }

    #[test]
    fn a_healthy_connection_passes_also_with_strict() {
        let options = &options(&[Purpose::Webhook]);
        let findings = judge(&healthy(), options);
        assert!(
            findings
                .iter()
                .all(|finding| finding.level == Severity::Pass),
            "{findings:#?}"
        );
        assert_eq!(findings.len(), 12);
        assert_eq!(exit_status(&findings, true, true), ExitStatus::Success);
    }

    #[test]
    fn an_unusable_server_says_nothing_about_the_credential() {
        for status in [ExitStatus::Unreachable, ExitStatus::BadResponse] {
            let facts = ConnectionFacts {
                version: Some(Err(failure(status))),
                ..with_identity(None)
            };
            let expected = [
                (FindingId::ServerReachable, Severity::Fail),
                (FindingId::CredentialValid, Severity::Unknown),
                (FindingId::CredentialScopes, Severity::Unknown),
            ];
            assert_found(&facts, &options(&[Purpose::Read]), &expected, status);
        }
    }

    #[test]
    fn a_refused_credential_differs_from_an_unverified_one() {
        for (status, level, with_requirements, without) in [
            (
                ExitStatus::Unauthorized,
                Severity::Fail,
                ExitStatus::Unauthorized,
                ExitStatus::Unauthorized,
            ),
            (
                ExitStatus::Failure,
                Severity::Unknown,
                ExitStatus::Failure,
                ExitStatus::Success,
            ),
        ] {
            let facts = with_identity(Some(Err(failure(status))));
            let expected = [
                (FindingId::ServerReachable, Severity::Pass),
                (FindingId::CredentialValid, level),
            ];
            assert_found(
                &facts,
                &options(&[Purpose::Read]),
                &expected,
                with_requirements,
            );
            assert_found(&facts, &options(&[]), &expected, without);
        }
    }

    #[test]
    fn reach_has_its_level() {
        for (repositories, public, more, level) in [
            (1, 0, false, Severity::Pass),
            (2, 0, false, Severity::Warn),
            (1, 0, true, Severity::Warn),
            (4, 3, false, Severity::Pass),
            (4, 2, false, Severity::Warn),
            (4, 3, true, Severity::Unknown),
        ] {
            let reach = VisibleRepositories {
                repositories,
                public,
                more,
                projects: None,
                links: Vec::new(),
            };
            let facts = ConnectionFacts {
                reach: Some(reach),
                ..healthy()
            };
            assert_level(
                &facts,
                FindingId::CredentialReach,
                level,
                ExitStatus::Success,
            );
        }
    }

    #[test]
    fn repository_visibility_and_permission() {
        for (status, level) in [
            (ExitStatus::NotFound, Severity::Fail),
            (ExitStatus::Forbidden, Severity::Fail),
            (ExitStatus::BadResponse, Severity::Fail),
        ] {
            let facts = ConnectionFacts {
                repository: Some(repository(Err(failure(status)))),
                ..healthy()
            };
            assert_level(&facts, FindingId::RepositoryVisible, level, status);
        }
        let mut facts = healthy();
        for (permission, purpose, level, status) in [
            (
                Permission::Read,
                Purpose::Read,
                Severity::Pass,
                ExitStatus::Success,
            ),
            (
                Permission::Read,
                Purpose::Write,
                Severity::Fail,
                ExitStatus::Forbidden,
            ),
            (
                Permission::Write,
                Purpose::Webhook,
                Severity::Fail,
                ExitStatus::Forbidden,
            ),
        ] {
            if let Some(repository) = &mut facts.repository {
                repository.permission = Some(permission);
            }
            assert_found(
                &facts,
                &options(&[purpose]),
                &[(FindingId::RepositoryVisible, level)],
                status,
            );
        }
    }

    #[test]
    fn unknown_scopes_are_not_reported_as_required() {
        let facts = ConnectionFacts {
            granted: Some(vec!["REPO_READ".to_owned(), "PACKAGE_WRITE".to_owned()]),
            ..healthy()
        };
        let expected = [
            (FindingId::CredentialScopes, Severity::Pass),
            (FindingId::CredentialExcess, Severity::Unknown),
        ];
        assert_found(
            &facts,
            &options(&[Purpose::Read]),
            &expected,
            ExitStatus::Success,
        );
    }

    #[test]
    fn probed_scopes_count_where_the_server_lists_none() {
        let admin = "REPO_ADMIN".parse().unwrap();
        for (probed_scopes, level, status) in [
            (vec![(admin, true)], Severity::Pass, ExitStatus::Success),
            (vec![(admin, false)], Severity::Fail, ExitStatus::Forbidden),
            (vec![], Severity::Unknown, ExitStatus::Failure),
        ] {
            let facts = ConnectionFacts {
                granted: None,
                probed_scopes,
                ..healthy()
            };
            let expected = [
                (FindingId::CredentialScopes, level),
                (FindingId::CredentialExcess, Severity::Unknown),
            ];
            assert_found(&facts, &options(&[Purpose::Webhook]), &expected, status);
        }
    }

    /// An access token of Cloud with these scopes.
    fn access_token(level: TokenLevel, granted: &[&str]) -> ConnectionFacts {
        let mut facts = healthy();
        let connection = &mut facts.credential.connection;
        connection.deployment = Deployment::Cloud;
        connection.credential = Credential::AccessToken {
            level: Some(level),
            username: None,
        };
        facts.credential.secret = Ok(TokenPrefix::AccessToken);
        facts.granted = Some(granted.iter().map(ToString::to_string).collect());
        facts
    }

    fn found(facts: &ConnectionFacts, options: &CheckOptions, id: FindingId) -> Finding {
        let mut findings = judge(facts, options).into_iter();
        findings.find(|finding| finding.id == id).unwrap()
    }

    #[test]
    fn scopes_that_access_tokens_cannot_have_are_not_to_be_selected() {
        let next = |facts: &ConnectionFacts, purpose| {
            let finding = found(facts, &options(&[purpose]), FindingId::CredentialScopes);
            finding.next.unwrap()
        };
        let granted = ["repository", "pullrequest", "webhook"];
        for (level, never) in [
            (TokenLevel::Repo, "email, project"),
            (TokenLevel::Project, "email"),
            (TokenLevel::Workspace, "email"),
        ] {
            let extra = if level == TokenLevel::Repo {
                &granted[..]
            } else {
                &["project", "repository", "pullrequest", "webhook"]
            };
            let facts = access_token(level, extra);
            let options = options(&[Purpose::Appcircle]);
            let finding = found(&facts, &options, FindingId::CredentialScopes);
            assert_eq!(finding.level, Severity::Warn, "{finding:?}");
            let expected = format!("cannot have {never}, which");
            assert!(finding.message.contains(&expected), "{finding:?}");
            let mut required = options;
            required.required = vec!["email".parse().unwrap()];
            let finding = found(&facts, &required, FindingId::CredentialScopes);
            assert_eq!(finding.level, Severity::Fail, "{finding:?}");
        }
        let facts = access_token(TokenLevel::Repo, &["repository", "webhook"]);
        let next_step = next(&facts, Purpose::Appcircle);
        assert!(next_step.contains("select pullrequest"), "{next_step}");
        let facts = access_token(TokenLevel::Repo, &["repository"]);
        let next = next(&facts, Purpose::Webhook);
        assert!(next.contains("select webhook"), "{next}");
    }

    #[test]
    fn a_key_that_the_user_registers_is_only_a_warning() {
        let facts = access_token(TokenLevel::Workspace, &["repository"]);
        let both = [Purpose::Appsmith, Purpose::DeployKey];
        for (purposes, level, status) in [
            (&both[..1], Severity::Warn, ExitStatus::Success),
            (&both, Severity::Fail, ExitStatus::Forbidden),
        ] {
            let expected = [(FindingId::CredentialKind, level)];
            assert_found(&facts, &options(purposes), &expected, status);
        }
    }
}
