//! Secrets that a command prints, such as `pass show bitbucket`. The command is stored, never the secret.

use std::time::Duration;

use zeroize::Zeroizing;

use super::error::StoreError;
use crate::sys::subprocess::{CommandSpec, Listener};
use crate::types::secret::{Secret, SecretTextError};

/// Characters that only a shell interprets.
#[cfg(not(windows))]
const SHELL_METACHARACTERS: &str = "|&;<>()$`*?[]#~=%!{}\n";

/// The first line that a command prints within the time limit. It inherits the whole environment: it is the user's own.
pub(crate) fn secret_from_command(
    command: &str,
    limit: Duration,
    listener: Listener,
) -> Result<Secret, StoreError> {
    let spec = command_spec(command)?.until_first_line();
    let stdout = stdout_of(spec, limit, listener)?;
    let line = Secret::first_line(&stdout).map_err(|error| match error {
        SecretTextError::Utf16 => StoreError::CommandOutputUtf16,
        SecretTextError::NotText => StoreError::CommandOutputNotText,
    })?;
    let line = line.expose().trim();
    if line.is_empty() {
        return Err(StoreError::NoCommandOutput);
    }
    Ok(Secret::new(line.to_owned()))
}

/// Everything that a command prints to standard output within the time limit.
pub(crate) fn output_of_command(
    command: &str,
    limit: Duration,
    listener: Listener,
) -> Result<Secret, StoreError> {
    let stdout = stdout_of(command_spec(command)?, limit, listener)?;
    let text = std::str::from_utf8(&stdout).map_err(|_| StoreError::CommandOutputNotText)?;
    Ok(Secret::new(text.to_owned()))
}

fn stdout_of(
    command: CommandSpec,
    limit: Duration,
    listener: Listener,
) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    let output = command
        .listen_to_stderr(listener)
        .new_process_group_without_terminal()
        .inherit_secrets()
        .run(limit)?;
    let stdout = Zeroizing::new(output.stdout);
    if output.status.success() {
        Ok(stdout)
    } else {
        Err(StoreError::CommandStatus(output.status.to_string()))
    }
}

/// The command split into words, or handed to a shell where it needs one.
#[cfg(not(windows))]
fn command_spec(command: &str) -> Result<CommandSpec, StoreError> {
    if command.contains(|character| SHELL_METACHARACTERS.contains(character)) {
        return Ok(CommandSpec::new("sh").args(["-c", command]));
    }
    let words = shell_words::split(command).map_err(|_| StoreError::CommandSyntax)?;
    let (program, arguments) = words.split_first().ok_or(StoreError::EmptyCommand)?;
    Ok(CommandSpec::new(program).args(arguments))
}

/// The command, handed to `cmd` unchanged: `/S` strips the outer quotes, and no backslash of a path.
#[cfg(windows)]
fn command_spec(command: &str) -> Result<CommandSpec, StoreError> {
    if command.trim().is_empty() {
        return Err(StoreError::EmptyCommand);
    }
    let in_quotes = format!("\"{command}\"");
    Ok(CommandSpec::new("cmd")
        .args(["/D", "/S", "/C"])
        .raw_arg(in_quotes))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(30);

    #[test]
    fn the_first_line_is_the_secret() {
        for (command, secret) in [
            ("printf 'one\\r\\ntwo\\n'", "one"),
            ("echo 'two words'", "two words"),
            ("echo $((40 + 2)) | cat", "42"),
            ("printf '\\357\\273\\277marked\\n'", "marked"),
        ] {
            let printed = secret_from_command(command, LIMIT, Box::new(|_| ())).unwrap();
            assert_eq!(printed.expose(), secret);
        }
    }

    #[test]
    fn each_failure_has_its_error() {
        let error = |command| secret_from_command(command, LIMIT, Box::new(|_| ())).unwrap_err();
        assert!(matches!(error("false"), StoreError::CommandStatus(_)));
        assert!(matches!(error("true"), StoreError::NoCommandOutput));
        assert!(matches!(error("echo"), StoreError::NoCommandOutput));
        assert!(matches!(
            error("printf '\\377'"),
            StoreError::CommandOutputNotText
        ));
        assert!(matches!(
            error("printf '\\377\\376a\\0\\n\\0'"),
            StoreError::CommandOutputUtf16
        ));
        assert!(matches!(error("echo 'open"), StoreError::CommandSyntax));
        assert!(matches!(error(" "), StoreError::EmptyCommand));
        assert!(matches!(
            error("no-such-program-here x"),
            StoreError::Command(_)
        ));
    }
}
