//! What clap refuses, said in our words: without repeating what may hold a secret, and with the next step.

mod unexpected_argument;

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use self::unexpected_argument::{flag_of, is_secret_flag, secret_input_hint, unexpected_argument};

use crate::error::Error;
use crate::types::clone_url::CloneUrlError;
use crate::types::connection::BaseUrlError;

/// What can be told from arguments that clap does not understand as a whole.
#[derive(Debug, Default)]
pub(crate) struct PreParsedFlags {
    /// `--json` stands among them.
    pub(crate) json: bool,
    /// The value of `--color`.
    pub(crate) color: crate::ui::ColorChoice,
}

impl PreParsedFlags {
    /// Looks at the arguments up to `--`.
    pub(crate) fn of(arguments: &[OsString]) -> Self {
        use clap::ValueEnum as _;
        let mut words = arguments
            .iter()
            .map(|word| word.to_string_lossy())
            .take_while(|word| word != "--");
        let mut wishes = Self::default();
        while let Some(word) = words.next() {
            let color = match word.split_once('=') {
                Some(("--color", when)) => Some(when.to_owned()),
                _ if word == "--color" => words.next().map(String::from),
                _ => None,
            };
            wishes.json |= word == "--json";
            wishes.color = color
                .and_then(|when| crate::ui::ColorChoice::from_str(&when, false).ok())
                .unwrap_or(wishes.color);
        }
        wishes
    }
}

/// Turns what clap refused into an error of ours.
pub(crate) fn usage_error(error: &clap::Error, arguments: &[OsString]) -> Error {
    let kind = error.kind();
    let argument = context(error, ContextKind::InvalidArg).unwrap_or_default();
    let root = super::command();
    let (command, path) = matched_command(&root, arguments);
    let help = format!("{path} --help");
    let no_command = [
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand,
        ErrorKind::MissingSubcommand,
    ];
    let too_many = [ErrorKind::UnknownArgument, ErrorKind::TooManyValues];
    let (message, hint) = if no_command.contains(&kind) {
        ("no command was given".to_owned(), help)
    } else if kind == ErrorKind::InvalidValue && !is_safe_to_echo(error, ContextKind::InvalidValue)
    {
        // Not repeated: what stands in the wrong place may be a secret.
        (
            format!("{argument} has no such value"),
            suggestion(error, &help),
        )
    } else if kind == ErrorKind::InvalidSubcommand
        && !is_safe_to_echo(error, ContextKind::InvalidSubcommand)
    {
        // Not repeated: it may be a URL with a password in it.
        (
            "there is no such command".to_owned(),
            format!("put a command in front, as in bbconnect url …; see {help}"),
        )
    } else if too_many.contains(&kind) && is_secret_flag(&argument) {
        // Neither is the value of a flag that could be meant for a secret.
        (
            format!(
                "{} takes no value: a secret is never an argument",
                flag_of(&argument)
            ),
            secret_input_hint(command, &argument).to_owned(),
        )
    } else if kind == ErrorKind::TooManyValues {
        (
            format!("{} takes no value", flag_of(&argument)),
            format!("see {help}"),
        )
    } else if too_many.contains(&kind) && !argument.starts_with('-') {
        unexpected_argument(command, &argument, &help)
    } else if kind == ErrorKind::ValueValidation {
        invalid_value(error, &argument, &help)
    } else {
        (first_line(error), suggestion(error, &help))
    };
    Error::Usage {
        message,
        hint: Some(hint.into()),
    }
}

/// A value that a parser of ours refused. The value itself is not repeated.
fn invalid_value(error: &clap::Error, argument: &str, help: &str) -> (String, String) {
    let Some(reason) = std::error::Error::source(error) else {
        return (
            format!("{argument} has a value that cannot be used"),
            format!("see {help}"),
        );
    };
    if let Some(refused) = reason.downcast_ref::<BaseUrlError>() {
        return (refused.to_string(), refused.hint());
    }
    match reason.downcast_ref::<CloneUrlError>() {
        Some(refused) => (
            refused.to_string(),
            refused.hint().unwrap_or_else(|| format!("see {help}")),
        ),
        None => (
            format!("{argument}: {}", describe_range(&reason.to_string())),
            format!("see {help}"),
        ),
    }
}

/// What clap says of a number that is too small or too large, in words.
fn describe_range(reason: &str) -> String {
    let range = reason.split_once(" is not in ").map(|(_, range)| range);
    match range.and_then(|range| range.split_once("..")) {
        Some((least, "" | "4294967295" | "=4294967295")) => format!("it must be at least {least}"),
        Some((least, most)) => {
            format!(
                "it must be from {least} to {}",
                most.trim_start_matches('=')
            )
        }
        None => reason.to_owned(),
    }
}

/// The values that there are, or the nearest name, or the help.
fn suggestion(error: &clap::Error, help: &str) -> String {
    let values = context(error, ContextKind::ValidValue).filter(|values| !values.is_empty());
    let names = [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand];
    let nearest = names.into_iter().find_map(|kind| context(error, kind));
    match (values, nearest) {
        (Some(values), _) => format!("the values are {values}"),
        (None, Some(nearest)) => format!("did you mean {nearest}? Otherwise see {help}"),
        (None, None) => format!("see {help}"),
    }
}

/// What clap knows of the circumstances, as text.
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

/// The first line of clap's own words, without its mark.
fn first_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    // The hint names the values, and clap's own hints follow an empty line.
    let end = [text.find("\n\n"), text.find("\n  [possible values")]
        .into_iter()
        .flatten()
        .min()
        .unwrap_or(text.len());
    text[..end].split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether what is not known is a word that could be meant.
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

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }
}
