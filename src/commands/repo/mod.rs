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
        /// List repositories
        #[command(visible_alias = "ls")]
        List(list::Args),
        /// Show a repository: URLs, default branch, your permission
        View(view::Args),
        /// Clone a repository with the connection's credential
        Clone(clone::Args),
        /// Create a repository
        Create(create::Args),
        /// Set the default repository
        Select(select::Args),
    }
}
