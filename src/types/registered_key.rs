//! SSH keys registered on a Bitbucket server.

use std::fmt;

use serde::{Serialize, Serializer};

use super::date::{Date, DayCount, Timestamp};
use super::deployment::Deployment;
use super::named_enum::named_enum;
use super::public_key::{Fingerprint, PublicKey};
use super::repository::RepoId;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KeyOwner {
    Repository(RepoId),
    Project {
        /// `None` on Data Center.
        workspace: Option<String>,
        key: String,
    },
    Account,
}

named_enum! {
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, clap::ValueEnum)]
    pub(crate) enum Access {
        Read = "read",
        Write = "write",
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(
    clippy::enum_variant_names,
    reason = "the names that both products use"
)]
pub(crate) enum KeyKind {
    /// Cloud: read-only key of a repository or project.
    DeployKey,
    /// Data Center: key of a repository or project.
    AccessKey,
    UserKey,
}

#[derive(Debug, Clone)]
pub(crate) struct NewKey {
    pub public: PublicKey,
    pub title: String,
    /// On Cloud determined by the owner.
    pub access: Access,
    /// `None` for a key that does not expire.
    pub lifetime: Option<DayCount>,
}

impl NewKey {
    /// The last day of a key that is registered today.
    pub(crate) fn expires_on(&self) -> Option<Date> {
        Date::today().checked_add_days(self.lifetime?.count())
    }
}

/// `None` is a property that the server does not report.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct RegisteredKey {
    /// Empty in a dry run.
    #[serde(serialize_with = "or_null")]
    pub id: String,
    pub label: Option<String>,
    pub fingerprint: Option<Fingerprint>,
    /// SSH's name: `ssh-ed25519`.
    pub algorithm: Option<String>,
    pub access: Access,
    pub registered_as: KeyKind,
    pub created_on: Option<Timestamp>,
    pub last_used_on: Option<Timestamp>,
    pub expires_on: Option<Date>,
    /// Whether it expires on a day that the server does not report.
    #[serde(skip)]
    pub expires_on_unknown_day: bool,
    /// The server's warning, such as an unsafe modulus.
    pub warning: Option<String>,
    #[serde(serialize_with = "as_line")]
    pub public_key: Option<PublicKey>,
}

impl RegisteredKey {
    /// The note that an existing key is not renamed.
    pub(crate) fn title_note(&self, wanted: Option<&str>) -> Option<String> {
        let (label, wanted) = (self.label.as_deref()?, wanted?);
        (label != wanted)
            .then(|| format!("key already registered as {label:?}, not renamed to {wanted:?}"))
    }

    pub(crate) fn has_public_key(&self, key: &PublicKey) -> bool {
        self.public_key.as_ref() == Some(key)
    }
}

fn or_null<S: Serializer>(id: &str, serializer: S) -> Result<S::Ok, S::Error> {
    (!id.is_empty()).then_some(id).serialize(serializer)
}

#[expect(clippy::ref_option, reason = "serde hands the field over by reference")]
fn as_line<S: Serializer>(key: &Option<PublicKey>, serializer: S) -> Result<S::Ok, S::Error> {
    key.as_ref().map(ToString::to_string).serialize(serializer)
}

impl KeyOwner {
    /// The option of `bbconnect key` for this owner.
    pub(crate) fn flag(&self) -> String {
        match self {
            Self::Repository(path) => format!("--repo {path}"),
            Self::Project {
                workspace: Some(workspace),
                key,
            } => format!("--project {workspace}/{key}"),
            Self::Project {
                workspace: None,
                key,
            } => format!("--project {key}"),
            Self::Account => "--user".to_owned(),
        }
    }

    /// The access of a key: one of an account has that of the account.
    pub(crate) fn access(&self, write: bool) -> Access {
        if write || *self == Self::Account {
            Access::Write
        } else {
            Access::Read
        }
    }

    pub(crate) fn registers_as(&self, deployment: Deployment) -> KeyKind {
        match (self, deployment) {
            (Self::Account, _) => KeyKind::UserKey,
            (_, Deployment::Cloud) => KeyKind::DeployKey,
            (_, Deployment::DataCenter | Deployment::Unknown) => KeyKind::AccessKey,
        }
    }

    /// The credential that can change the keys, with the scopes to select for it.
    ///
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-deployments/>,
    /// <https://developer.atlassian.com/server/bitbucket/rest/v904/api-group-authentication/>
    pub(crate) fn required_scope(&self, deployment: Deployment) -> &'static str {
        match (self, deployment) {
            (Self::Repository(_), Deployment::Cloud) => {
                "an API token with read:repository:bitbucket, admin:repository:bitbucket, write:ssh-key:bitbucket and \
                 delete:ssh-key:bitbucket, of an administrator of the repository"
            }
            (Self::Project { .. }, Deployment::Cloud) => {
                "an API token with read:project:bitbucket, admin:project:bitbucket, write:ssh-key:bitbucket and \
                 delete:ssh-key:bitbucket, of an administrator of the project"
            }
            (Self::Account, Deployment::Cloud) => {
                "an API token with read:user:bitbucket, read:ssh-key:bitbucket, write:ssh-key:bitbucket and \
                 delete:ssh-key:bitbucket"
            }
            (Self::Repository(_), _) => "a token with the permission REPO_ADMIN",
            (Self::Project { .. }, _) => "a token with the permission PROJECT_ADMIN",
            (Self::Account, _) => "a token of the account itself, or its password",
        }
    }
}

/// What a request about keys does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyOperation {
    List,
    Write,
    Remove,
}

impl KeyOwner {
    /// The scopes of Cloud for an operation: those of an API token, and those of its other credentials.
    ///
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-deployments/>,
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-ssh/>
    pub(crate) fn required_scopes(
        &self,
        operation: KeyOperation,
    ) -> (Vec<&'static str>, &'static [&'static str]) {
        let (read, classic): (&[_], &[_]) = match (self, operation) {
            (Self::Repository(_), _) => (
                &["admin:repository:bitbucket"],
                &["repository", "repository:admin"],
            ),
            (Self::Project { .. }, _) => {
                (&["admin:project:bitbucket"], &["project", "project:admin"])
            }
            (Self::Account, KeyOperation::List) => (
                &["read:user:bitbucket", "read:ssh-key:bitbucket"],
                &["account"],
            ),
            (Self::Account, KeyOperation::Write | KeyOperation::Remove) => (
                &["read:user:bitbucket", "read:ssh-key:bitbucket"],
                &["account:write"],
            ),
        };
        let change: &[_] = match operation {
            KeyOperation::List => &[],
            KeyOperation::Write => &["write:ssh-key:bitbucket"],
            KeyOperation::Remove => &["delete:ssh-key:bitbucket"],
        };
        ([read, change].concat(), classic)
    }
}

impl KeyOwner {
    /// The repositories that a key has access to beside a single one.
    pub(crate) fn reach(&self) -> Option<String> {
        match self {
            Self::Repository(_) => None,
            Self::Project { .. } => Some(format!("all repositories of {self}")),
            Self::Account => Some("all repositories of the account".to_owned()),
        }
    }
}

impl fmt::Display for KeyOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Repository(path) => path.fmt(f),
            Self::Project {
                workspace: Some(workspace),
                key,
            } => write!(f, "project {workspace}/{key}"),
            Self::Project {
                workspace: None,
                key,
            } => write!(f, "project {key}"),
            Self::Account => f.write_str("your account"),
        }
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DeployKey => "deploy key",
            Self::AccessKey => "access key",
            Self::UserKey => "user key",
        })
    }
}

/// What became of a key that was to be registered.
#[derive(Debug, Clone)]
pub(crate) enum RegisterOutcome {
    /// It was registered.
    Created(RegisteredKey),
    /// It was there already, perhaps for something else.
    AlreadyRegistered(RegisteredKey),
    /// It is registered somewhere else, where it may not be at the same time. The server's words.
    InUseElsewhere(String),
}
