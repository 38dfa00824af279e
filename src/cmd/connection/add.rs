//! `bbconnect connection add`: a new connection, saved once its credential is verified.

use serde::Serialize;

use super::settings::{Settings, usage};
use super::view::View;
use super::{form, verify};
use crate::context::Context;
use crate::error::Error;
use crate::model::connection::{Auth, Connection, ConnectionName, Found};
use crate::model::deployment::Deployment;
use crate::model::secret::Secret;
use crate::output::{Page, Render};

const EXAMPLES: &str = "\
Examples:
  bbconnect connection add
  bbconnect connection add work --url https://bitbucket.org --auth api-token --email jane@acme.com --token-stdin
  bbconnect connection add site --url https://bitbucket.org/acme/site --auth access-token --token-file token.txt
  bbconnect connection add server --url https://git.example.com --auth http-access-token --token-command 'pass git'
";

/// Arguments of `bbconnect connection add`.
#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// A name for the connection
    #[arg(value_name = "NAME")]
    pub name: Option<ConnectionName>,
    /// What it is made of.
    #[command(flatten)]
    pub settings: Settings,
}

/// A connection that was added.
#[derive(Debug, Serialize)]
pub struct Added {
    action: &'static str,
    verified: bool,
    connection: View,
    #[serde(skip)]
    remarks: Vec<String>,
}

/// Adds a connection.
///
/// # Errors
/// Where something is missing and nobody can be asked, the credential is not accepted, or the name is taken. Nothing is
/// saved then.
pub fn run(args: &Args, context: &Context) -> Result<Added, Error> {
    let settings = &args.settings;
    let (name, mut connection) = described(args, context)?;
    if let Ok(existing) = context.connections().load()?.get(&name.to_string()) {
        return repeated(args, context, &name, &connection, &existing.1);
    }
    let secret = secret(settings, &connection, context)?;
    let mut remarks = Vec::new();
    if connection.auth == Auth::AppPassword {
        remarks.push(
            "Bitbucket Cloud ended app passwords on 2026-07-28; use an API token with scopes"
                .to_owned(),
        );
    }
    let verified = match &secret {
        Some(secret) if !settings.no_verify => {
            verify::verify(context, &mut connection, secret)?;
            true
        }
        Some(_) | None => false,
    };
    if settings.dry_run {
        let connection = View::of(&name, &connection, None);
        return Ok(Added {
            action: "would-create",
            verified,
            connection,
            remarks,
        });
    }
    save(args, context, &name, &mut connection, secret.as_ref())?;
    let connections = context.connections().load()?;
    let connection = View::of(&name, &connection, connections.default_name());
    Ok(Added {
        action: "created",
        verified,
        connection,
        remarks,
    })
}

/// The connection that the flags and answers describe.
fn described(args: &Args, context: &Context) -> Result<(ConnectionName, Connection), Error> {
    let settings = &args.settings;
    let missing =
        |what: &str, flag: &str| usage(&format!("{what} is needed"), &format!("add {flag}"));
    let asks = context.may_ask();
    let name = match &args.name {
        Some(name) => Some(name.clone()),
        None if asks => Some(form::name(context, "")?),
        None => None,
    };
    let found = match &settings.url {
        Some(found) => found.clone(),
        None if asks => form::url(context)?,
        None => {
            return Err(missing(
                "the URL of the Bitbucket",
                "--url https://bitbucket.org",
            ));
        }
    };
    let deployment = settings
        .deployment
        .map_or(found.deployment, Deployment::from);
    let auth = match settings.auth {
        Some(auth) => auth,
        None if asks => form::auth(context, deployment)?,
        None => return Err(missing("the kind of credential", "--auth KIND")),
    };
    auth.check_for(deployment).map_err(|error| {
        usage(
            &error.to_string(),
            "bbconnect connection add --help lists them",
        )
    })?;
    let mut connection = Connection::new(deployment, found.base_url.clone(), auth);
    let namespace = found.namespace.clone();
    if deployment == Deployment::Cloud {
        connection.workspace = namespace;
    } else {
        connection.project = namespace;
    }
    connection.repository.clone_from(&found.repository);
    settings.apply(&mut connection)?;
    complete(&mut connection, context)?;
    let name = match name {
        Some(name) => name,
        None => suggested(&found, &connection)?,
    };
    Ok((name, connection))
}

/// Asks for, or insists on, what the kind of credential needs.
fn complete(connection: &mut Connection, context: &Context) -> Result<(), Error> {
    let needed = |field: &Option<String>, what: &str, flag: &str, help: &str| match field {
        Some(_) => Ok(None),
        None if context.may_ask() => form::text(context, what, help).map(Some),
        None => Err(usage(
            &format!("{what} is needed for --auth {}", connection.auth),
            &format!("add {flag}"),
        )),
    };
    let auth = connection.auth;
    let email = (auth == Auth::ApiToken).then(|| {
        let help = "The address of your Atlassian account, not the user name.";
        needed(
            &connection.email,
            "the e-mail address",
            "--email ADDRESS",
            help,
        )
    });
    let username = [Auth::AppPassword, Auth::Password].contains(&auth).then(|| {
        let help = "Not the e-mail address; Bitbucket Cloud shows it at https://bitbucket.org/account/settings/.";
        needed(&connection.username, "the user name", "--username NAME", help)
    });
    let workspace = (auth == Auth::AccessToken).then(|| {
        let help = "The workspace that the token belongs to, as it stands in its URL.";
        needed(
            &connection.workspace,
            "the workspace",
            "--workspace WORKSPACE",
            help,
        )
    });
    let [email, username, workspace] =
        [email, username, workspace].map(|asked| asked.transpose().map(Option::flatten));
    let (email, username, workspace) = (email?, username?, workspace?);
    connection.email = email.or(connection.email.take());
    connection.username = username.or(connection.username.take());
    connection.workspace = workspace.or(connection.workspace.take());
    Ok(())
}

/// A name from what is known: the workspace, or the server's host.
fn suggested(found: &Found, connection: &Connection) -> Result<ConnectionName, Error> {
    let host = found
        .base_url
        .url()
        .host_str()
        .unwrap_or_default()
        .to_owned();
    let text = match connection.deployment {
        Deployment::Cloud => connection
            .workspace
            .clone()
            .unwrap_or_else(|| "bitbucket-cloud".to_owned()),
        Deployment::DataCenter | Deployment::Unknown => host,
    };
    let safe: String = text
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "._-".contains(c) {
                c
            } else {
                '-'
            }
        })
        .collect();
    safe.parse().map_err(|_| {
        usage(
            "a name for the connection is needed",
            "bbconnect connection add NAME …",
        )
    })
}

fn secret(
    settings: &Settings,
    connection: &Connection,
    context: &Context,
) -> Result<Option<Secret>, Error> {
    if connection.auth == Auth::Ssh {
        return Ok(None);
    }
    match settings.secret(context)? {
        Some(secret) => Ok(Some(secret)),
        None if context.may_ask() => form::secret(context, connection.auth).map(Some),
        None => Err(usage(
            &format!("the {} is needed", connection.auth.secret_name()),
            "add --token-stdin, --token-file FILE or --token-command 'CMD'",
        )),
    }
}

/// Keeps the secret, then the connection. When the connection cannot be saved, the secret is forgotten again.
fn save(
    args: &Args,
    context: &Context,
    name: &ConnectionName,
    connection: &mut Connection,
    secret: Option<&Secret>,
) -> Result<(), Error> {
    let settings = &args.settings;
    if let Some(secret) = secret {
        let store = settings.store(context)?;
        context.keep_secret(name, store, secret)?;
        connection.store = Some(store);
        connection.secret_origin = Some(connection.base_url.origin());
        connection.token_command.clone_from(&settings.token_command);
    }
    let saved = context.connections().update(|connections| {
        connections.add(name, connection)?;
        if settings.default {
            connections.set_default(name)
        } else {
            Ok(())
        }
    });
    if let Err(error) = saved {
        // What failed is reported; what cannot be taken back is no worse than before.
        let exists = matches!(error, crate::store::ConnectionsError::Exists(_));
        if !exists {
            drop(context.forget_secret(name, connection));
        }
        return Err(error.into());
    }
    Ok(())
}

/// A name that is taken: the same connection once more is no change, another one is a conflict.
fn repeated(
    args: &Args,
    context: &Context,
    name: &ConnectionName,
    wanted: &Connection,
    existing: &Connection,
) -> Result<Added, Error> {
    let same_place = |field: fn(&Connection) -> &Option<String>| {
        field(wanted).is_none() || field(wanted) == field(existing)
    };
    let same = wanted.base_url == existing.base_url
        && wanted.auth == existing.auth
        && wanted.email == existing.email
        && wanted.username == existing.username
        && same_place(|connection| &connection.workspace)
        && same_place(|connection| &connection.project)
        && same_place(|connection| &connection.repository);
    let same_secret = || -> Result<bool, Error> {
        match args.settings.secret(context)? {
            Some(given) => Ok(context.secret(name, existing)?.expose() == given.expose()),
            None => Ok(true),
        }
    };
    if !same || !same_secret()? {
        return Err(crate::store::ConnectionsError::Exists(name.clone()).into());
    }
    let connections = context.connections().load()?;
    let connection = View::of(name, existing, connections.default_name());
    Ok(Added {
        action: "unchanged",
        verified: false,
        connection,
        remarks: Vec::new(),
    })
}

impl Render for Added {
    const SCHEMA: &'static str = "bbconnect/connection-add@1";

    fn text(&self, page: &mut Page) {
        self.connection.fields(page);
    }

    fn remarks(&self, page: &mut Page) {
        let said = match (self.action, self.verified) {
            ("created", true) => "verified and saved",
            ("created", false) => "saved; the credential was not verified",
            ("unchanged", _) => "it was there already; nothing was changed",
            (_, true) => "verified; nothing was saved",
            (_, false) => "nothing was verified or saved",
        };
        page.line(said);
        self.remarks.iter().for_each(|remark| page.note(remark));
    }
}
