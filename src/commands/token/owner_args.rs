//! The owner of tokens, and the credential of the request: a token may list tokens, but not create any.

use std::path::PathBuf;

use crate::app::App;
use crate::bitbucket::{ApiError, Bitbucket, CredentialContext};
use crate::error::Error;
use crate::resolve::{Needs, RepositorySource, Request, SelectedConnection, connection_repository};
use crate::types::access_token::{AccessToken, TokenOwner};
use crate::types::connection::{AuthMethod, Connection, Credential, TokenLevel};
use crate::types::hint::Hint;
use crate::types::repository::RepoRef;

// No doc comment: clap would show it as the description of the command that this is part of.
#[derive(Debug, clap::Args)]
pub(crate) struct TokenOwnerArgs {
    /// Tokens of a repository: KEY/SLUG, SLUG or any URL of it
    #[arg(short = 'R', long, value_name = "REF", conflicts_with_all = ["project", "user"])]
    pub repo: Option<RepoRef>,
    /// Tokens of a project
    #[arg(long, value_name = "KEY", conflicts_with = "user")]
    pub project: Option<String>,
    /// Tokens of your account
    #[arg(long)]
    pub user: bool,
    #[command(flatten)]
    pub login: Login,
}

// Without a doc comment, as above. A login for this command alone.
#[derive(Debug, clap::Args)]
pub(crate) struct Login {
    /// Log in with user name and password (a token cannot manage tokens)
    #[arg(long, value_name = "NAME")]
    pub username: Option<String>,
    /// Read the password from stdin; prompt for it on a terminal
    #[arg(long, conflicts_with_all = ["token_file", "token_command"])]
    pub token_stdin: bool,
    /// Read the password from the first line of a file
    #[arg(long, value_name = "FILE", conflicts_with = "token_command")]
    pub token_file: Option<PathBuf>,
    /// Command that prints the password
    #[arg(long, value_name = "CMD")]
    pub token_command: Option<String>,
}

impl Login {
    /// The Bitbucket of a connection, asked as the flags say, else as the connection itself.
    pub(super) fn signed_in(
        &self,
        selected: &SelectedConnection,
        app: &App,
    ) -> Result<Bitbucket, Error> {
        if self.token_stdin && app.is_interactive() {
            return self.prompt(selected, app);
        }
        let secret = app.secret_from_flags(
            self.token_file.as_deref(),
            self.token_command.as_deref(),
            self.token_stdin,
        )?;
        match (secret, &self.username) {
            (None, None) => app.authenticated_client(selected),
            (None, Some(_)) => Err(Error::usage(
                "--username requires a password",
                "pass --token-stdin, --token-file FILE or --token-command 'CMD'",
            )),
            (Some(secret), _) => {
                let login = self.connection(selected);
                Ok(app.client_with_secret(&login, login.auth().normalize_secret(secret)))
            }
        }
    }

    /// The connection with the user name of the flags.
    fn connection(&self, selected: &SelectedConnection) -> Connection {
        let mut connection = selected.connection.clone();
        if let Some(username) = self.username.clone() {
            connection.credential = Credential::Password { username };
        }
        connection
    }

    /// Prompts for the secret, three times in all where the server rejects it.
    fn prompt(&self, selected: &SelectedConnection, app: &App) -> Result<Bitbucket, Error> {
        let login = self.connection(selected);
        let auth = login.auth();
        app.retry_wrong_secret(|| {
            let secret = app.ui.prompt_secret(&auth.secret_prompt())?;
            let bitbucket = app.client_with_secret(&login, auth.normalize_secret(secret));
            match app.block_on(bitbucket.identify(&CredentialContext::from(&login)))? {
                Ok(_) => Ok(bitbucket),
                Err(error @ ApiError::Unauthorized(_)) => Err(Error::Api {
                    error,
                    causes: Some(
                        "check what was entered; a password belongs to the user name of --username, not to an e-mail \
                         address"
                            .into(),
                    ),
                }),
                Err(error) => Err(selected.describe_api_error(error)),
            }
        })
    }
}

impl TokenOwnerArgs {
    /// The connection, its Bitbucket, and whose tokens are meant.
    pub(super) fn resolve(
        &self,
        app: &App,
    ) -> Result<(SelectedConnection, Bitbucket, Option<TokenOwner>), Error> {
        let (selected, owner) = match (&self.repo, &self.project) {
            (Some(repo), _) => {
                let resolved = app.resolve(&Request::repository(Some(repo), Needs::Nothing))?;
                let repository = resolved.repository.map(|repository| repository.id);
                (resolved.connection, repository.map(TokenOwner::Repository))
            }
            (None, Some(key)) => (app.select()?, Some(TokenOwner::Project(key.clone()))),
            (None, None) => {
                let selected = app.select()?;
                let owner = owner_of(&selected.connection).filter(|_| !self.user);
                (selected, owner)
            }
        };
        let bitbucket = self.login.signed_in(&selected, app)?;
        Ok((selected, bitbucket, owner))
    }

    /// The owner for people, with what named it where that was not the command line.
    pub(super) fn describe(&self, owner: &TokenOwner, selected: &SelectedConnection) -> String {
        let is_named = self.repo.is_some() || self.project.is_some() || self.user;
        if is_named || matches!(owner, TokenOwner::User(_)) {
            return owner.to_string();
        }
        let source = RepositorySource::Connection(selected.name.clone());
        format!("{owner}{}", source.suffix())
    }
}

/// The owner under its current name, as far as the responses of the server have shown it.
pub(super) fn under_current_name(owner: TokenOwner, bitbucket: &Bitbucket) -> TokenOwner {
    match owner {
        TokenOwner::Repository(repo) => TokenOwner::Repository(bitbucket.current_name(&repo)),
        TokenOwner::User(_) | TokenOwner::Project(_) => owner,
    }
}

/// Whose the connection's own token is; `None` for a user's, whose name the server tells.
pub(super) fn owner_of(connection: &Connection) -> Option<TokenOwner> {
    let key = connection.project.clone();
    match connection.level() {
        Some(TokenLevel::Repo) => connection_repository(connection).map(TokenOwner::Repository),
        Some(TokenLevel::Project) => key.map(TokenOwner::Project),
        Some(TokenLevel::User | TokenLevel::Workspace) | None => None,
    }
}

/// Whose tokens: as it was named, else those of whoever is logged in.
pub(super) async fn owner(
    named: Option<TokenOwner>,
    bitbucket: &Bitbucket,
) -> Result<TokenOwner, ApiError> {
    if let Some(owner) = named {
        return Ok(owner);
    }
    let account = bitbucket
        .identify(&CredentialContext::default())
        .await?
        .account;
    account
        .map(TokenOwner::User)
        .ok_or(ApiError::AccountUnknown)
}

/// Cloud has no API for tokens.
pub(super) fn not_on_cloud() -> Error {
    Error::usage(
        "Bitbucket Cloud has no API for tokens",
        Hint::command("token page").with_text(" --open"),
    )
}

/// What the server said, with what may be behind a refusal to make or revoke tokens.
pub(super) fn refused(selected: &SelectedConnection, error: ApiError) -> Error {
    let is_token = selected.connection.auth() == AuthMethod::HttpAccessToken;
    match (&error, is_token) {
        (ApiError::Unauthorized(_) | ApiError::Forbidden { .. }, true) => Error::Api {
            error,
            causes: Some(
                "a token cannot create or revoke tokens; pass --username NAME --token-stdin with a password".into(),
            ),
        },
        _ => selected.describe_api_error(error),
    }
}

/// Revokes a token that could not be stored; reports where even that fails.
pub(super) fn revoke_unsaved(
    bitbucket: &Bitbucket,
    owner: &TokenOwner,
    token: &AccessToken,
    app: &App,
) {
    let id = token.id.as_deref().unwrap_or_default();
    let revoked = app.block_on(bitbucket.revoke_token(owner, id));
    if !matches!(revoked, Ok(Ok(_))) {
        app.ui.eprint_line(&format!(
            "token {id} of {owner} was created but could not be stored, and still exists"
        ));
    }
}
