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

/// Print the variables that let git use a connection in one shell
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
    /// Variables that are to go.
    unset: Vec<String>,
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
    let before = context.git_config();
    let ours = before.iter().filter(|entry| config.contains(entry)).count();
    let mut variables = BTreeMap::new();
    let mut gone = Vec::new();
    let entry = |number: usize| {
        [
            format!("GIT_CONFIG_KEY_{number}"),
            format!("GIT_CONFIG_VALUE_{number}"),
        ]
    };
    let put = |variables: &mut BTreeMap<String, String>,
               number: usize,
               (key, value): &(String, String)| {
        let [of_key, of_value] = entry(number);
        variables.extend([(of_key, key.clone()), (of_value, value.clone())]);
    };
    if args.unset {
        let others: Vec<_> = before
            .iter()
            .filter(|entry| !config.contains(entry))
            .collect();
        others
            .iter()
            .enumerate()
            .for_each(|(number, entry)| put(&mut variables, number, entry));
        gone.extend((others.len()..before.len()).flat_map(entry));
        if others.is_empty() {
            gone.extend((!before.is_empty()).then(|| "GIT_CONFIG_COUNT".to_owned()));
        } else {
            variables.insert("GIT_CONFIG_COUNT".to_owned(), others.len().to_string());
        }
    } else if ours < config.len() {
        let all = (before.len()..).zip(&config);
        all.for_each(|(number, entry)| put(&mut variables, number, entry));
        let count = before.len() + config.len();
        variables.insert("GIT_CONFIG_COUNT".to_owned(), count.to_string());
    }
    if let Some(command) = context.git_ssh_command(connection) {
        match (args.unset, context.git_ssh_command_now() == Some(&command)) {
            (true, true) => gone.push("GIT_SSH_COMMAND".to_owned()),
            (true, false) => {}
            (false, _) => drop(variables.insert("GIT_SSH_COMMAND".to_owned(), command)),
        }
    }
    Ok(Described {
        connection: chosen.name.to_string(),
        variables,
        unset: gone,
    })
}

impl Render for Described {
    const SCHEMA: &'static str = "bbconnect/git-env@1";

    fn text(&self, page: &mut Page) {
        for (name, value) in &self.variables {
            page.verbatim(&format!("export {name}={}\n", shell_words::quote(value)));
        }
        for name in &self.unset {
            page.verbatim(&format!("unset {name}\n"));
        }
    }
}
