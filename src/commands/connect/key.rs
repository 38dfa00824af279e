//! The key: an existing or a new one, and its registration over REST.

use super::output::Registration;
use super::plan::{ApiRegistration, Plan};
use super::steps::{StepId, StepLog};
use crate::app::{App, OnAccessMismatch};
use crate::error::Error;
use crate::exit_status::ExitStatus;
use crate::ssh::{self, KeyFiles, KeyPair, PrivateKeyFile};
use crate::types::action::Action;
use crate::types::hint::Hint;
use crate::types::public_key::KeyType;
use crate::types::registered_key::{KeyOwner, RegisteredKey};

/// The key at the planned path. `None` if there is no file.
pub(super) fn existing(plan: &Plan) -> Result<Option<PrivateKeyFile>, Error> {
    if !plan.key_path.exists() {
        return Ok(None);
    }
    let key = PrivateKeyFile::read(&plan.key_path)?;
    if let Some(requested) = plan.requested_type
        && key.public.kind() != requested.name()
    {
        return Err(Error::conflict(
            format!(
                "{} is a key of type {}, not {}",
                plan.key_path.display(),
                key.public.kind(),
                requested.name()
            ),
            Hint::from("replace it without downtime: ")
                .with_command("key rotate")
                .with_text(format!(" --type {}", requested.name())),
        ));
    }
    Ok(Some(key))
}

/// The existing key, or a new one; and whether it is new.
pub(super) fn existing_or_generate(
    existing: Option<PrivateKeyFile>,
    plan: &Plan,
    app: &App,
    steps: &mut StepLog<'_>,
) -> Result<(PrivateKeyFile, bool), Error> {
    let described =
        |key: &PrivateKeyFile| format!("{}, {}", key.path.display(), key.public.fingerprint());
    if let Some(key) = existing {
        steps.pass(StepId::Key, format!("uses {}", described(&key)));
        return Ok((key, false));
    }
    let files = KeyFiles::new(&plan.key_path)?;
    files.require_absent(false)?;
    let key_type = plan.key_type();
    let _progress = app.ui.progress(&format!("generating an {key_type} key"));
    let pair = KeyPair::generate(key_type, &ssh::comment(Some(&plan.url)))?;
    KeyFiles::write_all(
        &[(&files, &pair.private_pem(None)?, &pair.public().to_string())],
        false,
    )?;
    let key = PrivateKeyFile::read(&plan.key_path)?;
    steps.pass(StepId::Key, format!("generated {}", described(&key)));
    Ok((key, true))
}

/// Deletes a new key that the server has refused.
pub(super) fn delete_new_key(key: &PrivateKeyFile) {
    // The error that led here is reported.
    drop(std::fs::remove_file(&key.path));
    drop(std::fs::remove_file(ssh::public_path(&key.path)));
}

/// Whether the key has to be registered, by the list of keys. Nothing is changed.
pub(super) fn plan_registration(
    app: &App,
    plan: &Plan,
    api: &ApiRegistration,
    key: Option<&PrivateKeyFile>,
    steps: &mut StepLog<'_>,
) -> Result<Registration, Error> {
    let registry = api.registry(app);
    let Some(key) = key else {
        registry.require_access()?;
        let deployment = api.selected.connection.deployment;
        let kind = api.owner.registers_as(deployment);
        return Ok(Registration::would_create(kind, api.access));
    };
    let new = plan.new_key(&key.public, api.access);
    let (registered, action) = registry.plan(&new, OnAccessMismatch::Upgrade)?;
    report_title(plan, &registered, steps);
    Ok(Registration::new(&registered, action))
}

/// States which other repositories the key gets access to. For a key of an account the user is asked on a terminal.
pub(super) fn confirm_reach(
    app: &App,
    api: &ApiRegistration,
    dry_run: bool,
    steps: &mut StepLog<'_>,
) -> Result<(), Error> {
    let Some(reach) = api.owner.reach() else {
        return Ok(());
    };
    if api.owner != KeyOwner::Account {
        let message = format!("the key will have access to {reach}");
        steps.warn(StepId::Registration, message);
        return Ok(());
    }
    let connection = &api.selected.connection;
    let configured = connection.account.as_deref();
    let configured = configured
        .or(connection.credential.email())
        .or(connection.credential.username())
        .map(str::to_owned);
    let identity = app.identify(&api.selected, &api.bitbucket).ok();
    let account = identity
        .and_then(|identity| identity.account)
        .or(configured);
    let account = account.map_or_else(
        || format!("the account of connection {}", api.selected.name),
        |account| format!("the account {account}"),
    );
    steps.warn(
        StepId::Registration,
        format!("the key will have the access of {account}, to all its repositories"),
    );
    if dry_run || !app.is_interactive() {
        return Ok(());
    }
    let prompt = format!("Register the key with {account}, with access to all its repositories?");
    app.confirm(false, "registering a key with an account", &prompt)
}

pub(super) fn register(
    app: &App,
    plan: &Plan,
    api: &ApiRegistration,
    key: &PrivateKeyFile,
    steps: &mut StepLog<'_>,
) -> Result<Registration, Error> {
    let new = plan.new_key(&key.public, api.access);
    let result = api.registry(app).register(&new, OnAccessMismatch::Upgrade);
    let (registered, action) = result.map_err(|error| suggest_another_type(error, key))?;
    let done = match action {
        Action::Created => "registered as",
        Action::Updated => "changed the access of",
        Action::Unchanged
        | Action::Removed
        | Action::WouldCreate
        | Action::WouldUpdate
        | Action::WouldRemove => "already registered as",
    };
    steps.pass(
        StepId::Registration,
        format!(
            "{done} {} {} of {}, {}",
            registered.registered_as, registered.id, api.owner, registered.access
        ),
    );
    report_title(plan, &registered, steps);
    if let Some(warning) = &registered.warning {
        steps.warn(StepId::Registration, format!("server warning: {warning}"));
    }
    Ok(Registration::new(&registered, action))
}

fn report_title(plan: &Plan, registered: &RegisteredKey, steps: &mut StepLog<'_>) {
    if let Some(note) = registered.title_note(plan.title.as_deref()) {
        steps.warn(StepId::Registration, note);
    }
}

/// A key of another type has another file, so that a new one is generated.
fn suggest_another_type(error: Error, key: &PrivateKeyFile) -> Error {
    let Error::Rejected {
        exit: ExitStatus::Conflict,
        message,
        ..
    } = error
    else {
        return error;
    };
    let other = if key.public.kind() == KeyType::Ed25519.name() {
        "ecdsa-256"
    } else {
        "ed25519"
    };
    let hint = format!(
        "a key belongs to repositories or to one account, never to both: --type {other} generates another one"
    );
    Error::conflict(message, hint)
}
