//! `bbconnect pipelines known-host`: the SSH hosts that the builds of a repository trust.

use serde::Serialize;

use super::cloud_repository::CloudRepository;
use crate::app::App;
use crate::bitbucket::PipelinesKnownHost;
use crate::commands::args::{DryRunArg, RepoArg, YesArg};
use crate::commands::{Subcommand, command_group};
use crate::error::Error;
use crate::resolve::ResolvedRepository;
use crate::ssh::SshError;
use crate::types::action::Action;
use crate::types::hint::Hint;
use crate::types::operation::Operation;
use crate::types::public_key::{Fingerprint, PublicKey};
use crate::types::shell::quote;
use crate::types::ssh_address::{SSH_PORT, SshHost};
use crate::ui::{CommandOutput, TextWriter, cell};

const EXAMPLES: &str = "\
Examples:
  bbconnect pipelines known-host list --repo acme/site
  bbconnect pipelines known-host ensure ssh.bitbucket.org --repo acme/site
  bbconnect pipelines known-host ensure git.example.com:7999 --repo acme/site --dry-run
  bbconnect pipelines known-host remove git.example.com:7999 --repo acme/site --yes
";

const LIST_EXAMPLES: &str = "\
Examples:
  bbconnect pipelines known-host list --repo acme/site
";

const ENSURE_EXAMPLES: &str = "\
Examples:
  bbconnect pipelines known-host ensure ssh.bitbucket.org --repo acme/site
  bbconnect pipelines known-host ensure git.example.com:7999 --repo acme/site --dry-run
";

const REMOVE_EXAMPLES: &str = "\
Examples:
  bbconnect pipelines known-host remove git.example.com:7999 --repo acme/site --yes
";

command_group! {
    #[command(before_help = EXAMPLES, defer = true)]
    pub(crate) enum Command {
        /// List the hosts that the builds trust
        #[command(visible_alias = "ls")]
        List(ListArgs),
        /// Trust a host whose key bbconnect trusts; no request is sent to the host
        Ensure(EnsureArgs),
        /// Remove a trusted host
        #[command(visible_alias = "rm")]
        Remove(RemoveArgs),
    }
}

#[derive(Debug, clap::Args)]
#[command(before_help = LIST_EXAMPLES)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    repo: RepoArg,
}

#[derive(Debug, clap::Args)]
#[command(before_help = ENSURE_EXAMPLES)]
pub(crate) struct EnsureArgs {
    /// SSH host
    #[arg(value_name = "HOST[:PORT]")]
    host: SshHost,
    #[command(flatten)]
    repo: RepoArg,
    #[command(flatten)]
    dry_run: DryRunArg,
}

#[derive(Debug, clap::Args)]
#[command(before_help = REMOVE_EXAMPLES)]
pub(crate) struct RemoveArgs {
    /// SSH host
    #[arg(value_name = "HOST[:PORT]")]
    host: SshHost,
    #[command(flatten)]
    repo: RepoArg,
    #[command(flatten)]
    yes: YesArg,
    #[command(flatten)]
    dry_run: DryRunArg,
}

#[derive(Debug, Serialize)]
struct Row {
    id: Option<String>,
    host: String,
    port: u16,
    algorithm: Option<String>,
    fingerprint: Option<Fingerprint>,
}

impl Row {
    fn new(id: Option<String>, hostname: &str, key: Option<&PublicKey>) -> Self {
        let host = hostname.parse::<SshHost>().ok();
        Self {
            id,
            port: host.as_ref().map_or(SSH_PORT, |host| host.port),
            host: host.map_or_else(|| hostname.to_owned(), |host| host.name),
            algorithm: key.map(|key| key.algorithm().to_owned()),
            fingerprint: key.map(PublicKey::fingerprint),
        }
    }
}

impl From<&PipelinesKnownHost> for Row {
    fn from(known: &PipelinesKnownHost) -> Self {
        Self::new(known.id.clone(), &known.hostname, known.key.as_ref())
    }
}

fn table(rows: &[Row], out: &mut TextWriter) {
    let rows = rows.iter().map(|row| {
        [
            row.host.clone(),
            row.port.to_string(),
            cell(row.algorithm.as_ref()),
            cell(row.fingerprint),
        ]
    });
    let head = ["HOST", "PORT", "ALGORITHM", "FINGERPRINT"];
    out.table(head, rows);
}

impl CloudRepository {
    fn known_hosts(&self, app: &App) -> Result<Vec<PipelinesKnownHost>, Error> {
        let _progress = app.ui.progress("listing known hosts");
        let request = self.cloud.pipelines_known_hosts(&self.repository.id);
        app.request(&self.selected, Operation::ReadPipelines, request)
    }
}

/// Whether an entry is for this host. Names of hosts have no letter case.
fn is_for(known: &PipelinesKnownHost, host: &SshHost) -> bool {
    known
        .hostname
        .parse::<SshHost>()
        .is_ok_and(|known| known == *host)
}

#[derive(Debug, Serialize)]
pub(crate) struct ListOutput {
    repository: ResolvedRepository,
    known_hosts: Vec<Row>,
}

impl Subcommand for ListArgs {
    type Output = ListOutput;

    /// Lists the trusted hosts, in the server's order.
    fn run(&self, app: &App) -> Result<ListOutput, Error> {
        let target = CloudRepository::find(app, &self.repo)?;
        let known = target.known_hosts(app)?;
        Ok(ListOutput {
            known_hosts: known.iter().map(Row::from).collect(),
            repository: target.into_repository(),
        })
    }
}

impl CommandOutput for ListOutput {
    const SCHEMA: &'static str = "bbconnect/pipelines-known-host-list@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        table(&self.known_hosts, out);
    }

    fn write_stderr(&self, out: &mut TextWriter) {
        let repository = self.repository.to_string();
        if self.known_hosts.is_empty() {
            out.empty_list(&repository, "known hosts");
        } else {
            out.line(&format!("repository: {repository}"));
        }
    }
}

/// What was done to known hosts, by `ensure` or by `remove`.
#[derive(Debug, Serialize)]
pub(crate) struct ChangeOutput<const REMOVES: bool> {
    action: Action,
    repository: ResolvedRepository,
    known_hosts: Vec<Row>,
}

impl<const REMOVES: bool> CommandOutput for ChangeOutput<REMOVES> {
    const SCHEMA: &'static str = if REMOVES {
        "bbconnect/pipelines-known-host-remove@1"
    } else {
        "bbconnect/pipelines-known-host-ensure@1"
    };

    fn write_stdout(&self, out: &mut TextWriter) {
        for row in &self.known_hosts {
            let host = SshHost {
                name: row.host.clone(),
                port: row.port,
            };
            out.line(&format!("{} {}", self.action, host.known_hosts_name()));
            if let Some(fingerprint) = row.fingerprint {
                out.key_value("fingerprint", 11, &fingerprint.to_string());
            }
        }
        out.key_value("repository", 11, &self.repository.to_string());
    }
}

impl Subcommand for EnsureArgs {
    type Output = ChangeOutput<false>;

    /// Adds the host with a key that bbconnect trusts, unless the builds trust such a key.
    fn run(&self, app: &App) -> Result<ChangeOutput<false>, Error> {
        let host = &self.host;
        let trusted = app.locally_trusted_keys(host)?;
        let preference = ["ssh-ed25519", "ecdsa-sha2-nistp256"];
        let rank = |key: &&PublicKey| {
            let at = preference.iter().position(|name| *name == key.algorithm());
            at.unwrap_or(preference.len())
        };
        let Some(key) = trusted.iter().min_by_key(rank) else {
            return Err(Error::Ssh(SshError::HostKeyUnknown {
                host: host.clone(),
                offered: Vec::new(),
            }));
        };
        let target = CloudRepository::find(app, &self.repo)?;
        let change = |action, row, target: CloudRepository| {
            Ok(ChangeOutput {
                action,
                repository: target.into_repository(),
                known_hosts: vec![row],
            })
        };
        let known = target.known_hosts(app)?;
        if let Some(known) = known.iter().find(|known| is_for(known, host)) {
            return if known.key.as_ref().is_some_and(|key| trusted.contains(key)) {
                change(Action::Unchanged, Row::from(known), target)
            } else {
                Err(differs(known, &target))
            };
        }
        let name = host.known_hosts_name();
        if self.dry_run.is_set() {
            return change(
                Action::WouldCreate,
                Row::new(None, &name, Some(key)),
                target,
            );
        }
        let repo = &target.repository.id;
        let request = target.cloud.add_pipelines_known_host(repo, &name, key);
        let added = app.request(&target.selected, Operation::WritePipelines, request)?;
        if let Some(added) = added {
            let row = Row::new(added.id, &name, added.key.as_ref().or(Some(key)));
            return change(Action::Created, row, target);
        }
        // Another client added it after the list was read.
        let known = target.known_hosts(app)?;
        let known = known.into_iter().find(|known| is_for(known, host));
        match known {
            Some(known) if known.key.as_ref().is_some_and(|key| trusted.contains(key)) => {
                change(Action::Unchanged, Row::from(&known), target)
            }
            Some(known) => Err(differs(&known, &target)),
            None => Err(Error::conflict(
                format!("{repo} already has a known host {name} that is not listed"),
                Hint::command("pipelines known-host list").with_text(format!(" --repo {repo}")),
            )),
        }
    }
}

fn differs(known: &PipelinesKnownHost, target: &CloudRepository) -> Error {
    let key = known.key.as_ref().map(PublicKey::fingerprint);
    let key = key.map_or_else(|| "an unreadable key".to_owned(), |key| key.to_string());
    Error::conflict(
        format!(
            "the builds of {} trust another key of {}: {key}",
            target.repository.id, known.hostname
        ),
        Hint::command("pipelines known-host remove").with_text(format!(
            " {} --repo {}",
            quote(&known.hostname),
            target.repository.id
        )),
    )
}

impl Subcommand for RemoveArgs {
    type Output = ChangeOutput<true>;

    fn run(&self, app: &App) -> Result<ChangeOutput<true>, Error> {
        let host = &self.host;
        let target = CloudRepository::find(app, &self.repo)?;
        let repo = &target.repository.id;
        let known = target.known_hosts(app)?;
        let known = known.into_iter().find(|known| is_for(known, host));
        let Some(known) = known else {
            return Err(Error::not_found(
                format!("the builds of {repo} have no known host {host}"),
                Hint::command("pipelines known-host list").with_text(format!(" --repo {repo}")),
            ));
        };
        if !self.dry_run.is_set() {
            let what = format!("the known host {host} of {repo}");
            self.yes.confirm_removal(&what, app)?;
            let id = known.id.as_deref().unwrap_or_default();
            let removal = target.cloud.remove_pipelines_known_host(repo, id);
            app.request(&target.selected, Operation::WritePipelines, removal)?;
        }
        Ok(ChangeOutput {
            action: Action::removal(self.dry_run.is_set()),
            known_hosts: vec![Row::from(&known)],
            repository: target.into_repository(),
        })
    }
}
