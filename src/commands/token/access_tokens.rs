//! HTTP access tokens of a Data Center: `bbconnect token list`, `token create` and `token revoke`. The secret of a new
//! token is shown once, so a token that cannot be kept is revoked again.

use serde::{Serialize, Serializer};

use super::owner_args::{
    TokenOwnerArgs, not_on_cloud, owner, refused, revoke_unsaved, under_current_name,
};
use super::scopes::minimal_scopes;
use crate::app::{App, StoreFallback};
use crate::bitbucket::ApiError;
use crate::commands::Subcommand;
use crate::commands::args::{DryRunArg, YesArg};
use crate::error::Error;
use crate::types::access_token::{AccessToken, NewToken, TokenOwner};
use crate::types::action::Action;
use crate::types::connection::{
    Connection, ConnectionName, Credential, SecretSource, StoreKind, StoredSecret, TokenLevel,
};
use crate::types::date::DayCount;
use crate::types::hint::Hint;
use crate::types::purpose::Purpose;
use crate::types::scope::{Scope, ScopeSystem};
use crate::types::secret::Secret;
use crate::types::shell::quote;
use crate::ui::{CommandOutput, TextWriter, cell};

const LIST_EXAMPLES: &str = "\
Examples:
  bbconnect token list
  bbconnect token list --repo WEB/site --json
";

#[derive(Debug, clap::Args)]
#[command(before_help = LIST_EXAMPLES)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    pub owner: TokenOwnerArgs,
}

#[derive(Debug, Serialize)]
pub(crate) struct ListOutput {
    owner: String,
    repository: Option<String>,
    tokens: Vec<AccessToken>,
    #[serde(skip)]
    described_owner: String,
}

impl Subcommand for ListArgs {
    type Output = ListOutput;

    fn run(&self, app: &App) -> Result<ListOutput, Error> {
        let (selected, bitbucket, named) = self.owner.resolve(app)?;
        let _progress = app.ui.list_progress("listing tokens");
        let listed = app.block_on(async {
            if bitbucket.is_cloud() {
                return Ok(None);
            }
            let owner = owner(named, &bitbucket).await?;
            let tokens = bitbucket.tokens(&owner).await?;
            Ok(tokens.map(|tokens| (owner, tokens)))
        })?;
        match listed.map_err(|error| selected.describe_api_error(error))? {
            Some((owner, tokens)) => {
                let owner = under_current_name(owner, &bitbucket);
                Ok(ListOutput {
                    owner: owner.to_string(),
                    repository: owner.repository(),
                    tokens,
                    described_owner: self.owner.describe(&owner, &selected),
                })
            }
            None => Err(not_on_cloud()),
        }
    }
}

impl CommandOutput for ListOutput {
    const SCHEMA: &'static str = "bbconnect/token-list@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        let rows = self.tokens.iter().map(|token| {
            [
                cell(token.id.as_ref()),
                cell(token.name.as_ref()),
                cell(token.permissions.as_ref().map(|all| all.join(" "))),
                cell(token.expires_on),
                cell(token.last_used_on),
            ]
        });
        out.table(
            ["ID", "NAME", "PERMISSIONS", "EXPIRES ON", "LAST USED ON"],
            rows,
        );
    }

    fn write_stderr(&self, out: &mut TextWriter) {
        if self.tokens.is_empty() {
            out.empty_list(&self.described_owner, "tokens");
        } else {
            out.line(&format!("tokens of {}", self.described_owner));
        }
    }
}

const CREATE_EXAMPLES: &str = "\
Examples:
  bbconnect token create ci --for webhook --repo WEB/site --expires-in 90d --save-as site
  bbconnect token create ci --permission REPO_READ --username jane --token-stdin < password
  TOKEN=$(bbconnect token create ci --for read --project WEB)
";

#[derive(Debug, clap::Args)]
#[command(override_usage = "bbconnect token create [OPTIONS] <NAME>\n       <--for <PURPOSE>|--permission <PERMISSION>>", before_help = CREATE_EXAMPLES)]
#[command(group(clap::ArgGroup::new("rights").args(["purposes", "permissions"]).required(true).multiple(true)))]
pub(crate) struct CreateArgs {
    /// Name of the token
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Purpose, for the permissions of the token
    #[arg(
        long = "for",
        value_enum,
        value_name = "PURPOSE",
        value_delimiter = ','
    )]
    pub purposes: Vec<Purpose>,
    /// Permission of the token (repeatable)
    #[arg(
        help = "Permission: REPO_READ, REPO_WRITE, REPO_ADMIN, PROJECT_READ, PROJECT_WRITE, PROJECT_ADMIN",
        long = "permission",
        value_name = "PERMISSION",
        value_delimiter = ','
    )]
    pub permissions: Vec<Scope>,
    /// Lifetime: 90d, 12w [default: the server's maximum]
    #[arg(long, value_name = "AGE", value_parser = DayCount::parse_lifetime)]
    pub expires_in: Option<DayCount>,
    /// Save as a new connection instead of printing
    #[arg(long, value_name = "CONNECTION")]
    pub save_as: Option<ConnectionName>,
    /// Where to store the token
    #[arg(long, value_enum, value_name = "STORE", requires = "save_as")]
    pub store: Option<StoreKind>,
    #[command(flatten)]
    pub dry_run: DryRunArg,
    #[command(flatten)]
    pub owner: TokenOwnerArgs,
}

impl Subcommand for CreateArgs {
    type Output = CreateOutput;

    /// A token that was created and could not be stored is revoked again.
    fn run(&self, app: &App) -> Result<CreateOutput, Error> {
        let mut source = source(self, app)?;
        if let Some(name) = &self.save_as {
            app.connection_file().load()?.check_free(name)?;
            // Before a password is prompted for, and before a token is created.
            let fallback = match self.store {
                Some(_) => StoreFallback::None,
                None => StoreFallback::File,
            };
            source = app.available_store(source, fallback)?;
        }
        let (selected, bitbucket, named) = self.owner.resolve(app)?;
        if bitbucket.is_cloud() {
            return Err(not_on_cloud());
        }
        let permissions = permissions(self, named.as_ref())?;
        let days = self.expires_in.map(DayCount::count);
        let created = app.block_on(async {
            let owner = owner(named, &bitbucket).await?;
            let known = match bitbucket.tokens(&owner).await {
                Ok(known) => known.unwrap_or_default(),
                // Who may not list tokens may still create one.
                Err(error) if error.is_access_error() => Vec::new(),
                Err(error) => return Err(error),
            };
            if known
                .iter()
                .any(|token| token.name.as_deref() == Some(&self.name))
            {
                return Ok((owner, None));
            }
            if self.dry_run.is_set() {
                return Ok((owner, Some(None)));
            }
            let created = bitbucket
                .create_token(&owner, &self.name, &permissions, days)
                .await?;
            Ok((owner, Some(created)))
        })?;
        let (owner, created) = created.map_err(|error: ApiError| refused(&selected, error))?;
        let owner = under_current_name(owner, &bitbucket);
        let described_owner = self.owner.describe(&owner, &selected);
        let output = |token, secret, connection| CreateOutput {
            action: Action::Created,
            owner: owner.to_string(),
            repository: owner.repository(),
            token,
            secret,
            connection,
            described_owner: described_owner.clone(),
        };
        let Some(created) = created else {
            return Err(Error::conflict(
                format!("token {} of {owner} already exists", self.name),
                Hint::from("pass another name, or revoke it: ")
                    .with_command("token revoke")
                    .with_text(format!(" {} {}", quote(&self.name), owner.as_flag())),
            ));
        };
        let Some(NewToken { token, secret }) = created else {
            let expires_on = days.and_then(|days| app.today().checked_add_days(days));
            let token = AccessToken {
                name: Some(self.name.clone()),
                permissions: Some(permissions.into_iter().map(str::to_owned).collect()),
                expires_on,
                ..AccessToken::default()
            };
            return Ok(CreateOutput {
                action: Action::WouldCreate,
                ..output(token, None, self.save_as.clone())
            });
        };
        let Some(name) = &self.save_as else {
            return Ok(output(token, Some(RevealedSecret(secret)), None));
        };
        let connection = connection(&selected.connection, &owner, &token, source);
        if let Err(error) = save(name, &connection, &secret, app) {
            revoke_unsaved(&bitbucket, &owner, &token, app);
            return Err(error);
        }
        Ok(output(token, None, Some(name.clone())))
    }
}

/// The store for the token, determined before the token is created.
fn source(args: &CreateArgs, app: &App) -> Result<SecretSource, Error> {
    match args.store {
        None => app.default_store(),
        Some(StoreKind::Keyring) => Ok(SecretSource::Keyring),
        Some(StoreKind::File) => Ok(SecretSource::File),
        Some(StoreKind::Command | StoreKind::Environment) => Err(Error::usage(
            "a new token cannot be stored in a command",
            "pass --store keyring or --store file, or omit --save-as",
        )),
    }
}

/// The requested permissions, as Data Center names them, without those that another one implies.
fn permissions(args: &CreateArgs, owner: Option<&TokenOwner>) -> Result<Vec<&'static str>, Error> {
    let of_purposes = args
        .purposes
        .iter()
        .flat_map(|purpose| purpose.needs(ScopeSystem::DataCenter).required);
    let named = args
        .permissions
        .iter()
        .flat_map(|scope| scope.equivalents_in(ScopeSystem::DataCenter));
    let all: Vec<Scope> = of_purposes.chain(named).collect();
    let mut minimal: Vec<&str> = minimal_scopes(&all).into_iter().map(Scope::name).collect();
    minimal.sort_unstable();
    let is_of_repository = matches!(owner, Some(TokenOwner::Repository(_)));
    let too_wide = minimal
        .iter()
        .find(|name| is_of_repository && name.starts_with("PROJECT"));
    match too_wide {
        Some(name) => Err(Error::usage(
            format!("tokens of a repository cannot have {name}"),
            "pass --project KEY",
        )),
        None if minimal.is_empty() => Err(Error::usage(
            "no permission specified",
            "pass --permission REPO_READ or --for PURPOSE",
        )),
        None => Ok(minimal),
    }
}

/// The connection for the new token: the same server, scoped to the owner of the token.
fn connection(
    base: &Connection,
    owner: &TokenOwner,
    token: &AccessToken,
    source: SecretSource,
) -> Connection {
    let (level, account, project, repository) = match owner {
        TokenOwner::User(name) => (TokenLevel::User, Some(name.clone()), None, None),
        TokenOwner::Project(key) => (TokenLevel::Project, None, Some(key.clone()), None),
        TokenOwner::Repository(path) => (
            TokenLevel::Repo,
            None,
            Some(path.namespace.clone()),
            Some(path.slug.clone()),
        ),
    };
    Connection {
        credential: Credential::HttpAccessToken {
            level: Some(level),
            username: None,
        },
        account,
        project,
        repository,
        key_path: None,
        expires_on: token.expires_on,
        secret: Some(StoredSecret::new(source)),
        ..base.clone()
    }
}

fn save(
    name: &ConnectionName,
    connection: &Connection,
    secret: &Secret,
    app: &App,
) -> Result<(), Error> {
    app.connection_file().update(|connections| {
        connections.check_free(name)?;
        app.store_secret(name, connection, secret)?;
        Ok(connections.add(name, connection)?)
    })
}

#[derive(Debug, Serialize)]
pub(crate) struct CreateOutput {
    action: Action,
    owner: String,
    repository: Option<String>,
    token: AccessToken,
    secret: Option<RevealedSecret>,
    connection: Option<ConnectionName>,
    #[serde(skip)]
    described_owner: String,
}

/// A new token's secret, which is part of the result because the server returns it only once.
#[derive(Debug)]
struct RevealedSecret(Secret);

impl Serialize for RevealedSecret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.expose().serialize(serializer)
    }
}

impl CommandOutput for CreateOutput {
    const SCHEMA: &'static str = "bbconnect/token-create@1";
    const REVEALS_SECRET: bool = true;

    fn write_stdout(&self, out: &mut TextWriter) {
        if let Some(RevealedSecret(secret)) = &self.secret {
            out.verbatim(secret.expose());
        }
    }

    fn write_stderr(&self, out: &mut TextWriter) {
        let name = self.token.name.as_deref().unwrap_or_default();
        let permissions = self
            .token
            .permissions
            .as_ref()
            .map(|all| all.join(" "))
            .unwrap_or_default();
        out.line(&format!(
            "{}: token {name} of {}: {permissions}",
            self.action, self.described_owner
        ));
        if let Some(date) = self.token.expires_on {
            out.line(&format!("expires on {date}"));
        }
        match &self.connection {
            Some(name) => out.line(&format!("saved as connection {name}")),
            None if self.secret.is_some() => out.note("the token is not shown again"),
            None => {}
        }
    }
}

const REVOKE_EXAMPLES: &str = "\
Examples:
  bbconnect token revoke 252973515069
  bbconnect token revoke ci --repo WEB/site --yes
";

#[derive(Debug, clap::Args)]
#[command(before_help = REVOKE_EXAMPLES)]
pub(crate) struct RevokeArgs {
    /// Id or name of the token
    #[arg(value_name = "ID")]
    pub id: String,
    #[command(flatten)]
    pub yes: YesArg,
    #[command(flatten)]
    pub dry_run: DryRunArg,
    #[command(flatten)]
    pub owner: TokenOwnerArgs,
}

#[derive(Debug, Serialize)]
pub(crate) struct RevokeOutput {
    action: Action,
    owner: String,
    repository: Option<String>,
    id: String,
    name: Option<String>,
    #[serde(skip)]
    described_owner: String,
}

impl Subcommand for RevokeArgs {
    type Output = RevokeOutput;

    fn run(&self, app: &App) -> Result<RevokeOutput, Error> {
        let (selected, bitbucket, named) = self.owner.resolve(app)?;
        if bitbucket.is_cloud() {
            return Err(not_on_cloud());
        }
        let found = app.block_on(async {
            let owner = owner(named, &bitbucket).await?;
            let tokens = bitbucket.tokens(&owner).await?.unwrap_or_default();
            Ok((owner, tokens))
        })?;
        let (owner, tokens) =
            found.map_err(|error: ApiError| selected.describe_api_error(error))?;
        let owner = under_current_name(owner, &bitbucket);
        let of_id = tokens
            .iter()
            .filter(|token| token.id.as_deref() == Some(&self.id));
        let of_name = tokens
            .iter()
            .filter(|token| token.name.as_deref() == Some(&self.id));
        let found: Vec<_> = of_id.chain(of_name).collect();
        let token = match found.as_slice() {
            [token] => *token,
            [] => {
                let message = format!("{owner} has no token with the id or name {}", self.id);
                let hint = Hint::command("token list")
                    .with_text(format!(" {} lists the tokens", owner.as_flag()));
                return Err(Error::not_found(message, hint));
            }
            several => {
                let ids: Vec<&str> = several
                    .iter()
                    .filter_map(|token| token.id.as_deref())
                    .collect();
                return Err(Error::conflict(
                    format!("several tokens of {owner} are named {}", self.id),
                    format!("pass one of the ids: {}", ids.join(", ")),
                ));
            }
        };
        let id = token.id.as_deref().unwrap_or_default();
        let outcome = |action| RevokeOutput {
            action,
            owner: owner.to_string(),
            repository: owner.repository(),
            id: id.to_owned(),
            name: token.name.clone(),
            described_owner: self.owner.describe(&owner, &selected),
        };
        if self.dry_run.is_set() {
            return Ok(outcome(Action::WouldRemove));
        }
        let name = token.name.as_deref().unwrap_or_default();
        let is_own = bitbucket.current_token_id().as_deref() == Some(id);
        let own = if is_own {
            " This connection uses it."
        } else {
            ""
        };
        app.confirm(
            self.yes.is_set(),
            &format!("revoking token {name} ({id}) of {owner}"),
            &format!("Revoke token {name} ({id}) of {owner}?{own}"),
        )?;
        let revoked = app.block_on(bitbucket.revoke_token(&owner, id))?;
        revoked.map_err(|error| refused(&selected, error))?;
        Ok(outcome(Action::Removed))
    }
}

impl CommandOutput for RevokeOutput {
    const SCHEMA: &'static str = "bbconnect/token-revoke@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        let name = self.name.as_deref().unwrap_or_default();
        out.line(&format!(
            "{}: token {name} ({}) of {}",
            self.action, self.id, self.described_owner
        ));
    }
}
