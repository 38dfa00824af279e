//! `bbconnect webhook ensure`: creates or updates a webhook of a repository, a workspace or a project, or one in each
//! repository of a project.

use std::sync::atomic::{AtomicUsize, Ordering};

use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};
use futures_util::stream::{self, StreamExt as _};
use rand::RngExt as _;
use serde::Serialize;

use super::target::{OwnerOutput, WebhookOwnerArgs, WebhookTarget};
use crate::app::App;
use crate::bitbucket::{ApiError, Bitbucket, StoredWebhook, WebhookChange, WebhookSpec};
use crate::commands::Subcommand;
use crate::commands::args::DryRunArg;
use crate::error::Error;
use crate::exit_status::ExitStatus;
use crate::resolve::SelectedConnection;
use crate::types::action::Action;
use crate::types::connection::AuthMethod;
use crate::types::deployment::Deployment;
use crate::types::hint::Hint;
use crate::types::operation::Operation;
use crate::types::repository::{RepoId, RepositoryFilter};
use crate::types::secret::Secret;
use crate::types::webhook::{
    Event, Webhook, WebhookOwner, WebhookScope, WebhookUrl, to_generic_events, to_product_events,
};
use crate::ui::{CommandOutput, TextWriter};

const EXAMPLES: &str = "\
Examples:
  bbconnect webhook ensure --url https://ci.example.com --event push
  bbconnect webhook ensure --workspace acme --url https://ci.example.com --event push

Events: push, pr-created, pr-updated, pr-approved, \
pr-merged, pr-declined, pr-comment, repo-forked, and the \
product's own names, such as repo:push.
";

#[derive(Debug, clap::Args)]
#[command(override_usage = "bbconnect webhook ensure [OPTIONS]\n       --url <URL> --event <EVENT>", before_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    pub owner: WebhookOwnerArgs,
    /// One in each repository of the project
    #[arg(long, requires = "project", conflicts_with = "repo")]
    pub all: bool,
    /// Payload URL
    #[arg(long, value_name = "URL")]
    pub url: WebhookUrl,
    /// Event (repeatable)
    #[arg(
        long = "event",
        value_name = "EVENT",
        required = true,
        value_delimiter = ',',
        add = ArgValueCandidates::new(|| Event::generic_names().map(CompletionCandidate::new).collect())
    )]
    pub events: Vec<Event>,
    /// Remove all other events of the webhook
    #[arg(long)]
    pub exact: bool,
    /// Read the signing secret from stdin; prompt for it on a terminal
    #[arg(long, group = "secret")]
    pub secret_stdin: bool,
    /// Generate and print a secret, if none is set
    #[arg(long, group = "secret", conflicts_with = "all")]
    pub generate_secret: bool,
    /// Replace a secret that is set
    #[arg(long, requires = "secret")]
    pub replace_secret: bool,
    /// Create it inactive
    #[arg(long)]
    pub inactive: bool,
    /// Accept any receiver certificate
    #[arg(long, conflicts_with = "verify_receiver")]
    pub insecure_receiver: bool,
    /// Verify the receiver's certificate (undoes --insecure-receiver)
    #[arg(long)]
    pub verify_receiver: bool,
    #[command(flatten)]
    pub dry_run: DryRunArg,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum EnsureOutput {
    One(Box<SingleOutput>),
    Many(BatchOutput),
}

#[derive(Debug, Serialize)]
pub(crate) struct SingleOutput {
    #[serde(flatten)]
    owner: OwnerOutput,
    #[serde(flatten)]
    done: EnsureResult,
    hint: Option<String>,
    /// The generated secret, to be given to the receiver. It is not shown again.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

/// A webhook, in the state after the change.
#[derive(Debug, Serialize)]
struct EnsureResult {
    action: Action,
    webhook: Webhook,
    events_added: Vec<String>,
    events_removed: Vec<String>,
    /// Events that this server is too old to know.
    unknown_events: Vec<String>,
    /// What should be known about other webhooks.
    notes: Vec<String>,
    /// Whether the secret was set.
    #[serde(skip)]
    sets_secret: bool,
}

impl Subcommand for Args {
    type Output = EnsureOutput;

    fn run(&self, app: &App) -> Result<EnsureOutput, Error> {
        if self.all {
            let (selected, bitbucket) = app.client()?;
            let spec = desired_webhook(self, app, &selected)?;
            let many = ensure_all(self, app, &selected, &bitbucket, &spec)?;
            return Ok(EnsureOutput::Many(many));
        }
        let target = self.owner.resolve(app)?;
        let mut spec = desired_webhook(self, app, &target.selected)?;
        let generated = self.generate_secret.then(generate_secret);
        if let Some(secret) = &generated {
            spec.secret = Some(Secret::new(secret.clone()));
            spec.keeps_secret = !self.replace_secret;
        }
        let _progress = app.ui.progress("reading the webhooks");
        let target = target.require_writable(app)?;
        let ended = app.block_on(ensure_one(&target, &spec, self.dry_run.is_set()))?;
        let mut done =
            ended.map_err(|error| target.describe_error(error, Operation::WriteWebhooks))?;
        if generated.is_some() && !done.sets_secret {
            done.notes.push(
                "the webhook has a secret already; pass --replace-secret to generate another"
                    .to_owned(),
            );
        }
        let is_written = matches!(done.action, Action::Created | Action::Updated);
        let auth = target.selected.connection.auth();
        Ok(EnsureOutput::One(Box::new(SingleOutput {
            secret: generated.filter(|_| done.sets_secret && is_written),
            hint: narrower_scopes_hint(&done, auth),
            done,
            owner: target.into_output(),
        })))
    }
}

fn generate_secret() -> String {
    let number: [u128; 2] = rand::rng().random();
    number.map(|part| format!("{part:032x}")).concat()
}

fn desired_webhook(
    args: &Args,
    app: &App,
    selected: &SelectedConnection,
) -> Result<WebhookSpec, Error> {
    let secret = args
        .secret_stdin
        .then(|| app.read_token_from_stdin("--secret-stdin"))
        .transpose()?;
    let is_too_long = secret
        .as_ref()
        .is_some_and(|secret| secret.expose().len() > 128);
    if is_too_long && selected.connection.deployment == Deployment::Cloud {
        return Err(Error::usage(
            "secret is longer than 128 characters (limit of Bitbucket Cloud)",
            "",
        ));
    }
    Ok(WebhookSpec {
        receiver: args.url.clone(),
        events: to_product_events(&args.events, selected.connection.deployment),
        exact: args.exact,
        active: !args.inactive,
        secret,
        keeps_secret: false,
        verifies_receiver: (args.insecure_receiver || args.verify_receiver)
            .then_some(args.verify_receiver),
    })
}

/// The webhook of one owner, with notes about those that are called as well.
async fn ensure_one(
    target: &WebhookTarget,
    spec: &WebhookSpec,
    dry_run: bool,
) -> Result<EnsureResult, ApiError> {
    let bitbucket = &target.bitbucket;
    let hooks = bitbucket.webhooks(&target.owner).await?;
    let wider = match &target.owner {
        WebhookOwner::Repository(repo) => {
            let repo = bitbucket.current_name(repo);
            let hooks = bitbucket.wider_webhooks(&repo).await?;
            wider_notes(&hooks, spec, &repo.namespace, deployment(bitbucket))
        }
        WebhookOwner::Namespace(_) => Vec::new(),
    };
    let mut done = ensure(bitbucket, &target.owner, hooks, spec, dry_run).await?;
    done.notes.extend(wider);
    Ok(done)
}

/// The webhooks of a workspace or project that are called for the same events and URL.
fn wider_notes(
    hooks: &[StoredWebhook],
    spec: &WebhookSpec,
    namespace: &str,
    deployment: Deployment,
) -> Vec<String> {
    let owner = WebhookOwner::Namespace(namespace.to_owned()).describe(deployment);
    let calls = hooks.iter().filter_map(|hook| {
        let events = hook.active_events(&spec.events);
        let is_called = spec.receiver.is(&hook.webhook.url) && !events.is_empty();
        is_called.then(|| {
            format!(
                "webhook {} of {owner} already calls this URL for {}",
                hook.webhook.id.as_deref().unwrap_or_default(),
                to_generic_events(&events, deployment).join(", ")
            )
        })
    });
    calls.collect()
}

fn deployment(bitbucket: &Bitbucket) -> Deployment {
    if bitbucket.is_cloud() {
        Deployment::Cloud
    } else {
        Deployment::DataCenter
    }
}

/// Neither product refuses a second webhook with the same URL, so the existing ones are compared.
async fn ensure(
    bitbucket: &Bitbucket,
    owner: &WebhookOwner,
    hooks: Vec<StoredWebhook>,
    spec: &WebhookSpec,
    dry_run: bool,
) -> Result<EnsureResult, ApiError> {
    let deployment = deployment(bitbucket);
    let similar = hooks.iter().filter_map(|hook| {
        let is_similar = spec.receiver.differs_by_trailing_slash(&hook.webhook.url);
        is_similar.then(|| {
            format!(
                "webhook {} differs by the trailing slash only; remove it if it is the same receiver",
                hook.webhook.shown_url()
            )
        })
    });
    let mut notes: Vec<String> = similar.collect();
    let mut same: Vec<_> = hooks
        .into_iter()
        .filter(|hook| spec.receiver.is(&hook.webhook.url))
        .collect();
    match same.len() {
        0 | 1 => {}
        2 => notes.push("another webhook has the same URL; not changed".to_owned()),
        all => notes.push(format!(
            "{} other webhooks have the same URL; not changed",
            all - 1
        )),
    }
    let best = same
        .iter()
        .position(|hook| hook.matches_spec(spec))
        .unwrap_or(0);
    if same.is_empty() {
        let (action, webhook, unknown_events) = if dry_run {
            let scope = owner.scope(deployment);
            (
                Action::WouldCreate,
                planned(spec, scope, deployment),
                Vec::new(),
            )
        } else {
            let created = bitbucket.write_webhook(owner, None, spec).await?;
            (Action::Created, created.webhook.webhook, created.unknown)
        };
        return Ok(EnsureResult {
            action,
            events_added: webhook.events.clone(),
            events_removed: Vec::new(),
            webhook,
            unknown_events,
            notes,
            sets_secret: spec.secret.is_some(),
        });
    }
    let hook = same.swap_remove(best);
    let before = hook.product_events().to_vec();
    let sets_secret = spec.secret_for(Some(&hook)).is_some();
    let (action, webhook, after, unknown_events) = if hook.matches_spec(spec) {
        (Action::Unchanged, hook.webhook, before.clone(), Vec::new())
    } else if dry_run {
        let events = spec.target_events(Some(&hook));
        let webhook = Webhook {
            events: to_generic_events(&events, deployment),
            active: Some(spec.active),
            secret_set: if sets_secret {
                Some(true)
            } else {
                hook.webhook.secret_set
            },
            verifies_receiver: spec.verifies_receiver.or(hook.webhook.verifies_receiver),
            ..hook.webhook
        };
        (Action::WouldUpdate, webhook, events, Vec::new())
    } else {
        let WebhookChange {
            webhook: hook,
            unknown,
            changed,
        } = bitbucket.write_webhook(owner, Some(hook), spec).await?;
        let after = hook.product_events().to_vec();
        (Action::updated_if(changed), hook.webhook, after, unknown)
    };
    let difference = |of: &[String], without: &[String]| {
        let events: Vec<String> = of
            .iter()
            .filter(|event| !without.contains(event))
            .cloned()
            .collect();
        to_generic_events(&events, deployment)
    };
    Ok(EnsureResult {
        action,
        events_added: difference(&after, &before),
        events_removed: difference(&before, &after),
        webhook,
        unknown_events,
        notes,
        sets_secret,
    })
}

/// A webhook as it would be created.
fn planned(spec: &WebhookSpec, scope: WebhookScope, deployment: Deployment) -> Webhook {
    Webhook {
        id: None,
        url: spec.receiver.as_str().to_owned(),
        events: to_generic_events(&spec.events, deployment),
        active: Some(spec.active),
        secret_set: Some(spec.secret.is_some()),
        verifies_receiver: Some(spec.verifies_receiver.unwrap_or(true)),
        scope,
    }
}

impl CommandOutput for EnsureOutput {
    const SCHEMA: &'static str = "bbconnect/webhook-ensure@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        match self {
            Self::One(one) => {
                let webhook = &one.done.webhook;
                out.line(&format!("{} {}", one.done.action, webhook.shown_url()));
                one.owner.write(out);
                out.key_value("events", 10, &webhook.events.join(", "));
                if !matches!(one.done.action, Action::Created | Action::WouldCreate) {
                    for (label, events) in [
                        ("added", &one.done.events_added),
                        ("removed", &one.done.events_removed),
                    ] {
                        if !events.is_empty() {
                            out.key_value(label, 10, &events.join(", "));
                        }
                    }
                }
                if let Some(id) = &webhook.id {
                    out.key_value("id", 10, id);
                }
                if let Some(secret) = &one.secret {
                    out.key_value("secret", 10, secret);
                }
            }
            Self::Many(many) => many.write_stdout(out),
        }
    }

    fn write_stderr(&self, out: &mut TextWriter) {
        match self {
            Self::One(one) => {
                for event in &one.done.unknown_events {
                    out.note(&format!(
                        "event {event} is not supported by this server version"
                    ));
                }
                out.notes(one.done.notes.iter().chain(&one.hint));
            }
            Self::Many(many) => many.write_stderr(out),
        }
    }

    fn exit_status(&self) -> ExitStatus {
        match self {
            Self::One(_) => ExitStatus::Success,
            Self::Many(many) => many.exit_status(),
        }
    }
}

const CONCURRENT_REPOSITORIES: usize = 8;

#[derive(Debug, Serialize)]
pub(crate) struct BatchOutput {
    repositories: Vec<Row>,
    summary: Summary,
    notes: Vec<String>,
    hint: Option<String>,
    /// Nothing was changed.
    #[serde(skip)]
    is_plan: bool,
}

#[derive(Debug, Serialize)]
struct Row {
    repository: String,
    #[serde(flatten)]
    result: RowResult,
    #[serde(skip)]
    exit: ExitStatus,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum RowResult {
    Done(Box<EnsureResult>),
    Failed(RowFailure),
    Skipped(RowSkipped),
}

#[derive(Debug, Serialize)]
#[serde(tag = "action", rename = "skipped")]
struct RowSkipped {
    reason: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(tag = "action", rename = "failed")]
struct RowFailure {
    error: String,
    exit: u8,
}

#[derive(Debug, Default, Serialize)]
struct Summary {
    created: usize,
    updated: usize,
    unchanged: usize,
    failed: usize,
}

fn ensure_all(
    args: &Args,
    app: &App,
    selected: &SelectedConnection,
    bitbucket: &Bitbucket,
    spec: &WebhookSpec,
) -> Result<BatchOutput, Error> {
    let filter = RepositoryFilter {
        workspace: selected.workspace(
            args.owner.workspace.as_deref(),
            "pass --workspace WORKSPACE",
        )?,
        project: args.owner.project.clone(),
        ..RepositoryFilter::default()
    };
    let progress = app.ui.list_progress("listing repositories");
    let done = AtomicUsize::new(0);
    let rows = app.block_on(async {
        let repositories = bitbucket.repositories(&filter).await?.complete()?;
        let notes = match repositories.first() {
            Some(repository) => {
                let repo = repository.path();
                let wider = bitbucket.wider_webhooks(&repo).await?;
                wider_notes(&wider, spec, &repo.namespace, deployment(bitbucket))
            }
            None => Vec::new(),
        };
        let (total, done, progress) = (repositories.len(), &done, &progress);
        let work = stream::iter(repositories).map(|repository| async move {
            let repo = repository.path();
            if repository.archived == Some(true) {
                done.fetch_add(1, Ordering::Relaxed);
                return Row::skipped(&repo, "archived, so it is read-only");
            }
            let owner = WebhookOwner::Repository(repo.clone());
            let ended = match bitbucket.webhooks(&owner).await {
                Ok(hooks) => ensure(bitbucket, &owner, hooks, spec, args.dry_run.is_set()).await,
                Err(error) => Err(error),
            };
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            progress.set_message(&format!("webhooks of {done} of {total} repositories"));
            row(
                &repo,
                ended.map_err(|error| {
                    let operation = Operation::WriteWebhooks(WebhookScope::Repository);
                    selected.describe_api_error_for(error, operation)
                }),
            )
        });
        let rows = work.buffered(CONCURRENT_REPOSITORIES);
        Ok((rows.collect::<Vec<_>>().await, notes))
    })?;
    drop(progress);
    let (rows, notes) =
        rows.map_err(|error| selected.describe_api_error_for(error, Operation::ReadRepositories))?;
    if rows.is_empty() {
        let project = args.owner.project.as_deref().unwrap_or_default();
        let message = format!("no repository of project {project} visible with this credential");
        return Err(Error::not_found(message, Hint::command("project list")));
    }
    let mut summary = Summary::default();
    for row in &rows {
        *match &row.result {
            RowResult::Failed(_) => &mut summary.failed,
            RowResult::Skipped(_) => &mut summary.unchanged,
            RowResult::Done(done) => match done.action {
                Action::Created | Action::WouldCreate => &mut summary.created,
                Action::Updated | Action::WouldUpdate => &mut summary.updated,
                Action::Unchanged | Action::Removed | Action::WouldRemove => &mut summary.unchanged,
            },
        } += 1;
    }
    let hints = rows.iter().map(|row| match &row.result {
        RowResult::Done(done) => narrower_scopes_hint(done, selected.connection.auth()),
        RowResult::Failed(_) | RowResult::Skipped(_) => None,
    });
    Ok(BatchOutput {
        hint: hints.flatten().next().filter(|_| summary.failed == 0),
        repositories: rows,
        summary,
        notes,
        is_plan: args.dry_run.is_set(),
    })
}

impl Row {
    fn skipped(repo: &RepoId, reason: &'static str) -> Self {
        Self {
            repository: repo.to_string(),
            result: RowResult::Skipped(RowSkipped { reason }),
            exit: ExitStatus::Success,
        }
    }
}

fn row(repo: &RepoId, ended: Result<EnsureResult, Error>) -> Row {
    let (result, exit) = match ended {
        Ok(done) => (RowResult::Done(Box::new(done)), ExitStatus::Success),
        Err(error) => {
            let exit = error.exit_status();
            let hint = error
                .hint()
                .map(|hint| format!("; {hint}"))
                .unwrap_or_default();
            let failed = RowFailure {
                error: format!("{error}{hint}"),
                exit: exit.code(),
            };
            (RowResult::Failed(failed), exit)
        }
    };
    Row {
        repository: repo.to_string(),
        result,
        exit,
    }
}

impl BatchOutput {
    fn write_stdout(&self, out: &mut TextWriter) {
        let rows = self.repositories.iter().map(|row| {
            let (action, error) = match &row.result {
                RowResult::Done(done) if done.events_removed.is_empty() => {
                    (done.action.to_string(), String::new())
                }
                RowResult::Done(done) => (
                    done.action.to_string(),
                    format!("removed: {}", done.events_removed.join(", ")),
                ),
                RowResult::Failed(failed) => ("failed".to_owned(), failed.error.clone()),
                RowResult::Skipped(skipped) => ("skipped".to_owned(), skipped.reason.to_owned()),
            };
            [row.repository.clone(), action, error]
        });
        out.table(["REPOSITORY", "ACTION", "NOTE"], rows);
        let Summary {
            created,
            updated,
            unchanged,
            failed,
        } = self.summary;
        out.blank_line();
        let would_be = if self.is_plan { "would be " } else { "" };
        out.line(&format!(
            "{created} {would_be}created, {updated} {would_be}updated, {unchanged} unchanged, {failed} failed"
        ));
    }

    fn write_stderr(&self, out: &mut TextWriter) {
        out.notes(self.notes.iter().chain(&self.hint));
        if self.summary.failed > 0 {
            out.note("run the command again for the failed repositories");
        }
    }

    fn exit_status(&self) -> ExitStatus {
        ExitStatus::most_significant(self.repositories.iter().map(|row| row.exit))
    }
}

/// The scopes that are sufficient from now on; `None` where nothing was written.
fn narrower_scopes_hint(done: &EnsureResult, auth: AuthMethod) -> Option<String> {
    if !matches!(done.action, Action::Created | Action::Updated) {
        return None;
    }
    let (enough, more) = match auth {
        AuthMethod::ApiToken => (
            "read:repository:bitbucket",
            "write:webhook:bitbucket and delete:webhook:bitbucket",
        ),
        AuthMethod::AccessToken | AuthMethod::AppPassword | AuthMethod::ClientCredentials => {
            ("repository", "webhook")
        }
        AuthMethod::HttpAccessToken => match done.webhook.scope {
            WebhookScope::Repository => ("REPO_READ", "REPO_ADMIN"),
            WebhookScope::Project | WebhookScope::Workspace => ("PROJECT_READ", "PROJECT_ADMIN"),
        },
        // Which scopes a sign-in has depends on the product; a password has what the account may do.
        AuthMethod::OAuth | AuthMethod::Password | AuthMethod::Ssh => return None,
    };
    Some(format!(
        "changing webhooks needs {more}; everything else works with a token that has {enough} only"
    ))
}
