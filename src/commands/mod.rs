//! One module per command: its arguments, what it does, its output. Commands never import each other.

pub(crate) mod api;
pub(crate) mod args;
pub(crate) mod audit;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod connect;
pub(crate) mod connection;
pub(crate) mod doctor;
pub(crate) mod git;
pub(crate) mod help;
pub(crate) mod key;
pub(crate) mod keygen;
pub(crate) mod known_hosts;
pub(crate) mod man;
pub(crate) mod migrate;
pub(crate) mod pipelines;
pub(crate) mod pr;
pub(crate) mod project;
pub(crate) mod publish;
pub(crate) mod repo;
pub(crate) mod status;
mod subcommand;
pub(crate) mod token;
pub(crate) mod url;
pub(crate) mod webhook;
pub(crate) mod workspace;

pub(crate) use subcommand::{Dispatch, Subcommand, command_group};

command_group! {
    #[command(defer = true)]
    pub(crate) enum Command {
        /// Generate SSH key pairs
        Keygen(keygen::Args),
        /// Set up SSH access to a repository
        Connect(Box<connect::Args>),
        /// Check credentials: validity, scopes, expiry
        Check(check::Args),
        /// Diagnose connection problems
        Doctor(doctor::Args),
        /// List and check keys, webhooks and tokens
        Audit(Box<audit::Args>),
        /// Update what Bitbucket Cloud has retired
        Migrate(migrate::Args),
        /// Commit a directory and open a pull request
        Publish(Box<publish::Args>),
        /// Make an authenticated API request
        Api(api::Args),
        /// Add, list, edit and select connections
        #[command(subcommand)]
        Connection(Box<connection::Command>),
        /// Show all connections at a glance
        Status(status::Args),
        /// Show token scopes, manage access tokens
        #[command(subcommand)]
        Token(Box<token::Command>),
        /// Register, list, test and rotate SSH keys
        #[command(subcommand)]
        Key(Box<key::Command>),
        /// Show, add and verify SSH host keys
        #[command(subcommand)]
        KnownHosts(known_hosts::Command),
        /// List workspaces (Cloud)
        #[command(subcommand)]
        Workspace(workspace::Command),
        /// List and create projects
        #[command(subcommand)]
        Project(project::Command),
        /// List, view, create and select repositories
        #[command(subcommand)]
        Repo(repo::Command),
        /// Create, update, list and test webhooks
        #[command(subcommand)]
        Webhook(webhook::Command),
        /// Pipelines variables, SSH keys and known hosts
        #[command(subcommand)]
        Pipelines(Box<pipelines::Command>),
        /// List and open pull requests
        #[command(subcommand)]
        Pr(pr::Command),
        /// Configure git to use bbconnect credentials
        #[command(subcommand)]
        Git(git::Command),
        /// Parse a clone URL, print its other forms
        Url(url::Args),
        /// Print a shell completion script
        Completions(completions::Args),
        /// Write manual pages to a directory
        Man(man::Args),
        /// Show help for a command or topic
        Help(help::Args),
    }
}
