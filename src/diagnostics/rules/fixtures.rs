//! Facts of a healthy connection, of which a test changes one.

use crate::bitbucket::{Identity, VisibleRepositories};
use crate::diagnostics::connection_facts::{
    CheckOptions, ConnectionFacts, CredentialFacts, RepositoryFacts,
};
use crate::error::ErrorSummary;
use crate::exit_status::ExitStatus;
use crate::types::connection::TokenPrefix;
use crate::types::purpose::Purpose;
use crate::types::repository::{Permission, RepoId, Repository};

pub(crate) fn options(purposes: &[Purpose]) -> CheckOptions {
    CheckOptions {
        today: "2026-11-21".parse().unwrap(),
        purposes: purposes.to_vec(),
        required: Vec::new(),
        expires_within: "14d".parse().unwrap(),
        min_version: "7.14".parse().unwrap(),
    }
}

pub(crate) fn failure(exit: ExitStatus) -> ErrorSummary {
    ErrorSummary {
        exit,
        message: "failed".to_owned(),
        hint: None,
        connect_failure: None,
    }
}

pub(crate) fn repository(result: Result<(), ErrorSummary>) -> RepositoryFacts {
    let id = RepoId {
        namespace: "WEB".to_owned(),
        slug: "site".to_owned(),
    };
    let repository = result.map(|()| Repository {
        namespace: id.namespace.clone(),
        slug: id.slug.clone(),
        name: None,
        private: Some(true),
        archived: None,
        default_branch: None,
        ssh: None,
        https: None,
        web: Some("https://git.example.com/ctx/projects/WEB/repos/site/browse".to_owned()),
        updated_on: None,
        project: None,
        description: None,
    });
    RepositoryFacts {
        requested: id.clone(),
        source: None,
        id,
        repository,
        empty: Some(true),
        permission: Some(Permission::Admin),
    }
}

/// A token of a user on a Data Center, for one repository.
pub(crate) fn healthy() -> ConnectionFacts {
    let connection = "deployment='datacenter'\nbase_url='https://git.example.com/ctx'\nauth='http-access-token'\n\
                      level='user'";
    let credential = CredentialFacts {
        name: "work".parse().unwrap(),
        connection: toml_edit::de::from_str(connection).unwrap(),
        secret: Ok(TokenPrefix::HttpAccessToken),
        identity: Some(Ok(Identity {
            account: Some("jane".to_owned()),
            expires_on: "2027-06-01".parse().ok(),
            ..Identity::default()
        })),
    };
    ConnectionFacts {
        version: Some(Ok(Some("9.4.1".to_owned()))),
        reach: Some(VisibleRepositories {
            repositories: 1,
            public: 0,
            more: false,
            projects: Some(1),
            links: vec!["https://git.example.com/ctx/projects/WEB/repos/site/browse".to_owned()],
        }),
        repository: Some(repository(Ok(()))),
        granted: Some(vec!["REPO_ADMIN".to_owned()]),
        ..ConnectionFacts::new(credential)
    }
}
