//! `bbconnect known-hosts`: the trusted host keys of SSH servers.

pub(crate) mod add;
mod host;
pub(crate) mod show;
pub(crate) mod verify;

use crate::commands::command_group;

const EXAMPLES: &str = "\
Examples:
  bbconnect known-hosts show
  bbconnect known-hosts add git.example.com:7999
  bbconnect known-hosts verify git@ssh.bitbucket.org:acme/site.git
";

command_group! {
    #[command(before_help = EXAMPLES, defer = true)]
    pub(crate) enum Command {
        /// Show trusted host keys
        Show(show::Args),
        /// Trust a server's host key
        Add(add::Args),
        /// Compare a server's host keys with the trusted ones
        Verify(verify::Args),
    }
}
