//! The command line as clap sees it: global flags and the commands. No behaviour.

mod completion;
mod foreign_words;
mod markdown_docs;
mod usage_error;
mod version;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{Args, CommandFactory as _, Parser};

pub use self::completion::complete;
pub use self::markdown_docs::markdown;
pub(crate) use self::usage_error::{PreParsedFlags, help_page, usage_error};
pub(crate) use self::version::Version;

use crate::app::GlobalOptions;
use crate::commands::Command;
use crate::types::json_pointer::JsonPointer;
use crate::ui::ColorChoice;

/// Examples come first, where a reader looks; the last line leads to the options that the pages leave out.
const HELP_TEMPLATE: &str = "\
{about-with-newline}
{before-help}{usage-heading} {usage}

{all-args}{after-help}

All global options: bbconnect help options";

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

/// Command-line connection manager for Bitbucket Cloud and Data Center: SSH keys, tokens, webhooks, Git credentials
#[derive(Debug, Parser)]
#[command(name = "bbconnect", version, styles = STYLES, disable_help_subcommand = true, before_long_help = EXAMPLES)]
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
  bbconnect connection add
  bbconnect connect git@ssh.bitbucket.org:acme/site.git
  bbconnect check work --for webhook
  bbconnect doctor https://git.example.com
";

/// Flags that every command takes, before and after its name.
#[derive(Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(crate) struct GlobalArgs {
    /// Use this connection
    #[arg(short, long, global = true, value_name = "NAME", display_order = 990)]
    pub connection: Option<String>,
    /// Print one JSON document, also on failure
    #[arg(long, global = true, display_order = 991)]
    pub json: bool,
    /// Print one value of the JSON document, such as /connections/0/name
    #[arg(long, global = true, hide = true, value_name = "POINTER")]
    pub get: Option<JsonPointer>,
    /// Print results and errors only
    #[arg(short, long, global = true, hide = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Log requests and timings to stderr (secrets redacted)
    #[arg(short, long, global = true, hide = true)]
    pub verbose: bool,
    /// Disable prompts
    #[arg(long, global = true, hide = true)]
    pub no_input: bool,
    /// When to use colours
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "WHEN",
        default_value_t,
        hide = true,
        hide_possible_values = true,
        help = "When to use colors: auto, always, never"
    )]
    pub color: ColorChoice,
    /// Time limit of a request [default: 30], or of an OAuth sign-in [default: 300]
    #[arg(long, global = true, hide = true, value_name = "SECONDS", value_parser = seconds, allow_negative_numbers = true)]
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
