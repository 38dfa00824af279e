//! `bbconnect pr`: pull requests.

pub(crate) mod create;
pub(crate) mod list;

use crate::commands::command_group;

const EXAMPLES: &str = "\
Examples:
  bbconnect pr list --repo acme/site
  bbconnect pr create --source feature/login --title 'Login page' --default-reviewers
";

command_group! {
    #[command(before_help = EXAMPLES, defer = true)]
    pub(crate) enum Command {
        /// List pull requests
        #[command(visible_alias = "ls")]
        List(list::Args),
        /// Open a pull request, or find the open one for the same branches
        Create(create::Args),
    }
}
