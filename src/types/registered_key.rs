//! SSH keys that a Bitbucket knows: where they are registered, and what they may do.

use std::fmt;

use serde::{Serialize, Serializer};

use super::date::Date;
use super::deployment::Deployment;
use super::fingerprint::Fingerprint;
use super::public_key::PublicKey;
use super::repository::RepoId;
use super::timestamp::Timestamp;

/// Whose keys they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KeyOwner {
    /// A repository.
    Repository(RepoId),
    /// A project: its key, and the workspace it is in (Cloud).
    Project {
        /// The workspace; Data Center has none.
        workspace: Option<String>,
        /// The project's key.
        key: String,
    },
    /// The account of the credential.
    Account,
}

/// What a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Access {
    /// Clone and fetch.
    Read,
    /// Clone, fetch and push.
    Write,
}

/// As what a key is registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(
    clippy::enum_variant_names,
    reason = "the names that both products use"
)]
pub(crate) enum KeyKind {
    /// Cloud: of a repository or project, read-only.
    DeployKey,
    /// Data Center: of a repository or project.
    AccessKey,
    /// Of a person.
    UserKey,
}

/// A key to be registered.
#[derive(Debug, Clone)]
pub(crate) struct NewKey {
    /// The key.
    pub public: PublicKey,
    /// What it is called in lists.
    pub title: String,
    /// What it may do. On Cloud that follows from whose key it is.
    pub access: Access,
}

/// A key that is registered. What the server does not tell is `None`.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct RegisteredKey {
    /// The server's id of it; nothing for one that is yet to be registered.
    #[serde(serialize_with = "or_null")]
    pub id: String,
    /// What it is called in lists.
    pub label: Option<String>,
    /// `SHA256:…`
    pub fingerprint: Option<Fingerprint>,
    /// As SSH names it.
    pub algorithm: Option<String>,
    /// What it may do.
    pub access: Access,
    /// As what it is registered.
    pub registered_as: KeyKind,
    /// When it was registered.
    pub created_on: Option<Timestamp>,
    /// When it was last used.
    pub last_used_on: Option<Timestamp>,
    /// Its last day.
    pub expires_on: Option<Date>,
    /// What the server holds against it, such as an unsafe modulus.
    pub warning: Option<String>,
    /// The key itself.
    #[serde(serialize_with = "as_line")]
    pub public_key: Option<PublicKey>,
}

impl RegisteredKey {
    /// What to say where a key that was there is to be called something else.
    #[must_use]
    pub(crate) fn title_note(&self, wanted: Option<&str>) -> Option<String> {
        let (label, wanted) = (self.label.as_deref()?, wanted?);
        (label != wanted).then(|| {
            format!("the key was registered before as {label:?}, and is not renamed to {wanted:?}")
        })
    }

    /// Whether it is this key, whatever the comments.
    #[must_use]
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
    /// The flag that names it, as `bbconnect key` takes it.
    #[must_use]
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

    /// As what its keys are registered.
    #[must_use]
    pub(crate) fn registers_as(&self, deployment: Deployment) -> KeyKind {
        match (self, deployment) {
            (Self::Account, _) => KeyKind::UserKey,
            (_, Deployment::Cloud) => KeyKind::DeployKey,
            (_, Deployment::DataCenter | Deployment::Unknown) => KeyKind::AccessKey,
        }
    }

    /// What a credential must be allowed, to change its keys: to be ticked where the token is made.
    ///
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-deployments/>,
    /// <https://developer.atlassian.com/server/bitbucket/rest/v904/api-group-authentication/>
    #[must_use]
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
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "write",
        })
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
