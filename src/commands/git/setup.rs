//! `bbconnect git setup`: git asks bbconnect for the servers of the connections, and no other helper for them.

use serde::Serialize;

use crate::app::{App, HelperConnection};
use crate::commands::Subcommand;
use crate::error::Error;
use crate::git::{ConfigScope, HelperConfig};
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
    /// This server alone
    #[arg(long, value_name = "HOST")]
    pub host: Option<String>,
    /// In the user's configuration (the default)
    #[arg(long, conflicts_with = "local")]
    pub global: bool,
    /// In the configuration of the repository one stands in
    #[arg(long)]
    pub local: bool,
    /// Take it back
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
}

impl Subcommand for Args {
    type Output = SetupOutput;

    /// Writes, or takes back, `credential.<url>.helper` for every server.
    ///
    /// # Errors
    /// Where no connection is for the host, the one that is named is not there or for SSH alone, or git's configuration
    /// cannot be changed.
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
        let origins = if self.undo && self.host.is_none() {
            HelperConfig::servers(scope, is_ours)?
        } else {
            app.git_origins(self.host.as_deref())?
        };
        let helpers = origins
            .into_iter()
            .map(|url| {
                let known = HelperConfig::of(scope, &url)?;
                let changed = if self.undo {
                    known.remove(is_ours)?
                } else {
                    known.add(&helper, is_ours)?
                };
                let action = match (changed, self.undo) {
                    (false, _) => Action::Unchanged,
                    (true, false) => Action::Created,
                    (true, true) => Action::Removed,
                };
                let others = !self.undo && known.has_others(is_ours);
                Ok(Helper {
                    url,
                    action,
                    others,
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
            out.line("git has no helper of bbconnect here, so there is nothing to undo");
        }
        for helper in self.helpers.iter().filter(|helper| helper.others) {
            out.note(&format!(
                "another helper is set for {}; git tells it the secret as well, and it may keep it in clear text",
                helper.url
            ));
        }
    }
}
