//! What facts mean, as tables: the facts of a healthy connection with one thing changed, and what is then found.

use super::fixtures::{healthy, question, repository, trouble};
use super::*;
use crate::bitbucket::{Identity, VisibleRepositories};
use crate::types::purpose::{Permission, Purpose};

#[track_caller]
fn assert_found(
    data: &CheckData,
    options: &CheckOptions,
    expected: &[(&str, Severity)],
    wanted: ExitStatus,
) {
    let findings = judge(data, options);
    for (id, level) in expected {
        let found = findings.iter().find(|judged| judged.finding.id == *id);
        assert_eq!(
            found.map(|judged| judged.finding.level),
            Some(*level),
            "{id}: {findings:#?}"
        );
    }
    assert_eq!(
        exit_status(&findings, is_asked(options), false),
        wanted,
        "{findings:#?}"
    );
}

#[test]
fn what_is_healthy_passes_even_when_warnings_count() {
    let options = question(&[Purpose::Webhook]);
    let findings = judge(&healthy(), &options);
    assert!(
        findings
            .iter()
            .all(|judged| judged.finding.level == Severity::Pass),
        "{findings:#?}"
    );
    assert_eq!(findings.len(), 12);
    assert_eq!(exit_status(&findings, true, true), ExitStatus::Success);
}

#[test]
fn a_server_in_the_way_says_nothing_of_the_credential() {
    for status in [ExitStatus::Unreachable, ExitStatus::BadResponse] {
        let data = CheckData {
            version: Some(Err(trouble(status))),
            identity: None,
            ..healthy()
        };
        let expected = [
            ("server.reachable", Severity::Fail),
            ("credential.valid", Severity::Unknown),
            ("credential.scopes", Severity::Unknown),
        ];
        assert_found(&data, &question(&[Purpose::Read]), &expected, status);
    }
}

#[test]
fn a_credential_that_is_refused_is_told_from_one_that_is_not_known() {
    for (status, level, of_question, of_none) in [
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
        let data = CheckData {
            identity: Some(Err(trouble(status))),
            ..healthy()
        };
        let expected = [
            ("server.reachable", Severity::Pass),
            ("credential.valid", level),
        ];
        assert_found(&data, &question(&[Purpose::Read]), &expected, of_question);
        assert_found(&data, &question(&[]), &expected, of_none);
    }
}

#[test]
fn versions_expiry_and_reach_have_their_levels() {
    let version = |text: &str| CheckData {
        version: Some(Ok(Some(text.to_owned()))),
        ..healthy()
    };
    for (text, level, status) in [
        ("7.13.9", Severity::Fail, ExitStatus::BadResponse),
        ("7.21.0", Severity::Warn, ExitStatus::Success),
        ("8.19.2", Severity::Warn, ExitStatus::Success),
        ("10.2.8", Severity::Pass, ExitStatus::Success),
        ("nightly", Severity::Unknown, ExitStatus::Success),
    ] {
        assert_found(
            &version(text),
            &question(&[]),
            &[("server.version", level)],
            status,
        );
    }
    for (day, level, status) in [
        ("2026-11-20", Severity::Fail, ExitStatus::Unauthorized),
        ("2026-11-21", Severity::Warn, ExitStatus::Success),
        ("2026-12-05", Severity::Warn, ExitStatus::Success),
        ("2026-12-06", Severity::Pass, ExitStatus::Success),
    ] {
        let identity = Identity {
            expires_on: day.parse().ok(),
            ..Identity::default()
        };
        let data = CheckData {
            identity: Some(Ok(identity)),
            ..healthy()
        };
        assert_found(
            &data,
            &question(&[]),
            &[("credential.expiry", level)],
            status,
        );
    }
    for (repositories, more, level) in [
        (1, false, Severity::Pass),
        (2, false, Severity::Warn),
        (1, true, Severity::Warn),
    ] {
        let reach = VisibleRepositories {
            repositories,
            more,
            projects: None,
            links: Vec::new(),
        };
        let data = CheckData {
            reach: Some(reach),
            ..healthy()
        };
        assert_found(
            &data,
            &question(&[]),
            &[("credential.reach", level)],
            ExitStatus::Success,
        );
    }
}

#[test]
fn a_base_url_elsewhere_is_a_warning() {
    for (link, level) in [
        ("https://git.example.com/ctx/projects/WEB", Severity::Pass),
        (
            "https://git.example.com/ctxother/projects/WEB",
            Severity::Warn,
        ),
        ("https://git.example.com/projects/WEB", Severity::Warn),
        ("http://git.example.com/ctx/projects/WEB", Severity::Warn),
        (
            "https://git.example.com:7990/ctx/projects/WEB",
            Severity::Warn,
        ),
        ("http://localhost:7990/ctx/projects/WEB", Severity::Warn),
    ] {
        let mut data = healthy();
        data.reach = Some(VisibleRepositories {
            links: vec![link.to_owned()],
            ..VisibleRepositories::default()
        });
        assert_found(
            &data,
            &question(&[]),
            &[("server.base-url", level)],
            ExitStatus::Success,
        );
    }
    let data = CheckData {
        reach: None,
        repository: None,
        ..healthy()
    };
    assert_found(
        &data,
        &question(&[]),
        &[("server.base-url", Severity::Unknown)],
        ExitStatus::Success,
    );
}

#[test]
fn a_repository_is_there_or_hidden_and_empty_or_not() {
    for (status, level) in [
        (ExitStatus::NotFound, Severity::Fail),
        (ExitStatus::Forbidden, Severity::Fail),
        (ExitStatus::BadResponse, Severity::Fail),
    ] {
        let data = CheckData {
            repository: Some(repository(Err(trouble(status)))),
            ..healthy()
        };
        assert_found(
            &data,
            &question(&[]),
            &[("repository.visible", level)],
            status,
        );
    }
    let mut data = healthy();
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
        if let Some(repository) = &mut data.repository {
            repository.permission = Some(permission);
        }
        assert_found(
            &data,
            &question(&[purpose]),
            &[("repository.visible", level)],
            status,
        );
    }
}

#[test]
fn what_is_not_known_here_is_not_said_to_be_needed() {
    let data = CheckData {
        granted: Some(vec!["REPO_READ".to_owned(), "PACKAGE_WRITE".to_owned()]),
        ..healthy()
    };
    let expected = [
        ("credential.scopes", Severity::Pass),
        ("credential.excess", Severity::Unknown),
    ];
    assert_found(
        &data,
        &question(&[Purpose::Read]),
        &expected,
        ExitStatus::Success,
    );
}

#[test]
fn what_is_shown_by_reading_counts_where_nothing_is_listed() {
    let admin = "REPO_ADMIN".parse().unwrap();
    for (shown, level, status) in [
        (vec![(admin, true)], Severity::Pass, ExitStatus::Success),
        (vec![(admin, false)], Severity::Fail, ExitStatus::Forbidden),
        (vec![], Severity::Unknown, ExitStatus::Failure),
    ] {
        let data = CheckData {
            granted: None,
            shown,
            ..healthy()
        };
        let expected = [
            ("credential.scopes", level),
            ("credential.excess", Severity::Unknown),
        ];
        assert_found(&data, &question(&[Purpose::Webhook]), &expected, status);
    }
}
