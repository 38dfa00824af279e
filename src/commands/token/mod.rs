//! `bbconnect token`: what to tick and where, for both products; the HTTP access tokens of a Data Center.

pub(crate) mod create;
mod created;
pub(crate) mod list;
mod owner_args;
pub(crate) mod page;
pub(crate) mod revoke;
pub(crate) mod rotate;
pub(crate) mod scopes;

use clap::ValueEnum as _;

use crate::commands::command_group;
use crate::types::connection::AuthMethod;

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
        List(list::Args),
        /// Make an HTTP access token (Data Center)
        Create(create::Args),
        /// Replace the connection's HTTP access token by a new one like it, and revoke the old one (Data Center)
        Rotate(rotate::Args),
        /// Revoke an HTTP access token (Data Center)
        Revoke(revoke::Args),
    }
}

/// What to do where the kind is SSH, which has neither token nor scopes.
fn kinds_with_a_token() -> String {
    let kinds = AuthMethod::value_variants().iter();
    let names: Vec<&str> = kinds
        .filter(|auth| **auth != AuthMethod::Ssh)
        .map(|auth| auth.name())
        .collect();
    format!("use --auth with one of {}", names.join(", "))
}
