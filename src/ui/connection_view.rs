//! A connection as it is printed: never with its secret.

use serde::Serialize;

use super::TextWriter;
use crate::types::connection::{AuthMethod, Connection, ConnectionName, StoreKind, TokenLevel};
use crate::types::date::Date;
use crate::types::deployment::Deployment;

#[derive(Debug, Serialize)]
pub(crate) struct ConnectionView {
    pub name: ConnectionName,
    deployment: Deployment,
    base_url: String,
    auth: AuthMethod,
    level: Option<TokenLevel>,
    account: Option<String>,
    workspace: Option<String>,
    project: Option<String>,
    repository: Option<String>,
    pub key_path: Option<String>,
    clone_url: Option<String>,
    expires_on: Option<Date>,
    default: bool,
    secret: SecretLocation,
    #[serde(skip)]
    scope: Option<String>,
}

#[derive(Debug, Serialize)]
struct SecretLocation {
    store: Option<&'static str>,
}

impl ConnectionView {
    /// `default` is the name of the default connection.
    pub(crate) fn new(
        name: &ConnectionName,
        connection: &Connection,
        default: Option<&str>,
    ) -> Self {
        let credential = &connection.credential;
        let account = connection.account.as_deref();
        let account = account.or(credential.email()).or(credential.username());
        let key_path = connection.key_path.as_ref();
        Self {
            name: name.clone(),
            deployment: connection.deployment,
            base_url: connection.base_url.to_string(),
            auth: connection.auth(),
            level: connection.level(),
            account: account.map(str::to_owned),
            workspace: connection.workspace.clone(),
            project: connection.project.clone(),
            repository: connection.repository.clone(),
            key_path: key_path.map(|path| path.to_string_lossy().into_owned()),
            clone_url: connection.clone_url.clone(),
            expires_on: connection.expires_on,
            scope: connection.scope(),
            default: default == Some(name.to_string().as_str()),
            secret: SecretLocation {
                store: connection.store().map(StoreKind::name),
            },
        }
    }

    /// The fields that have a value, one per line.
    pub(crate) fn write_fields(&self, out: &mut TextWriter) {
        let expires_on = self.expires_on.map(|date| date.to_string());
        let deployment = self.deployment.to_string();
        let fields = [
            ("deployment", Some(deployment.as_str())),
            ("base URL", Some(self.base_url.as_str())),
            ("auth", Some(self.auth.name())),
            ("level", self.level.map(TokenLevel::name)),
            ("account", self.account.as_deref()),
            ("workspace", self.workspace.as_deref()),
            ("project", self.project.as_deref()),
            ("repository", self.repository.as_deref()),
            ("clone URL", self.clone_url.as_deref()),
            ("SSH key", self.key_path.as_deref()),
            ("expires on", expires_on.as_deref()),
            ("secret in", self.secret.store),
        ];
        out.heading(&format!(
            "{}{}",
            self.name,
            if self.default { "  (default)" } else { "" }
        ));
        for (label, value) in fields {
            if let Some(value) = value {
                out.key_value(label, 12, value);
            }
        }
    }

    /// The connection in the table of `connection list`.
    pub(crate) fn row(&self) -> [String; 5] {
        let mark = if self.default { "*" } else { "" };
        [
            format!("{}{mark}", self.name),
            self.auth.name().to_owned(),
            self.base_url.clone(),
            self.scope.clone().unwrap_or_default(),
            self.secret.store.unwrap_or("none").to_owned(),
        ]
    }
}
