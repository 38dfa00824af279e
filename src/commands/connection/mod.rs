//! `bbconnect connection`: named ways to reach a Bitbucket, one file for each thing that is done with them.

pub mod add;
mod args;
mod build;
mod credential;
pub mod edit;
pub mod list;
mod prompts;
pub mod remove;
pub mod rename;
pub mod set_default;
pub mod show;
mod value_parsers;
mod verify;
pub mod which;

use clap::Subcommand;

const EXAMPLES: &str = "\
Examples:
  bbconnect connection add                                    asks for everything, on a terminal
  bbconnect connection add work --url https://bitbucket.org --auth api-token --email jane@acme.com
  bbconnect connection list
  bbconnect connection use work --here
";

const LIST_EXAMPLES: &str = "\
Examples:
  bbconnect connection list
  bbconnect connection list --json
";

const WHICH_EXAMPLES: &str = "\
Examples:
  bbconnect connection which
  cd site && bbconnect connection which --json
";

/// What is done with connections.
#[derive(Debug, Subcommand)]
#[command(before_help = EXAMPLES, defer = true)]
pub enum Command {
    /// Add a connection, once its credential is verified
    Add(add::Args),
    /// List the connections
    #[command(before_help = LIST_EXAMPLES)]
    List,
    /// Show a connection
    Show(show::Args),
    /// Change a connection
    Edit(edit::Args),
    /// Give a connection another name
    Rename(rename::Args),
    /// Remove a connection and its secret
    Remove(remove::Args),
    /// Choose the connection for everything, a repository, or a folder of it
    Use(set_default::Args),
    /// Show which connection applies here, and why
    #[command(before_help = WHICH_EXAMPLES)]
    Which,
}
