//! Webhooks as arguments: what they belong to (a repository, a workspace or a project), and which of them are meant.

use serde::Serialize;

use crate::app::App;
use crate::bitbucket::{ApiError, Bitbucket, StoredWebhook};
use crate::commands::args::RepoArg;
use crate::error::Error;
use crate::resolve::{Needs, Request, ResolvedRepository, SelectedConnection, Target};
use crate::types::deployment::Deployment;
use crate::types::hint::Hint;
use crate::types::operation::Operation;
use crate::types::webhook::{WebhookOwner, WebhookScope, WebhookUrl};
use crate::ui::TextWriter;

// No doc comment: clap would show it as the description of the command that this is part of.
#[derive(Debug, clap::Args)]
pub(crate) struct WebhookOwnerArgs {
    #[command(flatten)]
    pub repo: RepoArg,
    /// The project's own webhooks (Data Center 8.8 or later)
    #[arg(long, value_name = "KEY", conflicts_with = "repo")]
    pub project: Option<String>,
    /// The workspace's own webhooks (Cloud)
    #[arg(long, value_name = "WORKSPACE")]
    pub workspace: Option<String>,
}

/// What webhooks belong to, and a client for its server.
#[derive(Debug)]
pub(super) struct WebhookTarget {
    pub(super) selected: SelectedConnection,
    pub(super) bitbucket: Bitbucket,
    pub(super) owner: WebhookOwner,
    /// Set if the owner is a repository.
    repository: Option<ResolvedRepository>,
}

/// The owner in JSON: one of the keys, the others are null.
#[derive(Debug, Serialize)]
pub(super) struct OwnerOutput {
    repository: Option<ResolvedRepository>,
    project: Option<String>,
    workspace: Option<String>,
}

impl WebhookOwnerArgs {
    /// The owner, and a client for its server. No request is sent.
    pub(super) fn resolve(&self, app: &App) -> Result<WebhookTarget, Error> {
        let repo = self.repo.in_workspace(self.workspace.as_deref())?;
        if self.project.is_none() && (self.workspace.is_none() || repo.is_some()) {
            let (selected, bitbucket, repository) = app.client_for_repo(repo.as_ref())?;
            return Ok(WebhookTarget {
                selected,
                bitbucket,
                owner: WebhookOwner::Repository(repository.id.clone()),
                repository: Some(repository),
            });
        }
        let request = Request::connection(Target::Here, Needs::Rest);
        let selected = app.resolve(&request)?.connection;
        let name = self.namespace(selected.connection.deployment)?;
        Ok(WebhookTarget {
            bitbucket: app.authenticated_client(&selected)?,
            selected,
            owner: WebhookOwner::Namespace(name),
            repository: None,
        })
    }

    /// The workspace or project that is named.
    fn namespace(&self, deployment: Deployment) -> Result<String, Error> {
        match (deployment, &self.project, &self.workspace) {
            (Deployment::Cloud, Some(key), _) => Err(Error::usage(
                "projects of Bitbucket Cloud have no webhooks of their own",
                Hint::command("webhook ensure").with_text(format!(
                    " --all --project {key} creates one in each repository; or pass --workspace WORKSPACE alone"
                )),
            )),
            (Deployment::Cloud, None, Some(workspace)) => Ok(workspace.clone()),
            (_, Some(key), None) => Ok(key.clone()),
            (_, _, _) => Err(Error::usage(
                "Data Center has no workspaces",
                "pass --project KEY or --repo KEY/SLUG",
            )),
        }
    }
}

impl WebhookTarget {
    fn deployment(&self) -> Deployment {
        self.selected.connection.deployment
    }

    /// The owner for people.
    pub(super) fn name(&self) -> String {
        self.owner.describe(self.deployment())
    }

    /// The option that names the owner.
    pub(super) fn flag(&self) -> String {
        self.owner.flag(self.deployment())
    }

    /// An error of the server, with the permissions that the operation needs.
    pub(super) fn describe_error(
        &self,
        error: ApiError,
        operation: fn(WebhookScope) -> Operation,
    ) -> Error {
        let operation = operation(self.owner.scope(self.deployment()));
        self.selected.describe_api_error_for(error, operation)
    }

    fn require_supported(&self, app: &App) -> Result<(), Error> {
        if self.repository.is_some() {
            return Ok(());
        }
        let supported = app.block_on(self.bitbucket.supports_wide_webhooks())?;
        if supported.map_err(|error| self.selected.describe_api_error(error))? {
            return Ok(());
        }
        Err(Error::unsupported(
            "webhooks of projects require Data Center 8.8 or later",
            Hint::command("webhook ensure").with_text(format!(
                " --all {} creates one in each repository",
                self.flag()
            )),
        ))
    }

    fn set_repository(&mut self, repository: ResolvedRepository) {
        self.owner = WebhookOwner::Repository(repository.id.clone());
        self.repository = Some(repository);
    }

    /// The target of a write: a repository under its current name, not archived; a project whose server has webhooks of
    /// projects.
    pub(super) fn require_writable(mut self, app: &App) -> Result<Self, Error> {
        self.require_supported(app)?;
        if let Some(repository) = self.repository.take() {
            let refused = |error| self.describe_error(error, Operation::WriteWebhooks);
            let repository = app.writable_repository(&self.bitbucket, repository, refused)?;
            self.set_repository(repository);
        }
        Ok(self)
    }

    /// The webhooks of the owner, and the owner under its current name.
    pub(super) fn webhooks(
        mut self,
        app: &App,
        operation: fn(WebhookScope) -> Operation,
    ) -> Result<(Self, Vec<StoredWebhook>), Error> {
        self.require_supported(app)?;
        let _progress = app.ui.list_progress("listing webhooks");
        let listed = app.block_on(self.bitbucket.webhooks(&self.owner))?;
        let hooks = listed.map_err(|error| self.describe_error(error, operation))?;
        if let Some(repository) = self.repository.take() {
            let repository = repository.renamed_by(&self.bitbucket);
            self.set_repository(repository);
        }
        Ok((self, hooks))
    }

    /// The page with the webhooks and their deliveries.
    pub(super) fn page(&self) -> Option<String> {
        let mut url = self.selected.connection.website()?;
        let path = match &self.owner {
            WebhookOwner::Repository(repo) => {
                [repo.namespace.as_str(), &repo.slug, "admin", "webhooks"]
            }
            WebhookOwner::Namespace(workspace) => [workspace, "workspace", "settings", "webhooks"],
        };
        url.path_segments_mut().ok()?.pop_if_empty().extend(path);
        Some(url.to_string())
    }

    pub(super) fn into_output(self) -> OwnerOutput {
        let (project, workspace) = match (&self.owner, self.deployment()) {
            (WebhookOwner::Repository(_), _) => (None, None),
            (WebhookOwner::Namespace(name), Deployment::Cloud) => (None, Some(name.clone())),
            (WebhookOwner::Namespace(name), _) => (Some(name.clone()), None),
        };
        OwnerOutput {
            repository: self
                .repository
                .map(|repository| repository.renamed_by(&self.bitbucket)),
            project,
            workspace,
        }
    }
}

impl OwnerOutput {
    /// The kind of the owner, and its name with what named it.
    pub(super) fn label(&self) -> (&'static str, String) {
        match (&self.repository, &self.project, &self.workspace) {
            (Some(repository), _, _) => ("repository", repository.to_string()),
            (None, Some(key), _) => ("project", key.clone()),
            (None, None, workspace) => ("workspace", workspace.clone().unwrap_or_default()),
        }
    }

    pub(super) fn write(&self, out: &mut TextWriter) {
        let (kind, name) = self.label();
        out.key_value(kind, 10, &name);
    }
}

// No doc comment: clap would show it as the description of the command that this is part of.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(crate) struct WebhookSelector {
    /// Payload URL of the webhook
    #[arg(long, value_name = "URL")]
    pub url: Option<WebhookUrl>,
    /// Id of the webhook
    #[arg(long, value_name = "ID")]
    pub id: Option<String>,
}

impl WebhookSelector {
    /// The webhooks that match; an error where none does.
    pub(super) fn select(
        &self,
        hooks: Vec<StoredWebhook>,
        target: &WebhookTarget,
    ) -> Result<Vec<StoredWebhook>, Error> {
        let bare = |id: &str| id.trim_matches(['{', '}']).to_lowercase();
        let is_meant = |webhook: &StoredWebhook| match (&self.url, &self.id) {
            (Some(url), _) => url.is(&webhook.webhook.url),
            (None, Some(id)) => webhook
                .webhook
                .id
                .as_deref()
                .is_some_and(|own| bare(own) == bare(id)),
            (None, None) => false,
        };
        let meant: Vec<_> = hooks.into_iter().filter(is_meant).collect();
        if meant.is_empty() {
            let owner = target.name();
            let message = match (&self.url, &self.id) {
                (Some(url), _) => format!("{owner} has no webhook with the URL {url}"),
                (None, id) => {
                    format!(
                        "{owner} has no webhook {}",
                        id.as_deref().unwrap_or_default()
                    )
                }
            };
            let hint = Hint::command("webhook list").with_text(format!(" {}", target.flag()));
            return Err(Error::not_found(message, hint));
        }
        Ok(meant)
    }
}
