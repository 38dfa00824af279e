//! `bbconnect known-hosts`: the SSH servers that are trusted, and by which keys.

pub(crate) mod add;
mod host;
pub(crate) mod show;
pub(crate) mod verify;

use crate::commands::command_group;

const EXAMPLES: &str = "\
Examples:
  bbconnect known-hosts show
  bbconnect known-hosts add git.example.com:7999
  bbconnect known-hosts verify git@bitbucket.org:acme/site.git
";

command_group! {
    #[command(before_help = EXAMPLES, defer = true)]
    pub(crate) enum Command {
        /// Show the servers that are trusted
        Show(show::Args),
        /// Trust a server, once its key is known to be right
        Add(add::Args),
        /// Compare what a server shows with what is trusted
        Verify(verify::Args),
    }
}
