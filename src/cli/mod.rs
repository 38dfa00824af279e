//! The command line as clap sees it: global flags and the commands. No behaviour.

mod markdown_docs;
mod usage_error;
mod version_and_help;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{Args, CommandFactory as _, Parser};

pub use self::markdown_docs::markdown;
pub(crate) use self::usage_error::{PreParsedFlags, usage_error};
pub(crate) use self::version_and_help::{Help, Version};

use crate::app::GlobalOptions;
use crate::commands::{self, command_group};
use crate::ui::ColorChoice;

/// Examples come first, where a reader looks.
const HELP_TEMPLATE: &str =
    "{about-with-newline}\n{before-help}{usage-heading} {usage}\n\n{all-args}{after-help}";

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

/// Connects anything to Bitbucket, Cloud and Data Center.
#[derive(Debug, Parser)]
#[command(name = "bbconnect", version, before_help = EXAMPLES, after_long_help = ENVIRONMENT_HELP, styles = STYLES)]
pub(crate) struct Cli {
    /// Flags that every command takes.
    #[command(flatten)]
    pub global: GlobalArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  bbconnect connect git@bitbucket.org:acme/site.git   make a key, register it, try it, remember it
  bbconnect connection add                            a token or password, verified, in your keyring
  bbconnect check work --for webhook                  is it valid, with the required scopes?
  bbconnect doctor https://git.example.com            diagnose connection problems
";

const ENVIRONMENT_HELP: &str = "\
Environment:
  BBCONNECT_CONNECTION               the connection to use, as with --connection
  BBCONNECT_URL                      a connection that is saved nowhere: its address [Cloud]
  BBCONNECT_TOKEN                    its secret; or BBCONNECT_TOKEN_FILE, BBCONNECT_TOKEN_COMMAND
  BBCONNECT_EMAIL                    whose API token that is (Cloud)
  BBCONNECT_USERNAME                 whose password that is (Data Center)
  BBCONNECT_WORKSPACE, _PROJECT      what it is for
  BBCONNECT_REPO                     the repository, SLUG or NAMESPACE/SLUG
  BBCONNECT_DEPLOYMENT               cloud or datacenter, where the address does not tell
  BBCONNECT_STORE                    where secrets are kept: keyring, or file (encrypted)
  BBCONNECT_STORE_PASSPHRASE_FILE    what opens the encrypted file
  BBCONNECT_CONFIG_DIR               another folder for the files
  BBCONNECT_NO_INPUT, CI             never ask
  NO_COLOR, HTTPS_PROXY, NO_PROXY, SSL_CERT_FILE

Files:
  $XDG_CONFIG_HOME/bbconnect         their folder, usually ~/.config/bbconnect
  connections.toml                   the connections, without their secrets
  known_hosts                        host keys of SSH servers
  secrets.json                       secrets, encrypted, where --store file was chosen
";

/// Flags that every command takes, before and after its name.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(crate) struct GlobalArgs {
    /// Use this connection instead of the one that fits best
    #[arg(short, long, global = true, value_name = "NAME")]
    pub connection: Option<String>,
    /// Print one JSON document, also on failure
    #[arg(long, global = true)]
    pub json: bool,
    /// Print results and errors only
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Tell more on standard error: requests and timings, secrets masked
    #[arg(short, long, global = true)]
    pub verbose: bool,
    /// Never ask; fail and name the flag to add
    #[arg(long, global = true)]
    pub no_input: bool,
    /// When to use colours
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "WHEN",
        default_value_t,
        hide_possible_values = true,
        help = "When to use colours: auto, always, never"
    )]
    pub color: ColorChoice,
    /// Give up on a server after this many seconds [default: 30 for a request]; for a sign-in with OAuth, how long to wait for
    /// it [default: 300]
    #[arg(long, global = true, value_name = "SECONDS", value_parser = seconds, allow_negative_numbers = true)]
    pub timeout: Option<u64>,
}

/// A time limit: whole seconds, up to a day.
fn seconds(text: &str) -> Result<u64, String> {
    let seconds = text
        .parse()
        .ok()
        .filter(|seconds| (1..=86_400).contains(seconds));
    seconds.ok_or_else(|| "it is not a number of seconds from 1 to 86400".to_owned())
}

impl From<&GlobalArgs> for GlobalOptions {
    fn from(global: &GlobalArgs) -> Self {
        Self {
            connection: global.connection.clone(),
            timeout: global.timeout.map(std::time::Duration::from_secs),
            json: global.json,
            quiet: global.quiet,
            verbose: global.verbose,
            no_input: global.no_input,
            color: global.color,
        }
    }
}

command_group! {
    #[command(defer = true)]
    pub(crate) enum Command {
        /// Make SSH key pairs for a connection
        Keygen(commands::keygen::Args),
        /// Make a key for a repository, register it, test it over SSH and save the connection
        Connect(Box<commands::connect::Args>),
        /// Check that credentials are valid, have the required scopes and aren't about to expire
        Check(commands::check::Args),
        /// Diagnose connection problems
        Doctor(commands::doctor::Args),
        /// Mend what Bitbucket Cloud has retired: the old SSH host, old host keys, app passwords
        Migrate(commands::migrate::Args),
        /// Commit the changed files of a directory to a branch, and open or reuse a pull request
        Publish(Box<commands::publish::Args>),
        /// Send one raw, signed request
        Api(commands::api::Args),
        /// Add, verify, list, change and choose connections
        #[command(subcommand)]
        Connection(Box<commands::connection::Command>),
        /// What to tick for a token, and where; the HTTP access tokens of a Data Center
        #[command(subcommand)]
        Token(Box<commands::token::Command>),
        /// Register, list, test, replace and remove SSH keys
        #[command(subcommand)]
        Key(Box<commands::key::Command>),
        /// Show, add and verify the SSH servers that are trusted
        #[command(subcommand)]
        KnownHosts(commands::known_hosts::Command),
        /// List the workspaces of Bitbucket Cloud
        #[command(subcommand)]
        Workspace(commands::workspace::Command),
        /// List and make projects
        #[command(subcommand)]
        Project(commands::project::Command),
        /// List, look at, make and choose repositories
        #[command(subcommand)]
        Repo(commands::repo::Command),
        /// Make, repair, list, remove and test webhooks
        #[command(subcommand)]
        Webhook(commands::webhook::Command),
        /// List and open pull requests
        #[command(subcommand)]
        Pr(commands::pr::Command),
        /// Let git use the connections
        #[command(subcommand)]
        Git(commands::git::Command),
        /// Take a clone URL apart and print its other forms
        Url(commands::url::Args),
        /// Print the script that completes bbconnect's commands in a shell
        Completions(commands::completions::Args),
        /// Write manual pages into a folder
        Man(commands::man::Args),
    }
}

/// The whole command line, with the flags of every command, to be looked at.
#[must_use]
pub fn command() -> clap::Command {
    let mut command = parser();
    command.build();
    command
}

/// The command line for arguments to be parsed by. The flags of a command are made when it is named (`defer`): all of them
/// took longer than the rest of a start.
pub(crate) fn parser() -> clap::Command {
    // The order of help pages is set on every level.
    fn with_template(command: clap::Command) -> clap::Command {
        command
            .help_template(HELP_TEMPLATE)
            .mut_subcommands(with_template)
    }
    // One `help` is enough, and every further one is made anew with every start.
    let alone = |command: clap::Command| command.disable_help_subcommand(true);
    with_template(Cli::command().mut_subcommands(alone))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_definition_is_sound() {
        super::command().debug_assert();
    }

    /// Arguments that are flattened into a command must not have a description of their own: clap would take it for the
    /// command's.
    #[test]
    fn the_description_of_a_command_is_that_of_its_variant() {
        fn compare(listed: &clap::Command, whole: &clap::Command) {
            for listed in listed.get_subcommands() {
                let name = listed.get_name();
                let whole = whole.find_subcommand(name).unwrap();
                let [in_list, in_help] = [listed, whole].map(|it| it.get_about().unwrap());
                assert_eq!(in_list.to_string(), in_help.to_string(), "{name}");
                compare(listed, whole);
            }
        }
        compare(&super::parser(), &super::command());
    }
}
