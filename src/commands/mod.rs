//! One module per command: its arguments, what it does, its output. Commands never import each other.

pub(crate) mod api;
pub(crate) mod args;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod connect;
pub(crate) mod connection;
pub(crate) mod doctor;
pub(crate) mod git;
pub(crate) mod key;
pub(crate) mod keygen;
pub(crate) mod known_hosts;
pub(crate) mod man;
pub(crate) mod migrate;
pub(crate) mod pr;
pub(crate) mod project;
pub(crate) mod publish;
pub(crate) mod repo;
mod subcommand;
pub(crate) mod token;
pub(crate) mod url;
pub(crate) mod webhook;
pub(crate) mod workspace;

pub(crate) use subcommand::{Dispatch, Subcommand, command_group};

command_group! {
    #[command(defer = true)]
    pub(crate) enum Command {
        /// Make SSH key pairs for a connection
        Keygen(keygen::Args),
        /// Make a key for a repository, register it, test it over SSH and save the connection
        Connect(Box<connect::Args>),
        /// Check that credentials are valid, have the required scopes and aren't about to expire
        Check(check::Args),
        /// Diagnose connection problems
        Doctor(doctor::Args),
        /// Mend what Bitbucket Cloud has retired: the old SSH host, old host keys, app passwords
        Migrate(migrate::Args),
        /// Commit the changed files of a folder to a branch, and open or reuse a pull request
        Publish(Box<publish::Args>),
        /// Send one raw, signed request
        Api(api::Args),
        /// Add, verify, list, change and choose connections
        #[command(subcommand)]
        Connection(Box<connection::Command>),
        /// What to tick for a token, and where; the HTTP access tokens of a Data Center
        #[command(subcommand)]
        Token(Box<token::Command>),
        /// Register, list, test, replace and remove SSH keys
        #[command(subcommand)]
        Key(Box<key::Command>),
        /// Show, add and verify the SSH servers that are trusted
        #[command(subcommand)]
        KnownHosts(known_hosts::Command),
        /// List the workspaces of Bitbucket Cloud
        #[command(subcommand)]
        Workspace(workspace::Command),
        /// List and make projects
        #[command(subcommand)]
        Project(project::Command),
        /// List, look at, make and choose repositories
        #[command(subcommand)]
        Repo(repo::Command),
        /// Make, repair, list, remove and test webhooks
        #[command(subcommand)]
        Webhook(webhook::Command),
        /// List and open pull requests
        #[command(subcommand)]
        Pr(pr::Command),
        /// Let git use the connections
        #[command(subcommand)]
        Git(git::Command),
        /// Take a clone URL apart and print its other forms
        Url(url::Args),
        /// Print the script that completes bbconnect's commands in a shell
        Completions(completions::Args),
        /// Write manual pages into a folder
        Man(man::Args),
    }
}
