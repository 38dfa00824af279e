//! `bbconnect key edit`: changes the access of a registered key (Data Center) or its title (Cloud).

use clap::builder::NonEmptyStringValueParser;
use serde::Serialize;

use super::target::{KeyOwnerArgs, KeyTarget};
use crate::app::App;
use crate::commands::Subcommand;
use crate::commands::args::DryRunArg;
use crate::error::Error;
use crate::resolve::ResolvedRepository;
use crate::types::action::Action;
use crate::types::deployment::Deployment;
use crate::types::hint::Hint;
use crate::types::registered_key::{Access, KeyOwner, RegisteredKey};
use crate::ui::{CommandOutput, TextWriter};

const EXAMPLES: &str = "\
Examples:
  bbconnect key edit 12 --repo WEB/site --access write
  bbconnect key edit 4711 --repo acme/site --title 'build server'
";

#[derive(Debug, clap::Args)]
#[command(override_usage = "bbconnect key edit [OPTIONS] <ID>\n       <--access <ACCESS>|--title <TEXT>>", before_help = EXAMPLES)]
#[command(group(clap::ArgGroup::new("change").args(["access", "title"]).required(true).multiple(true)))]
pub(crate) struct Args {
    /// Id or fingerprint of the key
    #[arg(value_name = "ID", allow_hyphen_values = false)]
    pub id: String,
    /// Access of the key (Data Center)
    #[arg(long, value_enum, value_name = "ACCESS")]
    pub access: Option<Access>,
    /// Title in Bitbucket (Cloud)
    #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    pub title: Option<String>,
    #[command(flatten)]
    pub target: KeyOwnerArgs,
    #[command(flatten)]
    pub dry_run: DryRunArg,
}

#[derive(Debug, Serialize)]
pub(crate) struct EditOutput {
    action: Action,
    owner: String,
    #[serde(skip)]
    described_owner: String,
    repository: Option<ResolvedRepository>,
    /// The state after the change.
    key: RegisteredKey,
}

impl Subcommand for Args {
    type Output = EditOutput;

    /// Changes a key, unless it is as requested.
    fn run(&self, app: &App) -> Result<EditOutput, Error> {
        let target = self.target.find(app)?;
        self.require_supported(target.selected.connection.deployment, &target.owner)?;
        target.selected.require_key_admin(&target.owner)?;
        let target = target.require_writable(app)?;
        let (target, before) = target.find_key(app, &self.id)?;
        let key = RegisteredKey {
            access: self.access.unwrap_or(before.access),
            label: self.title.clone().or_else(|| before.label.clone()),
            ..before.clone()
        };
        let is_changed = key.access != before.access || key.label != before.label;
        let action = match (is_changed, self.dry_run.is_set()) {
            (false, _) => Action::Unchanged,
            (true, true) => Action::WouldUpdate,
            (true, false) => {
                self.apply(app, &target, &before)?;
                Action::Updated
            }
        };
        Ok(EditOutput {
            action,
            owner: target.owner.to_string(),
            described_owner: target.described_owner(),
            repository: target.repository,
            key,
        })
    }
}

impl Args {
    /// # Errors
    /// [`Error::Usage`] for what the API of the product cannot change.
    fn require_supported(&self, deployment: Deployment, owner: &KeyOwner) -> Result<(), Error> {
        let add = || Hint::command("key add").with_text(" --user");
        let anew = || Hint::from("remove the key and register it again: ").with_command("key add");
        let (message, hint) = match (deployment, owner, self.access.is_some()) {
            (Deployment::Cloud, KeyOwner::Account, true) => (
                "keys of accounts have the access of the account",
                Hint::from("pass --title"),
            ),
            (Deployment::Cloud, _, true) => (
                "deploy keys of Bitbucket Cloud are read-only",
                add().with_text(" registers a key with write access"),
            ),
            (Deployment::Cloud, KeyOwner::Project { .. }, false) => (
                "the API of Bitbucket Cloud cannot rename deploy keys of projects",
                anew().with_text(" --title TEXT"),
            ),
            (Deployment::Cloud, _, false) => return Ok(()),
            (_, _, _) if self.title.is_some() => (
                "the API of Data Center cannot rename keys",
                anew().with_text(" --title TEXT"),
            ),
            (_, KeyOwner::Account, _) => (
                "keys of accounts have the access of the account",
                Hint::from("pass --repo KEY/SLUG or --project KEY for an access key"),
            ),
            (_, _, _) => return Ok(()),
        };
        Err(Error::usage(message, hint))
    }

    fn apply(&self, app: &App, target: &KeyTarget, key: &RegisteredKey) -> Result<(), Error> {
        let KeyTarget {
            selected,
            bitbucket,
            owner,
            ..
        } = target;
        let _progress = app.ui.progress("changing the key");
        let response = app.block_on(async {
            if let Some(access) = self.access {
                bitbucket.set_key_access(owner, &key.id, access).await?;
            }
            if let Some(title) = &self.title {
                bitbucket.rename_key(owner, key, title).await?;
            }
            Ok(())
        })?;
        response.map_err(|error| selected.describe_key_error(error, owner))
    }
}

impl CommandOutput for EditOutput {
    const SCHEMA: &'static str = "bbconnect/key-edit@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        let RegisteredKey {
            id,
            registered_as,
            access,
            label,
            ..
        } = &self.key;
        let label = label.as_deref().unwrap_or_default();
        out.line(&format!(
            "{}: {registered_as} {id} ({label}) of {}, {access}",
            self.action, self.described_owner
        ));
    }
}
