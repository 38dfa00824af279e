//! `bbconnect webhook ensure`: creates or updates a webhook, in one repository or in all of a project.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::stream::{self, StreamExt as _};
use rand::RngExt as _;
use serde::Serialize;

use crate::app::App;
use crate::bitbucket::{ApiError, Bitbucket, WebhookChange, WebhookSpec};
use crate::commands::Subcommand;
use crate::commands::args::{DryRunArg, RepoArg};
use crate::error::{Error, RejectionKind};
use crate::exit_status::ExitStatus;
use crate::resolve::{ResolvedRepository, SelectedConnection};
use crate::types::action::Action;
use crate::types::connection::AuthMethod;
use crate::types::deployment::Deployment;
use crate::types::hint::Hint;
use crate::types::operation::Operation;
use crate::types::repository::{RepoId, RepositoryFilter};
use crate::types::secret::Secret;
use crate::types::webhook::{Event, Webhook, WebhookUrl, to_generic_events, to_product_events};
use crate::ui::{CommandOutput, TextWriter};

const EXAMPLES: &str = "\
Examples:
  bbconnect webhook ensure --url https://ci.example.com --event push
  bbconnect webhook ensure --url https://ci.example.com --event push --exact

Events: push, pr-created, pr-updated, pr-approved,
pr-merged, pr-declined, pr-comment, repo-forked, and the
product's own names, such as repo:push.
";

#[derive(Debug, clap::Args)]
#[command(override_usage = "bbconnect webhook ensure [OPTIONS]\n       --url <URL> --event <EVENT>", before_help = EXAMPLES)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(crate) struct Args {
    #[command(flatten)]
    pub repo: RepoArg,
    /// In all repositories of a project
    #[arg(long, requires = "project", conflicts_with = "repo")]
    pub all: bool,
    /// Project of the repositories
    #[arg(long, value_name = "KEY", requires = "all")]
    pub project: Option<String>,
    /// Workspace of the project (Cloud) [default: that of the connection]
    #[arg(long, value_name = "WORKSPACE", requires = "all")]
    pub workspace: Option<String>,
    /// Payload URL
    #[arg(long, value_name = "URL")]
    pub url: WebhookUrl,
    /// Event (repeatable)
    #[arg(
        long = "event",
        value_name = "EVENT",
        required = true,
        value_delimiter = ','
    )]
    pub events: Vec<Event>,
    /// Remove all other events of the webhook
    #[arg(long)]
    pub exact: bool,
    /// Read the signing secret from stdin; prompt for it on a terminal
    #[arg(long, conflicts_with = "generate_secret")]
    pub secret_stdin: bool,
    /// Generate and print a secret, if none is set
    #[arg(long, conflicts_with_all = ["all", "dry_run"])]
    pub generate_secret: bool,
    /// Create it inactive
    #[arg(long)]
    pub inactive: bool,
    /// Accept any certificate of the receiver, also self-signed
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
    repository: ResolvedRepository,
    #[serde(flatten)]
    done: EnsureResult,
    hint: Option<String>,
    /// The secret that was made up, to be given to the receiver. It is not shown again.
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
    /// How many other webhooks call the same URL.
    #[serde(skip)]
    doubles: usize,
    /// The URLs of other webhooks that differ by a trailing slash only.
    #[serde(skip)]
    similar: Vec<String>,
}

impl Subcommand for Args {
    type Output = EnsureOutput;

    /// Ensures the webhook.
    fn run(&self, app: &App) -> Result<EnsureOutput, Error> {
        if self.all {
            let (selected, bitbucket) = app.client()?;
            let spec = desired_webhook(self, app, &selected)?;
            let many = ensure_all(self, app, &selected, &bitbucket, &spec)?;
            return Ok(EnsureOutput::Many(many));
        }
        let (selected, bitbucket, repository) = app.client_for_repo(self.repo.as_ref())?;
        let mut spec = desired_webhook(self, app, &selected)?;
        let progress = app.ui.progress("reading the webhooks");
        let refused = |error| selected.describe_api_error_for(error, Operation::WriteWebhooks);
        let repository = app.writable_repository(&bitbucket, repository, refused)?;
        let repo = &repository.id;
        let mut generated = None;
        if self.generate_secret {
            let hooks = app.block_on(bitbucket.webhooks(repo))?.map_err(refused)?;
            let is_set = hooks.iter().any(|webhook| {
                spec.receiver.is(&webhook.webhook.url) && webhook.webhook.secret_set == Some(true)
            });
            if !is_set {
                let number: [u128; 2] = rand::rng().random();
                let secret = number.map(|part| format!("{part:032x}")).concat();
                spec.secret = Some(Secret::new(secret.clone()));
                generated = Some(secret);
            }
        }
        let asked = app.block_on(ensure(&bitbucket, repo, &spec, self.dry_run.is_set()))?;
        drop(progress);
        let done = asked.map_err(refused)?;
        Ok(EnsureOutput::One(Box::new(SingleOutput {
            secret: generated,
            hint: narrower_scopes_hint(done.action, selected.connection.auth()),
            done,
            repository: repository.renamed_by(&bitbucket),
        })))
    }
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
        verifies_receiver: (args.insecure_receiver || args.verify_receiver)
            .then_some(args.verify_receiver),
    })
}

/// Neither product refuses a second webhook with the same URL, so the existing ones are listed first.
async fn ensure(
    bitbucket: &Bitbucket,
    repo: &RepoId,
    spec: &WebhookSpec,
    dry_run: bool,
) -> Result<EnsureResult, ApiError> {
    let deployment = if bitbucket.is_cloud() {
        Deployment::Cloud
    } else {
        Deployment::DataCenter
    };
    let hooks = bitbucket.webhooks(repo).await?;
    let similar: Vec<String> = hooks
        .iter()
        .filter(|hook| spec.receiver.differs_by_trailing_slash(&hook.webhook.url))
        .map(|hook| hook.webhook.shown_url())
        .collect();
    let mut same: Vec<_> = hooks
        .into_iter()
        .filter(|hook| spec.receiver.is(&hook.webhook.url))
        .collect();
    let doubles = same.len().saturating_sub(1);
    let best = same
        .iter()
        .position(|hook| hook.matches_spec(spec))
        .unwrap_or(0);
    if same.is_empty() {
        let (action, webhook, unknown_events) = if dry_run {
            (Action::WouldCreate, planned(spec, deployment), Vec::new())
        } else {
            let created = bitbucket.create_webhook(repo, spec).await?;
            (Action::Created, created.webhook.webhook, created.unknown)
        };
        return Ok(EnsureResult {
            action,
            events_added: webhook.events.clone(),
            events_removed: Vec::new(),
            webhook,
            unknown_events,
            doubles,
            similar,
        });
    }
    let hook = same.swap_remove(best);
    let before = hook.product_events().to_vec();
    let (action, webhook, after, unknown_events) = if hook.matches_spec(spec) {
        (Action::Unchanged, hook.webhook, before.clone(), Vec::new())
    } else if dry_run {
        let events = spec.target_events(Some(&hook));
        let webhook = Webhook {
            events: to_generic_events(&events, deployment),
            active: Some(spec.active),
            secret_set: spec
                .secret
                .as_ref()
                .map_or(hook.webhook.secret_set, |_| Some(true)),
            verifies_receiver: spec.verifies_receiver.or(hook.webhook.verifies_receiver),
            ..hook.webhook
        };
        (Action::WouldUpdate, webhook, events, Vec::new())
    } else {
        let WebhookChange {
            webhook: hook,
            unknown,
            changed,
        } = bitbucket.change_webhook(repo, hook, spec).await?;
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
        doubles,
        similar,
    })
}

/// A webhook as it would be created.
fn planned(spec: &WebhookSpec, deployment: Deployment) -> Webhook {
    Webhook {
        id: None,
        url: spec.receiver.as_str().to_owned(),
        events: to_generic_events(&spec.events, deployment),
        active: Some(spec.active),
        secret_set: Some(spec.secret.is_some()),
        verifies_receiver: Some(spec.verifies_receiver.unwrap_or(true)),
    }
}

impl CommandOutput for EnsureOutput {
    const SCHEMA: &'static str = "bbconnect/webhook-ensure@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        match self {
            Self::One(one) => {
                let webhook = &one.done.webhook;
                out.line(&format!("{} {}", one.done.action, webhook.shown_url()));
                out.key_value("repository", 10, &one.repository.to_string());
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
                if one.done.doubles > 0 {
                    out.note(&format!(
                        "{} other webhooks have the same URL; not changed",
                        one.done.doubles
                    ));
                }
                for url in &one.done.similar {
                    out.note(&format!(
                        "webhook {url} differs by the trailing slash only; remove it if it is the same receiver"
                    ));
                }
                if let Some(hint) = &one.hint {
                    out.note(hint);
                }
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
        workspace: selected.workspace(args.workspace.as_deref(), "pass --workspace WORKSPACE")?,
        project: args.project.clone(),
        ..RepositoryFilter::default()
    };
    let progress = app.ui.list_progress("listing repositories");
    let done = AtomicUsize::new(0);
    let rows = app.block_on(async {
        let repositories = bitbucket.repositories(&filter).await?.complete()?;
        let (total, done, progress) = (repositories.len(), &done, &progress);
        let work = stream::iter(repositories).map(|repository| async move {
            let repo = repository.path();
            if repository.archived == Some(true) {
                done.fetch_add(1, Ordering::Relaxed);
                return Row::skipped(&repo, "archived, so it is read-only");
            }
            let ended = ensure(bitbucket, &repo, spec, args.dry_run.is_set()).await;
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            progress.set_message(&format!("webhooks of {done} of {total} repositories"));
            row(
                &repo,
                ended.map_err(|error| {
                    selected.describe_api_error_for(error, Operation::WriteWebhooks)
                }),
            )
        });
        Ok(work
            .buffered(CONCURRENT_REPOSITORIES)
            .collect::<Vec<_>>()
            .await)
    })?;
    drop(progress);
    let rows =
        rows.map_err(|error| selected.describe_api_error_for(error, Operation::ReadRepositories))?;
    if rows.is_empty() {
        let project = args.project.as_deref().unwrap_or_default();
        let message = format!("no repository of project {project} visible with this credential");
        return Err(Error::rejected(
            RejectionKind::NotFound,
            message,
            Hint::command("project list"),
        ));
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
        RowResult::Done(done) => narrower_scopes_hint(done.action, selected.connection.auth()),
        RowResult::Failed(_) | RowResult::Skipped(_) => None,
    });
    Ok(BatchOutput {
        hint: hints.flatten().next().filter(|_| summary.failed == 0),
        repositories: rows,
        summary,
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
        out.table(&["REPOSITORY", "ACTION", "NOTE"].map(str::to_owned), rows);
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
        if let Some(hint) = &self.hint {
            out.note(hint);
        }
        if self.summary.failed > 0 {
            out.note("run the command again for the failed repositories");
        }
    }

    fn exit_status(&self) -> ExitStatus {
        ExitStatus::most_significant(self.repositories.iter().map(|row| row.exit))
    }
}

/// The scopes that are sufficient from now on; `None` where nothing was written.
fn narrower_scopes_hint(action: Action, auth: AuthMethod) -> Option<String> {
    if !matches!(action, Action::Created | Action::Updated) {
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
        AuthMethod::HttpAccessToken => ("REPO_READ", "REPO_ADMIN"),
        // Which scopes a sign-in has depends on the product; a password has what the account may do.
        AuthMethod::OAuth | AuthMethod::Password | AuthMethod::Ssh => return None,
    };
    Some(format!(
        "{more} is only needed to change webhooks; you can now use a token with {enough} only"
    ))
}
