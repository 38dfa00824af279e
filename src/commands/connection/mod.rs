//! `bbconnect connection`: named profiles of a server, a credential and defaults.

pub(crate) mod add;
mod args;
mod build;
pub(crate) mod edit;
pub(crate) mod export;
mod prompts;
pub(crate) mod remove;
pub(crate) mod rename;
mod secret;
pub(crate) mod set_default;
pub(crate) mod show;

use crate::commands::command_group;

const EXAMPLES: &str = "\
Examples:
  bbconnect connection add  # prompts for everything, on a terminal
  bbconnect connection add work --url https://bitbucket.org --auth api-token --email jane@acme.com
  bbconnect connection list
  bbconnect connection use work --here
";

command_group! {
    #[command(before_help = EXAMPLES, defer = true)]
    pub(crate) enum Command {
        /// Verify a credential and save it as a connection
        Add(add::Args),
        /// List connections
        #[command(visible_alias = "ls")]
        List(show::ListArgs),
        /// Show a connection
        Show(show::ShowArgs),
        /// Change a connection, or replace its secret
        Edit(edit::Args),
        /// Rename a connection
        Rename(rename::Args),
        /// Remove a connection and its secret
        #[command(visible_alias = "rm")]
        Remove(remove::Args),
        /// Set the default connection, or that of a repository or directory
        Use(set_default::Args),
        /// Show which connection applies here, and why
        Which(show::WhichArgs),
        /// Print a connection in the form that another product takes
        Export(export::Args),
    }
}
