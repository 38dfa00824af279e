//! `bbconnect key remove`: removes a registered key. Key files are kept.

use serde::Serialize;

use super::target::{KeyOwnerArgs, KeyTarget};
use crate::app::App;
use crate::commands::Subcommand;
use crate::commands::args::{DryRunArg, YesArg};
use crate::error::Error;
use crate::resolve::ResolvedRepository;
use crate::types::action::Action;
use crate::types::registered_key::RegisteredKey;
use crate::ui::{CommandOutput, TextWriter};

const EXAMPLES: &str = "\
Examples:
  bbconnect key remove 4711 --repo acme/site
  bbconnect key remove SHA256:ybgmFkzwOSotHTHLJgHO0QN8L0xErw6vd0VhFA9m3SM --repo acme/site --yes
";

#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Args {
    /// Id or fingerprint of the key
    #[arg(value_name = "ID", allow_hyphen_values = false)]
    pub id: String,
    #[command(flatten)]
    pub target: KeyOwnerArgs,
    #[command(flatten)]
    pub yes: YesArg,
    #[command(flatten)]
    pub dry_run: DryRunArg,
}

#[derive(Debug, Serialize)]
pub(crate) struct RemoveOutput {
    action: Action,
    owner: String,
    #[serde(skip)]
    described_owner: String,
    repository: Option<ResolvedRepository>,
    key: RegisteredKey,
}

impl Subcommand for Args {
    type Output = RemoveOutput;

    /// Removes a key after confirmation.
    fn run(&self, app: &App) -> Result<RemoveOutput, Error> {
        let target = self.target.find(app)?;
        target.selected.require_key_admin(&target.owner)?;
        let (target, key) = target.find_key(app, &self.id)?;
        let KeyTarget {
            selected,
            bitbucket,
            owner,
            ..
        } = &target;
        let named = match &key.label {
            Some(label) => format!("{} {} ({label})", key.registered_as, key.id),
            None => format!("{} {}", key.registered_as, key.id),
        };
        if !self.dry_run.is_set() {
            let action = format!("removing {named} of {owner}");
            app.confirm(
                self.yes.is_set(),
                &action,
                &format!("Remove {named} of {owner}?"),
            )?;
            let response = app.block_on(bitbucket.remove_key(owner, &key.id))?;
            response.map_err(|error| selected.describe_key_error(error, owner))?;
        }
        Ok(RemoveOutput {
            action: if self.dry_run.is_set() {
                Action::WouldRemove
            } else {
                Action::Removed
            },
            owner: owner.to_string(),
            described_owner: target.described_owner(),
            repository: target.repository,
            key,
        })
    }
}

impl CommandOutput for RemoveOutput {
    const SCHEMA: &'static str = "bbconnect/key-remove@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        let done = if self.action == Action::WouldRemove {
            "would remove"
        } else {
            "removed"
        };
        let RegisteredKey {
            id, registered_as, ..
        } = &self.key;
        out.line(&format!(
            "{done} {registered_as} {id} of {}",
            self.described_owner
        ));
    }
}
