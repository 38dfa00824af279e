//! `bbconnect key add`: registers a public key.

use std::path::PathBuf;

use serde::Serialize;

use super::target::{KeyOwnerArgs, KeyTarget};
use crate::app::{App, OnAccessMismatch};
use crate::commands::Subcommand;
use crate::commands::args::DryRunArg;
use crate::error::Error;
use crate::resolve::ResolvedRepository;
use crate::ssh;
use crate::types::action::Action;
use crate::types::day_count::DayCount;
use crate::types::deployment::Deployment;
use crate::types::registered_key::{Access, KeyOwner, NewKey, RegisteredKey};
use crate::ui::{CommandOutput, TextWriter};

const EXAMPLES: &str = "\
Examples:
  bbconnect key add --key ~/.ssh/build.pub --repo acme/site
  bbconnect key add --key ~/.ssh/build --repo WEB/site --write --title 'build server'
  bbconnect key add --key ~/.ssh/id_ed25519.pub --user --expires-in 90d
";

#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Args {
    /// Public key file, or the private key beside it (never sent)
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub key: PathBuf,
    /// Title in Bitbucket [default: the key's comment]
    #[arg(long, value_name = "TEXT")]
    pub title: Option<String>,
    /// Grant write access (Data Center; deploy keys of Cloud are read-only)
    #[arg(long)]
    pub write: bool,
    /// Lifetime: 90d, 12w (Data Center 8.7 or later; Cloud with --user)
    #[arg(long, value_name = "AGE", value_parser = DayCount::parse_lifetime)]
    pub expires_in: Option<DayCount>,
    #[command(flatten)]
    pub target: KeyOwnerArgs,
    #[command(flatten)]
    pub dry_run: DryRunArg,
}

#[derive(Debug, Serialize)]
pub(crate) struct AddOutput {
    action: Action,
    owner: String,
    #[serde(skip)]
    described_owner: String,
    repository: Option<ResolvedRepository>,
    key: RegisteredKey,
    note: Option<String>,
}

impl Subcommand for Args {
    type Output = AddOutput;

    /// Registers a key, unless it is registered.
    fn run(&self, app: &App) -> Result<AddOutput, Error> {
        let public = ssh::public_key_of(&self.key)?;
        let target = self.target.find(app)?;
        let KeyTarget {
            selected, owner, ..
        } = &target;
        let deployment = selected.connection.deployment;
        let is_deploy_key = deployment == Deployment::Cloud && *owner != KeyOwner::Account;
        if self.write && is_deploy_key {
            return Err(Error::usage(
                "deploy keys of Bitbucket Cloud are read-only",
                "leave out --write, or pass --user",
            ));
        }
        if self.expires_in.is_some() && is_deploy_key {
            return Err(Error::usage(
                "deploy keys of Bitbucket Cloud do not expire",
                "leave out --expires-in, or pass --user for a key of your account",
            ));
        }
        selected.require_key_admin(owner)?;
        let target = target.require_writable(app)?;
        if self.expires_in.is_some() {
            require_key_expiry(&target, app)?;
        }
        let owner = &target.owner;
        let title = self.title.clone().or_else(|| {
            let comment = public.comment();
            (!comment.is_empty()).then(|| comment.to_owned())
        });
        let key = NewKey {
            title: title.unwrap_or_else(|| format!("bbconnect {owner}")),
            access: if self.write || *owner == KeyOwner::Account {
                Access::Write
            } else {
                Access::Read
            },
            lifetime: self.expires_in,
            public,
        };
        if let Some(reach) = owner.reach() {
            let line = format!("note  the key will have access to {reach}");
            app.ui.print_step(&line);
        }
        let mismatch = OnAccessMismatch::Fail;
        let (key, action) = if self.dry_run.is_set() {
            target.registry(app).plan(&key, mismatch)?
        } else {
            target.registry(app).register(&key, mismatch)?
        };
        let target = target.renamed();
        let is_unconfirmed = self.expires_in.is_some() && key.expires_on.is_none();
        let unconfirmed = || "the server did not confirm the expiry date of the key".to_owned();
        Ok(AddOutput {
            note: key
                .title_note(self.title.as_deref())
                .or_else(|| is_unconfirmed.then(unconfirmed)),
            action,
            owner: target.owner.to_string(),
            described_owner: target.described_owner(),
            repository: target.repository,
            key,
        })
    }
}

/// An older server would ignore the expiry date, and the key would be valid forever.
fn require_key_expiry(target: &KeyTarget, app: &App) -> Result<(), Error> {
    let supported = app.block_on(target.bitbucket.supports_key_expiry())?;
    if supported.map_err(|error| target.selected.describe_api_error(error))? {
        return Ok(());
    }
    Err(Error::unsupported(
        "keys with an expiry date require Data Center 8.7 or later",
        "leave out --expires-in, and remove the key with `bbconnect key remove` in time",
    ))
}

impl CommandOutput for AddOutput {
    const SCHEMA: &'static str = "bbconnect/key-add@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        let RegisteredKey {
            id,
            registered_as,
            access,
            ..
        } = &self.key;
        let owner = &self.described_owner;
        let expires = self
            .key
            .expires_on
            .map_or(String::new(), |date| format!(", expires on {date}"));
        out.line(&match self.action {
            Action::Unchanged => {
                format!("unchanged: {registered_as} {id} of {owner}, {access}{expires}")
            }
            Action::WouldCreate => {
                format!("would register as {registered_as} of {owner}, {access}{expires}")
            }
            Action::Created
            | Action::Updated
            | Action::Removed
            | Action::WouldUpdate
            | Action::WouldRemove => {
                format!("registered as {registered_as} {id} of {owner}, {access}{expires}")
            }
        });
    }

    fn write_stderr(&self, out: &mut TextWriter) {
        if let Some(note) = &self.note {
            out.note(note);
        }
        if let Some(warning) = &self.key.warning {
            out.note(&format!("server warning: {warning}"));
        }
    }
}
