//! Registered keys: `bbconnect key list`, `key add`, `key edit` and `key remove`. Key files are kept.

use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;
use serde::Serialize;

use super::target::{KeyOwnerArgs, KeyTarget};
use crate::app::{App, OnAccessMismatch};
use crate::commands::Subcommand;
use crate::commands::args::{DryRunArg, YesArg};
use crate::error::Error;
use crate::resolve::ResolvedRepository;
use crate::ssh;
use crate::types::action::Action;
use crate::types::day_count::DayCount;
use crate::types::deployment::Deployment;
use crate::types::hint::Hint;
use crate::types::registered_key::{Access, KeyOwner, NewKey, RegisteredKey};
use crate::types::timestamp::Timestamp;
use crate::ui::{CommandOutput, TextWriter};

const LIST_EXAMPLES: &str = "\
Examples:
  bbconnect key list --repo acme/site
  bbconnect key list --project WEB --json
  bbconnect key list --user
";

#[derive(Debug, clap::Args)]
#[command(before_help = LIST_EXAMPLES)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    pub target: KeyOwnerArgs,
}

#[derive(Debug, Serialize)]
pub(crate) struct ListOutput {
    repository: Option<ResolvedRepository>,
    keys: Vec<RegisteredKey>,
    #[serde(skip)]
    owner: String,
}

impl Subcommand for ListArgs {
    type Output = ListOutput;

    /// Lists the keys in the server's order.
    fn run(&self, app: &App) -> Result<ListOutput, Error> {
        let target = self.target.resolve_or_single(app)?;
        let _progress = app.ui.list_progress("listing keys");
        let keys = app.block_on(target.bitbucket.keys(&target.owner))?;
        let target = target.renamed();
        let KeyTarget {
            selected, owner, ..
        } = &target;
        Ok(ListOutput {
            keys: keys.map_err(|error| selected.describe_key_error(error, owner))?,
            owner: owner.to_string(),
            repository: target.repository,
        })
    }
}

impl CommandOutput for ListOutput {
    const SCHEMA: &'static str = "bbconnect/key-list@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        let date = |timestamp: Option<Timestamp>| {
            let date = timestamp.map(|timestamp| timestamp.date().to_string());
            date.unwrap_or_default()
        };
        let rows = self.keys.iter().map(|key| {
            let fingerprint = key.fingerprint.map(|fingerprint| fingerprint.to_string());
            [
                key.id.clone(),
                key.label.clone().unwrap_or_default(),
                key.access.to_string(),
                key.algorithm.clone().unwrap_or_default(),
                date(key.created_on),
                date(key.last_used_on),
                key.expires_on
                    .map(|date| date.to_string())
                    .unwrap_or_default(),
                fingerprint.unwrap_or_default(),
            ]
        });
        let head = [
            "ID",
            "LABEL",
            "ACCESS",
            "ALGORITHM",
            "CREATED",
            "LAST USED",
            "EXPIRES",
            "FINGERPRINT",
        ];
        out.table(head, rows);
    }

    fn write_stderr(&self, out: &mut TextWriter) {
        if let Some(repository) = &self.repository {
            out.line(&format!("repository: {repository}"));
        }
        if self.keys.is_empty() {
            out.line(&format!("{} has no keys", self.owner));
        }
    }
}

const ADD_EXAMPLES: &str = "\
Examples:
  bbconnect key add --key ~/.ssh/build.pub --repo acme/site
  bbconnect key add --key ~/.ssh/build --repo WEB/site --write --title 'build server'
  bbconnect key add --key ~/.ssh/id_ed25519.pub --user --expires-in 90d
";

#[derive(Debug, clap::Args)]
#[command(before_help = ADD_EXAMPLES)]
pub(crate) struct AddArgs {
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
    #[serde(flatten)]
    change: KeyChange,
    note: Option<String>,
}

/// What was done to a key.
#[derive(Debug, Serialize)]
struct KeyChange {
    action: Action,
    owner: String,
    #[serde(skip)]
    described_owner: String,
    repository: Option<ResolvedRepository>,
    /// The key as it is afterwards.
    key: RegisteredKey,
}

impl KeyChange {
    fn new(action: Action, target: KeyTarget, key: RegisteredKey) -> Self {
        Self {
            action,
            owner: target.owner.to_string(),
            described_owner: target.described_owner(),
            repository: target.repository,
            key,
        }
    }
}

impl Subcommand for AddArgs {
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
            access: owner.access(self.write),
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
            change: KeyChange::new(action, target, key),
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
            expires_on,
            ..
        } = &self.change.key;
        let owner = &self.change.described_owner;
        let expires = expires_on.map_or(String::new(), |date| format!(", expires on {date}"));
        out.line(&match self.change.action {
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
        out.notes(&self.note);
        if let Some(warning) = &self.change.key.warning {
            out.note(&format!("server warning: {warning}"));
        }
    }
}

const EDIT_EXAMPLES: &str = "\
Examples:
  bbconnect key edit 12 --repo WEB/site --access write
  bbconnect key edit 4711 --repo acme/site --title 'build server'
";

#[derive(Debug, clap::Args)]
#[command(override_usage = "bbconnect key edit [OPTIONS] <ID>\n       <--access <ACCESS>|--title <TEXT>>", before_help = EDIT_EXAMPLES)]
#[command(group(clap::ArgGroup::new("change").args(["access", "title"]).required(true).multiple(true)))]
pub(crate) struct EditArgs {
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
pub(crate) struct EditOutput(KeyChange);

impl Subcommand for EditArgs {
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
        Ok(EditOutput(KeyChange::new(action, target, key)))
    }
}

impl EditArgs {
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
        } = &self.0.key;
        let label = label.as_deref().unwrap_or_default();
        out.line(&format!(
            "{}: {registered_as} {id} ({label}) of {}, {access}",
            self.0.action, self.0.described_owner
        ));
    }
}

const REMOVE_EXAMPLES: &str = "\
Examples:
  bbconnect key remove 4711 --repo acme/site
  bbconnect key remove SHA256:ybgmFkzwOSotHTHLJgHO0QN8L0xErw6vd0VhFA9m3SM --repo acme/site --yes
";

#[derive(Debug, clap::Args)]
#[command(before_help = REMOVE_EXAMPLES)]
pub(crate) struct RemoveArgs {
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
pub(crate) struct RemoveOutput(KeyChange);

impl Subcommand for RemoveArgs {
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
            let what = format!("{named} of {owner}");
            self.yes.confirm_removal(&what, app)?;
            let response = app.block_on(bitbucket.remove_key(owner, &key.id))?;
            response.map_err(|error| selected.describe_key_error(error, owner))?;
        }
        let action = Action::removal(self.dry_run.is_set());
        Ok(RemoveOutput(KeyChange::new(action, target, key)))
    }
}

impl CommandOutput for RemoveOutput {
    const SCHEMA: &'static str = "bbconnect/key-remove@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        let KeyChange {
            action,
            described_owner,
            key,
            ..
        } = &self.0;
        out.line(&format!(
            "{} {} {} of {described_owner}",
            action.words(),
            key.registered_as,
            key.id
        ));
    }
}
