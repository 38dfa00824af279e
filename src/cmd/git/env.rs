//! `bbconnect git env`: what a shell must export so that git uses a connection, with nothing written to disk.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::context::Context;
use crate::error::Error;
use crate::model::connection::Auth;
use crate::output::{Page, Render};

const EXAMPLES: &str = "\
Examples:
  bbconnect git env work
  eval \"$(bbconnect git env)\" && git clone https://bitbucket.org/acme/site.git
  eval \"$(bbconnect git env work)\"
  eval \"$(bbconnect git env --unset)\"
";

/// Arguments of `bbconnect git env`.
#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// The connection; without a name, the one that applies here
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
    /// Print what takes the variables back
    #[arg(long)]
    pub unset: bool,
}

/// The variables.
#[derive(Debug, Serialize)]
pub struct Described {
    connection: String,
    variables: BTreeMap<String, String>,
    #[serde(skip)]
    unset: bool,
}

/// Works out the variables. Nothing is written, and no secret is among them.
///
/// # Errors
/// Where no connection applies.
pub fn run(args: &Args, context: &Context) -> Result<Described, Error> {
    let chosen = match &args.name {
        Some(name) => context.choose_named(name)?,
        None => context.choose()?,
    };
    let connection = &chosen.connection;
    let mut config = Vec::new();
    if connection.auth != Auth::Ssh {
        // The environment's connection is found by the environment, which git hands on.
        let name = chosen.is_stored().then(|| chosen.name.to_string());
        let helper = context.git_helper(name.as_deref())?;
        for origin in Context::git_origins_of(connection) {
            let key = |what: &str| format!("credential.{origin}.{what}");
            config.push((key("helper"), String::new()));
            config.push((key("helper"), helper.clone()));
            config.push((key("useHttpPath"), "true".to_owned()));
        }
    }
    let mut variables = BTreeMap::new();
    let first = if args.unset {
        0
    } else {
        context.git_config_count()
    };
    for (number, (key, value)) in (first..).zip(&config) {
        variables.insert(format!("GIT_CONFIG_KEY_{number}"), key.clone());
        variables.insert(format!("GIT_CONFIG_VALUE_{number}"), value.clone());
    }
    if !config.is_empty() {
        variables.insert(
            "GIT_CONFIG_COUNT".to_owned(),
            (first + config.len()).to_string(),
        );
        variables.insert("GIT_TERMINAL_PROMPT".to_owned(), "0".to_owned());
    }
    if let Some(command) = context.git_ssh_command(connection) {
        variables.insert("GIT_SSH_COMMAND".to_owned(), command);
    }
    Ok(Described {
        connection: chosen.name.to_string(),
        variables,
        unset: args.unset,
    })
}

impl Render for Described {
    const SCHEMA: &'static str = "bbconnect/git-env@1";

    fn text(&self, page: &mut Page) {
        for (name, value) in &self.variables {
            if self.unset {
                page.verbatim(&format!("unset {name}\n"));
            } else {
                page.verbatim(&format!("export {name}={}\n", shell_words::quote(value)));
            }
        }
    }
}
