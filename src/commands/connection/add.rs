//! `bbconnect connection add`: a new connection, saved once its credential is verified.

use serde::Serialize;

use super::args::{ConnectionArgs, usage};
use super::{build, credential, prompts, verify};
use crate::app::App;
use crate::bitbucket::ApiError;
use crate::commands::Subcommand;
use crate::config::ConnectionsError;
use crate::error::Error;
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

/// Add a connection, once its credential is verified
#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Args {
    /// A name for the connection
    #[arg(value_name = "NAME")]
    pub name: Option<ConnectionName>,
    /// What it is made of.
    #[command(flatten)]
    pub connection: ConnectionArgs,
}

/// A connection that was added.
#[derive(Debug, Serialize)]
pub(crate) struct AddOutput {
    action: &'static str,
    verified: bool,
    connection: ConnectionView,
    #[serde(skip)]
    remarks: Vec<String>,
}

impl Subcommand for Args {
    type Output = AddOutput;

    /// Adds a connection.
    ///
    /// # Errors
    /// Where something is missing and nobody can be asked, the credential is not accepted, or the name is taken. Nothing is
    /// saved then.
    fn run(&self, app: &App) -> Result<AddOutput, Error> {
        let settings = &self.connection;
        let (name, mut connection) = build::connection(self, app)?;
        if let Ok(existing) = app.connection_file().load()?.get(&name.to_string()) {
            return reconcile_existing(self, app, &name, &connection, &existing.1);
        }
        if connection.base_url.is_insecure() && !connection.network.allow_http {
            let error = ApiError::InsecureTransport(connection.base_url.to_string());
            return Err(Error::from_api(
                error,
                connection.auth(),
                TokenPrefix::Unknown,
            ));
        }
        let secret = secret(settings, &connection, app)?;
        let is_untold = matches!(
            connection.auth(),
            AuthMethod::ApiToken | AuthMethod::AccessToken
        );
        if is_untold && connection.expires_on.is_none() && app.is_interactive() {
            connection.expires_on = prompts::expiry(app)?;
        }
        let mut remarks = Vec::new();
        if connection.auth() == AuthMethod::AppPassword {
            remarks.push(
                "Bitbucket Cloud ended app passwords on 2026-07-28; use an API token with scopes"
                    .to_owned(),
            );
        }
        let credential = match secret {
            Some(given) => Some(credential::resolve(settings, &connection, given, app)?),
            None => None,
        };
        let verified = match &credential {
            Some(credential) if !settings.no_verify => {
                verify::verify(app, &mut connection, &credential.sent)?;
                true
            }
            Some(_) | None => false,
        };
        if settings.dry_run {
            let connection = ConnectionView::of(&name, &connection, None);
            return Ok(AddOutput {
                action: "would-create",
                verified,
                connection,
                remarks,
            });
        }
        let kept = credential.map(|credential| credential.stored);
        save(self, app, &name, &mut connection, kept.as_ref())?;
        let connections = app.connection_file().load()?;
        let connection = ConnectionView::of(&name, &connection, connections.default_name());
        Ok(AddOutput {
            action: "created",
            verified,
            connection,
            remarks,
        })
    }
}

fn secret(
    args: &ConnectionArgs,
    connection: &Connection,
    app: &App,
) -> Result<Option<Secret>, Error> {
    if connection.auth() == AuthMethod::Ssh {
        return if args.gives_a_secret() {
            Err(usage(
                "a connection for SSH alone has no secret",
                "leave out the --token flag",
            ))
        } else {
            Ok(None)
        };
    }
    if let Some(secret) = args.secret(connection.auth(), app)? {
        return Ok(Some(secret));
    }
    match app.secret_in_environment(connection.auth())? {
        Some(secret) => Ok(Some(secret)),
        None if app.is_interactive() => prompts::secret(app, connection.auth()).map(Some),
        None => Err(usage(
            &format!("the {} is needed", connection.auth().secret_label()),
            "add --token-stdin, --token-file FILE or --token-command 'CMD'",
        )),
    }
}

/// Keeps the secret and the connection, with nobody in between: the secret of a name belongs to its connection.
fn save(
    args: &Args,
    app: &App,
    name: &ConnectionName,
    connection: &mut Connection,
    secret: Option<&Secret>,
) -> Result<(), Error> {
    let settings = &args.connection;
    if secret.is_some() {
        let source = settings.source(connection.auth(), None, app)?;
        connection.secret = Some(connection.bind_secret(source));
    }
    let mut kept = false;
    let saved = app.connection_file().update(|connections| {
        connections.check_free(name)?;
        if let (Some(secret), Some(stored)) = (secret, &connection.secret) {
            app.store_secret(name, &stored.source, secret)?;
            kept = true;
        }
        connections.add(name, connection)?;
        if settings.default {
            Ok(connections.set_default(name)?)
        } else {
            Ok::<(), Error>(())
        }
    });
    if saved.is_err() && kept {
        // What failed is reported; a secret without a connection is of no use.
        drop(app.delete_secret(name, connection));
    }
    saved
}

/// A name that is taken: the same connection once more is no change, another one is a conflict.
fn reconcile_existing(
    args: &Args,
    app: &App,
    name: &ConnectionName,
    wanted: &Connection,
    existing: &Connection,
) -> Result<AddOutput, Error> {
    let settings = &args.connection;
    let mut again = existing.clone();
    let mut fields = existing.credential.fields();
    settings.apply_to_credential(&mut fields);
    let credential = Credential::new(existing.auth(), fields);
    let has_all_fields = credential.is_ok();
    again.credential = credential.unwrap_or(again.credential);
    settings.apply(&mut again)?;
    let command = existing
        .secret
        .as_ref()
        .and_then(|secret| secret.source.command());
    let same = has_all_fields
        && again == *existing
        && (&wanted.base_url, wanted.deployment, wanted.auth())
            == (&existing.base_url, existing.deployment, existing.auth())
        && settings.command(existing.auth()) == command
        && settings
            .store
            .is_none_or(|store| Some(store) == existing.store());
    let same_secret = || -> Result<bool, Error> {
        match settings.secret(existing.auth(), app)? {
            Some(given) => {
                Ok(credential::original_secret(app, name, existing)?.expose() == given.expose())
            }
            None => Ok(true),
        }
    };
    if !same || !same_secret()? {
        return Err(ConnectionsError::Exists(name.clone()).into());
    }
    let is_default =
        app.connection_file().load()?.default_name() == Some(name.to_string().as_str());
    let becomes_default = settings.default && !is_default && !settings.dry_run;
    if becomes_default {
        app.connection_file()
            .update(|connections| connections.set_default(name))?;
    }
    let action = if becomes_default {
        "updated"
    } else {
        "unchanged"
    };
    let connections = app.connection_file().load()?;
    let connection = ConnectionView::of(name, existing, connections.default_name());
    Ok(AddOutput {
        action,
        verified: false,
        connection,
        remarks: Vec::new(),
    })
}

impl CommandOutput for AddOutput {
    const SCHEMA: &'static str = "bbconnect/connection-add@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        self.connection.fields(out);
    }

    fn write_stderr(&self, out: &mut TextWriter) {
        let said = match (self.action, self.verified) {
            ("created", true) => "verified and saved",
            ("created", false) => "saved; the credential was not verified",
            ("updated", _) => "it was there already, and is now the default connection",
            ("unchanged", _) => "it was there already; nothing was changed",
            (_, true) => "verified; nothing was saved",
            (_, false) => "nothing was verified or saved",
        };
        out.line(said);
        self.remarks.iter().for_each(|remark| out.note(remark));
    }
}
