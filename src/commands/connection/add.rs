//! `bbconnect connection add`: a new connection, saved once its credential is verified.

use serde::Serialize;

use super::args::ConnectionArgs;
use super::secret::{self, NewSecret};
use super::{build, prompts};
use crate::app::App;
use crate::bitbucket::ApiError;
use crate::commands::Subcommand;
use crate::config::ConnectionsError;
use crate::error::Error;
use crate::types::action::Action;
use crate::types::connection::{AuthMethod, Connection, ConnectionName, Credential, TokenPrefix};
use crate::types::secret::Secret;
use crate::ui::{CommandOutput, ConnectionView, TextWriter};

const EXAMPLES: &str = "\
Examples:
  bbconnect connection add
  bbconnect connection add work --url https://bitbucket.org --auth api-token --email jane@acme.com
  bbconnect connection add site --url https://bitbucket.org/acme/site --auth access-token
  bbconnect connection add server --url https://git.example.com --auth http-access-token
";

#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Args {
    /// A name for the connection
    #[arg(value_name = "NAME")]
    pub name: Option<ConnectionName>,
    #[command(flatten)]
    pub connection: ConnectionArgs,
}

#[derive(Debug, Serialize)]
pub(crate) struct AddOutput {
    action: Action,
    verified: bool,
    connection: ConnectionView,
    #[serde(skip)]
    note: Option<&'static str>,
}

impl Subcommand for Args {
    type Output = AddOutput;

    /// # Errors
    /// Where a value is missing and cannot be prompted for, the credential is rejected, or the name is taken. Nothing is
    /// saved then.
    fn run(&self, app: &App) -> Result<AddOutput, Error> {
        let args = &self.connection;
        let (name, mut connection) = build::connection(self.name.as_ref(), args, app)?;
        if let Ok((_, existing)) = app.connection_file().load()?.get(&name.to_string()) {
            return reconcile_existing(args, app, &name, &connection, &existing);
        }
        let auth = connection.auth();
        if connection.base_url.is_insecure() && !connection.network.allow_http {
            let error = ApiError::InsecureTransport(connection.base_url.to_string());
            return Err(Error::from_api(error, auth, TokenPrefix::Unknown));
        }
        let given = given_secret(args, auth, app)?;
        // Bitbucket Cloud does not report when a token expires.
        let may_expire = matches!(auth, AuthMethod::ApiToken | AuthMethod::AccessToken);
        if may_expire && connection.expires_on.is_none() && app.is_interactive() {
            connection.expires_on = prompts::expiry(app)?;
        }
        let note = (auth == AuthMethod::AppPassword).then_some(
            "Bitbucket Cloud ended app passwords on 2026-07-28; use an API token with scopes",
        );
        let secret = match given {
            Some(given) => Some(NewSecret::from_given(args, &connection, given, app)?),
            None => None,
        };
        let to_verify = secret.as_ref().filter(|_| !args.no_verify);
        if let Some(secret) = to_verify {
            secret::verify(app, &mut connection, &secret.sent)?;
        }
        let verified = to_verify.is_some();
        let (action, default) = if args.dry_run {
            (Action::WouldCreate, None)
        } else {
            let stored = secret.as_ref().map(|secret| &secret.stored);
            save(args, app, &name, &mut connection, stored)?;
            (Action::Created, Some(app.connection_file().load()?))
        };
        let default = default
            .as_ref()
            .and_then(|connections| connections.default_name());
        Ok(AddOutput {
            action,
            verified,
            connection: ConnectionView::of(&name, &connection, default),
            note,
        })
    }
}

fn given_secret(
    args: &ConnectionArgs,
    auth: AuthMethod,
    app: &App,
) -> Result<Option<Secret>, Error> {
    if auth == AuthMethod::Ssh {
        args.check_no_secret()?;
        return Ok(None);
    }
    if let Some(secret) = args.secret(auth, app)? {
        return Ok(Some(secret));
    }
    match app.secret_in_environment(auth)? {
        Some(secret) => Ok(Some(secret)),
        None if app.is_interactive() => prompts::secret(app, auth).map(Some),
        None => Err(Error::usage(
            format!("the {} is needed", auth.secret_label()),
            "add --token-stdin, --token-file FILE or --token-command 'CMD'",
        )),
    }
}

/// Stores the secret and the connection under one lock: the secret of a name belongs to its connection.
fn save(
    args: &ConnectionArgs,
    app: &App,
    name: &ConnectionName,
    connection: &mut Connection,
    secret: Option<&Secret>,
) -> Result<(), Error> {
    if secret.is_some() {
        let source = args.source(connection.auth(), None, app)?;
        connection.secret = Some(connection.bind_secret(source));
    }
    let mut is_stored = false;
    let saved = app.connection_file().update(|connections| {
        connections.check_free(name)?;
        if let (Some(secret), Some(stored)) = (secret, &connection.secret) {
            app.store_secret(name, &stored.source, secret)?;
            is_stored = true;
        }
        connections.add(name, connection)?;
        if args.default {
            connections.set_default(name)?;
        }
        Ok(())
    });
    if saved.is_err() && is_stored {
        // The first error is reported; a secret without a connection is useless.
        drop(app.delete_secret(name, connection));
    }
    saved
}

/// A name that is taken: the same connection again is no change, another one is a conflict.
fn reconcile_existing(
    args: &ConnectionArgs,
    app: &App,
    name: &ConnectionName,
    wanted: &Connection,
    existing: &Connection,
) -> Result<AddOutput, Error> {
    if !is_same(args, wanted, existing)? || !is_same_secret(args, app, name, existing)? {
        return Err(ConnectionsError::Exists(name.clone()).into());
    }
    let connections = app.connection_file().load()?;
    let is_default = connections.default_name() == Some(name.to_string().as_str());
    let becomes_default = args.default && !is_default && !args.dry_run;
    if becomes_default {
        app.connection_file()
            .update(|connections| connections.set_default(name))?;
    }
    let connections = app.connection_file().load()?;
    Ok(AddOutput {
        action: Action::updated_if(becomes_default),
        verified: false,
        connection: ConnectionView::of(name, existing, connections.default_name()),
        note: None,
    })
}

/// Whether the flags describe the existing connection, and would change nothing in it.
fn is_same(
    args: &ConnectionArgs,
    wanted: &Connection,
    existing: &Connection,
) -> Result<bool, Error> {
    let auth = existing.auth();
    let Ok(credential) = Credential::new(auth, args.credential_fields(&existing.credential)) else {
        return Ok(false);
    };
    let mut edited = Connection {
        credential,
        ..existing.clone()
    };
    args.apply(&mut edited)?;
    let secret = existing.secret.as_ref();
    let command = secret.and_then(|secret| secret.source.command());
    let is_same_store = args
        .store
        .is_none_or(|store| Some(store) == existing.store());
    Ok(edited == *existing
        && (&wanted.base_url, wanted.deployment, wanted.auth())
            == (&existing.base_url, existing.deployment, auth)
        && args.command(auth) == command
        && is_same_store)
}

fn is_same_secret(
    args: &ConnectionArgs,
    app: &App,
    name: &ConnectionName,
    existing: &Connection,
) -> Result<bool, Error> {
    Ok(match args.secret(existing.auth(), app)? {
        Some(given) => secret::original_secret(app, name, existing)?.expose() == given.expose(),
        None => true,
    })
}

impl CommandOutput for AddOutput {
    const SCHEMA: &'static str = "bbconnect/connection-add@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        self.connection.write_fields(out);
    }

    fn write_stderr(&self, out: &mut TextWriter) {
        out.line(match (self.action, self.verified) {
            (Action::Created, true) => "verified and saved",
            (Action::Created, false) => "saved; the credential was not verified",
            (Action::Updated, _) => "it was there already, and is now the default connection",
            (Action::Unchanged, _) => "it was there already; nothing was changed",
            (_, true) => "verified; nothing was saved",
            (_, false) => "nothing was verified or saved",
        });
        if let Some(note) = self.note {
            out.note(note);
        }
    }
}
