//! Arguments of `bbconnect connect`.

use std::path::PathBuf;

use crate::commands::args::DryRunArg;
use crate::types::clone_url::{CloneUrl, CloneUrlError};
use crate::types::connection::ConnectionName;
use crate::types::public_key::{Fingerprint, KeyType};
use crate::types::repository::RepoRef;

const EXAMPLES: &str = "\
Examples:
  bbconnect connect git@ssh.bitbucket.org:acme/site.git
  bbconnect connect acme/site --clone site
  bbconnect connect WEB/site --write
  bbconnect connect acme/site --register manual
";

#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Args {
    /// Clone URL, or NAMESPACE/SLUG of a saved connection
    #[arg(value_name = "CLONE_URL|REF", value_parser = target)]
    pub target: Target,
    /// Name of the connection [default: the repository's name]
    #[arg(long, value_name = "NAME")]
    pub name: Option<ConnectionName>,
    /// Key type: ecdsa-256 (default), rsa-4096, ed25519
    #[arg(
        long = "type",
        value_enum,
        value_name = "TYPE",
        ignore_case = true,
        hide_possible_values = true
    )]
    pub key_type: Option<KeyType>,
    /// Use this private key instead of generating one
    #[arg(long, value_name = "FILE", conflicts_with = "key_type", value_hint = clap::ValueHint::FilePath)]
    pub key: Option<PathBuf>,
    /// Request write access (Cloud: a key of your account)
    #[arg(long)]
    pub write: bool,
    /// deploy-key (default), user-key or manual
    #[arg(long, value_enum, value_name = "AS", hide_possible_values = true)]
    pub register: Option<Register>,
    /// Register the key for all repositories of the project
    #[arg(long)]
    pub project: bool,
    /// Title of the key in Bitbucket
    #[arg(long, value_name = "TEXT")]
    pub title: Option<String>,
    /// Clone into this directory and configure the key there
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub clone: Option<PathBuf>,
    /// Trust the SSH host key with this fingerprint
    #[arg(long, value_name = "FINGERPRINT")]
    pub accept_host_key: Option<Fingerprint>,
    #[command(flatten)]
    pub dry_run: DryRunArg,
}

/// The repository to connect.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    Url(CloneUrl),
    /// A repository of the connection that applies.
    Repository(RepoRef),
}

fn target(text: &str) -> Result<Target, CloneUrlError> {
    let reference = text.parse::<RepoRef>();
    // A reference without a URL has no scheme, host or port.
    if let Ok(repository) = &reference
        && repository.url.is_none()
    {
        return Ok(Target::Repository(repository.clone()));
    }
    let url = text.parse().map(Target::Url);
    // A web page without its scheme.
    let page = reference.ok().and_then(|reference| reference.url);
    url.or_else(|error| page.map(Target::Url).ok_or(error))
}

/// How a key is registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Register {
    /// As a key of the repository, or of its project (an access key, on Data Center)
    #[value(name = "deploy-key", alias = "access-key")]
    DeployKey,
    /// As a key of your account
    UserKey,
    /// Manually, on the page that is printed
    Manual,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_repository_of_the_connection_and_anything_else_a_url() {
        for (text, expected) in [
            ("acme/site", Some("acme/site")),
            ("site", Some("site")),
            ("git@bitbucket.org:acme/site.git", None),
            ("https://bitbucket.org/acme/site", None),
            ("bitbucket.org/acme/site", None),
            ("git clone git@bitbucket.org:acme/site.git", None),
            ("myalias:acme/site.git", None),
        ] {
            let repository = match target(text).unwrap() {
                Target::Repository(repository) => Some(repository.to_string()),
                Target::Url(_) => None,
            };
            assert_eq!(repository.as_deref(), expected, "{text}");
        }
        for text in ["", "a/b/c", "not a url"] {
            assert!(target(text).is_err(), "{text}");
        }
    }
}
