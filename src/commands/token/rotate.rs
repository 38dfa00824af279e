//! `bbconnect token rotate`: a new token in place of the connection's own. Data Center creates it and revokes the old one,
//! which works until the new one is stored and was accepted; on Cloud the user creates it.

use serde::Serialize;

use super::owner_args::{Login, owner, owner_of, refused, revoke_unsaved, under_current_name};
use crate::app::App;
use crate::bitbucket::{ApiError, Bitbucket, CredentialContext};
use crate::commands::Subcommand;
use crate::commands::args::DryRunArg;
use crate::error::Error;
use crate::exit_status::ExitStatus;
use crate::resolve::SelectedConnection;
use crate::types::access_token::{AccessToken, NewToken, TokenOwner};
use crate::types::action::Action;
use crate::types::connection::{AuthMethod, Connection, ConnectionName, StoreKind};
use crate::types::date::ExpiryArg;
use crate::types::day_count::DayCount;
use crate::types::deployment::Deployment;
use crate::types::hint::Hint;
use crate::types::secret::Secret;
use crate::ui::{CommandOutput, TextWriter};

const EXAMPLES: &str = "\
Examples:
  bbconnect token rotate -c site --username jane --token-stdin < password
  bbconnect token rotate -c work                           Cloud: asks for the new token
  bbconnect token rotate -c work --new-token-stdin --expires 2027-03-31 < token
";

#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Args {
    /// Lifetime of the new token: 90d, 12w [default: that of the old one] (Data Center)
    #[arg(long, value_name = "AGE", value_parser = DayCount::parse_lifetime)]
    pub expires_in: Option<DayCount>,
    /// Read the new token from stdin (Cloud; also as --token-stdin)
    #[arg(long, conflicts_with_all = ["username", "token_stdin", "token_file", "token_command"])]
    pub new_token_stdin: bool,
    /// Expiry date of the new token (Cloud) [default: unknown]
    #[arg(long, value_name = "YYYY-MM-DD", conflicts_with = "expires_in")]
    pub expires: Option<ExpiryArg>,
    #[command(flatten)]
    pub dry_run: DryRunArg,
    #[command(flatten)]
    pub login: Login,
}

#[derive(Debug, Serialize)]
pub(crate) struct RotateOutput {
    pub(super) action: Action,
    pub(super) connection: ConnectionName,
    pub(super) owner: String,
    pub(super) repository: Option<String>,
    pub(super) token: AccessToken,
    pub(super) revoked: Option<String>,
    /// The old token, where it could not be revoked, and why.
    pub(super) not_revoked: Option<String>,
    /// Cloud: where tokens are created and revoked.
    pub(super) page: Option<String>,
    pub(super) notes: Vec<String>,
}

impl Subcommand for Args {
    type Output = RotateOutput;

    /// Replaces the connection's token.
    ///
    /// On an error the connection has its old token.
    fn run(&self, app: &App) -> Result<RotateOutput, Error> {
        let selected = app.select()?;
        if selected.connection.deployment == Deployment::Cloud {
            return self.rotate_on_cloud(&selected, app);
        }
        if self.new_token_stdin || self.expires.is_some() {
            return Err(Error::usage(
                "--new-token-stdin and --expires are for Bitbucket Cloud; a Data Center creates the token itself",
                "pass --username NAME --token-stdin with your password, and --expires-in AGE",
            ));
        }
        let (old, id) = own_token(&selected, app)?;
        if let Some(secret) = &selected.connection.secret {
            // Before a token is created.
            app.check_store(&secret.source)?;
        }
        let bitbucket = self.login.signed_in(&selected, app)?;
        let named = owner_of(&selected.connection);
        let made = app.block_on(create_equivalent(&id, named, self, &bitbucket))?;
        let (owner, before, made) = made.map_err(|error| refused(&selected, error))?;
        let owner = under_current_name(owner, &bitbucket);
        let Some(NewToken { token, secret }) = made else {
            return Ok(RotateOutput {
                action: Action::WouldUpdate,
                connection: selected.name,
                owner: owner.to_string(),
                repository: owner.repository(),
                token: before,
                revoked: None,
                not_revoked: None,
                page: None,
                notes: Vec::new(),
            });
        };
        // Kept before anything else can fail, and the old one again where the server does not accept it.
        if let Err(error) = store_and_verify(&selected, &token, &secret, app) {
            // The first error is reported.
            let _old_again = switch(&selected.name, &selected.connection, &old, app);
            revoke_unsaved(&bitbucket, &owner, &token, app);
            return Err(error);
        }
        let revoked = app.block_on(bitbucket.revoke_token(&owner, &id))?;
        let revoked = revoked.map(|_| id.clone());
        Ok(RotateOutput {
            action: Action::Updated,
            not_revoked: revoked.as_ref().err().map(|error| format!("{id}: {error}")),
            revoked: revoked.ok(),
            page: None,
            notes: Vec::new(),
            connection: selected.name,
            owner: owner.to_string(),
            repository: owner.repository(),
            token,
        })
    }
}

/// The connection's token and its id, where another can be put in its place.
fn own_token(selected: &SelectedConnection, app: &App) -> Result<(Secret, String), Error> {
    let connection = &selected.connection;
    let usage = |message: String, hint: &str| {
        Error::usage(message, Hint::command("token create").with_text(hint))
    };
    if connection.auth() != AuthMethod::HttpAccessToken {
        let message = format!("connection {} has no HTTP access token", selected.name);
        return Err(usage(message, " creates one"));
    }
    require_own_store(
        selected,
        Hint::command("token create").with_text(" prints a new token; store it there"),
    )?;
    let secret = app.secret_of(selected)?;
    let asked = app.client_with_secret(connection, Secret::new(secret.expose().to_owned()));
    let id = asked.current_token_id().ok_or_else(|| {
        let message = "the token's id is unknown: the token does not contain it";
        usage(message.to_owned(), " creates a new token")
    })?;
    Ok((secret, id))
}

/// Refuses a secret that bbconnect does not store, and so cannot replace.
pub(super) fn require_own_store(selected: &SelectedConnection, hint: Hint) -> Result<(), Error> {
    match selected.connection.store() {
        Some(StoreKind::Keyring | StoreKind::File) => Ok(()),
        store => Err(Error::usage(
            format!(
                "the secret of {} is stored outside bbconnect ({}) and cannot be replaced",
                selected.name,
                store.map_or("nowhere", StoreKind::name)
            ),
            hint,
        )),
    }
}

/// Creates a token with the name, permissions and lifetime of another; with `--dry-run` only reads that one.
async fn create_equivalent(
    id: &str,
    named: Option<TokenOwner>,
    args: &Args,
    bitbucket: &Bitbucket,
) -> Result<(TokenOwner, AccessToken, Option<NewToken>), ApiError> {
    let owner = owner(named, bitbucket).await?;
    let known = bitbucket.tokens(&owner).await?.unwrap_or_default();
    let before = known
        .into_iter()
        .find(|token| token.id.as_deref() == Some(id));
    let before = before.ok_or_else(|| {
        ApiError::NotFound(format!("token {id} of the connection not found in {owner}"))
    })?;
    if args.dry_run.is_set() {
        return Ok((owner, before, None));
    }
    let permissions: Vec<&str> = before
        .permissions
        .iter()
        .flatten()
        .map(String::as_str)
        .collect();
    let life = before.created_on.zip(before.expires_on);
    let lived = life.map(|(from, to)| from.days_until(to));
    let days = args.expires_in.map(DayCount::count).or(lived);
    let name = before.name.as_deref().unwrap_or("bbconnect");
    let made = bitbucket
        .create_token(&owner, name, &permissions, days)
        .await?;
    Ok((owner, before, made))
}

/// Stores a new token and verifies it.
fn store_and_verify(
    selected: &SelectedConnection,
    token: &AccessToken,
    secret: &Secret,
    app: &App,
) -> Result<(), Error> {
    let mut after = selected.connection.clone();
    after.expires_on = token.expires_on;
    if let Some(stored) = &mut after.secret {
        stored.rejected_on = None;
    }
    switch(&selected.name, &after, secret, app)?;
    let new = app.client_with_secret(&after, Secret::new(secret.expose().to_owned()));
    let identity = app.block_on(new.identify(&CredentialContext::from(&after)))?;
    identity
        .map(|_| ())
        .map_err(|error| selected.describe_api_error(error))
}

pub(super) fn switch(
    name: &ConnectionName,
    connection: &Connection,
    secret: &Secret,
    app: &App,
) -> Result<(), Error> {
    app.connection_file().update(|connections| {
        connections.replace(name, connection)?;
        app.store_secret(name, connection, secret)
    })
}

impl CommandOutput for RotateOutput {
    const SCHEMA: &'static str = "bbconnect/token-rotate@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        let name = self.token.name.as_ref();
        let name = name.map_or(String::new(), |name| format!(" {name}"));
        let which = if self.action == Action::Unchanged {
            "token"
        } else {
            "new token"
        };
        out.line(&format!(
            "{}: {which}{name} of connection {}, of {}",
            self.action, self.connection, self.owner
        ));
    }

    fn write_stderr(&self, out: &mut TextWriter) {
        if let Some(id) = &self.revoked {
            out.line(&format!("old token {id} revoked"));
        }
        for note in &self.notes {
            out.note(note);
        }
        if let Some(left) = &self.not_revoked {
            out.note(&format!("old token not revoked, {left}"));
        }
    }

    fn exit_status(&self) -> ExitStatus {
        if self.not_revoked.is_some() {
            ExitStatus::Failure
        } else {
            ExitStatus::Success
        }
    }
}
