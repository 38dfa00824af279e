//! What is connected to a server: keys, webhooks and tokens, with the facts that an audit checks.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt;
use std::ops::Deref;
use std::rc::Rc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::date::{Date, Timestamp};
use super::named_enum::named_enum;
use super::public_key::Fingerprint;
use crate::types::shell::quote;

named_enum! {
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum)]
    pub(crate) enum ItemKind {
        /// SSH keys
        #[value(name = "keys")]
        Key = "key",
        /// Webhooks
        #[value(name = "webhooks")]
        Webhook = "webhook",
        /// HTTP access tokens (Data Center)
        #[value(name = "tokens")]
        Token = "token",
    }
}

impl fmt::Display for ItemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Text that several items share, such as the name of their owner.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SharedText(Rc<str>);

impl From<&str> for SharedText {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl Deref for SharedText {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SharedText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self)
    }
}

impl Serialize for SharedText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl<'de> Deserialize<'de> for SharedText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self::from(text.as_str()))
    }
}

/// Keeps one copy of each text: tens of thousands of items have few algorithms and permissions.
#[derive(Debug, Default)]
pub(crate) struct TextPool(RefCell<HashSet<Rc<str>>>);

impl TextPool {
    pub(crate) fn shared(&self, text: &str) -> SharedText {
        let mut known = self.0.borrow_mut();
        if let Some(text) = known.get(text) {
            return SharedText(Rc::clone(text));
        }
        let text: Rc<str> = text.into();
        known.insert(Rc::clone(&text));
        SharedText(text)
    }
}

/// A key, webhook or token. `None` is what the server does not report. There may be tens of thousands, so that they are small.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Item {
    pub kind: ItemKind,
    /// `NAMESPACE/SLUG`, `project:KEY`, `workspace:NAME` or `user:NAME`.
    pub owner: SharedText,
    pub id: Option<Box<str>>,
    /// The title of a key, the URL of a webhook without a password in it, the name of a token.
    pub label: Option<Box<str>>,
    pub fingerprint: Option<Fingerprint>,
    pub algorithm: Option<SharedText>,
    /// `read`, `write`, or the permissions of a token.
    pub access: Option<SharedText>,
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
    pub warning: Option<Box<str>>,
    /// Whether a secret signs the calls of a webhook.
    pub is_signed: Option<bool>,
    /// Whether the receiver's certificate is verified.
    pub verifies_receiver: Option<bool>,
    /// Whether the last call of a webhook failed; `None` where it was never called or the server keeps no statistics.
    pub last_call_failed: Option<bool>,
    /// An event of a webhook.
    pub event: Option<SharedText>,
    /// The URL of a webhook contains a password, which the label omits.
    pub has_hidden_password: bool,
    /// A key or token that expires on a day that the server does not report.
    #[serde(default)]
    pub expires_on_unknown_day: bool,
    /// All owners of a key, where the server was asked; none where it does not report them.
    pub registered_at: Option<Box<[String]>>,
}

impl Item {
    pub(crate) fn new(kind: ItemKind, owner: SharedText) -> Self {
        Self {
            kind,
            owner,
            id: None,
            label: None,
            fingerprint: None,
            algorithm: None,
            access: None,
            created_on: None,
            last_used_on: None,
            expires_on: None,
            facts: ItemFacts::default(),
        }
    }

    /// The option that names the owner to other commands: `--repo acme/site`. `None` for tokens of the users of an
    /// organization, which have no command.
    pub(crate) fn owner_option(&self) -> Option<String> {
        let (option, value) = match self.owner.split_once(':') {
            Some(("workspace", name)) => ("--workspace", name),
            Some(("project", key)) => ("--project", key),
            Some(_) if self.kind == ItemKind::Key => return Some("--user".to_owned()),
            Some(_) => return None,
            None => ("--repo", &*self.owner),
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
