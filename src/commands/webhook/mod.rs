//! `bbconnect webhook`: webhooks of repositories, workspaces and projects.

pub(crate) mod deliveries;
pub(crate) mod ensure;
pub(crate) mod list;
pub(crate) mod remove;
mod target;

use crate::commands::command_group;

const EXAMPLES: &str = "\
Examples:
  bbconnect webhook ensure --url https://ci.example.com/hook --event push --event pr-created
  bbconnect webhook list --repo acme/site
  bbconnect webhook ensure --workspace acme --url https://ci.example.com/hook --event push
  bbconnect webhook status --repo WEB/site --url https://ci.example.com/hook
  bbconnect webhook remove --repo acme/site --url https://ci.example.com/hook --yes
";

command_group! {
    #[command(before_help = EXAMPLES, defer = true)]
    pub(crate) enum Command {
        /// List webhooks
        #[command(visible_alias = "ls")]
        List(list::Args),
        /// Create or update a webhook
        Ensure(Box<ensure::Args>),
        /// Remove a webhook
        #[command(visible_alias = "rm")]
        Remove(remove::Args),
        /// Show the last delivery and counts (Data Center)
        Status(deliveries::StatusArgs),
        /// Send a test delivery (Data Center)
        Test(deliveries::TestArgs),
    }
}
