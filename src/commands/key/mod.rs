//! `bbconnect key`: the registered SSH keys of repositories, projects and accounts.

pub(crate) mod add;
pub(crate) mod edit;
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
  bbconnect key edit 12 --repo WEB/site --access write
  bbconnect key remove 4711 --repo acme/site
  bbconnect key test --repo acme/site
  bbconnect key rotate --repo acme/site
";

command_group! {
    #[command(before_help = EXAMPLES, defer = true)]
    pub(crate) enum Command {
        /// Register a public key
        Add(add::Args),
        /// List registered keys
        #[command(visible_alias = "ls")]
        List(list::Args),
        /// Change the access or the title of a registered key
        Edit(edit::Args),
        /// Remove a registered key
        #[command(visible_alias = "rm")]
        Remove(remove::Args),
        /// Replace a key without downtime
        Rotate(rotate::Args),
        /// Test SSH access with one key
        Test(test::Args),
    }
}
