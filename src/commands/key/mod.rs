//! `bbconnect key`: the registered SSH keys of repositories, projects and accounts.

pub(crate) mod registered_keys;
pub(crate) mod rotate;
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
        Add(registered_keys::AddArgs),
        /// List registered keys
        #[command(visible_alias = "ls")]
        List(registered_keys::ListArgs),
        /// Change the access or the title of a registered key
        Edit(registered_keys::EditArgs),
        /// Remove a registered key
        #[command(visible_alias = "rm")]
        Remove(registered_keys::RemoveArgs),
        /// Replace a key without downtime
        Rotate(rotate::Args),
        /// Test SSH access with one key
        Test(test::Args),
    }
}
