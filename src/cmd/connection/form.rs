//! The questions on a terminal, in the order of the forms that people know: name, URL, kind, user, secret.

use std::str::FromStr;

use crate::context::Context;
use crate::error::Error;
use crate::model::connection::{Auth, ConnectionName, Found};
use crate::model::day::Day;
use crate::model::deployment::Deployment;
use crate::model::secret::Secret;

/// Asks until the answer can be read.
fn ask<T: FromStr<Err: std::fmt::Display>>(
    context: &Context,
    prompt: &str,
    initial: &str,
) -> Result<T, Error> {
    loop {
        let answer = context
            .output
            .ask_text(prompt, initial)
            .map_err(Error::Input)?;
        match answer.trim().parse() {
            Ok(value) => return Ok(value),
            Err(reason) => context.output.guide(&format!("  {reason}")),
        }
    }
}

/// The name of the connection.
pub(super) fn name(context: &Context, suggestion: &str) -> Result<ConnectionName, Error> {
    context
        .output
        .guide("A name for this connection, for yourself; Bitbucket does not see it.");
    ask(context, "Name", suggestion)
}

/// Where the Bitbucket is.
pub(super) fn url(context: &Context) -> Result<Found, Error> {
    context.output.guide(
        "Bitbucket Cloud is https://bitbucket.org; for a server, any of its addresses will do.",
    );
    ask(context, "URL", "https://bitbucket.org")
}

/// How to authenticate.
pub(super) fn auth(context: &Context, deployment: Deployment) -> Result<Auth, Error> {
    let kinds: &[(Auth, &str)] = match deployment {
        Deployment::Cloud => &[
            (Auth::ApiToken, "API token (yours, with scopes)"),
            (
                Auth::AccessToken,
                "access token (of a repository, project or workspace)",
            ),
            (
                Auth::OAuth,
                "OAuth (sign in with a browser; needs an OAuth consumer)",
            ),
        ],
        Deployment::DataCenter | Deployment::Unknown => &[
            (Auth::HttpAccessToken, "HTTP access token"),
            (Auth::Password, "user name and password"),
        ],
    };
    let labels: Vec<&str> = kinds.iter().map(|(_, label)| *label).collect();
    let chosen = context
        .output
        .ask_choice("Kind of credential", &labels)
        .map_err(Error::Input)?;
    Ok(kinds.get(chosen).map_or(Auth::Ssh, |(auth, _)| *auth))
}

/// A line of text that may not be empty.
pub(super) fn text(context: &Context, prompt: &str, help: &str) -> Result<String, Error> {
    context.output.guide(help);
    // "the user name" within a sentence, "User name" where it stands alone.
    let label = prompt.strip_prefix("the ").unwrap_or(prompt);
    let (first, rest) = label.split_at_checked(1).unwrap_or_default();
    let label = format!("{}{rest}", first.to_uppercase());
    loop {
        let answer = context.output.ask_text(&label, "").map_err(Error::Input)?;
        if !answer.trim().is_empty() {
            return Ok(answer.trim().to_owned());
        }
    }
}

/// The secret, hidden.
pub(super) fn secret(context: &Context, auth: Auth) -> Result<Secret, Error> {
    let page = match auth {
        Auth::ApiToken => {
            "Made at https://id.atlassian.com/manage-profile/security/api-tokens: \"Create API token with scopes\", \
             app Bitbucket."
        }
        Auth::AccessToken => {
            "Made in the settings of the repository, project or workspace, under \"Access tokens\"."
        }
        Auth::HttpAccessToken => {
            "Made on your server: your account, or the settings of a project or repository."
        }
        Auth::OAuth | Auth::ClientCredentials => {
            "The secret of the OAuth consumer (workspace settings) or of the incoming link (administration)."
        }
        Auth::AppPassword | Auth::Password | Auth::Ssh => "It is not shown while you type.",
    };
    context.output.guide(page);
    let secret = context.output.ask_secret(auth.secret_name());
    Ok(auth.given(secret.map_err(Error::Input)?))
}

/// The last day of a token, which no API tells; `None` where it is not known.
pub(super) fn expiry(context: &Context) -> Result<Option<Day>, Error> {
    context
        .output
        .guide("The day it expires, as it was shown when it was made; `bbconnect check` warns before it. Empty if unknown.");
    loop {
        let answer = context
            .output
            .ask_text("Expires on (YYYY-MM-DD)", "")
            .map_err(Error::Input)?;
        match answer.trim() {
            "" => return Ok(None),
            text => match text.parse() {
                Ok(day) => return Ok(Some(day)),
                Err(reason) => context.output.guide(&format!("  {reason}")),
            },
        }
    }
}
