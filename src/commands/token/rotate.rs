//! `bbconnect token rotate`: a new token in place of the connection's own. Data Center creates it and revokes the old one,
//! which works until the new one is stored and was accepted; on Cloud the user creates it.

use std::collections::BTreeSet;

use serde::Serialize;

use super::owner_args::{Login, owner, owner_of, refused, revoke_unsaved, under_current_name};
use crate::app::App;
use crate::bitbucket::{ApiError, Bitbucket, CredentialContext, Identity, Scopes};
use crate::commands::Subcommand;
use crate::commands::args::DryRunArg;
use crate::error::Error;
use crate::exit_status::ExitStatus;
use crate::resolve::SelectedConnection;
use crate::types::access_token::{AccessToken, NewToken, TokenOwner};
use crate::types::action::Action;
use crate::types::auth_failure_help::CredentialOrigin;
use crate::types::connection::{
    AuthMethod, Connection, ConnectionName, StoreKind, TokenLevel, TokenPrefix,
};
use crate::types::date::{Date, DayCount, ExpiryArg};
use crate::types::deployment::Deployment;
use crate::types::hint::Hint;
use crate::types::secret::Secret;
use crate::ui::{CommandOutput, TextWriter};

const EXAMPLES: &str = "\
Examples:
  bbconnect token rotate -c site --username jane --token-stdin < password
  bbconnect token rotate -c work  # Cloud: prompts for the new token
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
    action: Action,
    connection: ConnectionName,
    owner: String,
    repository: Option<String>,
    token: AccessToken,
    revoked: Option<String>,
    /// The old token, where it could not be revoked, and why.
    not_revoked: Option<String>,
    /// Cloud: where tokens are created and revoked.
    page: Option<String>,
    notes: Vec<String>,
}

impl Subcommand for Args {
    type Output = RotateOutput;

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
        let created = app.block_on(create_equivalent(&id, named, self, &bitbucket))?;
        let (owner, before, created) = created.map_err(|error| refused(&selected, error))?;
        let owner = under_current_name(owner, &bitbucket);
        let Some(NewToken { token, secret }) = created else {
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
    let bitbucket = app.client_with_secret(connection, Secret::new(secret.expose().to_owned()));
    let id = bitbucket.current_token_id().ok_or_else(|| {
        let message = "the token's id is unknown: the token does not contain it";
        usage(message.to_owned(), " creates a new token")
    })?;
    Ok((secret, id))
}

/// Refuses a secret that bbconnect does not store, and so cannot replace.
fn require_own_store(selected: &SelectedConnection, hint: Hint) -> Result<(), Error> {
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
    let dates = before.created_on.zip(before.expires_on);
    let lifetime = dates.map(|(from, to)| from.days_until(to));
    let days = args.expires_in.map(DayCount::count).or(lifetime);
    let name = before.name.as_deref().unwrap_or("bbconnect");
    let created = bitbucket
        .create_token(&owner, name, &permissions, days)
        .await?;
    Ok((owner, before, created))
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

fn switch(
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
        out.notes(&self.notes);
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

/// What the server reports about a token.
struct TokenFacts {
    identity: Identity,
    /// `None` where the server does not report them.
    scopes: Option<BTreeSet<String>>,
}

impl Args {
    fn rotate_on_cloud(
        &self,
        selected: &SelectedConnection,
        app: &App,
    ) -> Result<RotateOutput, Error> {
        let page = self.require_rotatable(selected)?;
        let given = self.given_token(selected, &page, app)?;
        if let Some(secret) = &selected.connection.secret {
            app.check_store(&secret.source)?;
        }
        let old_secret = app.secret_of(selected)?;
        let old = current_facts(selected, &old_secret, app)?;
        let output = |action, scopes: Option<BTreeSet<String>>, expires_on, notes| RotateOutput {
            action,
            connection: selected.name.clone(),
            owner: describe_owner(&selected.connection),
            repository: repository(&selected.connection),
            token: AccessToken {
                permissions: scopes.map(|scopes| scopes.into_iter().collect()),
                expires_on,
                ..AccessToken::default()
            },
            revoked: None,
            not_revoked: None,
            page: Some(page.clone()),
            notes,
        };
        let old_scopes = old.as_ref().and_then(|old| old.scopes.clone());
        let names = old_scopes.clone().unwrap_or_default();
        let names = names.into_iter().collect::<Vec<_>>().join(" ");
        if self.dry_run.is_set() {
            let create = format!("create the new token at {page}, with the scopes: {names}");
            let expires_on = self.expires.and_then(|ExpiryArg(date)| date);
            let action = Action::WouldUpdate;
            return Ok(output(action, old_scopes, expires_on, vec![create]));
        }
        let (secret, new) = match given {
            Some(secret) => {
                let new = verify(selected, &secret, app)?;
                (secret, new)
            }
            None => prompt(selected, &page, &names, app)?,
        };
        let mut notes = Vec::new();
        match &old {
            Some(old) => compare(&selected.connection, old, &new, &mut notes)?,
            None => notes.push(
                "the old token is no longer accepted, so the scopes could not be compared"
                    .to_owned(),
            ),
        }
        let is_same = secret.expose() == old_secret.expose();
        let expires_on = self.expiry(&selected.connection, is_same, app)?;
        if is_same && expires_on == selected.connection.expires_on {
            return Ok(output(
                Action::Unchanged,
                new.scopes,
                expires_on,
                Vec::new(),
            ));
        }
        let mut after = selected.connection.clone();
        after.expires_on = expires_on;
        after.account = new.identity.account.clone().or(after.account);
        if let Some(stored) = &mut after.secret {
            stored.rejected_on = None;
        }
        switch(&selected.name, &after, &secret, app)?;
        if !is_same {
            let unless = if selected.connection.auth() == AuthMethod::AccessToken {
                ", unless it was rotated there"
            } else {
                ""
            };
            notes.push(format!("revoke the old token at {page}{unless}"));
        }
        Ok(output(Action::Updated, new.scopes, expires_on, notes))
    }

    /// The page where the new token is created.
    ///
    /// # Errors
    /// [`Error::Usage`] for a credential that is no token, or that bbconnect does not store.
    fn require_rotatable(&self, selected: &SelectedConnection) -> Result<String, Error> {
        let (name, connection) = (&selected.name, &selected.connection);
        let auth = connection.auth();
        match auth {
            AuthMethod::ApiToken | AuthMethod::AccessToken => {}
            AuthMethod::OAuth | AuthMethod::ClientCredentials => {
                return Err(Error::usage(
                    format!(
                        "connection {name} signs in with OAuth, whose tokens are renewed by themselves"
                    ),
                    format!(
                        "run `bbconnect connection edit {name} --reauthorize` to sign in again"
                    ),
                ));
            }
            AuthMethod::AppPassword => {
                return Err(Error::usage(
                    "app passwords were retired on 2026-07-28",
                    format!("run `bbconnect connection edit {name} --auth api-token`"),
                ));
            }
            AuthMethod::HttpAccessToken | AuthMethod::Password | AuthMethod::Ssh => {
                return Err(Error::SshOnlyConnection(name.to_string()));
            }
        }
        let page = connection
            .token_page(auth, connection.level())
            .unwrap_or_default();
        let create = format!("create the new token at {page}, and store it there");
        require_own_store(selected, Hint::from(create))?;
        if self.expires_in.is_some() || self.login.username.is_some() {
            return Err(Error::usage(
                "--expires-in and --username are for Data Center; tokens of Bitbucket Cloud are created on its website",
                "pass --expires YYYY-MM-DD for the expiry date of the new token",
            ));
        }
        Ok(page)
    }

    /// The new token of the flags; `None` where it is to be prompted for.
    fn given_token(
        &self,
        selected: &SelectedConnection,
        page: &str,
        app: &App,
    ) -> Result<Option<Secret>, Error> {
        if self.dry_run.is_set() {
            return Ok(None);
        }
        let auth = selected.connection.auth();
        let login = &self.login;
        let from_stdin = self.new_token_stdin || login.token_stdin;
        if from_stdin && app.is_interactive() {
            return Ok(None);
        }
        let given = app.secret_from_flags(
            login.token_file.as_deref(),
            login.token_command.as_deref(),
            from_stdin,
        )?;
        match given {
            Some(secret) => Ok(Some(auth.normalize_secret(secret))),
            None if app.is_interactive() => Ok(None),
            None => Err(Error::InputRequired {
                what: "the new token",
                hint: format!(
                    "create it at {page}, and pass --new-token-stdin with the token on stdin"
                )
                .into(),
            }),
        }
    }

    /// The expiry date of the new token: that of the flag, prompted for, or unknown.
    fn expiry(
        &self,
        connection: &Connection,
        is_same: bool,
        app: &App,
    ) -> Result<Option<Date>, Error> {
        if let Some(ExpiryArg(date)) = self.expires {
            return Ok(date);
        }
        if is_same {
            return Ok(connection.expires_on);
        }
        if !app.is_interactive() {
            return Ok(None);
        }
        let label = "Expiry date of the token, as YYYY-MM-DD (empty: unknown)";
        let ExpiryArg(date) = app.ui.prompt_value(label, "")?;
        Ok(date)
    }
}

/// Shows where the new token is created, and prompts for it, three times in all where the server rejects it.
fn prompt(
    selected: &SelectedConnection,
    page: &str,
    scopes: &str,
    app: &App,
) -> Result<(Secret, TokenFacts), Error> {
    let auth = selected.connection.auth();
    // The website rotates access tokens: it keeps their scopes.
    let how = if auth == AuthMethod::AccessToken {
        "Rotate the token, or create a new one, at"
    } else {
        "Create the new token at"
    };
    app.ui.eprint_line(&format!("{how} {page}"));
    if !scopes.is_empty() {
        app.ui.eprint_line(&format!("with the scopes: {scopes}"));
    }
    app.ui
        .eprint_line("Paste the new token, or press Enter to open that page.");
    app.retry_wrong_secret(|| {
        let secret = app.prompt_secret_or_page(&selected.connection, auth, auth.secret_label())?;
        let secret = auth.normalize_secret(secret);
        let facts = verify(selected, &secret, app)?;
        Ok((secret, facts))
    })
}

/// What the server reports about the new token.
fn verify(selected: &SelectedConnection, secret: &Secret, app: &App) -> Result<TokenFacts, Error> {
    let connection = &selected.connection;
    let (auth, prefix) = (connection.auth(), TokenPrefix::from_token(secret.expose()));
    if let Some(actual) = AuthMethod::from_prefix(prefix).filter(|_| auth.contradicts(prefix)) {
        return Err(Error::SecretKindMismatch {
            actual,
            expected: auth,
        });
    }
    let facts = facts(connection, secret, app)?;
    let origin = CredentialOrigin::of(connection, &selected.name);
    facts.map_err(|error| Error::from_api(error, connection, prefix, origin))
}

/// What the server reports about the connection's token; `None` where the server no longer accepts it.
fn current_facts(
    selected: &SelectedConnection,
    secret: &Secret,
    app: &App,
) -> Result<Option<TokenFacts>, Error> {
    match facts(&selected.connection, secret, app)? {
        Ok(facts) => Ok(Some(facts)),
        Err(ApiError::Unauthorized(_) | ApiError::Indeterminate(_)) => Ok(None),
        Err(error) => Err(selected.describe_api_error(error)),
    }
}

fn facts(
    connection: &Connection,
    secret: &Secret,
    app: &App,
) -> Result<Result<TokenFacts, ApiError>, Error> {
    let bitbucket = app.client_with_secret(connection, Secret::new(secret.expose().to_owned()));
    let _progress = app.ui.progress("verifying the token");
    app.block_on(request_facts(&bitbucket, connection))
}

async fn request_facts(
    bitbucket: &Bitbucket,
    connection: &Connection,
) -> Result<TokenFacts, ApiError> {
    let identity = bitbucket
        .identify(&CredentialContext::from(connection))
        .await?;
    let scopes = match &identity.scopes {
        Scopes::Granted(scopes) => Some(scopes.clone()),
        Scopes::Unknown => bitbucket.scopes_from_403(&identity).await?,
    };
    Ok(TokenFacts {
        scopes: scopes.map(|scopes| scopes.into_iter().collect()),
        identity,
    })
}

/// Compares the new token with the old one.
///
/// # Errors
/// [`Error::Rejected`] where it is for something else, or has other scopes.
fn compare(
    connection: &Connection,
    old: &TokenFacts,
    new: &TokenFacts,
    notes: &mut Vec<String>,
) -> Result<(), Error> {
    let owner = describe_owner(connection);
    let conflict = |message: String, hint: &str| {
        let hint = format!("{hint}; the connection still has its old token");
        Err(Error::conflict(message, hint))
    };
    let same = "create the new token for the same resource";
    if let (Some(reason), None) = (&new.identity.not_visible, &old.identity.not_visible) {
        return conflict(format!("the new token is not for {owner}: {reason}"), same);
    }
    let accounts = old
        .identity
        .account
        .as_ref()
        .zip(new.identity.account.as_ref());
    if let Some((old, new)) = accounts.filter(|(old, new)| old != new) {
        return conflict(format!("the new token is of {new}, not of {old}"), same);
    }
    let level = |facts: &TokenFacts| {
        facts
            .identity
            .level
            .filter(|_| facts.identity.level_from_server)
    };
    let levels = level(old).or(connection.level()).zip(level(new));
    if let Some((old, new)) = levels.filter(|(old, new)| old != new) {
        let message = format!(
            "the new token is for a {}, not for a {}",
            new.name(),
            old.name()
        );
        return conflict(message, same);
    }
    let (Some(before), Some(after)) = (&old.scopes, &new.scopes) else {
        notes.push("the scopes of the tokens are unknown and could not be compared".to_owned());
        return Ok(());
    };
    let list = |names: &BTreeSet<String>, without: &BTreeSet<String>| {
        let names: Vec<&str> = names.difference(without).map(String::as_str).collect();
        names.join(", ")
    };
    let differences = [
        ("missing", list(before, after)),
        ("additional", list(after, before)),
    ];
    let differences: Vec<String> = differences
        .iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(kind, names)| format!("{kind}: {names}"))
        .collect();
    if differences.is_empty() {
        return Ok(());
    }
    conflict(
        format!("the new token has other scopes; {}", differences.join("; ")),
        "create one with the same scopes; `bbconnect connection edit` accepts any token",
    )
}

/// What the token belongs to.
fn describe_owner(connection: &Connection) -> String {
    let workspace = connection.workspace.as_deref().unwrap_or_default();
    match (connection.auth(), connection.level(), &connection.project) {
        (AuthMethod::AccessToken, Some(TokenLevel::Workspace), _) => {
            format!("workspace {workspace}")
        }
        (AuthMethod::AccessToken, Some(TokenLevel::Project), Some(key)) => format!("project {key}"),
        (AuthMethod::AccessToken, _, _) => match repository(connection) {
            Some(repository) => format!("repository {repository}"),
            None => format!("workspace {workspace}"),
        },
        _ => match &connection.account {
            Some(account) => format!("user {account}"),
            None => "your account".to_owned(),
        },
    }
}

/// The repository of a repository access token.
fn repository(connection: &Connection) -> Option<String> {
    let is_of_repository = connection.auth() == AuthMethod::AccessToken
        && matches!(connection.level(), None | Some(TokenLevel::Repo));
    let slug = connection
        .repository
        .as_ref()
        .filter(|_| is_of_repository)?;
    let workspace = connection.workspace.as_ref()?;
    Some(format!("{workspace}/{slug}"))
}
