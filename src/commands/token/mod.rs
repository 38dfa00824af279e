//! `bbconnect token`: scopes and pages for tokens of both products; HTTP access tokens of a Data Center.

pub(crate) mod access_tokens;
mod owner_args;
pub(crate) mod page;
pub(crate) mod rotate;
pub(crate) mod scopes;

use crate::commands::command_group;

const EXAMPLES: &str = "\
Examples:
  bbconnect token scopes --for webhook --auth api-token  # scopes to select
  bbconnect token page --open                            # where to create the token
  bbconnect token list --repo WEB/site                   # Data Center
  bbconnect token rotate -c work                         # replace its token
";

command_group! {
    #[command(before_help = EXAMPLES, defer = true)]
    pub(crate) enum Command {
        /// Show the scopes to select for a purpose
        Scopes(scopes::Args),
        /// Print the page where to create a token
        Page(page::Args),
        /// List HTTP access tokens (Data Center)
        #[command(visible_alias = "ls")]
        List(access_tokens::ListArgs),
        /// Create an HTTP access token (Data Center)
        Create(access_tokens::CreateArgs),
        /// Replace the connection's token
        Rotate(rotate::Args),
        /// Revoke an HTTP access token (Data Center)
        Revoke(access_tokens::RevokeArgs),
    }
}
