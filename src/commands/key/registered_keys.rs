//! Registered keys of a repository, a project or the account: `bbconnect key list`, `key add`, `key edit` and
//! `key remove`. Key files are kept.

use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;
use serde::Serialize;

use crate::app::{App, KeyRegistry, OnAccessMismatch};
use crate::bitbucket::Bitbucket;
use crate::commands::Subcommand;
use crate::commands::args::{DryRunArg, YesArg};
use crate::error::Error;
use crate::resolve::{
    Needs, RepositorySource, Request, Resolved, ResolvedRepository, SelectedConnection, Target,
};
use crate::ssh;
use crate::types::action::Action;
use crate::types::date::{DayCount, Timestamp};
use crate::types::deployment::Deployment;
use crate::types::hint::Hint;
use crate::types::registered_key::{Access, KeyOperation, KeyOwner, NewKey, RegisteredKey};
use crate::types::repository::RepoRef;
use crate::ui::{CommandOutput, TextWriter, cell};

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
            keys: keys
                .map_err(|error| selected.describe_key_error(error, owner, KeyOperation::List))?,
            owner: owner.to_string(),
            repository: target.repository,
        })
    }
}

impl CommandOutput for ListOutput {
    const SCHEMA: &'static str = "bbconnect/key-list@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        let rows = self.keys.iter().map(|key| {
            [
                key.id.clone(),
                cell(key.label.as_ref()),
                key.access.to_string(),
                cell(key.algorithm.as_ref()),
                cell(key.created_on.map(Timestamp::date)),
                cell(key.last_used_on.map(Timestamp::date)),
                cell(key.expires_on),
                cell(key.fingerprint),
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
        match &self.repository {
            Some(repository) if self.keys.is_empty() => {
                out.empty_list(&repository.to_string(), "keys");
            }
            Some(repository) => out.line(&format!("repository: {repository}")),
            None if self.keys.is_empty() => out.empty_list(&self.owner, "keys"),
            None => {}
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
                "omit --write, or pass --user",
            ));
        }
        if self.expires_in.is_some() && is_deploy_key {
            return Err(Error::usage(
                "deploy keys of Bitbucket Cloud do not expire",
                "omit --expires-in, or pass --user for a key of your account",
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
        "omit --expires-in, and remove the key with `bbconnect key remove` in time",
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
        response.map_err(|error| selected.describe_key_error(error, owner, KeyOperation::Write))
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
            response
                .map_err(|error| selected.describe_key_error(error, owner, KeyOperation::Remove))?;
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
        let (kind, id) = (key.registered_as, &key.id);
        out.line(&format!("{action} {kind} {id} of {described_owner}"));
    }
}

// No doc comment: clap would show it as the description of the command that this is part of.
#[derive(Debug, clap::Args)]
pub(crate) struct KeyOwnerArgs {
    /// Keys of a repository: NAMESPACE/SLUG, SLUG or any URL of it [default: that of the connection]
    #[arg(short = 'R', long, value_name = "REF", conflicts_with_all = ["project", "user"])]
    pub repo: Option<RepoRef>,
    /// Keys of a project: KEY, on Cloud also WORKSPACE/KEY
    #[arg(long, value_name = "KEY", conflicts_with = "user")]
    pub project: Option<String>,
    /// Keys of your account
    #[arg(long)]
    pub user: bool,
}

/// The owner of keys, and a client for its server.
#[derive(Debug)]
struct KeyTarget {
    selected: SelectedConnection,
    bitbucket: Bitbucket,
    owner: KeyOwner,
    /// Set if the owner is a repository.
    repository: Option<ResolvedRepository>,
}

impl KeyTarget {
    fn new(
        app: &App,
        selected: SelectedConnection,
        owner: KeyOwner,
        repository: Option<ResolvedRepository>,
    ) -> Result<Self, Error> {
        let bitbucket = app.authenticated_client(&selected)?;
        Ok(Self {
            selected,
            bitbucket,
            owner,
            repository,
        })
    }

    fn of_repository(
        app: &App,
        selected: SelectedConnection,
        repository: ResolvedRepository,
    ) -> Result<Self, Error> {
        let owner = KeyOwner::Repository(repository.id.clone());
        Self::new(app, selected, owner, Some(repository))
    }

    fn registry<'a>(&'a self, app: &'a App) -> KeyRegistry<'a> {
        KeyRegistry {
            app,
            selected: &self.selected,
            bitbucket: &self.bitbucket,
            owner: &self.owner,
        }
    }

    /// The target of a registration: a repository must not be archived.
    fn require_writable(mut self, app: &App) -> Result<Self, Error> {
        if let Some(repository) = self.repository.take() {
            let refused = |error| {
                self.selected
                    .describe_key_error(error, &self.owner, KeyOperation::List)
            };
            let repository = app.writable_repository(&self.bitbucket, repository, refused)?;
            self.owner = KeyOwner::Repository(repository.id.clone());
            self.repository = Some(repository);
        }
        Ok(self)
    }

    /// The target under its current name, as far as the responses of the server have shown it.
    fn renamed(mut self) -> Self {
        if let Some(repository) = self.repository.take() {
            let repository = repository.renamed_by(&self.bitbucket);
            self.owner = KeyOwner::Repository(repository.id.clone());
            self.repository = Some(repository);
        }
        self
    }

    /// The registered key with an id or fingerprint, and the target under its current name.
    fn find_key(self, app: &App, id: &str) -> Result<(Self, RegisteredKey), Error> {
        let response = app.block_on(self.bitbucket.keys(&self.owner))?;
        let target = self.renamed();
        let owner = &target.owner;
        let keys = response.map_err(|error| {
            target
                .selected
                .describe_key_error(error, owner, KeyOperation::List)
        })?;
        let matches = |key: &RegisteredKey| {
            let fingerprint = key.fingerprint.map(|fingerprint| fingerprint.to_string());
            key.id == id || fingerprint.as_deref() == Some(id)
        };
        match keys.into_iter().find(matches) {
            Some(key) => Ok((target, key)),
            None => Err(Error::not_found(
                format!("{owner} has no key {id}"),
                Hint::command("key list")
                    .with_text(format!(" {} lists the registered keys", owner.flag())),
            )),
        }
    }

    /// The owner for people, with the source of the repository.
    fn described_owner(&self) -> String {
        match &self.repository {
            Some(repository) => repository.to_string(),
            None => self.owner.to_string(),
        }
    }
}

impl KeyOwnerArgs {
    /// The owner, and a client for its server. No request is sent.
    fn find(&self, app: &App) -> Result<KeyTarget, Error> {
        if self.user || self.project.is_some() {
            let request = Request::connection(Target::Here, Needs::KeyAdmin);
            let selected = app.resolve(&request)?.connection;
            let owner = match &self.project {
                Some(text) => project(&selected, text)?,
                None => KeyOwner::Account,
            };
            return KeyTarget::new(app, selected, owner, None);
        }
        let resolved = app.resolve(&Request::repository(self.repo.as_ref(), Needs::KeyAdmin))?;
        match resolved.repository {
            Some(repository) => KeyTarget::of_repository(app, resolved.connection, repository),
            None => Err(no_repository(&resolved.connection)),
        }
    }

    /// As [`KeyOwnerArgs::find`]. If no repository is known, that of the only connection with an SSH key is used.
    fn resolve_or_single(&self, app: &App) -> Result<KeyTarget, Error> {
        if self.repo.is_some() || self.project.is_some() || self.user {
            return self.find(app);
        }
        let error = match app.resolve(&Request::repository(None, Needs::KeyAdmin)) {
            Ok(Resolved {
                connection,
                repository: Some(repository),
            }) => return KeyTarget::of_repository(app, connection, repository),
            Ok(resolved) if resolved.connection.is_explicit() => {
                return Err(no_repository(&resolved.connection));
            }
            Ok(resolved) => no_repository(&resolved.connection),
            Err(error @ Error::NoConnection(_)) => error,
            Err(error) => return Err(error),
        };
        let key = app.single_ssh_connection()?.ok_or(error)?;
        let selected = app.connection_for(Target::Key(&key), Needs::KeyAdmin)?;
        let selected = selected.ok_or_else(|| Error::SshOnlyConnection(key.name.to_string()))?;
        let id = key.repository();
        let repository = ResolvedRepository::new(
            id.normalized(selected.connection.deployment),
            RepositorySource::Connection(key.name),
        );
        KeyTarget::of_repository(app, selected, repository)
    }
}

fn no_repository(selected: &SelectedConnection) -> Error {
    Error::usage(
        format!("connection {} has no repository", selected.name),
        "pass --repo NAMESPACE/SLUG, --project KEY or --user",
    )
}

fn project(selected: &SelectedConnection, text: &str) -> Result<KeyOwner, Error> {
    let (workspace, key) = match text.split_once('/') {
        Some((workspace, key)) => (Some(workspace.to_owned()), key),
        None => (None, text),
    };
    let is_cloud = selected.connection.deployment == Deployment::Cloud;
    let workspace = workspace.or_else(|| selected.connection.workspace.clone());
    if is_cloud && workspace.is_none() {
        return Err(Error::usage(
            "the workspace of the project is unknown",
            format!("pass --project WORKSPACE/{key}"),
        ));
    }
    Ok(KeyOwner::Project {
        workspace: workspace.filter(|_| is_cloud),
        key: key.to_owned(),
    })
}
