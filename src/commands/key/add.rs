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
use crate::types::deployment::Deployment;
use crate::types::registered_key::{Access, KeyOwner, NewKey, RegisteredKey};
use crate::ui::{CommandOutput, TextWriter};

const EXAMPLES: &str = "\
Examples:
  bbconnect key add --key ~/.ssh/build.pub --repo acme/site
  bbconnect key add --key ~/.ssh/build --repo WEB/site --write --title 'build server'
  bbconnect key add --key ~/.ssh/id_ed25519.pub --user
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
        selected.require_key_admin(owner)?;
        let target = target.require_writable(app)?;
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
        Ok(AddOutput {
            note: key.title_note(self.title.as_deref()),
            action,
            owner: target.owner.to_string(),
            described_owner: target.described_owner(),
            repository: target.repository,
            key,
        })
    }
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
        out.line(&match self.action {
            Action::Unchanged => {
                format!("unchanged: {registered_as} {id} of {owner}, {access}")
            }
            Action::WouldCreate => {
                format!("would register as {registered_as} of {owner}, {access}")
            }
            Action::Created
            | Action::Updated
            | Action::Removed
            | Action::WouldUpdate
            | Action::WouldRemove => {
                format!("registered as {registered_as} {id} of {owner}, {access}")
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
