//! `bbconnect token page`: the page where a token is created.

use serde::Serialize;

use crate::app::App;
use crate::commands::Subcommand;
use crate::error::Error;
use crate::types::cloud_hosts::API_BASE_URL;
use crate::types::connection::{AuthMethod, BaseUrl, Connection, TokenLevel};
use crate::types::deployment::Deployment;
use crate::types::repository::RepoRef;
use crate::ui::{CommandOutput, TextWriter};

const EXAMPLES: &str = "\
Examples:
  bbconnect token page  # for the connection that applies
  bbconnect token page --auth access-token --repo acme/site
  bbconnect token page --open -c work
";

#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Args {
    /// Type of credential [default: that of the connection]
    #[arg(long, value_enum, value_name = "KIND")]
    pub auth: Option<AuthMethod>,
    /// Repository of the token: NAMESPACE/SLUG, SLUG or any URL of it
    #[arg(short = 'R', long, value_name = "REF")]
    pub repo: Option<RepoRef>,
    /// Open it in a browser
    #[arg(long)]
    pub open: bool,
}

#[derive(Debug, Serialize)]
pub(crate) struct PageOutput {
    auth: AuthMethod,
    url: String,
    opened: bool,
    #[serde(skip)]
    not_opened: bool,
}

impl Subcommand for Args {
    type Output = PageOutput;

    /// Finds the page. A server is only asked for an account that its page contains and that is not known yet.
    fn run(&self, app: &App) -> Result<PageOutput, Error> {
        let mut connection = match (app.select(), self.auth) {
            (Ok(chosen), auth)
                if auth.is_none_or(|auth| {
                    auth.require_supported_by(chosen.connection.deployment)
                        .is_ok()
                }) =>
            {
                chosen.connection
            }
            (_, Some(auth)) if auth.require_supported_by(Deployment::Cloud).is_ok() => cloud()?,
            (Err(error), _) => return Err(error),
            (Ok(_), _) => {
                return Err(Error::usage(
                    "this type of token requires a Data Center, but the connection is to Bitbucket \
                        Cloud",
                    "pass --connection NAME of a Data Center",
                ));
            }
        };
        let auth = self.auth.unwrap_or(connection.auth());
        let mut level = connection.level();
        if let Some(repo) = &self.repo {
            let path = repo.resolve(&connection)?;
            *connection.namespace_mut() = Some(path.namespace);
            connection.repository = Some(path.slug);
            level = Some(TokenLevel::Repo);
        }
        let is_of_user = !matches!(level, Some(TokenLevel::Repo | TokenLevel::Project));
        if auth == AuthMethod::HttpAccessToken && is_of_user {
            let known = connection.account.take();
            connection.account = known.or_else(|| account(app));
        }
        let url = connection.token_page(auth, level).ok_or_else(|| {
            Error::usage(
                "SSH-only connections have no token",
                super::scopes::kinds_with_a_token(),
            )
        })?;
        let opened = self.open.then(|| app.open_in_browser(&url));
        Ok(PageOutput {
            auth,
            opened: opened == Some(true),
            not_opened: opened == Some(false),
            url,
        })
    }
}

/// The account of the connection that applies, as its page names it: a connection that was not verified has none yet.
fn account(app: &App) -> Option<String> {
    let (selected, bitbucket) = app.client().ok()?;
    if let Some(name) = selected.connection.credential.username() {
        return Some(name.to_owned());
    }
    let _progress = app.ui.progress("identifying the account");
    let name = app.identify(&selected, &bitbucket).ok()?.account?;
    let slug = app.block_on(bitbucket.user_slug(&name)).ok()?;
    Some(slug.unwrap_or(name))
}

fn cloud() -> Result<Connection, Error> {
    let base = BaseUrl::parse(API_BASE_URL).map_err(|error| Error::usage(error.to_string(), ""))?;
    Ok(Connection::without_credential(Deployment::Cloud, base))
}

impl CommandOutput for PageOutput {
    const SCHEMA: &'static str = "bbconnect/token-page@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        out.line(&self.url);
    }

    fn write_stderr(&self, out: &mut TextWriter) {
        if self.url.contains("/WORKSPACE/") {
            out.note("replace WORKSPACE with your workspace, or pass --repo");
        }
        if self.auth == AuthMethod::AppPassword {
            out.note("app passwords were retired on 2026-07-28; create an API token instead");
        }
        if matches!(self.auth, AuthMethod::ApiToken | AuthMethod::AppPassword) {
            out.note("select \"Create API token with scopes\" and the app Bitbucket");
        }
        if self.not_opened {
            out.note("no browser could be opened; open the URL above");
        }
    }
}
