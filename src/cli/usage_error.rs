//! Usage errors: clap's, worded by their kind, without values that may be secrets, and with the next step.

use std::ffi::OsString;

use clap::ValueEnum as _;
use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use dialoguer::console::strip_ansi_codes;

use super::foreign_words;
use crate::app::GlobalOptions;
use crate::commands::help::{MAX_WIDTH, UNWRAPPED, long_page, program_page};
use crate::error::Error;
use crate::types::clone_url::CloneUrlError;
use crate::types::connection::{BaseUrlError, TokenPrefix};
use crate::types::repository::RepoRefError;
use crate::ui::{ColorChoice, fit_help};

/// The global flags about output, read from arguments that clap rejected, up to `--`.
pub(crate) fn rejected_flags(arguments: &[OsString]) -> GlobalOptions {
    let mut words = arguments
        .iter()
        .map(|word| word.to_string_lossy())
        .take_while(|word| word != "--");
    let mut flags = GlobalOptions::default();
    while let Some(word) = words.next() {
        let (flag, value) = word
            .split_once('=')
            .map_or((&*word, None), |(flag, value)| {
                (flag, Some(value.to_owned()))
            });
        let mut value = || value.clone().or_else(|| words.next().map(String::from));
        match flag {
            "--json" => flags.json = true,
            "--get" => flags.get = value().and_then(|pointer| pointer.parse().ok()),
            "--color" => {
                let color = value().and_then(|when| ColorChoice::from_str(&when, false).ok());
                flags.color = color.unwrap_or(flags.color);
            }
            _ => {}
        }
    }
    flags
}

/// The help page that was asked for, or that of a command that lacks a subcommand.
pub(crate) fn help_page(
    refusal: &clap::Error,
    arguments: &[OsString],
    root: &clap::Command,
    width: usize,
) -> StyledStr {
    let is_topic = arguments.get(1).is_some_and(|word| word == "help");
    let (command, _) = matched_command(root, &arguments[usize::from(is_topic)..]);
    let is_long = is_topic || arguments.iter().any(|word| word == "--help");
    if command.get_name() == root.get_name() {
        program_page(root, is_long, width)
    } else if is_long {
        wrap_usage(&long_page(command.clone(), width), width)
    } else if width >= MAX_WIDTH {
        wrap_usage(&refusal.render(), width)
    } else {
        let page = command.clone().term_width(UNWRAPPED).render_help();
        StyledStr::from(fit_help(&page.ansi().to_string(), width))
    }
}

/// The page with its usage line, the one line that clap does not wrap, within the width.
fn wrap_usage(page: &StyledStr, width: usize) -> StyledStr {
    let page = page.ansi().to_string();
    let lines = page.split_inclusive('\n').map(|line| {
        if strip_ansi_codes(line).starts_with("Usage: ") {
            fit_help(line, width)
        } else {
            line.to_owned()
        }
    });
    StyledStr::from(lines.collect::<String>())
}

pub(crate) fn usage_error(
    error: &clap::Error,
    arguments: &[OsString],
    root: &clap::Command,
) -> Error {
    let argument = context(error, ContextKind::InvalidArg).unwrap_or_default();
    // Words behind one that is no command do not name one either.
    let invalid = context(error, ContextKind::InvalidSubcommand);
    let at = invalid.and_then(|word| arguments.iter().position(|it| it.to_str() == Some(&word)));
    let (command, path) = matched_command(root, &arguments[..at.unwrap_or(arguments.len())]);
    let help = format!("run `{path} --help`");
    let (message, hint) = match error.kind() {
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => {
            ("no command was given".to_owned(), help.clone())
        }
        // Not repeated: a misplaced argument may be a secret.
        ErrorKind::InvalidValue if !is_safe_to_echo(error, ContextKind::InvalidValue) => (
            format!("invalid value for {argument}"),
            suggestion(error, command, &help),
        ),
        // Not repeated: it may be a URL with a password in it.
        ErrorKind::InvalidSubcommand if !is_safe_to_echo(error, ContextKind::InvalidSubcommand) => {
            (
                "no such command".to_owned(),
                format!("put a command first, as in `bbconnect url …`, or {help}"),
            )
        }
        // Nor the value of a flag that could be meant for a secret.
        ErrorKind::UnknownArgument | ErrorKind::TooManyValues if is_secret_flag(&argument) => (
            format!(
                "secrets are not accepted as arguments ({})",
                flag_of(&argument)
            ),
            secret_input_hint(command, &argument).to_owned(),
        ),
        ErrorKind::TooManyValues => (
            format!("{} takes no value", flag_of(&argument)),
            help.clone(),
        ),
        ErrorKind::UnknownArgument if !argument.starts_with('-') => {
            unexpected_argument(command, &argument, &help)
        }
        ErrorKind::ValueValidation => invalid_value(error, &argument, &help),
        ErrorKind::InvalidValue => {
            let message = match context(error, ContextKind::InvalidValue) {
                Some(value) if !value.is_empty() => {
                    format!("invalid value '{value}' for '{argument}'")
                }
                _ => format!("a value is required for '{argument}' but none was supplied"),
            };
            (message, suggestion(error, command, &help))
        }
        ErrorKind::InvalidSubcommand => {
            let name = context(error, ContextKind::InvalidSubcommand).unwrap_or_default();
            let hint = replacement_hint(&path, &name, arguments);
            (
                format!("unrecognized subcommand '{name}'"),
                hint.unwrap_or_else(|| suggestion(error, command, &help)),
            )
        }
        ErrorKind::UnknownArgument => (
            format!("unexpected argument '{argument}' found"),
            suggestion(error, command, &help),
        ),
        ErrorKind::ArgumentConflict => (
            conflict(error, &argument),
            suggestion(error, command, &help),
        ),
        ErrorKind::MissingRequiredArgument => {
            let missing = match error.get(ContextKind::InvalidArg) {
                Some(ContextValue::Strings(missing)) => missing.join(" "),
                Some(_) | None => argument,
            };
            (
                format!("the following required arguments were not provided: {missing}"),
                suggestion(error, command, &help),
            )
        }
        ErrorKind::NoEquals | ErrorKind::TooFewValues | ErrorKind::WrongNumberOfValues => (
            format!("a value is required for '{argument}'"),
            help.clone(),
        ),
        kind @ (ErrorKind::InvalidUtf8
        | ErrorKind::DisplayHelp
        | ErrorKind::DisplayVersion
        | ErrorKind::Io
        | ErrorKind::Format
        | _) => (
            kind.as_str().unwrap_or("invalid arguments").to_owned(),
            help.clone(),
        ),
    };
    Error::usage(message, hint)
}

/// A value that a parser of ours refused. The value itself is not repeated.
fn invalid_value(error: &clap::Error, argument: &str, help: &str) -> (String, String) {
    let Some(reason) = std::error::Error::source(error) else {
        return (format!("invalid value for {argument}"), help.to_owned());
    };
    if let Some(refused) = reason.downcast_ref::<BaseUrlError>() {
        return (refused.to_string(), refused.hint());
    }
    let in_ref = match reason.downcast_ref::<RepoRefError>() {
        Some(RepoRefError::Url(refused)) => Some(refused),
        Some(_) | None => None,
    };
    match in_ref.or_else(|| reason.downcast_ref::<CloneUrlError>()) {
        Some(refused) => (
            refused.to_string(),
            refused.hint().unwrap_or_else(|| help.to_owned()),
        ),
        None => (format!("{argument}: {reason}"), help.to_owned()),
    }
}

/// The command that does what a word of another tool does.
fn replacement_hint(path: &str, word: &str, arguments: &[OsString]) -> Option<String> {
    let group = path.split(' ').skip(1).filter(|name| *name != "help");
    let group = group.collect::<Vec<_>>().join(" ");
    let mut words = arguments.iter().skip(1).map(|word| word.to_string_lossy());
    let next = words.by_ref().skip_while(|it| it != word).nth(1);
    let found = foreign_words::replacement(&group, word, next.as_deref());
    found.map(foreign_words::Replacement::hint)
}

/// The values that there are, or the nearest name, or the help.
fn suggestion(error: &clap::Error, command: &clap::Command, help: &str) -> String {
    let values = context(error, ContextKind::ValidValue).filter(|values| !values.is_empty());
    if let Some(values) = values {
        return format!("possible values: {values}");
    }
    let unknown = |kind| context(error, kind).unwrap_or_default();
    let nearest = if error.kind() == ErrorKind::InvalidSubcommand {
        let names = command.get_subcommands();
        nearest(
            &unknown(ContextKind::InvalidSubcommand),
            names.flat_map(clap::Command::get_name_and_visible_aliases),
        )
    } else if error.kind() == ErrorKind::UnknownArgument {
        let flag = unknown(ContextKind::InvalidArg);
        if let Some(hint) = flag_hint(flag_of(&flag), command) {
            return hint;
        }
        let names = command.get_arguments().filter_map(clap::Arg::get_long);
        flag.strip_prefix("--")
            .and_then(|flag| nearest(flag_of(flag), names))
            .map(|flag| format!("--{flag}"))
    } else {
        None
    };
    match nearest {
        Some(nearest) => format!("did you mean `{nearest}`? Otherwise {help}"),
        None => help.to_owned(),
    }
}

/// What is in place of a flag of another tool.
fn flag_hint(flag: &str, command: &clap::Command) -> Option<String> {
    let mut arguments = command.get_arguments();
    if arguments.any(clap::Arg::is_last_set) {
        let usage = "bbconnect repo clone REF -- --depth 1";
        return Some(format!("options of git follow `--`, as in `{usage}`"));
    }
    let has = |long: &str| {
        command
            .get_arguments()
            .any(|it| it.get_long() == Some(long))
    };
    let replacement = foreign_words::flag_replacement(flag, has)?;
    Some(format!("did you mean `--{replacement}`?"))
}

/// The name that a word was probably meant for: one that begins with it, or differs by a slip or two.
fn nearest<'a>(word: &str, names: impl Iterator<Item = &'a str>) -> Option<String> {
    let distance = |name: &str| match name.strip_prefix(word) {
        Some(_) if word.len() > 2 => 1,
        _ => strsim::osa_distance(word, name),
    };
    let names = names.map(|name| (distance(name), name.len(), name));
    let (distance, _, name) = names.min()?;
    (distance <= (word.chars().count() / 3).max(1)).then(|| name.to_owned())
}

/// A context value of clap's error, as text.
fn context(error: &clap::Error, kind: ContextKind) -> Option<String> {
    let value = error.get(kind)?;
    if let ContextValue::Strings(texts) = value {
        return Some(texts.join(", "));
    }
    if let ContextValue::String(text) = value {
        Some(text.clone())
    } else {
        None
    }
}

fn conflict(error: &clap::Error, argument: &str) -> String {
    match error.get(ContextKind::PriorArg) {
        Some(ContextValue::String(prior)) if prior == argument => {
            format!("the argument '{argument}' cannot be used multiple times")
        }
        Some(ContextValue::String(prior)) => {
            format!("the argument '{argument}' cannot be used with '{prior}'")
        }
        Some(ContextValue::Strings(prior)) => format!(
            "the argument '{argument}' cannot be used with: {}",
            prior.join(" ")
        ),
        Some(_) | None => {
            format!("the argument '{argument}' cannot be used with one of the others")
        }
    }
}

/// Whether the unknown argument is a plain word, which may be repeated in the message.
fn is_safe_to_echo(error: &clap::Error, kind: ContextKind) -> bool {
    let is_word = |text: String| {
        text.len() < 20
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphabetic() || byte == b'-')
    };
    context(error, kind).is_some_and(is_word)
}

/// The command that the arguments name, as far as they name one, and how it is called.
fn matched_command<'a>(
    root: &'a clap::Command,
    arguments: &[OsString],
) -> (&'a clap::Command, String) {
    let mut command = root;
    let mut path = root.get_name().to_owned();
    let mut words = arguments.iter().skip(1).take_while(|word| *word != "--");
    while let Some(word) = words.next() {
        if let Some(next) = command.find_subcommand(word) {
            command = next;
            path = format!("{path} {}", next.get_name());
        } else if takes_a_value(root, &word.to_string_lossy()) {
            words.next();
        }
    }
    (command, path)
}

/// Whether a word is a flag of every command whose value is the next word.
fn takes_a_value(root: &clap::Command, word: &str) -> bool {
    root.get_arguments()
        .filter(|flag| flag.get_action().takes_values())
        .any(|flag| {
            let long = flag.get_long().map(|long| format!("--{long}"));
            let short = flag.get_short().map(|short| format!("-{short}"));
            [long, short].contains(&Some(word.to_owned()))
        })
}

/// Whether the flag could be meant for a secret.
fn is_secret_flag(argument: &str) -> bool {
    [
        "--pass",
        "--token",
        "--secret",
        "--client-secret",
        "--value",
        "-N",
    ]
    .iter()
    .any(|start| flag_of(argument).starts_with(start))
}

fn flag_of(argument: &str) -> &str {
    argument.split('=').next().unwrap_or(argument)
}

/// How a command takes a secret, by the flags that it has.
fn secret_input_hint(command: &clap::Command, argument: &str) -> &'static str {
    const PASSPHRASE: (&str, &str) = (
        "passphrase-stdin",
        "pass --passphrase-stdin, which reads stdin or prompts on a terminal",
    );
    const TOKEN: (&str, &str) = (
        "token-stdin",
        "pass --token-stdin, --token-file FILE or --token-command 'CMD', or set BBCONNECT_TOKEN",
    );
    const SECRET: (&str, &str) = (
        "secret-stdin",
        "pass --secret-stdin, which reads stdin or prompts on a terminal",
    );
    const VALUE: (&str, &str) = (
        "value-stdin",
        "pass --value-stdin, --value-file FILE or --value-command 'CMD'",
    );
    let ways = if argument.starts_with("--value") {
        [VALUE, TOKEN]
    } else if argument.contains("pass") || argument.starts_with("-N") {
        [PASSPHRASE, TOKEN]
    } else if argument.starts_with("--secret") {
        [SECRET, TOKEN]
    } else {
        [TOKEN, TOKEN]
    };
    let has = |name: &str| {
        command
            .get_arguments()
            .any(|flag| flag.get_long() == Some(name))
    };
    let way = ways.into_iter().find(|(flag, _)| has(flag));
    way.map_or(
        "run `bbconnect connection add`, or set BBCONNECT_TOKEN",
        |(_, way)| way,
    )
}

/// An argument too many: part of what was pasted, a secret, or a slip. It is named only where it can be no secret.
fn unexpected_argument(command: &clap::Command, argument: &str, help: &str) -> (String, String) {
    let too_many = "too many arguments".to_owned();
    let takes = |name: &str| {
        command.get_arguments().any(|taken| {
            let value_names = taken.get_value_names().unwrap_or_default();
            taken.get_long() == Some(name) || value_names.iter().any(|value| value == name)
        })
    };
    if TokenPrefix::from_token(argument) != TokenPrefix::Unknown || takes("token-stdin") {
        let way = secret_input_hint(command, argument);
        return (
            format!("{too_many}: secrets are not accepted as arguments"),
            format!("{way}; or {help}"),
        );
    }
    if takes("CLONE_URL") {
        return (
            too_many,
            format!("put quotes around the pasted text, as in 'git clone …', or {help}"),
        );
    }
    let is_plain = argument.len() < 40
        && argument
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte));
    if is_plain {
        (
            format!("unexpected argument '{argument}' found"),
            help.to_owned(),
        )
    } else {
        (too_many, help.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_at_hand_is_the_one_that_is_named() {
        for (line, expected) in [
            ("bbconnect", "bbconnect"),
            ("bbconnect repo view a/b/c/d", "bbconnect repo view"),
            ("bbconnect -c check repo view x", "bbconnect repo view"),
            ("bbconnect --json api FOO user", "bbconnect api"),
            ("bbconnect nonsense", "bbconnect"),
            ("bbconnect keygen -- check", "bbconnect keygen"),
        ] {
            let root = crate::cli::command();
            assert_eq!(matched_command(&root, &words(line)).1, expected, "{line}");
        }
    }

    #[test]
    fn the_nearest_name_is_suggested_where_one_is_near() {
        let root = crate::cli::command();
        let names = || root.get_subcommands().map(clap::Command::get_name);
        for (word, expected) in [
            ("conection", Some("connection")),
            ("connetc", Some("connect")),
            ("conn", Some("connect")),
            ("known-host", Some("known-hosts")),
            ("stauts", Some("status")),
            ("update", None),
            ("upgrade", None),
            ("extension", None),
        ] {
            assert_eq!(nearest(word, names()).as_deref(), expected, "{word}");
        }
    }

    #[test]
    fn flags_of_other_tools_are_replaced_where_the_command_has_them() {
        let root = crate::cli::command();
        for (line, flag, expected) in [
            ("bbconnect pr create", "--base", Some("--target")),
            ("bbconnect pr create", "--body", Some("--body-file")),
            ("bbconnect connection add", "--hostname", Some("--url")),
            ("bbconnect keygen", "-t", Some("--type")),
            ("bbconnect keygen", "-f", Some("--out")),
            ("bbconnect pr create", "-t", Some("--title")),
            ("bbconnect repo list", "--jq", Some("--get")),
            ("bbconnect repo clone", "--depth", Some("REF -- --depth 1")),
            ("bbconnect url", "--base", None),
        ] {
            let (command, _) = matched_command(&root, &words(line));
            let hint = flag_hint(flag, command);
            match expected {
                Some(part) => assert!(hint.is_some_and(|it| it.contains(part)), "{line} {flag}"),
                None => assert_eq!(hint, None, "{line} {flag}"),
            }
        }
    }

    #[test]
    fn a_long_usage_line_is_wrapped() {
        let page = "About\n\n\u{1b}[1mUsage:\u{1b}[0m \u{1b}[36mbbconnect\u{1b}[0m pipelines ensure [OPTIONS] <HOST>\n\nOptions:\n";
        for (width, expected) in [
            (60, "Usage: bbconnect pipelines ensure [OPTIONS] <HOST>\n"),
            (
                40,
                "Usage: bbconnect pipelines ensure\n    [OPTIONS] <HOST>\n",
            ),
            (
                22,
                "Usage: bbconnect\n    pipelines ensure\n    [OPTIONS] <HOST>\n",
            ),
        ] {
            let wrapped = wrap_usage(&StyledStr::from(page), width).to_string();
            assert_eq!(wrapped, format!("About\n\n{expected}\nOptions:\n"));
        }
    }

    #[test]
    fn an_argument_too_many_is_named_only_where_it_can_be_no_secret() {
        for (line, argument, message) in [
            ("bbconnect url", "x", "too many arguments"),
            (
                "bbconnect connection add",
                "hunter2",
                "too many arguments: secrets are not accepted as arguments",
            ),
            (
                "bbconnect repo view",
                "ATATT3x",
                "too many arguments: secrets are not accepted as arguments",
            ),
            (
                "bbconnect repo view",
                "other",
                "unexpected argument 'other' found",
            ),
            (
                "bbconnect repo view",
                "https://jane:pw@host/a",
                "too many arguments",
            ),
        ] {
            let root = crate::cli::command();
            let (command, path) = matched_command(&root, &words(line));
            assert_eq!(
                unexpected_argument(command, argument, &path).0,
                message,
                "{line}"
            );
        }
    }

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }
}
