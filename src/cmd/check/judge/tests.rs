//! What facts mean, as tables: the facts of a healthy connection with one thing changed, and what is then found.

use super::healthy::{healthy, question, repository, trouble};
use super::*;
use crate::bitbucket::{Identity, Reach};
use crate::model::purpose::{Permission, Purpose};

#[track_caller]
fn assert_found(facts: &Facts, question: &Question, expected: &[(&str, Level)], wanted: Exit) {
    let findings = judge(facts, question);
    for (id, level) in expected {
        let found = findings.iter().find(|judged| judged.finding.id == *id);
        assert_eq!(
            found.map(|judged| judged.finding.level),
            Some(*level),
            "{id}: {findings:#?}"
        );
    }
    assert_eq!(
        exit(&findings, is_asked(question), false),
        wanted,
        "{findings:#?}"
    );
}

#[test]
fn what_is_healthy_passes_even_when_warnings_count() {
    let question = question(&[Purpose::Webhook]);
    let findings = judge(&healthy(), &question);
    assert!(
        findings
            .iter()
            .all(|judged| judged.finding.level == Level::Pass),
        "{findings:#?}"
    );
    assert_eq!(findings.len(), 12);
    assert_eq!(exit(&findings, true, true), Exit::Done);
}

#[test]
fn a_server_in_the_way_says_nothing_of_the_credential() {
    for status in [Exit::Unreachable, Exit::Unusable] {
        let facts = Facts {
            version: Some(Err(trouble(status))),
            identity: None,
            ..healthy()
        };
        let expected = [
            ("server.reachable", Level::Fail),
            ("credential.valid", Level::Unknown),
            ("credential.scopes", Level::Unknown),
        ];
        assert_found(&facts, &question(&[Purpose::Read]), &expected, status);
    }
}

#[test]
fn a_credential_that_is_refused_is_told_from_one_that_is_not_known() {
    for (status, level, of_question, of_none) in [
        (
            Exit::Unauthorized,
            Level::Fail,
            Exit::Unauthorized,
            Exit::Unauthorized,
        ),
        (Exit::No, Level::Unknown, Exit::No, Exit::Done),
    ] {
        let facts = Facts {
            identity: Some(Err(trouble(status))),
            ..healthy()
        };
        let expected = [
            ("server.reachable", Level::Pass),
            ("credential.valid", level),
        ];
        assert_found(&facts, &question(&[Purpose::Read]), &expected, of_question);
        assert_found(&facts, &question(&[]), &expected, of_none);
    }
}

#[test]
fn versions_expiry_and_reach_have_their_levels() {
    let version = |text: &str| Facts {
        version: Some(Ok(Some(text.to_owned()))),
        ..healthy()
    };
    for (text, level, status) in [
        ("7.13.9", Level::Fail, Exit::Unusable),
        ("7.21.0", Level::Warn, Exit::Done),
        ("8.19.2", Level::Warn, Exit::Done),
        ("10.2.8", Level::Pass, Exit::Done),
        ("nightly", Level::Unknown, Exit::Done),
    ] {
        assert_found(
            &version(text),
            &question(&[]),
            &[("server.version", level)],
            status,
        );
    }
    for (day, level, status) in [
        ("2026-11-20", Level::Fail, Exit::Unauthorized),
        ("2026-11-21", Level::Warn, Exit::Done),
        ("2026-12-05", Level::Warn, Exit::Done),
        ("2026-12-06", Level::Pass, Exit::Done),
    ] {
        let identity = Identity {
            expires_on: day.parse().ok(),
            ..Identity::default()
        };
        let facts = Facts {
            identity: Some(Ok(identity)),
            ..healthy()
        };
        assert_found(
            &facts,
            &question(&[]),
            &[("credential.expiry", level)],
            status,
        );
    }
    for (repositories, more, level) in [
        (1, false, Level::Pass),
        (2, false, Level::Warn),
        (1, true, Level::Warn),
    ] {
        let reach = Reach {
            repositories,
            more,
            projects: None,
            links: Vec::new(),
        };
        let facts = Facts {
            reach: Some(reach),
            ..healthy()
        };
        assert_found(
            &facts,
            &question(&[]),
            &[("credential.reach", level)],
            Exit::Done,
        );
    }
}

#[test]
fn a_base_url_elsewhere_is_a_warning() {
    for (link, level) in [
        ("https://git.example.com/ctx/projects/WEB", Level::Pass),
        ("https://git.example.com/ctxother/projects/WEB", Level::Warn),
        ("https://git.example.com/projects/WEB", Level::Warn),
        ("http://git.example.com/ctx/projects/WEB", Level::Warn),
        ("https://git.example.com:7990/ctx/projects/WEB", Level::Warn),
        ("http://localhost:7990/ctx/projects/WEB", Level::Warn),
    ] {
        let mut facts = healthy();
        facts.reach = Some(Reach {
            links: vec![link.to_owned()],
            ..Reach::default()
        });
        assert_found(
            &facts,
            &question(&[]),
            &[("server.base-url", level)],
            Exit::Done,
        );
    }
    let facts = Facts {
        reach: None,
        repository: None,
        ..healthy()
    };
    assert_found(
        &facts,
        &question(&[]),
        &[("server.base-url", Level::Unknown)],
        Exit::Done,
    );
}

#[test]
fn a_repository_is_there_or_hidden_and_empty_or_not() {
    for (status, level) in [
        (Exit::NotFound, Level::Fail),
        (Exit::Forbidden, Level::Fail),
        (Exit::Unusable, Level::Fail),
    ] {
        let facts = Facts {
            repository: Some(repository(Err(trouble(status)))),
            ..healthy()
        };
        assert_found(
            &facts,
            &question(&[]),
            &[("repository.visible", level)],
            status,
        );
    }
    let mut facts = healthy();
    for (permission, purpose, level, status) in [
        (Permission::Read, Purpose::Read, Level::Pass, Exit::Done),
        (
            Permission::Read,
            Purpose::Write,
            Level::Fail,
            Exit::Forbidden,
        ),
        (
            Permission::Write,
            Purpose::Webhook,
            Level::Fail,
            Exit::Forbidden,
        ),
    ] {
        if let Some(repository) = &mut facts.repository {
            repository.permission = Some(permission);
        }
        assert_found(
            &facts,
            &question(&[purpose]),
            &[("repository.visible", level)],
            status,
        );
    }
}

#[test]
fn what_is_not_known_here_is_not_said_to_be_needed() {
    let facts = Facts {
        granted: Some(vec!["REPO_READ".to_owned(), "PACKAGE_WRITE".to_owned()]),
        ..healthy()
    };
    let expected = [
        ("credential.scopes", Level::Pass),
        ("credential.excess", Level::Unknown),
    ];
    assert_found(&facts, &question(&[Purpose::Read]), &expected, Exit::Done);
}

#[test]
fn what_is_shown_by_reading_counts_where_nothing_is_listed() {
    let admin = "REPO_ADMIN".parse().unwrap();
    for (shown, level, status) in [
        (vec![(admin, true)], Level::Pass, Exit::Done),
        (vec![(admin, false)], Level::Fail, Exit::Forbidden),
        (vec![], Level::Unknown, Exit::No),
    ] {
        let facts = Facts {
            granted: None,
            shown,
            ..healthy()
        };
        let expected = [
            ("credential.scopes", level),
            ("credential.excess", Level::Unknown),
        ];
        assert_found(&facts, &question(&[Purpose::Webhook]), &expected, status);
    }
}
