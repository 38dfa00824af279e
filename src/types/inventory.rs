//! What is connected to a server: keys, webhooks and tokens, with the facts that an audit checks.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::date::{Date, Timestamp};
use crate::types::shell::quote;

#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ItemKind {
    /// SSH keys
    #[value(name = "keys")]
    Key,
    /// Webhooks
    #[value(name = "webhooks")]
    Webhook,
    /// HTTP access tokens (Data Center)
    #[value(name = "tokens")]
    Token,
}

impl ItemKind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Webhook => "webhook",
            Self::Token => "token",
        }
    }
}

impl fmt::Display for ItemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A key, webhook or token. `None` is what the server does not report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Item {
    pub kind: ItemKind,
    /// `NAMESPACE/SLUG`, `project:KEY`, `workspace:NAME` or `user:NAME`.
    pub owner: String,
    pub id: Option<String>,
    /// The title of a key, the URL of a webhook without a password in it, the name of a token.
    pub label: Option<String>,
    pub fingerprint: Option<String>,
    pub algorithm: Option<String>,
    /// `read`, `write`, or the permissions of a token.
    pub access: Option<String>,
    pub created_on: Option<Timestamp>,
    pub last_used_on: Option<Timestamp>,
    pub expires_on: Option<Date>,
    pub facts: ItemFacts,
}

/// Facts that only the rules need.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ItemFacts {
    /// The size of a key, in bits.
    pub bits: Option<u32>,
    /// The server's own warning about a key.
    pub warning: Option<String>,
    /// Whether a secret signs the calls of a webhook.
    pub is_signed: Option<bool>,
    /// Whether the receiver's certificate is verified.
    pub verifies_receiver: Option<bool>,
    /// Whether the last call of a webhook failed; `None` where it was never called or the server keeps no statistics.
    pub last_call_failed: Option<bool>,
    /// An event of a webhook.
    pub event: Option<String>,
    /// The URL of a webhook contains a password, which the label omits.
    pub has_hidden_password: bool,
    /// All owners of a key, where the server was asked; none where it does not report them.
    pub registered_at: Option<Vec<String>>,
}

impl Item {
    /// The option that names the owner to other commands: `--repo acme/site`. `None` for a user.
    pub(crate) fn owner_option(&self) -> Option<String> {
        let (option, value) = match self.owner.split_once(':') {
            Some(("workspace", name)) => ("--workspace", name),
            Some(("project", key)) => ("--project", key),
            Some(_) => return None,
            None => ("--repo", self.owner.as_str()),
        };
        Some(format!("{option} {}", quote(value)))
    }

    /// The owner whose webhooks are also called for this owner.
    pub(crate) fn wider_owners(&self) -> [Option<String>; 2] {
        let namespace = self.owner.split_once('/').map(|(namespace, _)| namespace);
        let namespace = namespace.filter(|name| !name.contains(':'));
        ["workspace", "project"].map(|kind| namespace.map(|name| format!("{kind}:{name}")))
    }
}
