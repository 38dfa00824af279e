//! `bbconnect git`: git uses the connections. Its credential protocol, its configuration, and a shell's environment.

pub(crate) mod credential;
pub(crate) mod env;
pub(crate) mod setup;

use crate::commands::command_group;

const EXAMPLES: &str = "\
Examples:
  bbconnect git setup            # for the servers of all connections
  bbconnect git setup --undo
  eval \"$(bbconnect git env)\"  # for this shell only
";

command_group! {
    #[command(before_help = EXAMPLES, defer = true)]
    pub(crate) enum Command {
        /// Configure git to get credentials from bbconnect
        Setup(setup::Args),
        /// Git credential helper (run by git)
        Credential(credential::Args),
        /// Print environment variables to use a connection with git
        Env(env::Args),
    }
}
