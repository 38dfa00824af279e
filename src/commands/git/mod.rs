//! `bbconnect git`: git uses the connections. Its credential protocol, its configuration, and a shell's environment.

pub(crate) mod credential;
pub(crate) mod env;
pub(crate) mod setup;

use crate::commands::command_group;

const EXAMPLES: &str = "\
Examples:
  bbconnect git setup                        git asks bbconnect for the servers of your connections
  bbconnect git setup --undo
  eval \"$(bbconnect git env)\"                for one shell, with nothing written
";

command_group! {
    #[command(before_help = EXAMPLES, defer = true)]
    pub(crate) enum Command {
        /// Let git ask bbconnect for credentials
        Setup(setup::Args),
        /// Answer git: its credential helper protocol on standard input and output
        Credential(credential::Args),
        /// Print the variables that let git use a connection in one shell
        Env(env::Args),
    }
}
