//! `bbconnect audit`: an inventory of keys, webhooks and tokens, checked. Reads only.

mod gather;
mod organization;
mod report;
mod resume;

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use clap::ValueEnum as _;

use self::gather::{Inventory, Plan, Source, Unread};
use self::organization::OrganizationArgs;
use self::report::{AuditItems, AuditOutput, Format, ReportOptions, Totals};
use self::resume::ResumeFile;
use crate::app::App;
use crate::bitbucket::{Bitbucket, CredentialContext};
use crate::commands::Subcommand;
use crate::diagnostics::{AuditContext, AuditLimits, KeyUse};
use crate::error::Error;
use crate::exit_status::ExitStatus;
use crate::resolve::{Needs, Request, SelectedConnection, connection_repository};
use crate::ssh::PrivateKeyFile;
use crate::types::connection::Connection;
use crate::types::date::DayCount;
use crate::types::deployment::Deployment;
use crate::types::hint::Hint;
use crate::types::inventory::{Item, ItemKind, TextPool};
use crate::types::namespace::Project;
use crate::types::operation::Operation;
use crate::types::public_key::Fingerprint;
use crate::types::repository::{RepoId, RepoRef, RepositoryFilter};

const EXAMPLES: &str = "\
Examples:
  bbconnect audit --workspace acme
  bbconnect audit --project WEB --what keys,tokens --format csv > inventory.csv
  bbconnect audit --repo acme/site --older-than 90d --strict
  bbconnect audit --workspace acme --format junit --resume audit.jsonl > audit.xml
  bbconnect audit --what tokens --org ID --org-token-file admin-key

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
    /// Exit with status 11 if there are warnings
    #[arg(long)]
    strict: bool,
    /// Keep what was read in this file when the run ends early, and continue from it
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    resume: Option<PathBuf>,
    #[command(flatten)]
    organization: OrganizationArgs,
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
        let tokens = self.organization.read(app)?;
        let mut read = if self.is_about_organization_only() {
            BitbucketItems::default()
        } else {
            self.read_bitbucket(app)?
        };
        let expiry_dates = self.organization.set_expiry_dates(app, &tokens.items)?;
        read.items.extend(tokens.items);
        let context = AuditContext {
            limits: AuditLimits {
                today: app.today(),
                older_than: self.older_than,
                unused: self.unused,
                expires_within: self.expires_within,
            },
            connection: app.named_connection().map(str::to_owned),
            rotatable: rotatable_keys(app, &read.items)?,
        };
        Ok(AuditOutput::new(
            ReportOptions {
                format: self.format,
                strict: self.strict,
                resume: self.resume.clone().filter(|_| !read.is_over),
            },
            Totals {
                repositories: read.repositories,
                requests: read.requests + tokens.requests,
            },
            AuditItems::new(read.items, context),
            read.incomplete,
            expiry_dates,
        ))
    }
}

/// What was read from Bitbucket.
#[derive(Debug, Default)]
struct BitbucketItems {
    items: Vec<Item>,
    incomplete: Vec<Unread>,
    repositories: usize,
    requests: usize,
    /// Another run would read no more.
    is_over: bool,
}

/// The keys that `key rotate` replaces: those of connections of this machine.
fn rotatable_keys(app: &App, items: &[Item]) -> Result<HashMap<Fingerprint, Vec<KeyUse>>, Error> {
    let mut keys: HashMap<_, Vec<_>> = HashMap::new();
    if !items.iter().any(|item| item.kind == ItemKind::Key) {
        return Ok(keys);
    }
    for connection in app.ssh_connections()? {
        let Ok(key) = PrivateKeyFile::read(&connection.key) else {
            continue;
        };
        let uses = keys.entry(key.public.fingerprint()).or_default();
        uses.push(KeyUse {
            repository: connection.repository().to_string(),
            connection: connection.name,
        });
    }
    Ok(keys)
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

    fn read_bitbucket(&self, app: &App) -> Result<BitbucketItems, Error> {
        let (selected, bitbucket) = self.client(app)?;
        bitbucket.limit_concurrency(gather::concurrency(bitbucket.is_cloud()));
        let kinds = self.kinds(bitbucket.is_cloud())?;
        let mut inventory = self.inventory(app, &selected, &kinds)?;
        let plan = self.plan(app, &selected, &bitbucket, kinds, &mut inventory)?;
        inventory.gather(app, &selected, &bitbucket, &plan)?;
        // An owner that refuses will refuse again.
        let is_refused =
            |unread: &Unread| matches!(unread.exit, ExitStatus::Forbidden | ExitStatus::NotFound);
        let is_over = inventory.incomplete.iter().all(is_refused);
        if let Some(file) = inventory.resume.take_if(|_| is_over) {
            file.remove()?;
        }
        let sources = plan.sources.iter();
        Ok(BitbucketItems {
            items: inventory.items,
            incomplete: inventory.incomplete,
            repositories: sources
                .filter(|source| matches!(source, Source::Repository(_)))
                .count(),
            requests: bitbucket.requests_sent(),
            is_over,
        })
    }

    fn is_about_organization_only(&self) -> bool {
        self.organization.org.is_some() && self.what == [ItemKind::Token]
    }

    /// What to read from Bitbucket.
    fn kinds(&self, is_cloud: bool) -> Result<Vec<ItemKind>, Error> {
        let has_organization = self.organization.org.is_some();
        if has_organization && !is_cloud {
            return Err(Error::usage(
                "--org is for Bitbucket Cloud, but the connection is to a Data Center",
                "omit --org, or pass --what tokens alone",
            ));
        }
        if !has_organization && is_cloud && self.what.contains(&ItemKind::Token) {
            return Err(Error::usage(
                "Bitbucket Cloud has no list of tokens for a workspace",
                "omit tokens, or pass --org ID to list the API tokens of an organization",
            ));
        }
        let mut kinds = self.what.clone();
        if kinds.is_empty() {
            kinds.extend(ItemKind::value_variants());
        }
        kinds.retain(|kind| !is_cloud || *kind != ItemKind::Token);
        kinds.sort_unstable();
        kinds.dedup();
        Ok(kinds)
    }

    /// What an earlier run has read, where there is one.
    fn inventory(
        &self,
        app: &App,
        selected: &SelectedConnection,
        kinds: &[ItemKind],
    ) -> Result<Inventory, Error> {
        let Some(path) = &self.resume else {
            return Ok(Inventory::default());
        };
        let base_url = selected.connection.base_url.to_string();
        let (file, done) = ResumeFile::open(path, &base_url, kinds)?;
        if let Some(started_on) = file.continued_from {
            let owners = done.len();
            app.ui.warn(&format!(
                "resuming the audit of {started_on}: {owners} owners already read"
            ));
        }
        Ok(Inventory {
            done,
            resume: Some(file),
            ..Inventory::default()
        })
    }

    /// The repositories that are audited alone: those of the command line, else the connection's.
    fn named_repositories(&self, connection: &Connection) -> Result<Vec<RepoId>, Error> {
        if self.workspace.is_some() && connection.deployment != Deployment::Cloud {
            return Err(Error::usage(
                format!(
                    "{} is a Data Center, which has projects and no workspaces",
                    connection.base_url
                ),
                "pass --project KEY",
            ));
        }
        let named = self.repo.iter().map(|repo| repo.resolve(connection));
        let named: Vec<_> = named.collect::<Result<_, _>>()?;
        let is_unspecified = named.is_empty() && self.workspace.is_none() && self.project.is_none();
        let own = connection_repository(connection).filter(|_| is_unspecified);
        Ok(named.into_iter().chain(own).collect())
    }

    /// The owners to read. A list that the credential may not read is incomplete.
    fn plan(
        &self,
        app: &App,
        selected: &SelectedConnection,
        bitbucket: &Bitbucket,
        kinds: Vec<ItemKind>,
        inventory: &mut Inventory,
    ) -> Result<Plan, Error> {
        let connection = &selected.connection;
        let is_cloud = bitbucket.is_cloud();
        let named = self.named_repositories(connection)?;
        let mut seen = HashSet::new();
        let mut sources: Vec<_> = named
            .into_iter()
            .map(Source::Repository)
            .filter(|source| seen.insert(source.name(is_cloud)))
            .collect();
        if !sources.is_empty() {
            return Ok(Plan {
                sources,
                kinds,
                is_named: true,
                texts: TextPool::default(),
            });
        }
        let workspace = self.workspace.clone().or(connection.workspace.clone());
        let project = self.project.clone().or_else(|| {
            let own = connection.project.clone();
            own.filter(|_| self.workspace.is_none())
        });
        if is_cloud && workspace.is_none() {
            return Err(Error::usage(
                format!("connection {} has no workspace", selected.name),
                "pass --workspace WORKSPACE",
            ));
        }
        let filter = RepositoryFilter {
            workspace: workspace.clone(),
            project: project.clone(),
            ..RepositoryFilter::default()
        };
        let describe = |error| selected.describe_api_error_for(error, Operation::ReadRepositories);
        let progress = app.ui.list_progress("listing repositories");
        let (repositories, projects) = app.block_on(async {
            let repositories = bitbucket.repository_ids(&filter).await;
            let projects = match &project {
                _ if repositories.is_err() => Ok(Vec::new()),
                Some(key) => Ok(vec![key.clone()]),
                None => {
                    let all = bitbucket.projects(workspace.as_deref().unwrap_or_default());
                    let keys = |all: Vec<Project>| all.into_iter().map(|project| project.key);
                    all.await.map(|all| keys(all).collect())
                }
            };
            (repositories, projects)
        })?;
        drop(progress);
        let repositories = repositories.map_err(describe)?;
        if let (Some(workspace), None) = (&workspace, &project) {
            sources.push(Source::Workspace(workspace.clone()));
        }
        let projects = projects.unwrap_or_else(|error| {
            let of = workspace.as_deref().filter(|_| is_cloud);
            let owner = of.map_or_else(|| "server".to_owned(), |name| format!("workspace:{name}"));
            let mut unread = Unread::new(owner, &describe(error));
            unread.reason = format!("list of projects: {}", unread.reason)
                .as_str()
                .into();
            inventory.incomplete.push(unread);
            Vec::new()
        });
        let is_missing = project.is_some() && repositories.is_empty();
        sources.extend(projects.into_iter().map(|key| Source::Project {
            workspace: workspace.clone(),
            key,
        }));
        sources.extend(repositories.into_iter().map(Source::Repository));
        sources.retain(|source| seen.insert(source.name(is_cloud)));
        if sources.is_empty() && inventory.incomplete.is_empty() {
            return Err(Error::not_found(
                "no repositories visible with this credential",
                Hint::command("repo list"),
            ));
        }
        if kinds.contains(&ItemKind::Key) {
            sources.extend(account(app, selected, bitbucket, inventory)?);
        }
        Ok(Plan {
            sources,
            kinds,
            is_named: is_missing,
            texts: TextPool::default(),
        })
    }
}

/// The account of the credential, whose keys have access to what is audited. A token of a repository, project or workspace has
/// none.
fn account(
    app: &App,
    selected: &SelectedConnection,
    bitbucket: &Bitbucket,
    inventory: &mut Inventory,
) -> Result<Option<Source>, Error> {
    let connection = &selected.connection;
    let context = CredentialContext::from(connection);
    Ok(match app.block_on(bitbucket.account(&context))? {
        Ok(name) => name.map(Source::Account),
        Err(error) => {
            let credential = &connection.credential;
            let name = credential.email().or(credential.username());
            let source = Source::Account(name.unwrap_or("unknown").to_owned());
            inventory.add_unread(app, &source, error, selected, bitbucket.is_cloud());
            None
        }
    })
}
