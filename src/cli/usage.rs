//! What clap refuses, said in our words: without repeating what may hold a secret, and with the next step.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::error::Error;
use crate::model::clone_url::CloneUrlError;

/// What can be told from arguments that clap does not understand as a whole.
#[derive(Debug, Default)]
pub(crate) struct Wishes {
    /// `--json` stands among them.
    pub(crate) json: bool,
    /// The value of `--color`.
    pub(crate) color: crate::output::ColorWhen,
}

impl Wishes {
    /// Looks at the arguments up to `--`.
    pub(crate) fn of(arguments: &[OsString]) -> Self {
        use clap::ValueEnum as _;
        let mut words = arguments.iter().map(|word| word.to_string_lossy()).take_while(|word| word != "--");
        let mut wishes = Self::default();
        while let Some(word) = words.next() {
            let color = match word.split_once('=') {
                Some(("--color", when)) => Some(when.to_owned()),
                _ if word == "--color" => words.next().map(String::from),
                _ => None,
            };
            wishes.json |= word == "--json";
            wishes.color = color.and_then(|when| crate::output::ColorWhen::from_str(&when, false).ok()).unwrap_or(wishes.color);
        }
        wishes
    }
}

/// Turns what clap refused into an error of ours.
pub(crate) fn refused(error: &clap::Error) -> Error {
    let argument = context(error, ContextKind::InvalidArg).unwrap_or_default();
    let help = help(error);
    let (message, hint) = match error.kind() {
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => {
            ("no command was given".to_owned(), help)
        }
        ErrorKind::UnknownArgument if is_passphrase(&argument) => (
            format!("{} is not accepted: a secret is never an argument", flag_of(&argument)),
            "pipe it in with --passphrase-stdin; on a terminal that flag asks for it".to_owned(),
        ),
        // Not repeated: it may be a URL with a password in it.
        ErrorKind::UnknownArgument | ErrorKind::TooManyValues if !argument.starts_with('-') => (
            "there is an argument too many".to_owned(),
            format!("put quotes around what was pasted, as in 'git clone …'; see {help}"),
        ),
        // The value is not repeated here either.
        ErrorKind::ValueValidation => match std::error::Error::source(error) {
            Some(reason) => match reason.downcast_ref::<CloneUrlError>() {
                Some(refused) => (refused.to_string(), refused.hint().unwrap_or(help)),
                None => (format!("{argument}: {reason}"), format!("see {help}")),
            },
            None => (format!("{argument} has a value that cannot be used"), format!("see {help}")),
        },
        _ => {
            let values = context(error, ContextKind::ValidValue).filter(|values| !values.is_empty());
            let nearest = [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand]
                .into_iter()
                .find_map(|kind| context(error, kind));
            let hint = match (values, nearest) {
                (Some(values), _) => format!("the values are {values}"),
                (None, Some(nearest)) => format!("did you mean {nearest}? Otherwise see {help}"),
                (None, None) => format!("see {help}"),
            };
            (first_line(error), hint)
        }
    };
    Error::Usage { message, hint: Some(hint) }
}

/// What clap knows of the circumstances, as text.
fn context(error: &clap::Error, kind: ContextKind) -> Option<String> {
    match error.get(kind)? {
        ContextValue::String(text) => Some(text.clone()),
        ContextValue::Strings(texts) => Some(texts.join(", ")),
        _ => None,
    }
}

/// The first line of clap's own words, without its mark.
fn first_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    // The hint names the values, and clap's own hints follow an empty line.
    let end = [text.find("\n\n"), text.find("\n  [possible values")].into_iter().flatten().min().unwrap_or(text.len());
    text[..end].split_whitespace().collect::<Vec<_>>().join(" ")
}

fn is_passphrase(argument: &str) -> bool {
    matches!(flag_of(argument), "--passphrase" | "--password")
}

fn flag_of(argument: &str) -> &str {
    argument.split('=').next().unwrap_or(argument)
}

/// The command that shows the help for what was being read.
fn help(error: &clap::Error) -> String {
    let usage = match error.get(ContextKind::Usage) {
        Some(ContextValue::StyledStr(usage)) => usage.to_string(),
        _ => String::new(),
    };
    let command: Vec<&str> = usage
        .trim_start_matches("Usage:")
        .split_whitespace()
        .take_while(|word| word.chars().all(|c| c.is_ascii_lowercase() || c == '-') && !word.starts_with('-'))
        .collect();
    if command.is_empty() { "bbconnect --help".to_owned() } else { format!("{} --help", command.join(" ")) }
}
