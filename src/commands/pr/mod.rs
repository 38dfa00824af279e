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
        /// List the pull requests for a repository
        #[command(visible_alias = "ls")]
        List(list::Args),
        /// Open a pull request; one that is open for the same branches is used again
        Create(create::Args),
    }
}
