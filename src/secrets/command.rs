//! Secrets that a command prints, such as `pass show bitbucket`. The command is kept, never the secret.

use std::time::Duration;

use zeroize::Zeroizing;

use super::store::{SecretStore, StoreError};
use crate::sys::subprocess::{CommandSpec, Stderr};
use crate::types::secret::Secret;

/// How long a command may take: people unlock password managers.
const LIMIT: Duration = Duration::from_mins(1);

/// Characters that only a shell understands.
#[cfg(not(windows))]
const SHELL_METACHARACTERS: &str = "|&;<>()$`*?[]#~=%!{}\n";

/// A command whose first line of output is the secret.
#[derive(Debug)]
pub(crate) struct CommandStore<'a> {
    command: &'a str,
}

impl<'a> CommandStore<'a> {
    /// The command.
    #[must_use]
    pub(crate) fn new(command: &'a str) -> Self {
        Self { command }
    }
}

impl SecretStore for CommandStore<'_> {
    fn get(&self, _name: &str) -> Result<Option<Secret>, StoreError> {
        let command = task(self.command)?.stderr(Stderr::Inherit);
        let ended = command.run(LIMIT)?;
        let output = Zeroizing::new(ended.stdout);
        if !ended.status.success() {
            return Err(StoreError::CommandStatus(ended.status.to_string()));
        }
        let line = output
            .split(|&byte| byte == b'\n')
            .next()
            .unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let text = std::str::from_utf8(line)
            .map_err(|_| StoreError::CommandOutput("something that is not text"))?;
        if text.trim().is_empty() {
            return Err(StoreError::CommandOutput("an empty line"));
        }
        Ok(Some(Secret::new(text.trim().to_owned())))
    }

    fn set(&self, _name: &str, _secret: &Secret) -> Result<(), StoreError> {
        Err(StoreError::ReadOnly)
    }

    fn delete(&self, _name: &str) -> Result<(), StoreError> {
        Ok(())
    }
}

/// The command: as words where that needs no shell, otherwise handed to one.
#[cfg(not(windows))]
fn task(command: &str) -> Result<CommandSpec, StoreError> {
    if command.contains(|character| SHELL_METACHARACTERS.contains(character)) {
        return Ok(CommandSpec::new("sh").args(["-c", command]));
    }
    let words = shell_words::split(command).map_err(|_| StoreError::CommandSyntax)?;
    let (program, arguments) = words
        .split_first()
        .ok_or(StoreError::CommandOutput("nothing"))?;
    Ok(CommandSpec::new(program).args(arguments))
}

/// The command, handed to `cmd` as it was typed: that takes off the outer quotes (`/S`), and no backslash of a path.
#[cfg(windows)]
fn task(command: &str) -> Result<CommandSpec, StoreError> {
    if command.trim().is_empty() {
        return Err(StoreError::CommandOutput("nothing"));
    }
    let in_quotes = format!("\"{command}\"");
    Ok(CommandSpec::new("cmd")
        .args(["/D", "/S", "/C"])
        .line(in_quotes))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn get(command: &str) -> Result<String, StoreError> {
        CommandStore::new(command).get("any").map(|secret| {
            secret
                .map(|secret| secret.expose().to_owned())
                .unwrap_or_default()
        })
    }

    #[test]
    fn the_first_line_is_the_secret() {
        assert_eq!(get("printf 'one\\r\\ntwo\\n'").unwrap(), "one");
        assert_eq!(get("echo 'two words'").unwrap(), "two words");
        assert_eq!(get("echo $((40 + 2)) | cat").unwrap(), "42");
    }

    #[test]
    fn failures_say_what_failed_and_no_more() {
        assert!(matches!(get("false"), Err(StoreError::CommandStatus(_))));
        assert!(matches!(
            get("true"),
            Err(StoreError::CommandOutput("an empty line"))
        ));
        assert!(matches!(get("echo 'open"), Err(StoreError::CommandSyntax)));
        assert!(matches!(
            get("no-such-program-here x"),
            Err(StoreError::Command(_))
        ));
    }
}
