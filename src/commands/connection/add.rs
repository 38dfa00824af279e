//! `bbconnect connection add`: a new connection, saved once its credential is verified.

use serde::Serialize;

use super::args::ConnectionArgs;
use super::build::{self, Draft, Known};
use super::prompts;
use super::secret::{self, EnteredSecret, NewSecret};
use crate::app::{App, MAX_ATTEMPTS};
use crate::bitbucket::{ApiError, Bitbucket};
use crate::commands::Subcommand;
use crate::config::ConnectionsError;
use crate::error::Error;
use crate::resolve::connection_repository;
use crate::types::action::Action;
use crate::types::auth_failure_help::CredentialOrigin;
use crate::types::connection::{
    AuthMethod, Connection, ConnectionName, Credential, SecretSource, StoredSecret, TokenLevel,
    TokenPrefix,
};
use crate::types::deployment::Deployment;
use crate::types::secret::Secret;
use crate::ui::{CommandOutput, ConnectionView, TextWriter};

const EXAMPLES: &str = "\
Examples:
  bbconnect connection add
  bbconnect connection add work --url https://bitbucket.org
  bbconnect connection add dc --url https://git.example.com
  bbconnect connection add ci --token-command 'pass ci'
";

#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Args {
    /// Name [default: workspace or server]
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
    notes: Vec<String>,
}

impl Subcommand for Args {
    type Output = AddOutput;

    /// On an error nothing is saved.
    fn run(&self, app: &App) -> Result<AddOutput, Error> {
        let args = &self.connection;
        let existing = match &self.name {
            Some(name) => existing(name, app)?,
            None => None,
        };
        let needs_store = args.auth != Some(AuthMethod::Ssh);
        // Before the first prompt, so that no input is lost.
        let chosen = (app.is_interactive() && existing.is_none() && needs_store)
            .then(|| args.choose_store(args.auth, None, app))
            .transpose()?;
        let known = Known {
            existing: existing.as_ref(),
            source: chosen.as_ref(),
        };
        let Draft { connection, secret } = build::draft(args, &known, app)?;
        let named = match &self.name {
            Some(name) => Some(name.clone()),
            None if app.is_interactive() => None,
            None => Some(build::default_name(&connection)?),
        };
        if let Some(name) = &named
            && let Some(existing) = self::existing(name, app)?
        {
            let given = secret.as_ref().map(|secret| &secret.secret);
            return reconcile_existing(args, app, name, &connection, &existing, given);
        }
        self.create(app, connection, secret, named, chosen)
    }
}

impl Args {
    fn create(
        &self,
        app: &App,
        mut connection: Connection,
        entered: Option<EnteredSecret>,
        name: Option<ConnectionName>,
        chosen: Option<SecretSource>,
    ) -> Result<AddOutput, Error> {
        let args = &self.connection;
        let auth = connection.auth();
        if connection.base_url.is_insecure() && !connection.network.allow_http {
            let error = ApiError::InsecureTransport(connection.base_url.to_string());
            return Err(Error::from_api(
                error,
                &connection,
                TokenPrefix::Unknown,
                CredentialOrigin::Flags,
            ));
        }
        if args.no_verify {
            require_owner(&mut connection, app)?;
        }
        let mut notes = Vec::new();
        let mut stored = None;
        if let Some(entered) = entered {
            let source = match chosen {
                // The kind was recognized later, and the tokens of OAuth change.
                Some(SecretSource::Command(_)) if auth.is_oauth() => {
                    args.choose_store(Some(auth), None, app)?
                }
                Some(source) => source,
                // Before any request.
                None => args.choose_store(Some(auth), None, app)?,
            };
            let new = NewSecret::sign_in(args, &mut connection, entered, app)?;
            if !args.no_verify {
                notes = complete(&mut connection, name.as_ref(), &new.sent, app)?;
            }
            stored = Some((source, new.stored));
        }
        if auth == AuthMethod::AppPassword {
            notes.push(
                "Bitbucket Cloud retired app passwords on 2026-07-28; use an API token with scopes"
                    .to_owned(),
            );
        }
        let name = match name {
            Some(name) => name,
            None => free_name(&connection, app)?,
        };
        // Bitbucket Cloud does not report when a token expires.
        let may_expire = matches!(auth, AuthMethod::ApiToken | AuthMethod::AccessToken);
        if may_expire && connection.expires_on.is_none() {
            notes.push(format!(
                "expiry date unknown (not reported by Bitbucket Cloud); set it with `bbconnect connection edit {name} \
                 --expires YYYY-MM-DD`"
            ));
        }
        let verified = stored.is_some() && !args.no_verify;
        let (action, default) = if args.dry_run {
            (Action::WouldCreate, None)
        } else {
            save(args, app, &name, &mut connection, stored)?;
            (Action::Created, Some(app.connection_file().load()?))
        };
        let default = default
            .as_ref()
            .and_then(|connections| connections.default_name());
        Ok(AddOutput {
            action,
            verified,
            connection: ConnectionView::new(&name, &connection, default),
            notes,
        })
    }
}

/// The connection of a name, where the name is taken.
fn existing(name: &ConnectionName, app: &App) -> Result<Option<Connection>, Error> {
    match app.connection_file().load()?.get(&name.to_string()) {
        Ok((_, existing)) => Ok(Some(existing)),
        Err(ConnectionsError::NotFound { .. }) => {
            // Another one may have the name in another letter case.
            app.connection_file().load()?.check_free(name)?;
            Ok(None)
        }
        Err(_) => Err(ConnectionsError::Exists(name.to_string()).into()),
    }
}

/// The default name of a connection; where it is taken, another is prompted for.
fn free_name(connection: &Connection, app: &App) -> Result<ConnectionName, Error> {
    let connections = app.connection_file().load()?;
    let mut name = build::default_name(connection)?;
    while let Err(error) = connections.check_free(&name) {
        app.ui.eprint_line(&format!("  {error}"));
        name = prompts::name(app, "")?;
    }
    Ok(name)
}

/// Stores the secret and the connection under one lock: the secret of a name belongs to its connection.
fn save(
    args: &ConnectionArgs,
    app: &App,
    name: &ConnectionName,
    connection: &mut Connection,
    secret: Option<(SecretSource, Secret)>,
) -> Result<(), Error> {
    let secret = secret.map(|(source, secret)| {
        connection.secret = Some(StoredSecret::new(source));
        secret
    });
    let mut is_stored = false;
    let saved = app.connection_file().update(|connections| {
        connections.check_free(name)?;
        if let Some(secret) = &secret {
            app.store_secret(name, connection, secret)?;
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
    given: Option<&Secret>,
) -> Result<AddOutput, Error> {
    if !is_same(args, wanted, existing)? || !is_same_secret(app, name, existing, given)? {
        return Err(ConnectionsError::Exists(name.to_string()).into());
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
        connection: ConnectionView::new(name, existing, connections.default_name()),
        notes: Vec::new(),
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
    app: &App,
    name: &ConnectionName,
    existing: &Connection,
    given: Option<&Secret>,
) -> Result<bool, Error> {
    Ok(match given {
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
            (Action::Created, true) => "saved, credential verified",
            (Action::Created, false) => "saved, credential not verified",
            (Action::Updated, _) => "connection already exists; it is now the default connection",
            (Action::Unchanged, _) => "connection already exists; nothing was changed",
            (_, true) => "verified, not saved (dry run)",
            (_, false) => "not verified, not saved (dry run)",
        });
        out.notes(&self.notes);
    }
}

/// Completes a connection with what its server reports, and checks that its repository exists. Returns notes for the user.
fn complete(
    connection: &mut Connection,
    name: Option<&ConnectionName>,
    secret: &Secret,
    app: &App,
) -> Result<Vec<String>, Error> {
    let copy = Secret::new(secret.expose().to_owned());
    let bitbucket = app.client_with_secret(connection, copy);
    if connection.auth() == AuthMethod::AccessToken {
        if connection.workspace.is_none() {
            read_owner(connection, &bitbucket, app)?;
            find_owner(connection, secret, app)?;
        }
        read_project(connection, &bitbucket, app)?;
        return Ok(Vec::new());
    }
    check_repository(connection, &bitbucket, app)?;
    default_workspace(connection, name, &bitbucket, app)
}

/// The owner of a token that is not verified: as it is named, or prompted for.
fn require_owner(connection: &mut Connection, app: &App) -> Result<(), Error> {
    let is_missing = connection.auth() == AuthMethod::AccessToken && connection.workspace.is_none();
    if is_missing && app.is_interactive() {
        prompts::token_owner(app)?.apply(connection);
    }
    build::check_owner(connection)
}

/// The owner of an access token, as far as the server reports it.
fn read_owner(connection: &mut Connection, bitbucket: &Bitbucket, app: &App) -> Result<(), Error> {
    let workspaces = app.block_on(bitbucket.workspaces())?;
    if let Ok(Some(workspaces)) = workspaces
        && let [only] = workspaces.as_slice()
    {
        connection.workspace = Some(only.slug.clone());
    }
    Ok(())
}

/// The project of a project's token that was named by a repository.
fn read_project(
    connection: &mut Connection,
    bitbucket: &Bitbucket,
    app: &App,
) -> Result<(), Error> {
    let is_missing =
        connection.level() == Some(TokenLevel::Project) && connection.project.is_none();
    if is_missing
        && let Some(repository) = connection_repository(connection)
        && let Ok(repository) = app.block_on(bitbucket.repository(&repository))?
    {
        connection.project = repository.project;
    }
    Ok(())
}

/// Prompts for the owner of an access token until the token can see it.
fn find_owner(connection: &mut Connection, secret: &Secret, app: &App) -> Result<(), Error> {
    let mut attempt = 1;
    loop {
        if connection.workspace.is_none() {
            require_owner(connection, app)?;
        }
        match secret::verify(app, connection, secret) {
            Err(error)
                if is_not_found(&error) && app.is_interactive() && attempt < MAX_ATTEMPTS =>
            {
                app.ui.eprint_line(&format!("  {error}"));
                connection.workspace = None;
            }
            result => return result,
        }
        attempt += 1;
    }
}

fn is_not_found(error: &Error) -> bool {
    matches!(
        error,
        Error::Api {
            error: ApiError::NotFound(_),
            ..
        }
    )
}

/// A repository that was renamed is stored under its current name.
fn check_repository(
    connection: &mut Connection,
    bitbucket: &Bitbucket,
    app: &App,
) -> Result<(), Error> {
    let Some(repository) = connection_repository(connection) else {
        return Ok(());
    };
    match app.block_on(bitbucket.repository(&repository))? {
        Ok(found) => {
            let current = found.path();
            if repository.is_renamed_to(&current) {
                *connection.namespace_mut() = Some(current.namespace);
                connection.repository = Some(current.slug);
            }
            Ok(())
        }
        Err(ApiError::NotFound(_)) => Err(Error::not_found(
            format!("repository {repository} not found, or not visible with this credential"),
            "check the name; nothing was saved",
        )),
        // The credential is valid, but cannot read repositories: other purposes need other scopes.
        Err(ApiError::Forbidden { .. }) if connection.deployment == Deployment::Cloud => Ok(()),
        Err(error) => Err(Error::from_api(
            error,
            connection,
            TokenPrefix::Unknown,
            CredentialOrigin::Flags,
        )),
    }
}

/// The only workspace of the account, or the chosen one of several.
fn default_workspace(
    connection: &mut Connection,
    name: Option<&ConnectionName>,
    bitbucket: &Bitbucket,
    app: &App,
) -> Result<Vec<String>, Error> {
    if connection.deployment != Deployment::Cloud || connection.workspace.is_some() {
        return Ok(Vec::new());
    }
    // Without the scope for it the workspaces are unknown.
    let Ok(Some(workspaces)) = app.block_on(bitbucket.workspaces())? else {
        return Ok(Vec::new());
    };
    match workspaces.as_slice() {
        [] => {}
        [only] => connection.workspace = Some(only.slug.clone()),
        several if app.is_interactive() => {
            connection.workspace = prompts::workspace(app, several)?;
        }
        several => {
            let slugs: Vec<&str> = several
                .iter()
                .map(|workspace| workspace.slug.as_str())
                .collect();
            let name = name.map_or_else(|| "NAME".to_owned(), ToString::to_string);
            return Ok(vec![format!(
                "no default workspace (known workspaces: {}); set one with `bbconnect connection edit {name} \
                 --workspace WORKSPACE`",
                slugs.join(", ")
            )]);
        }
    }
    Ok(Vec::new())
}
