//! A connection: a name for how to reach a Bitbucket, as whom, and what for. It never holds the secret.

mod auth;
mod auth_failure_help;
mod base_url;
mod detect;
mod name;

pub(crate) use auth::{AuthMethod, TokenLevel};
pub(crate) use auth_failure_help::auth_failure_help;
pub(crate) use base_url::{BaseUrl, BaseUrlError, Origin};
pub(crate) use detect::DetectedServer;
pub(crate) use name::ConnectionName;

pub(crate) use super::token_prefix::TokenPrefix;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::date::Date;
use super::deployment::Deployment;

/// A connection, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// Which Bitbucket.
    pub deployment: Deployment,
    /// Where its API is (Cloud), where it is (Data Center), or the SSH server of a connection without REST.
    pub base_url: BaseUrl,
    /// How to authenticate.
    pub auth: AuthMethod,
    /// What an access token or HTTP access token belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<TokenLevel>,
    /// The Atlassian e-mail address of an API token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The user name of a password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The key of an OAuth consumer, or the client id of an incoming link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// OAuth: the port of this machine that takes the answer, where it is not the usual one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback_port: Option<u16>,
    /// OAuth: what was asked for; nothing for all that the consumer may have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// The origin of the website when the secret was given. Git is given it for no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_website: Option<Origin>,
    /// Who the server said this is, when it was last verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The default workspace (Cloud).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<String>,
    /// The default project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// The default repository: its slug.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// The private SSH key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_path: Option<PathBuf>,
    /// The clone URL that the key is for, over SSH.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clone_url: Option<String>,
    /// The last day of the credential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_on: Option<Date>,
    /// Where the secret is; `None` where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<StoreKind>,
    /// The origin that the secret was given for. It is sent nowhere else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_origin: Option<Origin>,
    /// The command whose first line of output is the secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_command: Option<String>,
    /// The day on which git was refused with the secret, until it is taken again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused_on: Option<Date>,
    /// Certificates to trust beside the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_cert: Option<PathBuf>,
    /// A client certificate, with its key in `client_key`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_cert: Option<PathBuf>,
    /// The key of `client_cert`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_key: Option<PathBuf>,
    /// The proxy to go through, instead of the environment's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<String>,
    /// Plain HTTP is accepted although the host is not loopback.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_http: bool,
    /// The website, when it is not where the API is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub web_url: Option<String>,
}

impl Connection {
    /// The client certificate and its key, both in PEM.
    #[must_use]
    pub fn client_identity(&self) -> Option<(PathBuf, PathBuf)> {
        self.client_cert.clone().zip(self.client_key.clone())
    }

    /// A connection that has nothing but what every connection has.
    #[must_use]
    pub fn new(deployment: Deployment, base_url: BaseUrl, auth: AuthMethod) -> Self {
        Self {
            deployment,
            base_url,
            auth,
            level: None,
            email: None,
            username: None,
            client_id: None,
            callback_port: None,
            scopes: Vec::new(),
            secret_website: None,
            account: None,
            workspace: None,
            project: None,
            repository: None,
            key_path: None,
            clone_url: None,
            expires_on: None,
            store: None,
            secret_origin: None,
            token_command: None,
            refused_on: None,
            ca_cert: None,
            client_cert: None,
            client_key: None,
            proxy: None,
            allow_http: false,
            web_url: None,
        }
    }

    /// The workspace (Cloud) or project (Data Center) that it is for.
    #[must_use]
    pub fn namespace(&self) -> Option<&str> {
        match self.deployment {
            Deployment::Cloud => self.workspace.as_deref(),
            Deployment::DataCenter | Deployment::Unknown => self.project.as_deref(),
        }
    }

    /// The keys of a stored connection. Others in the file are somebody else's, and stay.
    pub const KEYS: [&str; 27] = [
        "deployment",
        "base_url",
        "auth",
        "level",
        "email",
        "username",
        "client_id",
        "callback_port",
        "scopes",
        "secret_website",
        "account",
        "workspace",
        "project",
        "repository",
        "key_path",
        "clone_url",
        "expires_on",
        "store",
        "secret_origin",
        "token_command",
        "refused_on",
        "ca_cert",
        "client_cert",
        "client_key",
        "proxy",
        "allow_http",
        "web_url",
    ];
}

/// Where a secret is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum StoreKind {
    /// The keyring of the operating system
    Keyring,
    /// An encrypted file
    File,
    /// A command that prints the secret
    Command,
    /// The environment of this process
    #[value(skip)]
    Environment,
}

impl StoreKind {
    /// The name in files, on the command line and in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Keyring => "keyring",
            Self::File => "file",
            Self::Command => "command",
            Self::Environment => "environment",
        }
    }
}
