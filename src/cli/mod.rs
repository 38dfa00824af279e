//! The command line as clap sees it: global flags and the commands. No behaviour.

mod completion;
mod foreign_words;
mod markdown_docs;
mod usage_error;
mod version_and_help;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{Args, CommandFactory as _, Parser};

pub use self::completion::complete;
pub use self::markdown_docs::markdown;
pub(crate) use self::usage_error::{PreParsedFlags, usage_error};
pub(crate) use self::version_and_help::{Help, Version};

use crate::app::GlobalOptions;
use crate::commands::Command;
use crate::types::json_pointer::JsonPointer;
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
  BBCONNECT_LEVEL                    what its token belongs to: user, workspace, project or repo
  BBCONNECT_DEPLOYMENT               cloud or datacenter, where the address does not tell
  BBCONNECT_STORE                    where secrets are kept: keyring, or file (encrypted)
  BBCONNECT_STORE_PASSPHRASE_FILE    what opens the encrypted file
  BBCONNECT_STORE_PASSPHRASE_CACHE   minutes that Linux keeps a passphrase [15]; 0 for none
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
    /// Print one value of that document, by its JSON pointer such as /connections/0/name; strings without quotes
    #[arg(long, global = true, value_name = "POINTER")]
    pub get: Option<JsonPointer>,
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
    seconds.ok_or_else(|| "expected a number of seconds from 1 to 86400".to_owned())
}

impl From<&GlobalArgs> for GlobalOptions {
    fn from(global: &GlobalArgs) -> Self {
        Self {
            connection: global.connection.clone(),
            timeout: global.timeout.map(std::time::Duration::from_secs),
            json: global.json,
            get: global.get.clone(),
            quiet: global.quiet,
            verbose: global.verbose,
            no_input: global.no_input,
            color: global.color,
        }
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

    #[test]
    fn short_flags_and_aliases_are_the_same_everywhere() {
        fn check(command: &clap::Command) {
            let name = command.get_name();
            for flag in command.get_arguments() {
                let expected = match flag.get_long() {
                    Some("repo") => 'R',
                    Some("limit") => 'L',
                    Some(_) | None => continue,
                };
                assert_eq!(flag.get_short(), Some(expected), "{name}");
            }
            let alias = match name {
                "list" => Some("ls"),
                "remove" => Some("rm"),
                _ => None,
            };
            let aliases: Vec<_> = command.get_visible_aliases().collect();
            assert_eq!(aliases, alias.into_iter().collect::<Vec<_>>(), "{name}");
            command.get_subcommands().for_each(check);
        }
        let root = super::command();
        let commands = root.get_subcommands();
        // `help` has copies without flags.
        commands
            .filter(|it| it.get_name() != "help")
            .for_each(check);
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
