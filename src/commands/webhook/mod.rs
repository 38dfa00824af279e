//! `bbconnect webhook`: webhooks of repositories.

pub(crate) mod ensure;
pub(crate) mod list;
pub(crate) mod remove;
mod selector;
pub(crate) mod test;

use crate::commands::command_group;

const EXAMPLES: &str = "\
Examples:
  bbconnect webhook ensure --url https://ci.example.com/hook --event push --event pr-created
  bbconnect webhook list --repo acme/site
  bbconnect webhook test --repo WEB/site --url https://ci.example.com/hook
  bbconnect webhook remove --repo acme/site --url https://ci.example.com/hook --yes
";

command_group! {
    #[command(before_help = EXAMPLES, defer = true)]
    pub(crate) enum Command {
        /// List the webhooks of a repository
        #[command(visible_alias = "ls")]
        List(list::Args),
        /// Make a webhook, or repair it; what fits already is left alone
        Ensure(Box<ensure::Args>),
        /// Remove a webhook
        #[command(visible_alias = "rm")]
        Remove(remove::Args),
        /// Have the server call a webhook's receiver (Data Center)
        Test(test::Args),
    }
}
