//! `bbconnect connection edit`: changes a connection, or gives it another secret.

use serde::Serialize;

use super::args::{ConnectionArgs, usage};
use super::credential::{self, Credential};
use super::{build, verify};
use crate::app::App;
use crate::commands::Subcommand;
use crate::error::Error;
use crate::types::connection::{AuthMethod, Connection, ConnectionName, CredentialFields};
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
        let mut after = with_new_target(settings, &before);
        let auth = settings.auth.unwrap_or(before.auth());
        auth.require_supported_by(after.deployment)
            .map_err(|error| usage(&error.to_string(), "add --auth KIND"))?;
        settings.check_applicable(auth, after.deployment)?;
        let moved = auth != before.auth() || after.base_url != before.base_url;
        let mut given = settings.secret(auth, app)?;
        if let Some(secret) = &given
            && !moved
            && is_same_secret(settings, app, &name, &before, secret)?
        {
            given = None;
        }
        let mut fields = before.credential.fields();
        if given.is_some() || auth != before.auth() {
            // What the server reported belongs to another credential.
            after.account = None;
            fields.level = None;
            after.expires_on = None;
        } else if after.base_url.origin() != before.base_url.origin() {
            // The kept secret is the same; whose it is elsewhere is not known.
            after.account = None;
        }
        settings.apply_to_credential(&mut fields);
        if auth == AuthMethod::Ssh && settings.gives_a_secret() {
            return Err(usage(
                "a connection for SSH alone has no secret",
                "leave out the --token flag",
            ));
        }
        after.credential = build::credential(auth, fields, app)?;
        settings.apply(&mut after)?;
        build::require_owner(&mut after, app)?;
        if self.reauthorize && !auth.is_oauth() {
            return Err(usage(
                "only a connection with OAuth signs in again",
                "give another secret with --token-stdin",
            ));
        }
        let is_other_client = before.auth().is_oauth()
            && auth.is_oauth()
            && (auth, after.credential.client_id())
                != (before.auth(), before.credential.client_id());
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
            let source = settings.source(auth, before.secret.as_ref(), app)?;
            after.secret = Some(after.bind_secret(source));
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
        let bound = after.secret.as_ref();
        let bound = bound.and_then(|secret| secret.origin.as_ref());
        let needs_secret = bound.is_some_and(|origin| *origin != after.base_url.origin());
        let connections = app.connection_file().load()?;
        Ok(EditOutput {
            action,
            verified,
            connection: ConnectionView::of(&name, &after, connections.default_name()),
            needs_secret,
        })
    }
}

/// The connection with the server that the flags name.
fn with_new_target(args: &ConnectionArgs, before: &Connection) -> Connection {
    let mut after = before.clone();
    if let Some(detected) = &args.url {
        after.base_url = detected.base_url.clone();
        after.deployment = detected.deployment;
    }
    after.deployment = args.deployment.map_or(after.deployment, Deployment::from);
    after
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
    let source = args.source(before.auth(), before.secret.as_ref(), app)?;
    let same_place = before.secret.as_ref().is_some_and(|secret| {
        secret.source == source && secret.origin == Some(before.base_url.origin())
    });
    let stored = || credential::original_secret(app, name, before).ok();
    Ok(same_place && stored().is_some_and(|stored| stored.expose() == given.expose()))
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
        match (given, &after.secret) {
            (Some(secret), Some(stored)) => app.store_secret(name, &stored.source, secret),
            (Some(_) | None, _) => Ok(()),
        }
    })?;
    if given.is_some() && before.store() != after.store() {
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
    let bound = after.secret.as_ref();
    let bound = bound.and_then(|secret| secret.origin.as_ref());
    let same_origin = bound == Some(&after.base_url.origin());
    let sent_as = |connection: &Connection| {
        let CredentialFields {
            email, username, ..
        } = connection.credential.fields();
        (connection.auth(), email, username)
    };
    let matters = after.base_url != before.base_url || sent_as(after) != sent_as(before);
    if args.no_verify || after.auth() == AuthMethod::Ssh {
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
