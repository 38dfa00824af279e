//! `bbconnect pipelines`: variables, the SSH key and the known hosts of Bitbucket Pipelines.

mod cloud_repository;
pub(crate) mod known_host;
pub(crate) mod ssh_key;
pub(crate) mod variable;

use crate::commands::command_group;

const EXAMPLES: &str = "\
Examples:
  bbconnect pipelines variable set DEPLOY_TOKEN --value-stdin --repo acme/site < token
  bbconnect pipelines ssh-key ensure --repo acme/site
  bbconnect pipelines known-host ensure ssh.bitbucket.org --repo acme/site
";

command_group! {
    #[command(before_help = EXAMPLES, defer = true)]
    pub(crate) enum Command {
        /// List, set and remove variables
        #[command(subcommand)]
        Variable(variable::Command),
        /// Show, set and remove the SSH key pair of the builds
        #[command(subcommand)]
        SshKey(ssh_key::Command),
        /// List, add and remove the hosts that the builds trust
        #[command(subcommand)]
        KnownHost(known_host::Command),
    }
}
