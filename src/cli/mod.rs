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
    use crate::types::auth_failure_help::{
        CredentialOrigin, auth_failure_help, basic_auth_help, indeterminate_help, url_help,
    };
    use crate::types::connection::{Connection, ConnectionName, SecretSource, TokenPrefix};

    #[test]
    fn the_definition_is_sound() {
        super::command().debug_assert();
    }

    fn connection(deployment: &str, auth: &str) -> Connection {
        let base = match deployment {
            "cloud" => "https://api.bitbucket.org/2.0",
            _ => "https://git.example.com",
        };
        let text = format!(
            "deployment='{deployment}'\nbase_url='{base}'\nauth='{auth}'\nemail='jane@acme.example'\nusername='jane'\nclient_id='id'\nstore='keyring'"
        );
        toml_edit::de::from_str(&text).unwrap()
    }

    /// The commands of a hint, and what it names beside them: flags and variables.
    fn split(hint: &str) -> (Vec<&str>, String) {
        let parts: Vec<&str> = hint.split('`').collect();
        assert_eq!(parts.len() % 2, 1, "{hint}");
        let commands = parts.iter().skip(1).step_by(2).copied().collect();
        let text: Vec<&str> = parts.iter().step_by(2).copied().collect();
        (commands, text.join(" "))
    }

    /// Hints about every kind of credential, wherever it comes from, for every kind of refusal.
    #[test]
    fn a_hint_names_only_what_its_reader_can_change() {
        let name: ConnectionName = "work".parse().unwrap();
        for (deployment, auth) in [
            ("cloud", "api-token"),
            ("cloud", "access-token"),
            ("cloud", "app-password"),
            ("cloud", "oauth"),
            ("cloud", "client-credentials"),
            ("datacenter", "http-access-token"),
            ("datacenter", "password"),
        ] {
            for origin in ["flags", "keyring", "command", "environment"] {
                let mut connection = connection(deployment, auth);
                connection.secret.as_mut().unwrap().source = match origin {
                    "command" => SecretSource::Command("pass work".to_owned()),
                    "environment" => SecretSource::Environment,
                    _ => SecretSource::Keyring,
                };
                let of = match origin {
                    "flags" => CredentialOrigin::Flags,
                    _ => CredentialOrigin::of(&connection, &name),
                };
                for hint in [
                    auth_failure_help(&connection, TokenPrefix::Unknown, of),
                    auth_failure_help(&connection, TokenPrefix::AppPassword, of),
                    auth_failure_help(&connection, TokenPrefix::ApiToken, of),
                    auth_failure_help(&connection, TokenPrefix::AccessToken, of),
                    auth_failure_help(&connection, TokenPrefix::HttpAccessToken, of),
                    basic_auth_help(&connection, of),
                    indeterminate_help(of),
                    url_help("https://git.example.com", of),
                ] {
                    let (commands, text) = split(&hint);
                    let names_flag = text.replace("the port of --port", "").contains("--");
                    let case = format!("{auth} {origin}: {hint}");
                    assert!(of == CredentialOrigin::Flags || !names_flag, "{case}");
                    assert!(
                        of == CredentialOrigin::Environment || !hint.contains("BBCONNECT_"),
                        "{case}"
                    );
                    for command in &commands {
                        assert!(matches!(of, CredentialOrigin::Saved(_)), "{case}");
                        let words = command.split(' ').map(|word| match word {
                            "ADDRESS" => "jane@acme.example",
                            word => word,
                        });
                        let parsed = super::command().try_get_matches_from(words);
                        assert!(parsed.is_ok(), "{case}: {parsed:?}");
                    }
                    assert!(
                        !hint.contains("KIND") && !hint.contains("edit NAME"),
                        "{case}"
                    );
                }
            }
        }
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
