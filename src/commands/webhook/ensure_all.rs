//! A webhook in all repositories of a project, side by side. What failed can be run again: the rest is unchanged then.

use futures_util::stream::{self, StreamExt as _};
use serde::Serialize;

use super::ensure::{Args, EnsureResult, ensure};
use super::scope_advice::narrower;
use crate::app::{App, SelectedConnection};
use crate::bitbucket::{Bitbucket, WebhookSpec};
use crate::error::{Error, RejectionKind};
use crate::exit_status::ExitStatus;
use crate::types::hint::Hint;
use crate::types::operation::Operation;
use crate::types::repository::{RepoId, Repository, RepositoryFilter};
use crate::ui::TextWriter;

/// Repositories that are worked on at once.
const CONCURRENT_REPOSITORIES: usize = 8;

/// What was done in many repositories.
#[derive(Debug, Serialize)]
pub(crate) struct BatchOutput {
    repositories: Vec<Row>,
    summary: Summary,
    hint: Option<String>,
    /// Nothing was changed.
    #[serde(skip)]
    is_plan: bool,
}

/// What was done in one of them.
#[derive(Debug, Serialize)]
struct Row {
    repository: String,
    #[serde(flatten)]
    result: Result,
    #[serde(skip)]
    exit: ExitStatus,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Result {
    Done(Box<EnsureResult>),
    Failed {
        action: &'static str,
        error: String,
        exit: u8,
    },
}

impl Result {
    fn action(&self) -> &'static str {
        match self {
            Self::Done(done) => done.action,
            Self::Failed { action, .. } => action,
        }
    }
}

#[derive(Debug, Default, Serialize)]
struct Summary {
    created: usize,
    updated: usize,
    unchanged: usize,
    failed: usize,
}

/// Ensures the webhook in every repository of the project.
pub(super) fn run(
    args: &Args,
    app: &App,
    selected: &SelectedConnection,
    bitbucket: &Bitbucket,
    spec: &WebhookSpec,
) -> std::result::Result<BatchOutput, Error> {
    let filter = RepositoryFilter {
        workspace: selected.workspace(args.workspace.as_deref(), "add --workspace WORKSPACE")?,
        project: args.project.clone(),
        ..RepositoryFilter::default()
    };
    let progress = app
        .ui
        .progress("looking at the webhooks of every repository");
    let rows = app.block_on(async {
        let repositories = bitbucket.repositories(&filter).await?;
        let paths: Vec<RepoId> = repositories.iter().map(Repository::path).collect();
        let work = stream::iter(paths).map(|repo| async move {
            let ended = ensure(bitbucket, &repo, spec, args.dry_run).await;
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
        let message = format!("the project {project} has no repository that this credential sees");
        return Err(Error::rejected(
            RejectionKind::NotFound,
            message,
            Hint::command("project list"),
        ));
    }
    let mut summary = Summary::default();
    for row in &rows {
        *match row.result.action() {
            "created" | "would-create" => &mut summary.created,
            "updated" | "would-update" => &mut summary.updated,
            "unchanged" => &mut summary.unchanged,
            _ => &mut summary.failed,
        } += 1;
    }
    let hints = rows
        .iter()
        .map(|row| narrower(row.result.action(), selected.connection.auth));
    Ok(BatchOutput {
        hint: hints.flatten().next().filter(|_| summary.failed == 0),
        repositories: rows,
        summary,
        is_plan: args.dry_run,
    })
}

fn row(repo: &RepoId, ended: std::result::Result<EnsureResult, Error>) -> Row {
    let (result, exit) = match ended {
        Ok(done) => (Result::Done(Box::new(done)), ExitStatus::Success),
        Err(error) => {
            let exit = error.exit_status();
            let hint = error
                .hint()
                .map(|hint| format!("; {hint}"))
                .unwrap_or_default();
            let failed = Result::Failed {
                action: "failed",
                error: format!("{error}{hint}"),
                exit: exit.code(),
            };
            (failed, exit)
        }
    };
    Row {
        repository: repo.to_string(),
        result,
        exit,
    }
}

impl BatchOutput {
    pub(super) fn write_stdout(&self, out: &mut TextWriter) {
        let rows = self.repositories.iter().map(|row| {
            let error = match &row.result {
                Result::Done(_) => String::new(),
                Result::Failed { error, .. } => error.clone(),
            };
            [
                row.repository.clone(),
                row.result.action().to_owned(),
                error,
            ]
        });
        out.table(&["REPOSITORY", "ACTION", ""].map(str::to_owned), rows);
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

    pub(super) fn write_stderr(&self, out: &mut TextWriter) {
        if let Some(hint) = &self.hint {
            out.note(hint);
        }
        if self.summary.failed > 0 {
            out.note("run it again for those that failed; the others stay as they are");
        }
    }

    pub(super) fn exit_status(&self) -> ExitStatus {
        ExitStatus::most_significant(self.repositories.iter().map(|row| row.exit))
    }
}
