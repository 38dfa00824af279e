//! The facts of a healthy connection, for tests to change one thing of.

use super::{CheckData, CheckOptions, ErrorSummary, RepositoryFacts};
use crate::bitbucket::{Identity, VisibleRepositories};
use crate::exit_status::ExitStatus;
use crate::types::connection::{Connection, TokenPrefix};
use crate::types::purpose::{Permission, Purpose};
use crate::types::repository::{RepoId, Repository};

pub(super) fn question(purposes: &[Purpose]) -> CheckOptions {
    CheckOptions {
        today: "2026-11-21".parse().unwrap(),
        purposes: purposes.to_vec(),
        required: Vec::new(),
        expires_within: "14d".parse().unwrap(),
        min_version: "7.14".parse().unwrap(),
    }
}

fn connection(text: &str) -> Connection {
    toml_edit::de::from_str(text).unwrap()
}

pub(super) fn repository(found: Result<(), ErrorSummary>) -> RepositoryFacts {
    let repo = RepoId {
        namespace: "WEB".to_owned(),
        slug: "site".to_owned(),
    };
    let found = found.map(|()| Repository {
        namespace: repo.namespace.clone(),
        slug: repo.slug.clone(),
        name: None,
        private: Some(true),
        default_branch: None,
        ssh: None,
        https: None,
        web: Some("https://git.example.com/ctx/projects/WEB/repos/site/browse".to_owned()),
        updated_on: None,
        project: None,
    });
    RepositoryFacts {
        repo,
        found,
        empty: Some(true),
        permission: Some(Permission::Admin),
    }
}

/// A token of a user on a healthy Data Center, for one repository.
pub(super) fn healthy() -> CheckData {
    let text = "deployment='datacenter'\nbase_url='https://git.example.com/ctx'\nauth='http-access-token'\nlevel='user'";
    CheckData {
        version: Some(Ok(Some("9.4.1".to_owned()))),
        identity: Some(Ok(Identity {
            account: Some("jane".to_owned()),
            expires_on: "2027-06-01".parse().ok(),
            ..Identity::default()
        })),
        reach: Some(VisibleRepositories {
            repositories: 1,
            more: false,
            projects: Some(1),
            links: vec!["https://git.example.com/ctx/projects/WEB/repos/site/browse".to_owned()],
        }),
        repository: Some(repository(Ok(()))),
        granted: Some(vec!["REPO_ADMIN".to_owned()]),
        ..CheckData::of(
            &"work".parse().unwrap(),
            &connection(text),
            Ok(TokenPrefix::HttpAccessToken),
        )
    }
}

pub(super) fn trouble(exit: ExitStatus) -> ErrorSummary {
    ErrorSummary {
        exit,
        message: "no".to_owned(),
        hint: None,
        connect_failure: None,
    }
}
