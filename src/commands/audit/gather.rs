//! Reads the keys, webhooks and tokens of workspaces, projects and repositories.

use std::collections::BTreeMap;

use futures_util::stream::{self, StreamExt as _};
use serde::Serialize;

use crate::app::App;
use crate::bitbucket::{ApiError, Bitbucket, StoredWebhook};
use crate::error::Error;
use crate::exit_status::ExitStatus;
use crate::resolve::SelectedConnection;
use crate::types::access_token::{AccessToken, TokenOwner};
use crate::types::inventory::{Item, ItemFacts, ItemKind};
use crate::types::public_key::PublicKey;
use crate::types::registered_key::{Access, KeyOwner, RegisteredKey};
use crate::types::repository::RepoId;
use crate::types::timestamp::Timestamp;

/// Concurrent requests: Cloud counts requests per hour, a Data Center shares its threads with everybody.
const CONCURRENT_ON_CLOUD: usize = 8;
const CONCURRENT_ON_SERVER: usize = 4;

/// An owner of keys, webhooks and tokens.
#[derive(Debug, Clone)]
pub(super) enum Source {
    Workspace(String),
    Project {
        /// `None` on Data Center.
        workspace: Option<String>,
        key: String,
    },
    Repository(RepoId),
}

/// An owner that could not be read.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Unread {
    pub(super) owner: String,
    pub(super) reason: String,
    #[serde(skip)]
    pub(super) exit: ExitStatus,
}

/// What was read, by the name of the owner.
#[derive(Debug, Default)]
pub(super) struct Inventory {
    pub(super) done: BTreeMap<String, Vec<Item>>,
    pub(super) incomplete: Vec<Unread>,
}

impl Source {
    pub(super) fn name(&self, is_cloud: bool) -> String {
        match self {
            Self::Workspace(name) => format!("workspace:{name}"),
            Self::Project {
                workspace: Some(workspace),
                key,
            } if is_cloud => format!("project:{workspace}/{key}"),
            Self::Project { key, .. } => format!("project:{key}"),
            Self::Repository(repo) => repo.to_string(),
        }
    }

    /// The option that names it to other commands.
    fn flag(&self) -> String {
        match self {
            Self::Workspace(name) => format!("--workspace {name}"),
            Self::Project {
                workspace: Some(workspace),
                key,
            } => format!("--project {workspace}/{key}"),
            Self::Project { key, .. } => format!("--project {key}"),
            Self::Repository(repo) => format!("--repo {repo}"),
        }
    }

    fn key_owner(&self) -> Option<KeyOwner> {
        match self {
            Self::Workspace(_) => None,
            Self::Project { workspace, key } => Some(KeyOwner::Project {
                workspace: workspace.clone(),
                key: key.clone(),
            }),
            Self::Repository(repo) => Some(KeyOwner::Repository(repo.clone())),
        }
    }

    fn token_owner(&self) -> Option<TokenOwner> {
        match self {
            Self::Workspace(_) => None,
            Self::Project { key, .. } => Some(TokenOwner::Project(key.clone())),
            Self::Repository(repo) => Some(TokenOwner::Repository(repo.clone())),
        }
    }

    /// Everything that it owns, of these kinds.
    async fn read(&self, bitbucket: &Bitbucket, kinds: &[ItemKind]) -> Result<Vec<Item>, ApiError> {
        let is_cloud = bitbucket.is_cloud();
        let mut items = Vec::new();
        if kinds.contains(&ItemKind::Key)
            && let Some(owner) = self.key_owner()
        {
            let keys = bitbucket.keys(&owner).await?;
            items.extend(keys.into_iter().map(|key| self.key(key, is_cloud)));
        }
        if kinds.contains(&ItemKind::Webhook) {
            let webhooks = match self {
                Self::Workspace(name) => bitbucket.workspace_webhooks(name).await?,
                Self::Project { key, .. } => bitbucket.project_webhooks(key).await?,
                Self::Repository(repo) => bitbucket.webhooks_with_statistics(repo).await?,
            };
            items.extend(
                webhooks
                    .into_iter()
                    .map(|webhook| self.webhook(&webhook, is_cloud)),
            );
        }
        if kinds.contains(&ItemKind::Token)
            && let Some(owner) = self.token_owner()
            && let Some(tokens) = bitbucket.tokens(&owner).await?
        {
            items.extend(tokens.into_iter().map(|token| self.token(token, is_cloud)));
        }
        Ok(items)
    }

    fn item(&self, kind: ItemKind, is_cloud: bool) -> Item {
        Item {
            kind,
            owner: self.name(is_cloud),
            id: None,
            label: None,
            fingerprint: None,
            algorithm: None,
            access: None,
            created_on: None,
            last_used_on: None,
            expires_on: None,
            facts: ItemFacts {
                owner_flag: self.flag(),
                ..ItemFacts::default()
            },
        }
    }

    fn key(&self, key: RegisteredKey, is_cloud: bool) -> Item {
        let mut item = self.item(ItemKind::Key, is_cloud);
        item.facts.bits = key.public_key.as_ref().and_then(PublicKey::bits);
        item.facts.warning = key.warning;
        let access = match key.access {
            Access::Read => "read",
            Access::Write => "write",
        };
        Item {
            id: Some(key.id),
            label: key.label,
            fingerprint: key.fingerprint.map(|fingerprint| fingerprint.to_string()),
            algorithm: key.algorithm,
            access: Some(access.to_owned()),
            created_on: key.created_on,
            last_used_on: key.last_used_on,
            expires_on: key.expires_on,
            ..item
        }
    }

    fn webhook(&self, stored: &StoredWebhook, is_cloud: bool) -> Item {
        let mut item = self.item(ItemKind::Webhook, is_cloud);
        let webhook = &stored.webhook;
        item.facts.is_signed = webhook.secret_set;
        item.facts.verifies_receiver = webhook.verifies_receiver;
        item.facts.last_call_failed = stored.last_delivery_failed;
        Item {
            id: webhook.id.clone(),
            label: Some(webhook.shown_url()),
            created_on: stored.created_on,
            ..item
        }
    }

    fn token(&self, token: AccessToken, is_cloud: bool) -> Item {
        let midnight = |date: crate::types::date::Date| {
            let text = format!("{date}T00:00:00Z");
            text.parse::<Timestamp>().ok()
        };
        Item {
            id: token.id,
            label: token.name,
            access: token.permissions.map(|names| names.join(", ")),
            created_on: token.created_on.and_then(midnight),
            last_used_on: token.last_used_on.and_then(midnight),
            expires_on: token.expires_on,
            ..self.item(ItemKind::Token, is_cloud)
        }
    }
}

impl Inventory {
    /// Reads what has not been read. After a rate limit that does not end in time nothing more is requested.
    pub(super) fn gather(
        &mut self,
        app: &App,
        selected: &SelectedConnection,
        bitbucket: &Bitbucket,
        sources: &[Source],
        kinds: &[ItemKind],
    ) -> Result<(), Error> {
        let is_cloud = bitbucket.is_cloud();
        let left: Vec<&Source> = sources
            .iter()
            .filter(|source| !self.done.contains_key(&source.name(is_cloud)))
            .collect();
        let concurrent = if is_cloud {
            CONCURRENT_ON_CLOUD
        } else {
            CONCURRENT_ON_SERVER
        };
        app.block_on(async {
            let mut work = stream::iter(&left)
                .map(|source| async move { (*source, source.read(bitbucket, kinds).await) })
                .buffered(concurrent);
            while let Some((source, read)) = work.next().await {
                app.ui.count_progress(1);
                let owner = source.name(is_cloud);
                match read {
                    Ok(items) => {
                        self.done.insert(owner, items);
                    }
                    Err(error) => {
                        let is_over = matches!(error, ApiError::RateLimited(_));
                        let error = selected.describe_api_error(error);
                        self.incomplete.push(Unread {
                            owner,
                            reason: error.to_string(),
                            exit: error.exit_status(),
                        });
                        if is_over {
                            break;
                        }
                    }
                }
            }
        })?;
        let unread = |name: &str| self.incomplete.iter().any(|one| one.owner == name);
        let skipped: Vec<_> = left
            .iter()
            .map(|source| source.name(is_cloud))
            .filter(|name| !self.done.contains_key(name) && !unread(name))
            .collect();
        self.incomplete
            .extend(skipped.into_iter().map(|owner| Unread {
                owner,
                reason: "not read, because the rate limit is exceeded".to_owned(),
                exit: ExitStatus::BadResponse,
            }));
        Ok(())
    }
}
