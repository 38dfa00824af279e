//! The facts of `check`: what is known about one connection, its server and its repository.

use std::path::PathBuf;

use super::credential_facts::CredentialFacts;
use crate::bitbucket::VisibleRepositories;
use crate::error::ErrorSummary;
use crate::exit_status::ExitStatus;
use crate::types::date::Date;
use crate::types::day_count::DayCount;
use crate::types::permission::Permission;
use crate::types::purpose::Purpose;
use crate::types::repository::{RepoId, Repository};
use crate::types::scope::Scope;
use crate::types::ssh_settings::SshSettings;
use crate::types::timestamp::Timestamp;
use crate::types::version::Version;

/// What every connection is checked for.
#[derive(Debug)]
pub(crate) struct CheckOptions {
    pub(crate) today: Date,
    pub(crate) purposes: Vec<Purpose>,
    pub(crate) required: Vec<Scope>,
    pub(crate) expires_within: DayCount,
    pub(crate) min_version: Version,
}

impl CheckOptions {
    /// Whether `--for` or `--require` was given.
    pub(crate) fn has_requirements(&self) -> bool {
        !self.purposes.is_empty() || !self.required.is_empty()
    }

    /// Whether anything of `--for` or `--require` changes the repository.
    pub(crate) fn writes_to_repository(&self) -> bool {
        let of_purposes = self
            .purposes
            .iter()
            .map(|purpose| purpose.changes_repository());
        let of_scopes = self
            .required
            .iter()
            .map(|scope| scope.permission() > Permission::Read);
        of_purposes.chain(of_scopes).any(|changes| changes)
    }

    /// Whether any purpose needs to push.
    pub(crate) fn needs_push(&self) -> bool {
        let writes = |purpose: &Purpose| purpose.permission() >= Permission::Write;
        self.purposes.iter().any(writes)
    }
}

#[derive(Debug)]
pub(crate) struct ConnectionFacts {
    pub(crate) credential: CredentialFacts,
    /// The server's version, where it reports one; `None` where no request was sent.
    pub(crate) version: Option<Result<Option<String>, ErrorSummary>>,
    /// The time of the server in a response, and when it arrived.
    pub(crate) time: Option<(Timestamp, Timestamp)>,
    /// The server's certificate, in DER.
    pub(crate) certificate: Option<Vec<u8>>,
    /// What the credential can list; `None` where that was not requested, or is not reported.
    pub(crate) reach: Option<VisibleRepositories>,
    /// The number of workspaces of the account (Cloud).
    pub(crate) workspaces: Option<usize>,
    /// The connection's SSH key; `None` where it has none.
    pub(crate) key: Option<KeyFacts>,
    pub(crate) ssh_settings: Option<SshSettings>,
    pub(crate) repository: Option<RepositoryFacts>,
    /// Scopes that the server does not list, and whether a read that needs them was allowed.
    pub(crate) probed_scopes: Vec<(Scope, bool)>,
    /// All scopes, where the server lists them.
    pub(crate) granted: Option<Vec<String>>,
}

#[derive(Debug)]
pub(crate) struct RepositoryFacts {
    /// The name that the server has for it, where it returned the repository; else the requested one.
    pub(crate) id: RepoId,
    pub(crate) requested: RepoId,
    /// What named it, where that was not the command line.
    pub(crate) source: Option<String>,
    pub(crate) repository: Result<Repository, ErrorSummary>,
    pub(crate) empty: Option<bool>,
    pub(crate) permission: Option<Permission>,
}

#[derive(Debug)]
pub(crate) struct KeyFacts {
    pub(crate) path: PathBuf,
    /// Whether the key can fetch; `None` where it has a passphrase, for which `check` does not prompt.
    pub(crate) can_read: Option<Result<(), ErrorSummary>>,
    /// Whether the key can push, where that was tested.
    pub(crate) can_write: Option<bool>,
}

impl RepositoryFacts {
    /// The repository, and what named it.
    pub(crate) fn describe(&self) -> String {
        match &self.source {
            Some(source) => format!("{}, from {source}", self.id),
            None => self.id.to_string(),
        }
    }
}

impl ConnectionFacts {
    /// Facts of a connection before any request.
    pub(crate) fn new(credential: CredentialFacts) -> Self {
        Self {
            credential,
            version: None,
            time: None,
            certificate: None,
            reach: None,
            workspaces: None,
            key: None,
            ssh_settings: None,
            repository: None,
            probed_scopes: Vec::new(),
            granted: None,
        }
    }

    /// Why the server cannot be used, whatever the credential.
    pub(crate) fn server_error(&self) -> Option<&ErrorSummary> {
        let is_of_server = |exit| {
            matches!(
                exit,
                ExitStatus::Unreachable
                    | ExitStatus::BadResponse
                    | ExitStatus::LocalError
                    | ExitStatus::Usage
            )
        };
        let version = self.version.as_ref()?.as_ref().err();
        let identity = self.credential.identity.as_ref();
        let identity = identity.and_then(|identity| identity.as_ref().err());
        version.or_else(|| identity.filter(|summary| is_of_server(summary.exit)))
    }
}
