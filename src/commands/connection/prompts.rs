//! The prompts of `connection add` and `connection edit`.

use super::args;
use crate::app::App;
use crate::error::Error;
use crate::types::access_token::TokenOwnerRef;
use crate::types::connection::{
    AuthMethod, Connection, ConnectionName, DetectedServer, RequiredField,
};
use crate::types::deployment::Deployment;
use crate::types::namespace::Workspace;
use crate::types::purpose::Purpose;
use crate::types::scope::ScopeSystem;
use crate::types::secret::Secret;

/// More choices than these are searched.
const MAX_LISTED_CHOICES: usize = 12;
/// Scopes of an API token for everyday use: `repo list`, cloning, pushing, pull requests.
const EVERYDAY: [Purpose; 3] = [Purpose::Read, Purpose::Write, Purpose::PullRequest];
/// What `connection add` itself reads of an account.
const ACCOUNT_SCOPES: [&str; 2] = ["read:user:bitbucket", "read:workspace:bitbucket"];

/// A name for a connection where the suggested one is taken.
pub(super) fn name(app: &App, suggestion: &str) -> Result<ConnectionName, Error> {
    app.ui.eprint_line("Local name for this connection");
    app.ui.prompt_value("Name", suggestion)
}

pub(super) fn url(app: &App) -> Result<DetectedServer, Error> {
    app.ui
        .eprint_line("Bitbucket Cloud is https://bitbucket.org; or paste any URL of your server.");
    app.ui.prompt_value("URL", "https://bitbucket.org")
}

/// The kind of a secret that does not show it.
pub(super) fn auth(app: &App, deployment: Deployment) -> Result<AuthMethod, Error> {
    let kinds: &[(AuthMethod, &str)] = match deployment {
        Deployment::Cloud => &[
            (AuthMethod::ApiToken, "API token (of your account)"),
            (
                AuthMethod::AccessToken,
                "access token (of a repository, project or workspace)",
            ),
            (
                AuthMethod::OAuth,
                "client secret of an OAuth consumer (sign in with a browser)",
            ),
        ],
        Deployment::DataCenter | Deployment::Unknown => &[
            (AuthMethod::HttpAccessToken, "HTTP access token"),
            (AuthMethod::Password, "password"),
            (
                AuthMethod::OAuth,
                "client secret of an incoming link (sign in with a browser)",
            ),
        ],
    };
    let labels: Vec<&str> = kinds.iter().map(|(_, label)| *label).collect();
    let chosen = app.ui.prompt_select("Type of credential", &labels)?;
    Ok(kinds.get(chosen).map_or(AuthMethod::Ssh, |(auth, _)| *auth))
}

/// A field that a kind of credential needs.
pub(super) fn required_field(
    app: &App,
    auth: AuthMethod,
    field: RequiredField,
) -> Result<String, Error> {
    let (label, help) = match field {
        RequiredField::Email => (
            "E-mail address",
            "E-mail address of your Atlassian account, not the user name.",
        ),
        RequiredField::ClientId => (
            "Client ID",
            "Key of the OAuth consumer (workspace settings), or client ID of the incoming link.",
        ),
        RequiredField::Username if auth == AuthMethod::AppPassword => (
            "User name",
            "User name, not the e-mail address: https://bitbucket.org/account/settings/ shows it.",
        ),
        RequiredField::Username => (
            "User name",
            "User name with which you log in to the server.",
        ),
    };
    app.ui.eprint_line(help);
    loop {
        let input = app.ui.prompt_text(label, "")?;
        let parsed = if field == RequiredField::Email {
            args::email(input.trim())
        } else {
            args::no_control_chars(input.trim())
        };
        match parsed {
            Ok(text) if !text.is_empty() => return Ok(text),
            Ok(_) => {}
            Err(reason) => app.ui.eprint_line(&format!("  {reason}")),
        }
    }
}

/// A secret of any kind that a product has and `check` accepts. Where one is created is shown once, and opened for an empty
/// line.
pub(super) fn any_secret(
    app: &App,
    connection: &Connection,
    check: impl Fn(&Secret) -> Result<(), Error>,
) -> Result<Secret, Error> {
    let (auth, label) = match connection.deployment {
        Deployment::Cloud => (AuthMethod::ApiToken, "API token or access token"),
        Deployment::DataCenter | Deployment::Unknown => {
            (AuthMethod::HttpAccessToken, "HTTP access token or password")
        }
    };
    describe_creation(app, connection, auth);
    loop {
        let secret = app.prompt_secret_or_page(connection, auth, label)?;
        match check(&secret) {
            Ok(()) => return Ok(secret),
            Err(error) => explain(app, &error),
        }
    }
}

/// Why the input is not accepted, before the prompt is repeated.
pub(super) fn explain(app: &App, error: &Error) {
    app.ui.eprint_line(&format!("  {error}"));
    if let Some(hint) = error.hint() {
        app.ui.eprint_line(&format!("  hint: {hint}"));
    }
}

pub(super) fn secret(app: &App, connection: &Connection) -> Result<Secret, Error> {
    let auth = connection.auth();
    describe_creation(app, connection, auth);
    secret_again(app, connection)
}

/// A secret of a kind, where the previous one was wrong.
pub(super) fn secret_again(app: &App, connection: &Connection) -> Result<Secret, Error> {
    let auth = connection.auth();
    let secret = app.prompt_secret_or_page(connection, auth, &auth.secret_prompt())?;
    Ok(auth.normalize_secret(secret))
}

/// Where a credential of a kind is created, and the scopes to select.
fn describe_creation(app: &App, connection: &Connection, auth: AuthMethod) {
    let page = connection.token_page(auth, connection.level());
    let page = page.as_deref().unwrap_or_default();
    let open = "press Enter to open that page";
    let lines = match auth {
        AuthMethod::ApiToken => vec![
            format!("API tokens are created at {page}"),
            "  (\"Create API token with scopes\", app Bitbucket). Scopes for everyday use:".to_owned(),
            format!("  {}", everyday_scopes().join(" ")),
            "  More: `bbconnect token scopes --for PURPOSE`.".to_owned(),
            format!("Paste the token, or {open}."),
        ],
        AuthMethod::AccessToken if page.contains("/WORKSPACE/") => vec![
            "Access tokens are created in the settings of the repository, project or workspace, under \"Access tokens\"."
                .to_owned(),
        ],
        AuthMethod::AccessToken | AuthMethod::HttpAccessToken => vec![
            format!("{}s are created at {page}", auth.secret_prompt()),
            format!("Paste the token, or {open}."),
        ],
        AuthMethod::OAuth | AuthMethod::ClientCredentials => vec![
            "Secret of the OAuth consumer (workspace settings) or of the incoming link (administration).".to_owned(),
        ],
        AuthMethod::AppPassword | AuthMethod::Password | AuthMethod::Ssh => Vec::new(),
    };
    for line in &lines {
        app.ui.eprint_line(line);
    }
}

fn everyday_scopes() -> Vec<&'static str> {
    let purposes = EVERYDAY
        .iter()
        .flat_map(|purpose| purpose.needs(ScopeSystem::ApiToken).required);
    let mut scopes = ACCOUNT_SCOPES.to_vec();
    for scope in purposes {
        if !scopes.contains(&scope.name()) {
            scopes.push(scope.name());
        }
    }
    scopes
}

/// What an access token belongs to.
pub(super) fn token_owner(app: &App) -> Result<TokenOwnerRef, Error> {
    app.ui.eprint_line(
        "Workspace, WORKSPACE/REPOSITORY, or the URL of the workspace, project or repository",
    );
    app.ui.prompt_value("Token belongs to", "")
}

/// One of several workspaces; `None` to choose none.
pub(super) fn workspace(app: &App, workspaces: &[Workspace]) -> Result<Option<String>, Error> {
    let slugs = workspaces.iter().map(|workspace| workspace.slug.clone());
    let choices: Vec<String> = slugs.chain(["no default workspace".to_owned()]).collect();
    let chosen = if choices.len() > MAX_LISTED_CHOICES {
        app.ui.prompt_fuzzy_select("Default workspace", &choices)
    } else {
        let choices: Vec<&str> = choices.iter().map(String::as_str).collect();
        app.ui.prompt_select("Default workspace", &choices)
    };
    let chosen = match chosen {
        // The other input is kept.
        Err(Error::Cancelled) => return Ok(None),
        chosen => chosen?,
    };
    Ok(workspaces
        .get(chosen)
        .map(|workspace| workspace.slug.clone()))
}
