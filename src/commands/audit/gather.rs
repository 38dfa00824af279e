//! Reads the keys, webhooks and tokens of workspaces, projects and repositories.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Instant;

use futures_util::stream::{self, StreamExt as _};
use serde::Serialize;

use super::resume::ResumeFile;
use crate::app::App;
use crate::bitbucket::{ApiError, Bitbucket, StoredWebhook};
use crate::error::Error;
use crate::exit_status::ExitStatus;
use crate::resolve::SelectedConnection;
use crate::types::access_token::{AccessToken, TokenOwner};
use crate::types::counted::counted;
use crate::types::date::Timestamp;
use crate::types::hint::Hint;
use crate::types::inventory::{Item, ItemFacts, ItemKind, SharedText, TextPool};
use crate::types::public_key::PublicKey;
use crate::types::registered_key::{KeyOperation, KeyOwner, RegisteredKey};
use crate::types::repository::RepoId;
use crate::types::webhook::WebhookOwner;
use crate::ui::Progress;

/// Concurrent requests: Cloud counts requests per hour, a Data Center shares its threads with everybody.
const CONCURRENT_ON_CLOUD: usize = 8;
const CONCURRENT_ON_SERVER: usize = 4;
/// Requests for data of repositories in an hour, unless the server reports another number
/// (<https://support.atlassian.com/bitbucket-cloud/docs/api-request-limits/>).
const CLOUD_LIMIT: u64 = 1000;
/// After so many owners in a row the server counts as unreachable.
const MAX_UNREACHABLE: usize = 3;

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
    /// The account of the credential, with its name.
    Account(String),
}

/// An owner that could not be read, or not whole.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Unread {
    pub(super) owner: String,
    pub(super) reason: SharedText,
    #[serde(skip)]
    pub(super) hint: Option<Hint>,
    #[serde(skip)]
    pub(super) exit: ExitStatus,
}

/// What was read.
#[derive(Debug, Default)]
pub(super) struct Inventory {
    /// In the order of their owners, once all were read.
    pub(super) items: Vec<Item>,
    /// What an earlier run has read, by the name of the owner.
    pub(super) done: HashMap<String, Vec<Item>>,
    pub(super) incomplete: Vec<Unread>,
    pub(super) resume: Option<ResumeFile>,
}

/// What to read.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) sources: Vec<Source>,
    pub(super) kinds: Vec<ItemKind>,
    /// The sources are named by the user, and each of them alone: one that does not exist is an error of its own, and where
    /// else its keys are has to be asked for.
    pub(super) is_named: bool,
    pub(super) texts: TextPool,
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
            Self::Account(name) => format!("user:{name}"),
        }
    }

    /// Under its current name, which the server has shown with its responses.
    fn renamed(&self, bitbucket: &Bitbucket) -> Self {
        match self {
            Self::Repository(repo) => Self::Repository(bitbucket.current_name(repo)),
            Self::Workspace(_) | Self::Project { .. } | Self::Account(_) => self.clone(),
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
            Self::Account(_) => Some(KeyOwner::Account),
        }
    }

    fn webhook_owner(&self, is_cloud: bool) -> Option<WebhookOwner> {
        match self {
            Self::Account(_) => None,
            Self::Workspace(name) => Some(WebhookOwner::Namespace(name.clone())),
            // Cloud has none of projects.
            Self::Project { key, .. } => (!is_cloud).then(|| WebhookOwner::Namespace(key.clone())),
            Self::Repository(repo) => Some(WebhookOwner::Repository(repo.clone())),
        }
    }

    fn token_owner(&self) -> Option<TokenOwner> {
        match self {
            Self::Workspace(_) | Self::Account(_) => None,
            Self::Project { key, .. } => Some(TokenOwner::Project(key.clone())),
            Self::Repository(repo) => Some(TokenOwner::Repository(repo.clone())),
        }
    }

    /// How many requests it takes, where no list has a second page.
    fn requests(&self, kinds: &[ItemKind], is_cloud: bool) -> usize {
        let asks = |kind: &ItemKind| match (kind, self) {
            (ItemKind::Key, Self::Workspace(_))
            | (ItemKind::Webhook | ItemKind::Token, Self::Account(_)) => false,
            (ItemKind::Webhook, Self::Project { .. }) | (ItemKind::Token, _) => !is_cloud,
            (ItemKind::Key | ItemKind::Webhook, _) => true,
        };
        kinds.iter().filter(|kind| asks(kind)).count()
    }

    /// Everything that it owns, and the first error. What one permission does not allow is no reason to leave out the rest.
    async fn read(&self, bitbucket: &Bitbucket, plan: &Plan) -> (Vec<Item>, Option<ApiError>) {
        let mut items = Vec::new();
        let mut first_error = None;
        for kind in &plan.kinds {
            match self.read_kind(*kind, bitbucket, plan).await {
                Ok(read) => items.extend(read),
                Err(error) => {
                    let is_final = !error.is_access_error();
                    first_error.get_or_insert(error);
                    if is_final {
                        break;
                    }
                }
            }
        }
        (items, first_error)
    }

    async fn read_kind(
        &self,
        kind: ItemKind,
        bitbucket: &Bitbucket,
        plan: &Plan,
    ) -> Result<Vec<Item>, ApiError> {
        let is_cloud = bitbucket.is_cloud();
        let asks_for_places = plan.is_named && !is_cloud && !matches!(self, Self::Account(_));
        // After the response, which may show another name.
        let new_items = || {
            let source = self.renamed(bitbucket);
            let owner = plan.texts.shared(&source.name(is_cloud));
            move || Item::new(kind, owner.clone())
        };
        Ok(match kind {
            ItemKind::Key => {
                let Some(owner) = self.key_owner() else {
                    return Ok(Vec::new());
                };
                let keys = bitbucket.keys(&owner).await?;
                let new_item = new_items();
                let mut items: Vec<_> = keys
                    .into_iter()
                    .map(|key| plan.key(key, new_item()))
                    .collect();
                for item in items.iter_mut().filter(|_| asks_for_places) {
                    item.facts.registered_at = Some(places_of(item, bitbucket).await?);
                }
                items
            }
            ItemKind::Webhook => {
                let Some(owner) = self.webhook_owner(is_cloud) else {
                    return Ok(Vec::new());
                };
                let webhooks = match bitbucket.webhooks_with_statistics(&owner).await {
                    // Projects have webhooks since Data Center 8.8.
                    Err(ApiError::NotAnApiEndpoint(_)) if matches!(self, Self::Project { .. }) => {
                        Vec::new()
                    }
                    webhooks => webhooks?,
                };
                let new_item = new_items();
                let webhooks = webhooks.iter();
                webhooks
                    .map(|webhook| plan.webhook(webhook, new_item()))
                    .collect()
            }
            ItemKind::Token => {
                let Some(owner) = self.token_owner() else {
                    return Ok(Vec::new());
                };
                match bitbucket.tokens(&owner).await {
                    Ok(tokens) => {
                        let new_item = new_items();
                        let tokens = tokens.into_iter().flatten();
                        tokens.map(|token| plan.token(token, new_item())).collect()
                    }
                    // Servers before 7.18 have no such tokens.
                    Err(ApiError::NotAnApiEndpoint(_)) => Vec::new(),
                    Err(error) => return Err(error),
                }
            }
        })
    }

    /// A credential that may audit a workspace or a server need not have the scopes of the account.
    fn is_optional(&self, error: &ApiError) -> bool {
        matches!(self, Self::Account(_)) && matches!(error, ApiError::Forbidden { .. })
    }

    /// An error with what the credential lacks.
    fn describe_error(&self, error: ApiError, selected: &SelectedConnection) -> Error {
        match self {
            Self::Account(_) => {
                selected.describe_key_error(error, &KeyOwner::Account, KeyOperation::List)
            }
            Self::Workspace(_) | Self::Project { .. } | Self::Repository(_) => {
                selected.describe_api_error(error)
            }
        }
    }
}

impl Plan {
    fn pooled(&self, item: Item) -> Item {
        let shared = |text: SharedText| self.texts.shared(&text);
        Item {
            owner: shared(item.owner),
            algorithm: item.algorithm.map(shared),
            access: item.access.map(shared),
            ..item
        }
    }

    fn key(&self, key: RegisteredKey, item: Item) -> Item {
        Item {
            id: Some(key.id.into()),
            label: key.label.map(Into::into),
            fingerprint: key.fingerprint,
            algorithm: key.algorithm.map(|name| self.texts.shared(&name)),
            access: Some(self.texts.shared(key.access.name())),
            created_on: key.created_on,
            last_used_on: key.last_used_on,
            expires_on: key.expires_on,
            facts: ItemFacts {
                bits: key.public_key.as_ref().and_then(PublicKey::bits),
                warning: key.warning.map(Into::into),
                expires_on_unknown_day: key.expires_on_unknown_day,
                ..ItemFacts::default()
            },
            ..item
        }
    }

    fn webhook(&self, stored: &StoredWebhook, item: Item) -> Item {
        let webhook = &stored.webhook;
        let label = webhook.shown_url();
        let event = webhook.events.first();
        Item {
            id: webhook.id.as_deref().map(Into::into),
            facts: ItemFacts {
                is_signed: webhook.secret_set,
                verifies_receiver: webhook.verifies_receiver,
                last_call_failed: stored.last_delivery_failed,
                event: event.map(|event| self.texts.shared(event)),
                has_hidden_password: label != webhook.url,
                ..ItemFacts::default()
            },
            label: Some(label.into()),
            created_on: stored.created_on,
            ..item
        }
    }

    fn token(&self, token: AccessToken, item: Item) -> Item {
        let midnight = |date: crate::types::date::Date| {
            let text = format!("{date}T00:00:00Z");
            text.parse::<Timestamp>().ok()
        };
        let permissions = token.permissions.map(|names| names.join(", "));
        Item {
            id: token.id.map(Into::into),
            label: token.name.map(Into::into),
            access: permissions.map(|names| self.texts.shared(&names)),
            created_on: token.created_on.and_then(midnight),
            last_used_on: token.last_used_on.and_then(midnight),
            expires_on: token.expires_on,
            facts: ItemFacts {
                expires_on_unknown_day: token.expires_on_unknown_day,
                ..ItemFacts::default()
            },
            ..item
        }
    }
}

/// All owners of an access key, its own included; none where the server does not report them to this account.
async fn places_of(item: &Item, bitbucket: &Bitbucket) -> Result<Box<[String]>, ApiError> {
    let id = item.id.as_deref().unwrap_or_default();
    let owners = match bitbucket.key_owners(id).await {
        Ok(owners) => owners.unwrap_or_default(),
        Err(error) if error.is_access_error() => Vec::new(),
        Err(error) => return Err(error),
    };
    let mut names: Vec<String> = owners
        .into_iter()
        .filter_map(|owner| match owner {
            KeyOwner::Repository(repo) => Some(repo.to_string()),
            KeyOwner::Project { key, .. } => Some(format!("project:{key}")),
            KeyOwner::Account => None,
        })
        .collect();
    let is_own = |name: &String| *name == *item.owner;
    if !names.is_empty() && !names.iter().any(is_own) {
        names.push(item.owner.to_string());
    }
    Ok(names.into())
}

impl Unread {
    pub(super) fn new(owner: String, error: &Error) -> Self {
        Self {
            owner,
            reason: error.to_string().as_str().into(),
            hint: error.hint(),
            exit: error.exit_status(),
        }
    }
}

impl Inventory {
    /// Reads what has not been read. After an error that all other owners would have as well, nothing more is requested.
    pub(super) fn gather(
        &mut self,
        app: &App,
        selected: &SelectedConnection,
        bitbucket: &Bitbucket,
        plan: &Plan,
    ) -> Result<(), Error> {
        let is_cloud = bitbucket.is_cloud();
        let mut left = Vec::new();
        for source in &plan.sources {
            match self.done.remove(&source.name(is_cloud)) {
                Some(items) => {
                    let items = items.into_iter().map(|item| plan.pooled(item));
                    self.items.extend(items);
                }
                None => left.push(source),
            }
        }
        let requests = left
            .iter()
            .map(|source| source.requests(&plan.kinds, is_cloud))
            .sum();
        if is_cloud {
            self.announce_limit(app, bitbucket, requests);
        }
        let mut progress = ReadProgress::new(app, left.len());
        let stopped = RefCell::new(None);
        app.block_on(async {
            let mut work = stream::iter(&left)
                .map(|source| {
                    let stopped = &stopped;
                    async move {
                        let is_over = stopped.borrow().is_some();
                        let read = source.read(bitbucket, plan);
                        (*source, if is_over { None } else { Some(read.await) })
                    }
                })
                .buffer_unordered(concurrency(is_cloud));
            let mut failures_in_a_row = 0;
            while let Some((source, read)) = work.next().await {
                let owner = source.name(is_cloud);
                let Some((items, error)) = read else {
                    self.incomplete
                        .extend(stopped.borrow().as_ref().map(|cause: &Unread| Unread {
                            owner,
                            ..cause.clone()
                        }));
                    continue;
                };
                progress.advance();
                let Some(error) = error else {
                    failures_in_a_row = 0;
                    if let Some(file) = &mut self.resume {
                        file.record(&owner, &items)?;
                    }
                    self.items.extend(items);
                    continue;
                };
                if source.is_optional(&error) {
                    note_unread(app, &owner, &source.describe_error(error, selected));
                    continue;
                }
                let is_unreachable = matches!(error, ApiError::Unreachable { .. });
                failures_in_a_row = if is_unreachable {
                    failures_in_a_row + 1
                } else {
                    0
                };
                let affects_all = failures_in_a_row >= MAX_UNREACHABLE || affects_all(&error);
                let error = source.describe_error(error, selected);
                let mut unread = Unread::new(owner, &error);
                // Listed, so it exists, but the credential may not read what it owns.
                if unread.exit == ExitStatus::NotFound && !plan.is_named {
                    unread.exit = ExitStatus::Forbidden;
                }
                if affects_all {
                    let reason =
                        format!("not read, because of an earlier error: {}", unread.reason);
                    stopped.borrow_mut().get_or_insert_with(|| Unread {
                        owner: String::new(),
                        reason: reason.as_str().into(),
                        hint: None,
                        exit: unread.exit,
                    });
                }
                self.items.extend(items);
                self.incomplete.push(unread);
            }
            Ok::<(), Error>(())
        })??;
        self.incomplete
            .sort_by(|one, other| one.owner.cmp(&other.owner));
        self.items.sort_by(|one, other| one.owner.cmp(&other.owner));
        Ok(())
    }

    /// Adds an owner that could not be read.
    pub(super) fn add_unread(
        &mut self,
        app: &App,
        source: &Source,
        error: ApiError,
        selected: &SelectedConnection,
        is_cloud: bool,
    ) {
        let is_optional = source.is_optional(&error);
        let (owner, error) = (
            source.name(is_cloud),
            source.describe_error(error, selected),
        );
        if is_optional {
            note_unread(app, &owner, &error);
        } else {
            self.incomplete.push(Unread::new(owner, &error));
        }
    }

    /// Says before the first of many requests that they are more than Cloud accepts in an hour.
    fn announce_limit(&self, app: &App, bitbucket: &Bitbucket, requests: usize) {
        let reported = bitbucket.observation().rate_limit;
        let limit = reported
            .and_then(|limit| limit.limit)
            .unwrap_or(CLOUD_LIMIT);
        if (requests + bitbucket.requests_sent()) as u64 <= limit {
            return;
        }
        let next = if self.resume.is_some() {
            "the same command continues after the limit"
        } else {
            "pass --resume FILE to continue after the limit"
        };
        let hours = requests / usize::try_from(limit).unwrap_or(usize::MAX).max(1);
        let time = match hours {
            0 => String::new(),
            _ => format!(
                ", so that it takes more than {}",
                counted(hours, "hour", "hours")
            ),
        };
        app.ui.warn(&format!(
            "about {requests} requests are needed, and Bitbucket Cloud accepts {limit} an hour{time}; {next}"
        ));
    }
}

/// Says that the keys of the account are not part of the audit, which is complete without them.
fn note_unread(app: &App, owner: &str, error: &Error) {
    let hint = error.hint().map(|hint| format!("; {hint}"));
    app.ui.warn(&format!(
        "SSH keys of {owner} are not listed: {error}{}",
        hint.unwrap_or_default()
    ));
}

/// At most so many requests at the same time.
pub(super) fn concurrency(is_cloud: bool) -> usize {
    if is_cloud {
        CONCURRENT_ON_CLOUD
    } else {
        CONCURRENT_ON_SERVER
    }
}

/// Whether every other request would fail in the same way: more of them could lock the account.
fn affects_all(error: &ApiError) -> bool {
    matches!(
        error,
        ApiError::RateLimited(_)
            | ApiError::Unauthorized(_)
            | ApiError::LoginRefused(_)
            | ApiError::CaptchaRequired
            | ApiError::BasicAuthDisabled
    )
}

/// How many owners were read, and how long the others will take.
struct ReadProgress {
    line: Progress,
    started: Instant,
    total: usize,
    read: usize,
}

impl ReadProgress {
    fn new(app: &App, total: usize) -> Self {
        Self {
            line: app.ui.progress("reading keys, webhooks and tokens"),
            started: Instant::now(),
            total,
            read: 0,
        }
    }

    fn advance(&mut self) {
        self.read += 1;
        let elapsed = self.started.elapsed().as_secs();
        let left = elapsed * (self.total - self.read) as u64 / self.read as u64;
        let estimate = match left {
            // A guess from the first seconds is none.
            _ if elapsed < 3 => String::new(),
            0..=90 => format!(", about {left} s left"),
            _ => format!(", about {} min left", left.div_ceil(60)),
        };
        // Short enough for a narrow terminal: what does not fit is cut off.
        self.line.set_message(&format!(
            "read {} of {}{estimate}",
            self.read,
            counted(self.total, "owner", "owners")
        ));
    }
}
