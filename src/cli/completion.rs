//! Completion of command lines: the program itself answers the shell. Names of connections come from the file of
//! connections; no request is sent and no secret is read.

use std::ffi::OsString;

use clap_complete::CompleteEnv;
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};

use crate::app::{COMPLETION_VARIABLE, Environment};
use crate::types::webhook::Event;

/// Completes the arguments after `--`, where a completion script runs the program. Returns whether it did; what fails is
/// silent, because the shell would print it into the command line.
#[must_use]
pub fn complete(arguments: impl IntoIterator<Item = OsString>) -> bool {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    // A variable that was set for another reason changes nothing.
    if arguments.get(1).is_none_or(|first| first != "--") {
        return false;
    }
    let current_dir = std::env::current_dir().ok();
    CompleteEnv::with_factory(with_candidates)
        .var(COMPLETION_VARIABLE)
        .try_complete(arguments, current_dir.as_deref())
        .unwrap_or(true)
}

/// The command line, with the candidates for its values.
fn with_candidates() -> clap::Command {
    fn add(command: clap::Command, path: &[String]) -> clap::Command {
        let of_arguments = command.mut_args(|argument| match candidates(path, &argument) {
            Some(candidates) => argument.add(candidates),
            None => argument,
        });
        of_arguments.mut_subcommands(|below| {
            let path = [path, &[below.get_name().to_owned()]].concat();
            add(below, &path)
        })
    }
    add(super::command(), &[])
}

/// The candidates for the value of an argument, where clap does not know them.
fn candidates(path: &[String], argument: &clap::Arg) -> Option<ArgValueCandidates> {
    let path: Vec<_> = path.iter().map(String::as_str).collect();
    let is_name = match argument.get_id().as_str() {
        "connection" | "prefer" => true,
        _ if !argument.is_positional() => false,
        "name" | "names" | "from" | "target" => match path.as_slice() {
            ["connection", command] => *command != "add",
            ["check" | "doctor"] | ["git", "env"] => true,
            _ => false,
        },
        _ => false,
    };
    if is_name {
        return Some(ArgValueCandidates::new(connections));
    }
    (argument.get_long() == Some("event")).then(|| ArgValueCandidates::new(events))
}

fn connections() -> Vec<CompletionCandidate> {
    let saved = Environment::from_process().saved_connections();
    let candidate = |(name, base_url): (String, Option<String>)| {
        CompletionCandidate::new(name).help(base_url.map(Into::into))
    };
    saved.into_iter().map(candidate).collect()
}

fn events() -> Vec<CompletionCandidate> {
    Event::generic_names()
        .map(CompletionCandidate::new)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_connections_are_completed_where_one_is_expected() {
        let root = super::super::command();
        for (line, argument, expected) in [
            ("connection show", "name", true),
            ("connection edit", "name", true),
            ("connection remove", "name", true),
            ("connection rename", "from", true),
            ("connection rename", "to", false),
            ("connection use", "name", true),
            ("connection use", "connection", true),
            ("connection add", "name", false),
            ("check", "names", true),
            ("doctor", "target", true),
            ("git env", "name", true),
            ("token create", "name", false),
            ("connect", "name", false),
            ("webhook ensure", "events", true),
            ("repo list", "connection", true),
        ] {
            let path: Vec<String> = line.split(' ').map(str::to_owned).collect();
            let mut command = &root;
            for name in &path {
                command = command.find_subcommand(name).unwrap();
            }
            let mut arguments = command.get_arguments();
            let argument = arguments.find(|it| it.get_id() == argument).unwrap();
            assert_eq!(
                candidates(&path, argument).is_some(),
                expected,
                "{line} {argument}"
            );
        }
    }
}
