//! `bbconnect git setup`: git asks bbconnect for the servers of the connections, and no other helper for them; and reaches
//! them with the certificates and the proxy of the connections.

use serde::Serialize;

use crate::app::{App, GitServer, HelperConnection};
use crate::commands::Subcommand;
use crate::error::Error;
use crate::git::{ConfigScope, HelperConfig, HttpSetting, HttpSettings};
use crate::types::action::Action;
use crate::ui::{CommandOutput, TextWriter};

const EXAMPLES: &str = "\
Examples:
  bbconnect git setup
  bbconnect git setup --host git.example.com --local
  bbconnect git setup -c work
  bbconnect git setup --undo
";

#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Args {
    /// Only this host
    #[arg(long, value_name = "HOST")]
    pub host: Option<String>,
    /// In the user's git configuration (default)
    #[arg(long, conflicts_with = "local")]
    pub global: bool,
    /// In the configuration of the current repository
    #[arg(long)]
    pub local: bool,
    /// Remove the configuration
    #[arg(long)]
    pub undo: bool,
}

/// The credential helpers that were configured.
#[derive(Debug, Serialize)]
pub(crate) struct SetupOutput {
    action: Action,
    helpers: Vec<Helper>,
}

#[derive(Debug, Serialize)]
struct Helper {
    url: String,
    action: Action,
    /// Other helpers that git also gives the secret to.
    others: bool,
    /// The settings `http.<url>.…`: certificates and proxy.
    settings: HttpSettings,
    /// The settings that are not set, because the connections to this server differ in them.
    differing: Vec<HttpSetting>,
    /// The settings for which git has another value, which was not set by bbconnect.
    kept: Vec<HttpSetting>,
}

impl Subcommand for Args {
    type Output = SetupOutput;

    /// Sets, or removes, `credential.<url>.helper` and `http.<url>.…` for every server.
    fn run(&self, app: &App) -> Result<SetupOutput, Error> {
        let scope = if self.local {
            ConfigScope::Local
        } else {
            ConfigScope::Global
        };
        let connection = app
            .named_connection()
            .map_or(HelperConnection::Resolved, HelperConnection::Named);
        let helper = app.credential_helper_command(connection)?;
        let servers = if self.undo && self.host.is_none() {
            let origins = HelperConfig::servers(scope, is_ours)?.into_iter();
            let server = |origin| (origin, HttpSettings::default(), Vec::new());
            origins.map(server).collect()
        } else {
            let servers = app
                .git_servers(self.host.as_deref(), self.local)?
                .into_iter();
            let server = |server: GitServer| (server.origin, server.settings, server.differing);
            servers.map(server).collect::<Vec<_>>()
        };
        let helpers = servers
            .into_iter()
            .map(|(url, settings, differing)| {
                let known = HelperConfig::read(scope, &url)?;
                let (settings, differing) = if self.undo {
                    Default::default()
                } else {
                    (settings, differing)
                };
                let helper_changed = if self.undo {
                    known.remove(is_ours)?
                } else {
                    known.add(&helper, is_ours)?
                };
                let (settings_changed, kept) = settings.apply(scope, &url)?;
                let action = match (helper_changed, settings_changed, self.undo) {
                    (false, false, _) => Action::Unchanged,
                    (_, _, true) => Action::Removed,
                    (true, _, false) => Action::Created,
                    (false, true, false) => Action::Updated,
                };
                Ok(Helper {
                    others: !self.undo && known.has_others(is_ours),
                    settings: settings.without(&kept),
                    url,
                    action,
                    differing,
                    kept,
                })
            })
            .collect::<Result<Vec<_>, Error>>()?;
        let changed = helpers
            .iter()
            .find(|helper| helper.action != Action::Unchanged);
        Ok(SetupOutput {
            action: changed.map_or(Action::Unchanged, |helper| helper.action),
            helpers,
        })
    }
}

/// An entry that runs this program, wherever it was when it was written.
fn is_ours(helper: &str) -> bool {
    helper.starts_with('!') && helper.ends_with(" git credential")
}

impl CommandOutput for SetupOutput {
    const SCHEMA: &'static str = "bbconnect/git-setup@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        for helper in &self.helpers {
            out.line(&format!("{}  {}", helper.url, helper.action));
        }
    }

    fn write_stderr(&self, out: &mut TextWriter) {
        if self.helpers.is_empty() {
            out.line("nothing to undo: git is not configured to use bbconnect");
        }
        for helper in self.helpers.iter().filter(|helper| helper.others) {
            out.note(&format!(
                "another credential helper is configured for {}: git passes it the secret, and it may store it in \
                 plain text",
                helper.url
            ));
        }
        for helper in &self.helpers {
            for setting in &helper.differing {
                out.note(&format!(
                    "the connections to {} have different values for {}, so git gets none; run `bbconnect git setup \
                     --local` in each checkout",
                    helper.url,
                    setting.name()
                ));
            }
            for setting in &helper.kept {
                let (url, name) = (&helper.url, setting.name());
                out.note(&format!(
                    "http.{url}.{name} was not set by bbconnect and is kept; to use that of the connection, run `git config \
                     --unset-all http.{url}.{name}` and this command again",
                ));
            }
        }
    }
}
