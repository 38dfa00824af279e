//! What a verified credential is used for: the owner of an access token, the repository, the default workspace.

use super::build;
use super::prompts;
use super::secret;
use crate::app::{App, MAX_ATTEMPTS};
use crate::bitbucket::{ApiError, Bitbucket};
use crate::error::Error;
use crate::resolve::connection_repository;
use crate::types::connection::{AuthMethod, Connection, ConnectionName, TokenLevel, TokenPrefix};
use crate::types::deployment::Deployment;
use crate::types::secret::Secret;

/// Completes a connection with what its server reports, and checks that its repository exists. Returns notes for the user.
pub(super) fn complete(
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
pub(super) fn require_owner(connection: &mut Connection, app: &App) -> Result<(), Error> {
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
        Err(error) => Err(Error::from_api(error, connection, TokenPrefix::Unknown)),
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
