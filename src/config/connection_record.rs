//! A connection as a table of `connections.toml`: one flat list of keys. Which of them belong together is decided by
//! [`Connection`] and its [`Credential`]; keys that do not apply are ignored when they are read.

use std::path::PathBuf;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use crate::types::connection::{
    AuthMethod, BaseUrl, Connection, Credential, CredentialFields, MissingField, NetworkSettings,
    StoreKind, StoredSecret, TokenLevel,
};
use crate::types::date::Date;
use crate::types::deployment::Deployment;

/// The struct of the record, and the list of its keys.
macro_rules! record {
    ($($(#[$attribute:meta])* $key:ident: $type:ty,)*) => {
        #[derive(Serialize, Deserialize)]
        struct ConnectionRecord {
            $($(#[$attribute])* $key: $type,)*
        }

        /// The keys of a connection, in the order in which they are written. Others in the file are not touched.
        pub(super) const KEYS: &[&str] = &[$(stringify!($key)),*];
    };
}

// A key without a value is `None`, which TOML does not write.
record! {
    deployment: Deployment,
    base_url: BaseUrl,
    auth: AuthMethod,
    level: Option<TokenLevel>,
    email: Option<String>,
    username: Option<String>,
    client_id: Option<String>,
    callback_port: Option<u16>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    scopes: Vec<String>,
    account: Option<String>,
    workspace: Option<String>,
    project: Option<String>,
    repository: Option<String>,
    key_path: Option<PathBuf>,
    clone_url: Option<String>,
    expires_on: Option<Date>,
    store: Option<StoreKind>,
    token_command: Option<String>,
    refused_on: Option<Date>,
    ca_cert: Option<PathBuf>,
    client_cert: Option<PathBuf>,
    client_key: Option<PathBuf>,
    proxy: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    allow_http: bool,
    web_url: Option<String>,
}

/// Keys that do not make a connection together.
#[derive(Debug, Error)]
enum RecordError {
    #[error(transparent)]
    Credential(#[from] MissingField),
    #[error("store = \"command\" needs `token_command`")]
    NoCommand,
    #[error("`client_cert` and `client_key` need each other")]
    HalfClientIdentity,
}

impl TryFrom<ConnectionRecord> for Connection {
    type Error = RecordError;

    fn try_from(record: ConnectionRecord) -> Result<Self, RecordError> {
        let fields = CredentialFields {
            level: record.level,
            email: record.email,
            username: record.username,
            client_id: record.client_id,
            callback_port: record.callback_port,
            scopes: record.scopes,
        };
        let source = record.store.map(|store| {
            let source = store.source(record.token_command);
            source.ok_or(RecordError::NoCommand)
        });
        let source = source.transpose()?;
        let client_identity = match (record.client_cert, record.client_key) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => return Err(RecordError::HalfClientIdentity),
        };
        Ok(Self {
            deployment: record.deployment,
            base_url: record.base_url,
            web_url: record.web_url,
            credential: Credential::new(record.auth, fields)?,
            secret: source.map(|source| StoredSecret {
                source,
                rejected_on: record.refused_on,
            }),
            expires_on: record.expires_on,
            account: record.account,
            workspace: record.workspace,
            project: record.project,
            repository: record.repository,
            key_path: record.key_path,
            clone_url: record.clone_url,
            network: NetworkSettings {
                ca_cert: record.ca_cert,
                client_identity,
                proxy: record.proxy,
                allow_http: record.allow_http,
            },
        })
    }
}

impl From<Connection> for ConnectionRecord {
    fn from(connection: Connection) -> Self {
        let (auth, level) = (connection.auth(), connection.level());
        let fields = connection.credential.fields();
        let (client_cert, client_key) = connection.network.client_identity.unzip();
        let mut record = Self {
            deployment: connection.deployment,
            base_url: connection.base_url,
            auth,
            level,
            email: fields.email,
            username: fields.username,
            client_id: fields.client_id,
            callback_port: fields.callback_port,
            scopes: fields.scopes,
            account: connection.account,
            workspace: connection.workspace,
            project: connection.project,
            repository: connection.repository,
            key_path: connection.key_path,
            clone_url: connection.clone_url,
            expires_on: connection.expires_on,
            store: None,
            token_command: None,
            refused_on: None,
            ca_cert: connection.network.ca_cert,
            client_cert,
            client_key,
            proxy: connection.network.proxy,
            allow_http: connection.network.allow_http,
            web_url: connection.web_url,
        };
        if let Some(secret) = connection.secret {
            record.store = Some(secret.source.kind());
            record.token_command = secret.source.command().map(str::to_owned);
            record.refused_on = secret.rejected_on;
        }
        record
    }
}

impl Serialize for Connection {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        ConnectionRecord::from(self.clone()).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Connection {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let record = ConnectionRecord::deserialize(deserializer)?;
        record.try_into().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLOUD: &str = "deployment = \"cloud\"\nbase_url = \"https://api.bitbucket.org/2.0\"\n";
    const SERVER: &str =
        "deployment = \"datacenter\"\nbase_url = \"https://git.example.com/ctx\"\n";

    /// One file per kind of credential, with every key that the kind has.
    fn records() -> Vec<String> {
        let rest = "account = \"jane\"\n";
        [
            (CLOUD, "auth = \"api-token\"\nlevel = \"user\"\nemail = \"jane@acme.example\"\nusername = \"jane\"\n", rest),
            (CLOUD, "auth = \"access-token\"\nlevel = \"project\"\nusername = \"jane\"\n", "workspace = \"acme\"\nproject = \"WEB\"\n"),
            (CLOUD, "auth = \"oauth\"\nlevel = \"user\"\nclient_id = \"key\"\ncallback_port = 8080\nscopes = [\"repository\", \"webhook\"]\n", "account = \"jane\"\nstore = \"keyring\"\nrefused_on = \"2026-11-02\"\n"),
            (CLOUD, "auth = \"client-credentials\"\nclient_id = \"key\"\nscopes = [\"repository\"]\n", "store = \"file\"\n"),
            (CLOUD, "auth = \"app-password\"\nusername = \"jane\"\n", "store = \"keyring\"\n"),
            (SERVER, "auth = \"http-access-token\"\nlevel = \"repo\"\n", "project = \"WEB\"\nrepository = \"site\"\nexpires_on = \"2027-03-01\"\nstore = \"command\"\ntoken_command = \"pass show bitbucket\"\n"),
            (SERVER, "auth = \"password\"\nusername = \"jane\"\n", "ca_cert = \"/ca.pem\"\nclient_cert = \"/cert.pem\"\nclient_key = \"/key.pem\"\nproxy = \"http://proxy.example.com:3128\"\nallow_http = true\nweb_url = \"https://web.example.com\"\n"),
            ("deployment = \"unknown\"\nbase_url = \"ssh://git@git.example.com\"\n", "auth = \"ssh\"\n", "key_path = \"/key\"\nclone_url = \"ssh://git@git.example.com/web/site.git\"\n"),
        ]
        .map(|(server, credential, rest)| [server, credential, rest].concat())
        .to_vec()
    }

    #[test]
    fn a_record_is_written_as_it_was_read() {
        for text in records() {
            let connection: Connection = toml_edit::de::from_str(&text).unwrap();
            let written = toml_edit::ser::to_document(&connection).unwrap();
            assert_eq!(written.to_string(), text);
        }
    }

    #[test]
    fn every_key_is_written_by_one_of_the_records_at_least() {
        let all = records().concat();
        for key in KEYS {
            let line = format!("\n{key} = ");
            assert!(format!("\n{all}").contains(&line), "{key}");
        }
    }

    #[test]
    fn keys_of_other_kinds_are_ignored() {
        let text = format!(
            "{CLOUD}auth='access-token'\nemail='jane@acme.example'\nclient_id='x'\ntoken_command='x'"
        );
        let connection: Connection = toml_edit::de::from_str(&text).unwrap();
        assert_eq!(
            connection.credential,
            Credential::AccessToken {
                level: None,
                username: None
            }
        );
        assert_eq!(connection.secret, None);
    }

    #[test]
    fn a_record_that_is_no_connection_names_the_key() {
        for (text, reason) in [
            ("auth='api-token'", "auth = \"api-token\" needs `email`"),
            ("auth='oauth'", "auth = \"oauth\" needs `client_id`"),
            (
                "auth='app-password'",
                "auth = \"app-password\" needs `username`",
            ),
            (
                "auth='access-token'\nstore='command'",
                "needs `token_command`",
            ),
            ("auth='access-token'\nclient_key='/key'", "need each other"),
        ] {
            let read: Result<Connection, _> = toml_edit::de::from_str(&format!("{CLOUD}{text}"));
            let error = read.unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
