//! The command line as clap sees it: global flags and the commands. No behaviour.

mod completion;
mod foreign_words;
mod markdown_docs;
mod usage_error;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{CommandFactory as _, Parser};
use serde::Serialize;

pub use self::completion::complete;
pub use self::markdown_docs::markdown;
pub(crate) use self::usage_error::{help_page, rejected_flags, usage_error};

use crate::app::GlobalOptions;
use crate::commands::Command;
use crate::ui::{CommandOutput, TextWriter};

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
    pub global: GlobalOptions,
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

/// The output of `--version`.
#[derive(Debug, Serialize)]
pub(crate) struct Version {
    version: &'static str,
}

impl Default for Version {
    fn default() -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION"),
        }
    }
}

impl CommandOutput for Version {
    const SCHEMA: &'static str = "bbconnect/version@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        out.line(&format!("bbconnect {}", self.version));
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
