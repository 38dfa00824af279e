//! What is known of a connection before it is judged: data, gathered once.

use std::path::PathBuf;

use crate::bitbucket::{Identity, Reach};
use crate::error::Trouble;
use crate::exit::Exit;
use crate::model::connection::{Auth, Connection, ConnectionName, Level, StoreKind, TokenShape};
use crate::model::day::Day;
use crate::model::days::Days;
use crate::model::purpose::{Permission, Purpose};
use crate::model::repository::{RepoPath, Repository};
use crate::model::scope::Scope;
use crate::model::ssh_settings::SshSettings;
use crate::model::version::Version;

/// What is asked of every connection.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) today: Day,
    pub(super) purposes: Vec<Purpose>,
    pub(super) required: Vec<Scope>,
    pub(super) expires_within: Days,
    pub(super) min_version: Version,
}

impl Question {
    /// Whether any purpose is to push.
    pub(super) fn wants_to_push(&self) -> bool {
        let writes = |purpose: &Purpose| purpose.permission() >= Permission::Write;
        self.purposes.iter().any(writes)
    }
}

/// What was found out about a connection.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) name: ConnectionName,
    pub(super) connection: Connection,
    /// Whether there is a secret, and what it begins like.
    pub(super) secret: Result<TokenShape, Trouble>,
    /// The server's version, where it has one and says so; `None` where it was not asked.
    pub(super) version: Option<Result<Option<String>, Trouble>>,
    /// Who the credential is; `None` where it was not asked.
    pub(super) identity: Option<Result<Identity, Trouble>>,
    /// What it sees; `None` where that was not asked or not told.
    pub(super) reach: Option<Reach>,
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
    pub(super) path: RepoPath,
    pub(super) found: Result<Repository, Trouble>,
    pub(super) empty: Option<bool>,
    pub(super) permission: Option<Permission>,
}

/// What was found out about the SSH key.
#[derive(Debug)]
pub(super) struct KeyFacts {
    pub(super) path: PathBuf,
    /// Whether the repository was shown; `None` where the key has a passphrase, for which a check does not ask.
    pub(super) reads: Option<Result<(), Trouble>>,
    /// Whether it may push, where that was asked.
    pub(super) writes: Option<bool>,
}

impl Facts {
    /// Nothing but the connection.
    pub(super) fn of(
        name: &ConnectionName,
        connection: &Connection,
        secret: Result<TokenShape, Trouble>,
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
    pub(super) fn in_the_way(&self) -> Option<&Trouble> {
        let of_server = |exit| {
            matches!(
                exit,
                Exit::Unreachable | Exit::Unusable | Exit::Machine | Exit::Usage
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
        version.or_else(|| identity.filter(|trouble| of_server(trouble.exit)))
    }

    /// What the credential belongs to.
    pub(super) fn level(&self) -> Option<Level> {
        let told = self.valid().and_then(|identity| identity.level);
        told.or(self.connection.level)
    }

    /// What it belongs to, where the server told that or the connection says so.
    pub(super) fn told_level(&self) -> Option<Level> {
        let told = self.valid().filter(|identity| identity.level_is_told);
        let named = self
            .connection
            .level
            .filter(|_| self.connection.auth != Auth::AccessToken);
        told.and_then(|identity| identity.level).or(named)
    }

    /// The command that changes the connection, or what takes its place for one that is not saved.
    pub(super) fn edit(&self, flags: &str) -> String {
        match self.connection.store {
            Some(StoreKind::Environment) => "change it in the environment".to_owned(),
            _ => format!("bbconnect connection edit {} {flags}", self.name),
        }
    }

    /// Whether it is an access token, which is nobody's.
    pub(super) fn is_bot(&self) -> bool {
        self.connection.auth == Auth::AccessToken
            || !matches!(self.level(), None | Some(Level::User))
    }
}
