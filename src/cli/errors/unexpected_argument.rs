//! What is typed beyond what a command takes: a secret, part of what was pasted, a slip.

use crate::types::connection::TokenPrefix;

/// A flag that somebody could put a secret behind.
pub(super) fn is_secret_flag(argument: &str) -> bool {
    ["--pass", "--token", "--secret", "--client-secret", "-N"]
        .iter()
        .any(|start| flag_of(argument).starts_with(start))
}

pub(super) fn flag_of(argument: &str) -> &str {
    argument.split('=').next().unwrap_or(argument)
}

/// How a command takes the secret that somebody typed, by the flags that it has.
pub(super) fn secret_input_hint(command: &clap::Command, argument: &str) -> &'static str {
    const PASSPHRASE: (&str, &str) = (
        "passphrase-stdin",
        "pipe it in with --passphrase-stdin; on a terminal that flag asks for it",
    );
    const TOKEN: (&str, &str) = (
        "token-stdin",
        "give it with --token-stdin, --token-file FILE, --token-command 'CMD', or in BBCONNECT_TOKEN",
    );
    const SECRET: (&str, &str) = (
        "secret-stdin",
        "pipe it in with --secret-stdin; on a terminal that flag asks for it",
    );
    let ways = if argument.contains("pass") || argument.starts_with("-N") {
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
        "save it with bbconnect connection add, or export BBCONNECT_TOKEN",
        |(_, way)| way,
    )
}

/// An argument too many: part of what was pasted, a secret, or a slip. It is named only where it can be no secret.
pub(super) fn unexpected_argument(
    command: &clap::Command,
    argument: &str,
    help: &str,
) -> (String, String) {
    let too_many = "there is an argument too many".to_owned();
    let takes = |name: &str| {
        command.get_arguments().any(|taken| {
            let value_names = taken.get_value_names().unwrap_or_default();
            taken.get_long() == Some(name) || value_names.iter().any(|value| value == name)
        })
    };
    if TokenPrefix::of(argument) != TokenPrefix::Unknown || takes("token-stdin") {
        let way = secret_input_hint(command, argument);
        return (
            format!("{too_many}: a secret is never an argument"),
            format!("{way}; see {help}"),
        );
    }
    if takes("CLONE_URL") {
        return (
            too_many,
            format!("put quotes around what was pasted, as in 'git clone …'; see {help}"),
        );
    }
    let is_plain = argument.len() < 40
        && argument
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte));
    if is_plain {
        (
            format!("unexpected argument {argument}"),
            format!("see {help}"),
        )
    } else {
        (too_many, format!("see {help}"))
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::super::matched_command;
    use super::*;

    #[test]
    fn a_secret_is_led_to_the_flags_that_the_command_has() {
        for (line, argument, expected) in [
            ("bbconnect keygen", "--passphrase", "--passphrase-stdin"),
            ("bbconnect connection add", "--password", "--token-stdin"),
            ("bbconnect connection add", "--token", "--token-stdin"),
            ("bbconnect webhook ensure", "--secret", "--secret-stdin"),
            ("bbconnect pr list", "--password", "connection add"),
            ("bbconnect check", "--token", "connection add"),
            ("bbconnect repo list", "--token", "BBCONNECT_TOKEN"),
        ] {
            let root = crate::cli::command();
            let (command, _) = matched_command(&root, &words(line));
            let way = secret_input_hint(command, argument);
            assert!(way.contains(expected), "{line} {argument}: {way}");
        }
    }

    #[test]
    fn an_argument_too_many_is_named_only_where_it_can_be_no_secret() {
        for (line, argument, message) in [
            ("bbconnect url", "x", "there is an argument too many"),
            (
                "bbconnect connection add",
                "hunter2",
                "there is an argument too many: a secret is never an argument",
            ),
            (
                "bbconnect repo view",
                "ATATT3x",
                "there is an argument too many: a secret is never an argument",
            ),
            ("bbconnect repo view", "other", "unexpected argument other"),
            (
                "bbconnect repo view",
                "https://jane:pw@host/a",
                "there is an argument too many",
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
