//! The prompts of `connection add`: name, URL, kind of credential, user, secret, expiry date.

use std::str::FromStr;

use crate::app::App;
use crate::error::Error;
use crate::types::connection::{AuthMethod, ConnectionName, DetectedServer};
use crate::types::date::Date;
use crate::types::deployment::Deployment;
use crate::types::secret::Secret;

/// Prompts until the input can be parsed.
fn prompt<T: FromStr<Err: std::fmt::Display>>(
    app: &App,
    label: &str,
    initial: &str,
) -> Result<T, Error> {
    loop {
        let input = app.ui.prompt_text(label, initial).map_err(Error::Stdin)?;
        match input.trim().parse() {
            Ok(value) => return Ok(value),
            Err(reason) => app.ui.eprint_line(&format!("  {reason}")),
        }
    }
}

pub(super) fn name(app: &App, suggestion: &str) -> Result<ConnectionName, Error> {
    app.ui
        .eprint_line("A name for this connection, for yourself; Bitbucket does not see it.");
    prompt(app, "Name", suggestion)
}

pub(super) fn url(app: &App) -> Result<DetectedServer, Error> {
    app.ui.eprint_line(
        "Bitbucket Cloud is https://bitbucket.org; for a server, any of its addresses will do.",
    );
    prompt(app, "URL", "https://bitbucket.org")
}

pub(super) fn auth(app: &App, deployment: Deployment) -> Result<AuthMethod, Error> {
    let kinds: &[(AuthMethod, &str)] = match deployment {
        Deployment::Cloud => &[
            (AuthMethod::ApiToken, "API token (yours, with scopes)"),
            (
                AuthMethod::AccessToken,
                "access token (of a repository, project or workspace)",
            ),
            (
                AuthMethod::OAuth,
                "OAuth (sign in with a browser; needs an OAuth consumer)",
            ),
        ],
        Deployment::DataCenter | Deployment::Unknown => &[
            (AuthMethod::HttpAccessToken, "HTTP access token"),
            (AuthMethod::Password, "user name and password"),
        ],
    };
    let labels: Vec<&str> = kinds.iter().map(|(_, label)| *label).collect();
    let chosen = app
        .ui
        .prompt_select("Kind of credential", &labels)
        .map_err(Error::Stdin)?;
    Ok(kinds.get(chosen).map_or(AuthMethod::Ssh, |(auth, _)| *auth))
}

/// A line of text that is not empty.
pub(super) fn text(app: &App, what: &str, help: &str) -> Result<String, Error> {
    app.ui.eprint_line(help);
    // "the user name" within a sentence, "User name" where it stands alone.
    let label = what.strip_prefix("the ").unwrap_or(what);
    let (first, rest) = label.split_at_checked(1).unwrap_or_default();
    let label = format!("{}{rest}", first.to_uppercase());
    loop {
        let input = app.ui.prompt_text(&label, "").map_err(Error::Stdin)?;
        if !input.trim().is_empty() {
            return Ok(input.trim().to_owned());
        }
    }
}

pub(super) fn secret(app: &App, auth: AuthMethod) -> Result<Secret, Error> {
    let help = match auth {
        AuthMethod::ApiToken => {
            "Made at https://id.atlassian.com/manage-profile/security/api-tokens: \"Create API token with scopes\", \
             app Bitbucket."
        }
        AuthMethod::AccessToken => {
            "Made in the settings of the repository, project or workspace, under \"Access tokens\"."
        }
        AuthMethod::HttpAccessToken => {
            "Made on your server: your account, or the settings of a project or repository."
        }
        AuthMethod::OAuth | AuthMethod::ClientCredentials => {
            "The secret of the OAuth consumer (workspace settings) or of the incoming link (administration)."
        }
        AuthMethod::AppPassword | AuthMethod::Password | AuthMethod::Ssh => {
            "It is not shown while you type."
        }
    };
    app.ui.eprint_line(help);
    let secret = app.ui.prompt_secret(auth.secret_label());
    Ok(auth.normalize_secret(secret.map_err(Error::Stdin)?))
}

/// The expiry date of a token, which the API does not report; `None` where it is not known.
pub(super) fn expiry(app: &App) -> Result<Option<Date>, Error> {
    app
        .ui
        .eprint_line("The day it expires, as it was shown when it was made; `bbconnect check` warns before it. Empty if unknown.");
    loop {
        let input = app
            .ui
            .prompt_text("Expires on (YYYY-MM-DD)", "")
            .map_err(Error::Stdin)?;
        match input.trim() {
            "" => return Ok(None),
            text => match text.parse() {
                Ok(date) => return Ok(Some(date)),
                Err(reason) => app.ui.eprint_line(&format!("  {reason}")),
            },
        }
    }
}
