//! A connection: a named profile of a Bitbucket server, a credential and defaults. It never holds the secret.

mod auth;
mod base_url;
mod binding;
mod credential;
mod detect;
mod name;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub(crate) use auth::{AuthMethod, TokenLevel};
pub(crate) use base_url::{BaseUrl, BaseUrlError, Origin};
pub(crate) use binding::{Binding, BoundSetting, CaFile, confirming_flags};
pub(crate) use credential::{Credential, CredentialFields, MissingField, RequiredField};
pub(crate) use detect::DetectedServer;
pub(crate) use name::ConnectionName;

pub(crate) use super::token_prefix::{TokenPrefix, contains_token};

use super::date::Date;
use super::deployment::Deployment;
use super::named_enum::named_enum;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    pub(crate) deployment: Deployment,
    /// The base of the API (Cloud), of the server (Data Center), or the SSH server of a connection without REST.
    pub(crate) base_url: BaseUrl,
    /// The website, when it is not where the API is.
    pub(crate) web_url: Option<String>,
    pub(crate) credential: Credential,
    /// `None` where there is no secret.
    pub(crate) secret: Option<StoredSecret>,
    /// The expiry date of the credential.
    pub(crate) expires_on: Option<Date>,
    /// The account that the server reported when the credential was last verified.
    pub(crate) account: Option<String>,
    /// The default workspace (Cloud).
    pub(crate) workspace: Option<String>,
    /// The key of the default project.
    pub(crate) project: Option<String>,
    /// The slug of the default repository.
    pub(crate) repository: Option<String>,
    /// The private SSH key.
    pub(crate) key_path: Option<PathBuf>,
    /// The SSH clone URL that the key is used for.
    pub(crate) clone_url: Option<String>,
    pub(crate) network: NetworkSettings,
}

/// How the servers of a connection are reached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct NetworkSettings {
    /// Certificates in PEM to trust beside the system's: of authorities, or a server's own.
    pub(crate) ca_cert: Option<PathBuf>,
    /// A client certificate and its key, both in PEM.
    pub(crate) client_identity: Option<(PathBuf, PathBuf)>,
    /// The proxy to use instead of the environment's.
    pub(crate) proxy: Option<String>,
    /// Plain HTTP is accepted although the host is not loopback.
    pub(crate) allow_http: bool,
}

impl Connection {
    pub(crate) fn new(deployment: Deployment, base_url: BaseUrl, credential: Credential) -> Self {
        Self {
            deployment,
            base_url,
            web_url: None,
            credential,
            secret: None,
            expires_on: None,
            account: None,
            workspace: None,
            project: None,
            repository: None,
            key_path: None,
            clone_url: None,
            network: NetworkSettings::default(),
        }
    }

    /// A connection that sends no credential: SSH alone, or anonymous requests.
    pub(crate) fn without_credential(deployment: Deployment, base_url: BaseUrl) -> Self {
        Self::new(deployment, base_url, Credential::Ssh { username: None })
    }

    pub(crate) fn auth(&self) -> AuthMethod {
        self.credential.auth()
    }

    /// The workspace, project and repository, as far as it has them, such as `acme/site`.
    pub(crate) fn scope(&self) -> Option<String> {
        let parts = [&self.workspace, &self.project, &self.repository];
        let parts: Vec<_> = parts.into_iter().flatten().map(String::as_str).collect();
        (!parts.is_empty()).then(|| parts.join("/"))
    }

    /// What the credential belongs to, as far as it is known: that of a user is known once the server reported the
    /// account.
    pub(crate) fn level(&self) -> Option<TokenLevel> {
        match &self.credential {
            Credential::AccessToken { level, .. } | Credential::HttpAccessToken { level, .. } => {
                *level
            }
            Credential::Ssh { .. } => None,
            Credential::ApiToken { .. }
            | Credential::OAuth { .. }
            | Credential::ClientCredentials { .. }
            | Credential::AppPassword { .. }
            | Credential::Password { .. } => self.account.as_ref().map(|_| TokenLevel::User),
        }
    }

    pub(crate) fn store(&self) -> Option<StoreKind> {
        self.secret.as_ref().map(|secret| secret.source.kind())
    }

    /// The command that prints its secret.
    pub(crate) fn token_command(&self) -> Option<&str> {
        self.secret.as_ref()?.source.command()
    }

    /// Whether a server rejected the secret that git sent.
    pub(crate) fn is_rejected(&self) -> bool {
        self.secret
            .as_ref()
            .is_some_and(|secret| secret.rejected_on.is_some())
    }

    /// A workspace, project or repository that cannot be part of a URL, and what it is: an empty one names another
    /// resource, and the URL standard resolves `.` and `..`.
    pub(crate) fn invalid_path_segment(&self) -> Option<(&'static str, &str)> {
        let names = [
            ("workspace", &self.workspace),
            ("project", &self.project),
            ("repository", &self.repository),
        ];
        let mut names = names
            .into_iter()
            .filter_map(|(what, name)| Some((what, name.as_deref()?)));
        names.find(|(_, name)| matches!(*name, "" | "." | ".."))
    }

    /// The default workspace (Cloud) or project (Data Center).
    pub(crate) fn namespace(&self) -> Option<&str> {
        match self.deployment {
            Deployment::Cloud => self.workspace.as_deref(),
            Deployment::DataCenter | Deployment::Unknown => self.project.as_deref(),
        }
    }

    pub(crate) fn namespace_mut(&mut self) -> &mut Option<String> {
        match self.deployment {
            Deployment::Cloud => &mut self.workspace,
            Deployment::DataCenter | Deployment::Unknown => &mut self.project,
        }
    }
}

named_enum! {
    /// Where a secret is stored.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
    pub(crate) enum StoreKind {
        /// The keyring of the operating system
        Keyring = "keyring",
        /// An encrypted file
        File = "file",
        /// A command that prints the secret
        Command = "command",
        /// The environment of this process
        #[value(skip)]
        Environment = "environment",
    }
}

impl StoreKind {
    /// The source of this kind; `None` for a command that is not given.
    pub(crate) fn source(self, command: Option<String>) -> Option<SecretSource> {
        match self {
            Self::Keyring => Some(SecretSource::Keyring),
            Self::File => Some(SecretSource::File),
            Self::Command => command.map(SecretSource::Command),
            Self::Environment => Some(SecretSource::Environment),
        }
    }
}

/// What a secret is read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SecretSource {
    Keyring,
    File,
    /// A command whose first line of output is the secret.
    Command(String),
    Environment,
}

impl SecretSource {
    pub(crate) fn kind(&self) -> StoreKind {
        match self {
            Self::Keyring => StoreKind::Keyring,
            Self::File => StoreKind::File,
            Self::Command(_) => StoreKind::Command,
            Self::Environment => StoreKind::Environment,
        }
    }

    pub(crate) fn command(&self) -> Option<&str> {
        match self {
            Self::Command(command) => Some(command),
            Self::Keyring | Self::File | Self::Environment => None,
        }
    }
}

/// Where the secret of a connection is. What it is bound to is stored with the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredSecret {
    pub source: SecretSource,
    /// The date on which a server rejected the secret that git sent, until one accepts it again.
    pub rejected_on: Option<Date>,
}

impl StoredSecret {
    pub(crate) fn new(source: SecretSource) -> Self {
        Self {
            source,
            rejected_on: None,
        }
    }
}
