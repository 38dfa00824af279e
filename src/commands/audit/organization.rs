//! The API tokens of an organization's users, and the expiry dates of connections that use them: Bitbucket Cloud reports
//! neither.

use std::path::PathBuf;

use serde::Serialize;

use crate::app::App;
use crate::bitbucket::{ApiError, UserToken};
use crate::error::Error;
use crate::types::action::Action;
use crate::types::connection::{BaseUrl, ConnectionName, Credential, contains_token};
use crate::types::date::{Date, Timestamp};
use crate::types::inventory::{Item, ItemKind};
use crate::types::secret::Secret;

const ORGANIZATIONS_API: &str = "https://api.atlassian.com";

const KEY_HINT: &str = "the organization's API key needs the scope read:tokens:admin; create one at \
                        https://admin.atlassian.com, Settings, API keys";

// No doc comment: clap would show it as the description of the command that this is part of.
#[derive(Debug, clap::Args)]
pub(super) struct OrganizationArgs {
    /// List the API tokens of this Atlassian organization (Cloud)
    #[arg(long, value_name = "ID", help_heading = HEADING)]
    pub(super) org: Option<String>,
    /// Read the organization's API key from stdin; prompt on a terminal
    #[arg(long, requires = "org", help_heading = HEADING,
        conflicts_with_all = ["org_token_file", "org_token_command"])]
    org_token_stdin: bool,
    /// Read the organization's API key from the first line of FILE
    #[arg(long, value_name = "FILE", requires = "org", help_heading = HEADING,
        conflicts_with = "org_token_command")]
    org_token_file: Option<PathBuf>,
    /// Command that prints the organization's API key
    #[arg(long, value_name = "CMD", requires = "org", help_heading = HEADING)]
    org_token_command: Option<String>,
    /// Set the expiry dates of connections that have none
    #[arg(long, requires = "org", help_heading = HEADING)]
    set_expiry: bool,
    /// The server of the API. The key goes where the command line says, never where a variable or a file says
    #[arg(long, value_name = "URL", requires = "org", value_parser = BaseUrl::parse,
        default_value = ORGANIZATIONS_API, hide = true)]
    org_url: BaseUrl,
}

const HEADING: &str = "API tokens of an organization";

/// The expiry date of a connection's token.
#[derive(Debug, Serialize)]
pub(super) struct ExpiryDate {
    pub(super) connection: ConnectionName,
    /// The label of the token.
    token: Option<String>,
    pub(super) expires_on: Date,
    pub(super) action: Action,
}

/// The tokens of an organization.
#[derive(Debug, Default)]
pub(super) struct OrganizationTokens {
    pub(super) items: Vec<Item>,
    pub(super) requests: usize,
}

impl OrganizationArgs {
    pub(super) fn read(&self, app: &App) -> Result<OrganizationTokens, Error> {
        let Some(organization) = &self.org else {
            return Ok(OrganizationTokens::default());
        };
        let client = app.organization_client(&self.org_url, self.key(app)?);
        let _progress = app.ui.list_progress("listing API tokens");
        let tokens = app.block_on(client.api_tokens(organization))?;
        let tokens = tokens.map_err(|error| {
            if matches!(error, ApiError::NotFound(_) | ApiError::NotAnApiEndpoint(_)) {
                return Error::not_found(
                    format!("organization {organization} not found, or not visible with this API key"),
                    "the id is in the URL of the organization's pages at https://admin.atlassian.com",
                );
            }
            let is_refused = matches!(error, ApiError::Unauthorized(_) | ApiError::Forbidden { .. });
            Error::Api {
                causes: is_refused.then(|| KEY_HINT.into()),
                error,
            }
        })?;
        Ok(OrganizationTokens {
            items: tokens.into_iter().map(item).collect(),
            requests: client.requests_sent(),
        })
    }

    fn key(&self, app: &App) -> Result<Secret, Error> {
        const FLAGS: &str =
            "pass --org-token-stdin, --org-token-file FILE or --org-token-command 'CMD'";
        let command = self.org_token_command.as_deref();
        if command.is_some_and(contains_token) {
            return Err(Error::usage("--org-token-command contains a token", FLAGS));
        }
        let file = self.org_token_file.as_deref();
        if let Some(key) = app.secret_from_flags(file, command, false)? {
            return Ok(key);
        }
        if self.org_token_stdin || app.is_interactive() {
            return app.read_token_from_stdin("--org-token-stdin");
        }
        Err(Error::InputRequired {
            what: "the organization's API key",
            hint: FLAGS.into(),
        })
    }

    /// The expiry dates of connections that have none. They are set with `--set-expiry`, or where the user confirms.
    pub(super) fn set_expiry_dates(
        &self,
        app: &App,
        tokens: &[Item],
    ) -> Result<Vec<ExpiryDate>, Error> {
        let mut dates = find_expiry_dates(app, tokens)?;
        if dates.is_empty() {
            return Ok(dates);
        }
        let names: Vec<_> = dates
            .iter()
            .map(|date| format!("{}: {}", date.connection, date.expires_on))
            .collect();
        let question = format!("Set expiry dates ({})?", names.join(", "));
        if !self.set_expiry {
            let is_confirmed = app.is_interactive() && app.ui.prompt_confirm(&question)?;
            if !is_confirmed {
                app.ui
                    .warn("pass --set-expiry to set the expiry dates of connections");
                return Ok(dates);
            }
        }
        app.connection_file().update(|connections| {
            for date in &mut dates {
                let (name, mut connection) = connections.get(&date.connection.to_string())?;
                if connection.expires_on.is_none() {
                    connection.expires_on = Some(date.expires_on);
                    connections.replace(&name, &connection)?;
                    date.action = Action::Updated;
                }
            }
            Ok::<_, Error>(())
        })?;
        Ok(dates)
    }
}

/// A token belongs to a connection where it is the only one of its account, or has the connection's name.
fn find_expiry_dates(app: &App, tokens: &[Item]) -> Result<Vec<ExpiryDate>, Error> {
    let connections = app.connection_file().load()?;
    let mut dates = Vec::new();
    for name in connections.names() {
        let Ok((name, connection)) = connections.get(&name) else {
            continue;
        };
        let Credential::ApiToken { email, .. } = &connection.credential else {
            continue;
        };
        if connection.expires_on.is_some() {
            continue;
        }
        let owner = format!("user:{email}");
        let is_own = |token: &&Item| {
            token.owner.eq_ignore_ascii_case(&owner)
                && token.expires_on.is_some_and(|date| date >= app.today())
        };
        let own: Vec<&Item> = tokens.iter().filter(is_own).collect();
        let has_its_name = |token: &&&Item| {
            let label = token.label.as_deref().unwrap_or_default();
            label.eq_ignore_ascii_case(&name.to_string())
        };
        let named: Vec<&Item> = own.iter().filter(has_its_name).copied().collect();
        match (own.as_slice(), named.as_slice()) {
            ([], _) => {}
            ([token], _) | (_, [token]) => dates.extend(token.expires_on.map(|expires_on| ExpiryDate {
                connection: name,
                token: token.label.as_deref().map(str::to_owned),
                expires_on,
                action: Action::WouldUpdate,
            })),
            _ => app.ui.warn(&format!(
                "{email} has {} API tokens, none with the name of the connection; run `bbconnect connection edit {name} --expires YYYY-MM-DD`",
                own.len()
            )),
        }
    }
    Ok(dates)
}

fn item(token: UserToken) -> Item {
    let name = token
        .user
        .and_then(|user| user.email.or(user.name).or(user.id));
    let owner = format!("user:{}", name.as_deref().unwrap_or("unknown"));
    Item {
        id: token.id.map(Into::into),
        label: token.label.map(Into::into),
        created_on: token.created_at,
        last_used_on: token.last_active_at,
        expires_on: token.expires_at.map(Timestamp::date),
        ..Item::new(ItemKind::Token, owner.as_str().into())
    }
}
