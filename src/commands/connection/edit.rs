//! `bbconnect connection edit`: changes a connection, or gives it another secret.

use serde::Serialize;

use super::args::{ConnectionArgs, usage};
use super::credential::{self, Credential};
use super::{build, verify};
use crate::app::App;
use crate::commands::Subcommand;
use crate::error::Error;
use crate::types::connection::{AuthMethod, Connection, ConnectionName, Origin};
use crate::types::deployment::Deployment;
use crate::types::secret::Secret;
use crate::ui::{CommandOutput, ConnectionView, TextWriter};

const EXAMPLES: &str = "\
Examples:
  bbconnect connection edit work --token-stdin < new-token
  bbconnect connection edit work --workspace acme --expires 2027-03-31
";

/// Change a connection
#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Args {
    /// The connection
    #[arg(value_name = "NAME")]
    pub name: String,
    /// OAuth: sign in again, for more access or as somebody else
    #[arg(long)]
    pub reauthorize: bool,
    /// What is to change.
    #[command(flatten)]
    pub connection: ConnectionArgs,
}

/// A connection that was changed.
#[derive(Debug, Serialize)]
pub(crate) struct EditOutput {
    action: &'static str,
    verified: bool,
    connection: ConnectionView,
    #[serde(skip)]
    needs_secret: bool,
}

impl Subcommand for Args {
    type Output = EditOutput;

    /// Changes a connection. Its secret stays with the origin it was given for.
    ///
    /// # Errors
    /// Where there is no such connection, or the credential is not accepted. Nothing is changed then.
    fn run(&self, app: &App) -> Result<EditOutput, Error> {
        let settings = &self.connection;
        let (name, before) = app.connection_file().load()?.get(&self.name)?;
        let mut after = with_new_target(settings, &before)?;
        let moved = after.auth != before.auth || after.base_url != before.base_url;
        let mut given = settings.secret(after.auth, app)?;
        if let Some(secret) = &given
            && !moved
            && is_same_secret(settings, app, &name, &before, secret)?
        {
            given = None;
        }
        if given.is_some() || after.auth != before.auth {
            // What the server said was of another credential.
            after.account = None;
            after.level = None;
            after.expires_on = None;
        } else if after.base_url.origin() != before.base_url.origin() {
            // The kept secret is the same; whose it is elsewhere is not known.
            after.account = None;
        }
        settings.apply(&mut after)?;
        if after.auth == AuthMethod::Ssh && settings.gives_a_secret() {
            return Err(usage(
                "a connection for SSH alone has no secret",
                "leave out the --token flag",
            ));
        }
        build::prompt_missing_fields(&mut after, app)?;
        if self.reauthorize && !after.auth.is_oauth() {
            return Err(usage(
                "only a connection with OAuth signs in again",
                "give another secret with --token-stdin",
            ));
        }
        let is_other_client = before.auth.is_oauth()
            && after.auth.is_oauth()
            && (after.auth != before.auth || after.client_id != before.client_id);
        if is_other_client && given.is_none() && !self.reauthorize {
            return Err(usage(
                "the tokens of another OAuth client are of no use to this one",
                "add --reauthorize",
            ));
        }
        if self.reauthorize && given.is_none() {
            given = Some(credential::for_signing_in_again(
                app, &name, &before, &after,
            )?);
        }
        let credential = match given {
            Some(given) => Some(credential::resolve(settings, &after, given, app)?),
            None => None,
        };
        let (given, sent) = match credential {
            Some(Credential { stored: kept, sent }) => (Some(kept), Some(sent)),
            None => (None, None),
        };
        let verified = verified(settings, app, &name, &before, &mut after, sent.as_ref())?;
        if given.is_some() {
            after.store = Some(credential::store(settings, after.auth, before.store, app)?);
            after.secret_origin = Some(after.base_url.origin());
            after.secret_website = after.website().map(|url| Origin::of(&url));
            after.token_command = credential::command(settings, after.auth);
            after.refused_on = None;
        }
        let becomes_default =
            settings.default && app.connection_file().load()?.default_name() != Some(&self.name);
        let changed = after != before || given.is_some() || becomes_default;
        // A refresh that is under way is waited for, and then replaced.
        let _lock = credential::lock(app, &name, &before)?;
        if !settings.dry_run {
            save(settings, app, &name, &before, &after, given.as_ref())?;
        }
        let action = match (changed, settings.dry_run) {
            (false, _) => "unchanged",
            (true, true) => "would-update",
            (true, false) => "updated",
        };
        let needs_secret = after
            .secret_origin
            .as_ref()
            .is_some_and(|origin| *origin != after.base_url.origin());
        let connections = app.connection_file().load()?;
        Ok(EditOutput {
            action,
            verified,
            connection: ConnectionView::of(&name, &after, connections.default_name()),
            needs_secret,
        })
    }
}

/// Where the connection is to be, and how it is to authenticate.
fn with_new_target(args: &ConnectionArgs, before: &Connection) -> Result<Connection, Error> {
    let mut after = before.clone();
    if let Some(detected) = &args.url {
        after.base_url = detected.base_url.clone();
        after.deployment = detected.deployment;
    }
    after.deployment = args.deployment.map_or(after.deployment, Deployment::from);
    after.auth = args.auth.unwrap_or(after.auth);
    after
        .auth
        .require_supported_by(after.deployment)
        .map_err(|error| usage(&error.to_string(), "add --auth KIND"))?;
    args.check_applicable(&after)?;
    Ok(after)
}

/// Whether a secret that is given is the one that is kept, in the same place and for the same origin. One that cannot be
/// read to compare it counts as another.
fn is_same_secret(
    args: &ConnectionArgs,
    app: &App,
    name: &ConnectionName,
    before: &Connection,
    given: &Secret,
) -> Result<bool, Error> {
    let same_place = before.store == Some(credential::store(args, before.auth, before.store, app)?)
        && before.secret_origin.as_ref() == Some(&before.base_url.origin())
        && before.token_command == credential::command(args, before.auth);
    let kept = || credential::original_secret(app, name, before).ok();
    Ok(same_place && kept().is_some_and(|kept| kept.expose() == given.expose()))
}

/// Keeps the new secret and the connection, with nobody in between; then forgets a secret that is now kept elsewhere.
fn save(
    args: &ConnectionArgs,
    app: &App,
    name: &ConnectionName,
    before: &Connection,
    after: &Connection,
    given: Option<&Secret>,
) -> Result<(), Error> {
    app.connection_file().update(|connections| {
        connections.replace(name, after)?;
        if args.default {
            connections.set_default(name)?;
        }
        match (given, after.store) {
            (Some(secret), Some(store)) => app.store_secret(name, store, secret),
            (Some(_) | None, _) => Ok(()),
        }
    })?;
    if given.is_some() && before.store != after.store {
        app.delete_secret(name, before)?;
    }
    Ok(())
}

/// Verifies a new secret, or the kept one where something that matters to it has changed.
fn verified(
    args: &ConnectionArgs,
    app: &App,
    name: &ConnectionName,
    before: &Connection,
    after: &mut Connection,
    given: Option<&Secret>,
) -> Result<bool, Error> {
    let same_origin = after.secret_origin.as_ref() == Some(&after.base_url.origin());
    let matters = after.base_url != before.base_url
        || after.auth != before.auth
        || after.email != before.email
        || after.username != before.username;
    if args.no_verify || after.auth == AuthMethod::Ssh {
        return Ok(false);
    }
    let kept = match given {
        None if matters && same_origin => Some(app.secret(name, after)?),
        None | Some(_) => None,
    };
    match given.or(kept.as_ref()) {
        Some(secret) => verify::verify(app, after, secret).map(|_| true),
        None => Ok(false),
    }
}

impl CommandOutput for EditOutput {
    const SCHEMA: &'static str = "bbconnect/connection-edit@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        self.connection.fields(out);
    }

    fn write_stderr(&self, out: &mut TextWriter) {
        out.line(&format!(
            "{}{}",
            self.action,
            if self.verified { ", and verified" } else { "" }
        ));
        if self.needs_secret {
            out.note(&format!(
                "the secret was given for another origin and is not sent to this one; bbconnect connection edit {} \
                 --token-stdin gives it again",
                self.connection.name
            ));
        }
    }
}
