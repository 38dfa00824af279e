//! `bbconnect token`: scopes and pages for tokens of both products; HTTP access tokens of a Data Center.

pub(crate) mod create;
pub(crate) mod list;
mod owner_args;
pub(crate) mod page;
pub(crate) mod revoke;
pub(crate) mod rotate;
pub(crate) mod scopes;

use crate::commands::command_group;

const EXAMPLES: &str = "\
Examples:
  bbconnect token scopes --for webhook --auth api-token      what to tick
  bbconnect token page --open                                where such a token is made
  bbconnect token list --repo WEB/site                       Data Center: what there is
  bbconnect token rotate -c site --username jane --token-stdin < password
";

command_group! {
    #[command(before_help = EXAMPLES, defer = true)]
    pub(crate) enum Command {
        /// Print the scopes to tick for a purpose
        Scopes(scopes::Args),
        /// Print the page where a token is made
        Page(page::Args),
        /// List HTTP access tokens (Data Center)
        #[command(visible_alias = "ls")]
        List(list::Args),
        /// Make an HTTP access token (Data Center)
        Create(create::Args),
        /// Replace the connection's HTTP access token by a new one like it, and revoke the old one (Data Center)
        Rotate(rotate::Args),
        /// Revoke an HTTP access token (Data Center)
        Revoke(revoke::Args),
    }
}
