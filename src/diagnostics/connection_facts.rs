//! The facts of `check`: what is known about one connection, its credential, its server and its repository.

use std::path::PathBuf;

use crate::bitbucket::{Identity, VisibleRepositories};
use crate::error::ErrorSummary;
use crate::exit_status::ExitStatus;
use crate::types::connection::{
    AuthMethod, Connection, ConnectionName, StoreKind, TokenLevel, TokenPrefix,
};
use crate::types::date::{Date, DayCount, Timestamp};
use crate::types::purpose::Purpose;
use crate::types::repository::{Permission, RepoId, Repository};
use crate::types::scope::Scope;
use crate::types::ssh_address::SshSettings;
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

#[derive(Debug)]
pub(crate) struct CredentialFacts {
    pub(crate) name: ConnectionName,
    pub(crate) connection: Connection,
    /// The prefix of the secret, or why it cannot be read.
    pub(crate) secret: Result<TokenPrefix, ErrorSummary>,
    /// The account of the credential; `None` where no request was sent.
    pub(crate) identity: Option<Result<Identity, ErrorSummary>>,
}

impl CredentialFacts {
    /// The account, where the server accepts the credential.
    pub(crate) fn valid(&self) -> Option<&Identity> {
        self.identity.as_ref()?.as_ref().ok()
    }

    /// What the credential belongs to: as the server reports it, else as it is configured.
    pub(crate) fn level(&self) -> Option<TokenLevel> {
        let reported = self.valid().and_then(|identity| identity.level);
        reported.or(self.connection.level())
    }

    /// What the credential belongs to, where that is certain: the configured level of an access token is not.
    pub(crate) fn known_level(&self) -> Option<TokenLevel> {
        let reported = self.valid().filter(|identity| identity.level_from_server);
        let configured = self
            .connection
            .level()
            .filter(|_| self.connection.auth() != AuthMethod::AccessToken);
        reported.and_then(|identity| identity.level).or(configured)
    }

    /// The expiry date, and whether the server reported it.
    pub(crate) fn expires_on(&self) -> Option<(Date, bool)> {
        let reported = self.valid().and_then(|identity| identity.expires_on);
        let configured = self.connection.expires_on;
        reported
            .map(|date| (date, true))
            .or(configured.map(|date| (date, false)))
    }

    /// Whether the credential has no user account of its own.
    pub(crate) fn is_service_credential(&self) -> bool {
        self.connection.auth() == AuthMethod::AccessToken
            || !matches!(self.level(), None | Some(TokenLevel::User))
    }

    /// The command that changes the connection.
    pub(crate) fn edit_command(&self, flags: &str) -> String {
        match self.connection.store() {
            Some(StoreKind::Environment) => "change the environment variables".to_owned(),
            _ => format!("bbconnect connection edit {} {flags}", self.name),
        }
    }
}
