//! What is known of a connection before it is judged: data, gathered once.

use std::path::PathBuf;

use crate::bitbucket::{Identity, VisibleRepositories};
use crate::error::ErrorSummary;
use crate::exit_status::ExitStatus;
use crate::types::connection::{
    AuthMethod, Connection, ConnectionName, StoreKind, TokenLevel, TokenPrefix,
};
use crate::types::date::Date;
use crate::types::day_count::DayCount;
use crate::types::purpose::{Permission, Purpose};
use crate::types::repository::{RepoId, Repository};
use crate::types::scope::Scope;
use crate::types::ssh_settings::SshSettings;
use crate::types::version::Version;

/// What is asked of every connection.
#[derive(Debug)]
pub(super) struct CheckOptions {
    pub(super) today: Date,
    pub(super) purposes: Vec<Purpose>,
    pub(super) required: Vec<Scope>,
    pub(super) expires_within: DayCount,
    pub(super) min_version: Version,
}

impl CheckOptions {
    /// Whether any purpose is to push.
    pub(super) fn wants_to_push(&self) -> bool {
        let writes = |purpose: &Purpose| purpose.permission() >= Permission::Write;
        self.purposes.iter().any(writes)
    }
}

/// What was found out about a connection.
#[derive(Debug)]
pub(super) struct CheckData {
    pub(super) name: ConnectionName,
    pub(super) connection: Connection,
    /// Whether there is a secret, and what it begins like.
    pub(super) secret: Result<TokenPrefix, ErrorSummary>,
    /// The server's version, where it has one and says so; `None` where it was not asked.
    pub(super) version: Option<Result<Option<String>, ErrorSummary>>,
    /// Who the credential is; `None` where it was not asked.
    pub(super) identity: Option<Result<Identity, ErrorSummary>>,
    /// What it sees; `None` where that was not asked or not told.
    pub(super) reach: Option<VisibleRepositories>,
    /// The workspaces that its account is in (Cloud).
    pub(super) workspaces: Option<usize>,
    /// What the connection's SSH key may do; `None` where it has none.
    pub(super) key: Option<KeyFacts>,
    /// How the server is reached over SSH, where it tells.
    pub(super) ssh: Option<SshSettings>,
    /// The repository that it is for.
    pub(super) repository: Option<RepositoryFacts>,
    /// What reads have shown of scopes that the server did not name.
    pub(super) shown: Vec<(Scope, bool)>,
    /// All that it was granted, where the server names it.
    pub(super) granted: Option<Vec<String>>,
}

/// What was found out about the repository.
#[derive(Debug)]
pub(super) struct RepositoryFacts {
    pub(super) repo: RepoId,
    pub(super) found: Result<Repository, ErrorSummary>,
    pub(super) empty: Option<bool>,
    pub(super) permission: Option<Permission>,
}

/// What was found out about the SSH key.
#[derive(Debug)]
pub(super) struct KeyFacts {
    pub(super) path: PathBuf,
    /// Whether the repository was shown; `None` where the key has a passphrase, for which a check does not ask.
    pub(super) reads: Option<Result<(), ErrorSummary>>,
    /// Whether it may push, where that was asked.
    pub(super) writes: Option<bool>,
}

impl CheckData {
    /// Nothing but the connection.
    pub(super) fn of(
        name: &ConnectionName,
        connection: &Connection,
        secret: Result<TokenPrefix, ErrorSummary>,
    ) -> Self {
        Self {
            name: name.clone(),
            connection: connection.clone(),
            secret,
            version: None,
            identity: None,
            reach: None,
            workspaces: None,
            ssh: None,
            key: None,
            repository: None,
            shown: Vec::new(),
            granted: None,
        }
    }

    /// Who the credential is, where it is good.
    pub(super) fn valid(&self) -> Option<&Identity> {
        self.identity.as_ref()?.as_ref().ok()
    }

    /// What stands in the way of the server itself, rather than of the credential.
    pub(super) fn server_error(&self) -> Option<&ErrorSummary> {
        let of_server = |exit| {
            matches!(
                exit,
                ExitStatus::Unreachable
                    | ExitStatus::BadResponse
                    | ExitStatus::LocalError
                    | ExitStatus::Usage
            )
        };
        let version = self
            .version
            .as_ref()
            .and_then(|version| version.as_ref().err());
        let identity = self
            .identity
            .as_ref()
            .and_then(|identity| identity.as_ref().err());
        version.or_else(|| identity.filter(|summary| of_server(summary.exit)))
    }

    /// What the credential belongs to.
    pub(super) fn level(&self) -> Option<TokenLevel> {
        let told = self.valid().and_then(|identity| identity.level);
        told.or(self.connection.level())
    }

    /// What it belongs to, where the server told that or the connection says so.
    pub(super) fn known_level(&self) -> Option<TokenLevel> {
        let told = self.valid().filter(|identity| identity.level_from_server);
        let named = self
            .connection
            .level()
            .filter(|_| self.connection.auth() != AuthMethod::AccessToken);
        told.and_then(|identity| identity.level).or(named)
    }

    /// The command that changes the connection, or what takes its place for one that is not saved.
    pub(super) fn edit(&self, flags: &str) -> String {
        match self.connection.store() {
            Some(StoreKind::Environment) => "change it in the environment".to_owned(),
            _ => format!("bbconnect connection edit {} {flags}", self.name),
        }
    }

    /// Whether it is an access token, which is nobody's.
    pub(super) fn is_service_credential(&self) -> bool {
        self.connection.auth() == AuthMethod::AccessToken
            || !matches!(self.level(), None | Some(TokenLevel::User))
    }
}
