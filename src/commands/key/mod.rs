//! `bbconnect key`: SSH keys that a Bitbucket knows, of repositories, projects and accounts.

pub(crate) mod add;
pub(crate) mod list;
pub(crate) mod remove;
pub(crate) mod rotate;
mod target;
pub(crate) mod test;

use crate::commands::command_group;

const EXAMPLES: &str = "\
Examples:
  bbconnect key list --repo acme/site
  bbconnect key add --key ~/.ssh/build.pub --repo acme/site --title 'build server'
  bbconnect key remove 4711 --repo acme/site
  bbconnect key test --repo acme/site
  bbconnect key rotate --repo acme/site
";

command_group! {
    #[command(before_help = EXAMPLES, defer = true)]
    pub(crate) enum Command {
        /// Register a public key
        Add(add::Args),
        /// List the keys that are registered
        List(list::Args),
        /// Take a registered key away
        Remove(remove::Args),
        /// Put a new key in the place of an old one, without a gap
        Rotate(rotate::Args),
        /// Ask a repository with one key and no other
        Test(test::Args),
    }
}
