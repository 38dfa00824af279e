//! `bbconnect audit`: an inventory of keys, webhooks and tokens, checked. Reads only.

mod gather;
mod report;
mod resume;

use std::path::PathBuf;

use clap::ValueEnum as _;

use self::gather::{Inventory, Source};
use self::report::{AuditOutput, Format};
use crate::app::App;
use crate::bitbucket::Bitbucket;
use crate::commands::Subcommand;
use crate::diagnostics::{AuditLimits, Severity, judge_inventory};
use crate::error::Error;
use crate::exit_status::ExitStatus;
use crate::resolve::{Needs, Request, SelectedConnection, connection_repository};
use crate::types::day_count::DayCount;
use crate::types::deployment::Deployment;
use crate::types::hint::Hint;
use crate::types::inventory::ItemKind;
use crate::types::operation::Operation;
use crate::types::repository::{RepoRef, Repository, RepositoryFilter};

const EXAMPLES: &str = "\
Examples:
  bbconnect audit --workspace acme
  bbconnect audit --project WEB --what keys,tokens --format csv > inventory.csv
  bbconnect audit --repo acme/site --older-than 90d --strict
  bbconnect audit --workspace acme --format junit --resume audit.json > audit.xml

Exit status 1: a finding fails; 11: warnings, with --strict; 4 or 8: parts could not be read.
";

#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Args {
    /// Repositories and projects of this workspace, and its webhooks
    #[arg(long, value_name = "WORKSPACE", conflicts_with = "repo")]
    workspace: Option<String>,
    /// Repositories of this project, and its own keys, webhooks and tokens
    #[arg(long, value_name = "KEY", conflicts_with = "repo")]
    project: Option<String>,
    /// This repository alone; repeatable
    #[arg(short = 'R', long, value_name = "REF")]
    repo: Vec<RepoRef>,
    /// What to list [default: all]
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    what: Vec<ItemKind>,
    /// Report keys that are older
    #[arg(long, value_name = "AGE", default_value = "180d")]
    older_than: DayCount,
    /// Report keys and tokens that were not used for this long
    #[arg(long, value_name = "AGE", default_value = "90d")]
    unused: DayCount,
    /// Report what expires soon
    #[arg(long, value_name = "AGE", default_value = "14d")]
    expires_within: DayCount,
    /// Format of the report
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    /// Exit with 11 where there are warnings
    #[arg(long)]
    strict: bool,
    /// Keep what was read in this file when the run ends early, and continue from it
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    resume: Option<PathBuf>,
}

impl Args {
    /// Whether the result, and an error, are one JSON document.
    pub(crate) fn wants_json(&self) -> bool {
        self.format == Format::Json
    }
}

impl Subcommand for Args {
    type Output = AuditOutput;

    /// Lists and checks what is connected. Owners that cannot be read are part of the result.
    fn run(&self, app: &App) -> Result<AuditOutput, Error> {
        let (selected, bitbucket) = self.client(app)?;
        let is_cloud = bitbucket.is_cloud();
        let kinds = self.kinds(is_cloud)?;
        let sources = self.sources(app, &selected, &bitbucket)?;
        let progress = app.ui.progress("reading keys, webhooks and tokens");
        let mut inventory = match &self.resume {
            Some(path) => resume::load(path, &selected.connection)?,
            None => Inventory::default(),
        };
        inventory.gather(app, &selected, &bitbucket, &sources, &kinds)?;
        drop(progress);
        if let Some(path) = &self.resume {
            resume::save(path, &selected.connection, &inventory)?;
        }
        let repositories = sources
            .iter()
            .filter(|source| matches!(source, Source::Repository(_)))
            .count();
        let Inventory {
            done, incomplete, ..
        } = inventory;
        let mut items: Vec<_> = sources
            .iter()
            .filter_map(|source| done.get(&source.name(is_cloud)))
            .flatten()
            .filter(|item| kinds.contains(&item.kind))
            .cloned()
            .collect();
        items.sort_by(|one, other| one.owner.cmp(&other.owner));
        let limits = AuditLimits {
            today: app.today(),
            older_than: self.older_than,
            unused: self.unused,
            expires_within: self.expires_within,
        };
        let findings = judge_inventory(&items, limits);
        let has = |level| {
            findings
                .iter()
                .flatten()
                .any(|finding| finding.level == level)
        };
        let verdict = if has(Severity::Fail) {
            ExitStatus::Failure
        } else if self.strict && has(Severity::Warn) {
            ExitStatus::Warnings
        } else {
            ExitStatus::Success
        };
        let unread = incomplete.iter().map(|one| one.exit);
        let status = ExitStatus::most_significant(unread.chain([verdict]));
        Ok(AuditOutput::new(
            self.format,
            status,
            repositories,
            bitbucket.requests_sent(),
            items.into_iter().zip(findings),
            incomplete,
        ))
    }
}

impl Args {
    fn client(&self, app: &App) -> Result<(SelectedConnection, Bitbucket), Error> {
        let request = match self.repo.first() {
            Some(repo) => Request::repository(Some(repo), Needs::Rest),
            None => return app.client(),
        };
        let selected = app.resolve(&request)?.connection;
        let bitbucket = app.authenticated_client(&selected)?;
        Ok((selected, bitbucket))
    }

    fn kinds(&self, is_cloud: bool) -> Result<Vec<ItemKind>, Error> {
        if self.what.is_empty() {
            let all = ItemKind::value_variants().iter().copied();
            return Ok(all
                .filter(|kind| !is_cloud || *kind != ItemKind::Token)
                .collect());
        }
        if is_cloud && self.what.contains(&ItemKind::Token) {
            return Err(Error::usage(
                "Bitbucket Cloud has no list of tokens for a workspace",
                "leave out tokens",
            ));
        }
        Ok(self.what.clone())
    }

    /// The owners to read.
    fn sources(
        &self,
        app: &App,
        selected: &SelectedConnection,
        bitbucket: &Bitbucket,
    ) -> Result<Vec<Source>, Error> {
        let connection = &selected.connection;
        let is_cloud = connection.deployment == Deployment::Cloud;
        if !self.repo.is_empty() {
            let repos = self.repo.iter();
            let ids = repos.map(|repo| Ok(Source::Repository(repo.resolve(connection)?)));
            return ids.collect();
        }
        if self.workspace.is_some() && !is_cloud {
            return Err(Error::usage(
                format!(
                    "{} is a Data Center, which has projects and no workspaces",
                    connection.base_url
                ),
                "pass --project KEY",
            ));
        }
        let is_unspecified = self.workspace.is_none() && self.project.is_none();
        if is_unspecified && let Some(repo) = connection_repository(connection) {
            return Ok(vec![Source::Repository(repo)]);
        }
        let workspace = self.workspace.clone().or(connection.workspace.clone());
        let project = self.project.clone().or_else(|| {
            let own = connection.project.clone();
            own.filter(|_| self.workspace.is_none())
        });
        if is_cloud && workspace.is_none() {
            return Err(Error::usage(
                format!("the connection {} names no workspace", selected.name),
                "pass --workspace WORKSPACE",
            ));
        }
        let filter = RepositoryFilter {
            workspace: workspace.clone(),
            project: project.clone(),
            ..RepositoryFilter::default()
        };
        let _progress = app.ui.list_progress("listing repositories");
        let listed = app.block_on(async {
            let repositories = bitbucket.repositories(&filter).await?.complete()?;
            let projects = if let Some(key) = &project {
                vec![key.clone()]
            } else {
                let all = bitbucket.projects(workspace.as_deref().unwrap_or_default());
                all.await?.into_iter().map(|project| project.key).collect()
            };
            Ok((repositories, projects))
        })?;
        let (repositories, projects) = listed
            .map_err(|error| selected.describe_api_error_for(error, Operation::ReadRepositories))?;
        let mut sources = Vec::new();
        if let (Some(workspace), None) = (&workspace, &project) {
            sources.push(Source::Workspace(workspace.clone()));
        }
        sources.extend(projects.into_iter().map(|key| Source::Project {
            workspace: workspace.clone(),
            key,
        }));
        let repositories = repositories.iter().map(Repository::path);
        sources.extend(repositories.map(Source::Repository));
        if sources.is_empty() {
            return Err(Error::rejected(
                crate::error::RejectionKind::NotFound,
                "there are no repositories that this credential sees",
                Hint::command("repo list"),
            ));
        }
        Ok(sources)
    }
}
