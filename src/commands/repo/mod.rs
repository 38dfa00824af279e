//! `bbconnect repo`: repositories of both products.

pub(crate) mod clone;
pub(crate) mod create;
pub(crate) mod list;
pub(crate) mod select;
pub(crate) mod view;

use crate::commands::command_group;

const EXAMPLES: &str = "\
Examples:
  bbconnect repo list
  bbconnect repo view acme/site
  bbconnect repo clone acme/site
  bbconnect repo create acme/site --project WEB
  bbconnect repo select --here
";

command_group! {
    #[command(before_help = EXAMPLES, defer = true)]
    pub(crate) enum Command {
        /// List repositories of a workspace, a project, or all
        #[command(visible_alias = "ls")]
        List(list::Args),
        /// Show a repository: its URLs, whether it is empty, what you may do with it
        View(view::Args),
        /// Clone a repository with the connection's credential
        Clone(clone::Args),
        /// Make a repository
        Create(create::Args),
        /// Choose the repository that commands are about when none is named
        Select(select::Args),
    }
}
