//! `bbconnect connection edit`: changes a connection, or replaces its secret.

use serde::Serialize;

use super::args::ConnectionArgs;
use super::secret::{self, EnteredSecret, NewSecret};
use super::{build, prompts};
use crate::app::{App, connection_candidates};
use crate::commands::Subcommand;
use crate::config::{Connections, ConnectionsError};
use crate::error::Error;
use crate::types::action::Action;
use crate::types::connection::{
    AuthMethod, BoundSetting, Connection, ConnectionName, RequiredField, SecretSource, StoredSecret,
};
use crate::types::deployment::Deployment;
use crate::types::secret::Secret;
use crate::ui::{CommandOutput, ConnectionView, TextWriter};

const EXAMPLES: &str = "\
Examples:
  bbconnect connection edit work --token-stdin < new-token
  bbconnect connection edit work --workspace acme --expires 2027-03-31
";

#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Args {
    /// Connection
    #[arg(value_name = "NAME", add = connection_candidates())]
    pub name: String,
    /// Sign in again with OAuth, for more scopes or with another account
    #[arg(long)]
    pub reauthorize: bool,
    #[command(flatten)]
    pub connection: ConnectionArgs,
}

#[derive(Debug, Serialize)]
pub(crate) struct EditOutput {
    action: Action,
    verified: bool,
    connection: ConnectionView,
}

impl Subcommand for Args {
    type Output = EditOutput;

    /// Changes a connection. Its stored secret is bound to the settings that the flags name; a setting that was changed by
    /// hand stays unconfirmed.
    ///
    /// On an error nothing is changed.
    fn run(&self, app: &App) -> Result<EditOutput, Error> {
        let args = &self.connection;
        let connections = app.connection_file().load()?;
        let (name, before, is_repaired) = match connections.get(&self.name) {
            Err(ConnectionsError::Connection {
                missing: Some(_), ..
            }) => {
                let (name, before) = self.complete(&connections, app)?;
                (name, before, true)
            }
            found => {
                let (name, before) = found?;
                (name, before, false)
            }
        };
        let (mut after, given) = self.edited(app, &name, &before)?;
        let given = self.secret_for_login(app, &name, &before, &after, given)?;
        // Before the prompt and before any request, so that no secret is lost.
        let prompts = args.prompts_for_secret(app);
        let source = (given.is_some() || prompts)
            .then(|| args.choose_store(Some(after.auth()), before.secret.as_ref(), app))
            .transpose()?;
        let entered = match (given, &source) {
            (None, Some(SecretSource::Command(command))) => Some(EnteredSecret::given(
                after.auth(),
                app.secret_of_command(command)?,
            )),
            (None, Some(_)) => Some(EnteredSecret::prompted(prompts::secret(app, &after)?)),
            (given, _) => given,
        };
        let secret = match entered {
            Some(entered) => Some(NewSecret::sign_in(args, &mut after, entered, app)?),
            None => None,
        };
        let confirmed = args.bound_settings();
        let verified = match &secret {
            Some(_) => !args.no_verify,
            None => verify_stored(
                args,
                app,
                &name,
                &before,
                &mut after,
                is_repaired,
                &confirmed,
            )?,
        };
        if after.auth() == AuthMethod::OAuth {
            confirm_account(app, &name, &before, &after)?;
        }
        let stored = secret.as_ref().map(|secret| &secret.stored);
        if let Some(source) = source {
            after.secret = Some(StoredSecret::new(source));
        }
        let is_confirmed =
            stored.is_none() && app.confirm_settings(&name, &after, &confirmed, true)?;
        let becomes_default =
            args.default && app.connection_file().load()?.default_name() != Some(&self.name);
        let is_changed =
            after != before || stored.is_some() || is_confirmed || becomes_default || is_repaired;
        // Waits for a refresh in another process, whose tokens are then replaced.
        let _lock = secret::lock(app, &name, &before)?;
        if !args.dry_run {
            save(args, app, &name, &before, &mut after, stored)?;
        }
        let action = match (is_changed, args.dry_run) {
            (false, _) => Action::Unchanged,
            (true, true) => Action::WouldUpdate,
            (true, false) => Action::Updated,
        };
        let connections = app.connection_file().load()?;
        Ok(EditOutput {
            action,
            verified,
            connection: ConnectionView::new(&name, &after, connections.default_name()),
        })
    }
}

impl Args {
    /// A connection whose record lacks fields: with those of the flags, or of prompts.
    fn complete(
        &self,
        connections: &Connections,
        app: &App,
    ) -> Result<(ConnectionName, Connection), Error> {
        let args = &self.connection;
        let mut values = Vec::new();
        if let Some(auth) = args.auth {
            values.push(("auth".to_owned(), auth.to_string()));
        }
        loop {
            let error = match connections.get_completed(&self.name, &values) {
                Ok(found) => return Ok(found),
                Err(error) => error,
            };
            let ConnectionsError::Connection {
                missing: Some(field),
                ..
            } = error
            else {
                return Err(error.into());
            };
            let flag = match field {
                RequiredField::Email => args.email.as_ref(),
                RequiredField::Username => args.username.as_ref(),
                RequiredField::ClientId => args.client_id.as_ref(),
            };
            let value = match flag.filter(|value| !value.is_empty()) {
                Some(value) => value.clone(),
                None if app.is_interactive() => {
                    let auth = args.auth.unwrap_or(AuthMethod::ApiToken);
                    prompts::required_field(app, auth, field)?
                }
                None => return Err(error.into()),
            };
            values.push((field.to_string(), value));
        }
    }

    /// The connection as the flags change it, and the new secret, where one is given.
    fn edited(
        &self,
        app: &App,
        name: &ConnectionName,
        before: &Connection,
    ) -> Result<(Connection, Option<EnteredSecret>), Error> {
        let args = &self.connection;
        let auth = args.auth.unwrap_or(before.auth());
        let mut after = before.clone();
        if let Some(detected) = &args.url {
            after.base_url = detected.base_url.clone();
            after.deployment = detected.deployment;
        }
        after.deployment = args.deployment.map_or(after.deployment, Deployment::from);
        auth.require_supported_by(after.deployment)
            .map_err(|error| Error::usage(error.to_string(), "pass --auth KIND"))?;
        args.check_applicable(auth, after.deployment)?;
        let is_same_target = auth == before.auth() && after.base_url == before.base_url;
        let given = args
            .secret(app)?
            .map(|secret| auth.normalize_secret(secret));
        let given = match given {
            Some(given) if is_same_target && is_same_secret(args, app, name, before, &given)? => {
                None
            }
            given => given,
        };
        let is_other_credential =
            given.is_some() || args.prompts_for_secret(app) || auth != before.auth();
        if is_other_credential {
            after.expires_on = None;
        }
        if is_other_credential || after.base_url.origin() != before.base_url.origin() {
            after.account = None;
        }
        if auth == AuthMethod::Ssh {
            args.check_no_secret()?;
        }
        let mut fields = args.credential_fields(&before.credential);
        if is_other_credential {
            // The level that the server reported is that of the previous credential.
            fields.level = args.level;
        }
        after.credential = build::credential(auth, fields, app)?;
        args.apply(&mut after)?;
        build::check_owner(&after)?;
        Ok((
            after,
            given.map(|secret| EnteredSecret::given(auth, secret)),
        ))
    }

    /// The secret that was given, or with `--reauthorize` the stored one of the OAuth client.
    fn secret_for_login(
        &self,
        app: &App,
        name: &ConnectionName,
        before: &Connection,
        after: &Connection,
        given: Option<EnteredSecret>,
    ) -> Result<Option<EnteredSecret>, Error> {
        if self.reauthorize && !after.auth().is_oauth() {
            return Err(Error::usage(
                "--reauthorize is for OAuth connections",
                "pass a new secret with --token-stdin",
            ));
        }
        let client = |connection: &Connection| {
            let client_id = connection.credential.client_id()?.to_owned();
            Some((connection.auth(), client_id))
        };
        let is_other_client = client(before)
            .zip(client(after))
            .is_some_and(|(before, after)| before != after);
        match given {
            Some(given) => Ok(Some(given)),
            None if self.connection.prompts_for_secret(app) => Ok(None),
            None if self.reauthorize => {
                let secret = secret::client_secret_for_login(app, name, before, after)?;
                Ok(Some(EnteredSecret::given(after.auth(), secret)))
            }
            None if is_other_client => Err(Error::usage(
                "another OAuth client cannot use the stored tokens",
                "pass --reauthorize",
            )),
            None => Ok(None),
        }
    }
}

/// Whether the secret that is given is the stored one, in the same store and for the same settings. One that cannot be read
/// for the comparison counts as another.
fn is_same_secret(
    args: &ConnectionArgs,
    app: &App,
    name: &ConnectionName,
    before: &Connection,
    given: &Secret,
) -> Result<bool, Error> {
    let source = args.source(before.auth(), before.secret.as_ref(), app)?;
    let is_same_source = before
        .secret
        .as_ref()
        .is_some_and(|secret| secret.source == source);
    let stored = || secret::original_secret(app, name, before).ok();
    Ok(is_same_source && stored().is_some_and(|stored| stored.expose() == given.expose()))
}

/// Stores the connection and its new secret under one lock; then deletes a secret that is now in another store.
fn save(
    args: &ConnectionArgs,
    app: &App,
    name: &ConnectionName,
    before: &Connection,
    after: &mut Connection,
    secret: Option<&Secret>,
) -> Result<(), Error> {
    app.connection_file().update(|connections| {
        if let Some(secret) = secret {
            app.store_secret(name, after, secret)?;
        } else {
            app.confirm_settings(name, after, &args.bound_settings(), false)?;
        }
        connections.replace(name, after)?;
        if args.default {
            connections.set_default(name)?;
        }
        Ok::<(), Error>(())
    })?;
    if secret.is_some() && before.store() != after.store() {
        app.delete_secret(name, before)?;
    }
    Ok(())
}

/// Verifies the stored secret, where the server or the user name has changed.
fn verify_stored(
    args: &ConnectionArgs,
    app: &App,
    name: &ConnectionName,
    before: &Connection,
    after: &mut Connection,
    is_repaired: bool,
    confirmed: &[BoundSetting],
) -> Result<bool, Error> {
    if args.no_verify || after.auth() == AuthMethod::Ssh {
        return Ok(false);
    }
    let sent_as = |connection: &Connection| {
        let fields = connection.credential.fields();
        (connection.auth(), fields.email, fields.username)
    };
    let is_changed =
        is_repaired || after.base_url != before.base_url || sent_as(after) != sent_as(before);
    // The tokens of OAuth belong to a website, and are requested there with the next login.
    if !is_changed || after.secret.is_none() || after.auth().is_oauth() {
        return Ok(false);
    }
    let stored = app.stored_secret_with(name, after, confirmed)?;
    secret::verify(app, after, &stored).map(|()| true)
}

/// Another account than before has signed in: on a terminal that must be confirmed.
fn confirm_account(
    app: &App,
    name: &ConnectionName,
    before: &Connection,
    after: &Connection,
) -> Result<(), Error> {
    match (&before.account, &after.account) {
        (Some(before), Some(after)) if before != after && app.is_interactive() => app.confirm(
            false,
            "changing the account",
            &format!("Connection {name} was signed in as {before}. Use {after} from now on?"),
        ),
        _ => Ok(()),
    }
}

impl CommandOutput for EditOutput {
    const SCHEMA: &'static str = "bbconnect/connection-edit@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        self.connection.write_fields(out);
    }

    fn write_stderr(&self, out: &mut TextWriter) {
        let verified = if self.verified { ", and verified" } else { "" };
        out.line(&format!("{}{verified}", self.action));
    }
}
