//! Shells that people paste commands into, and how words are quoted for them.

use std::borrow::Cow;

/// A shell by the rules of its quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
#[expect(clippy::enum_variant_names, reason = "PowerShell is a name")]
pub(crate) enum Shell {
    /// sh, bash, zsh, …
    Sh,
    #[value(name = "powershell")]
    PowerShell,
    /// The command prompt of Windows
    Cmd,
}

impl Shell {
    /// The usual shell of this system.
    pub(crate) const NATIVE: Self = if cfg!(windows) {
        Self::PowerShell
    } else {
        Self::Sh
    };

    /// A command line that runs what a command prints.
    pub(crate) fn evaluate(self, command: &str) -> String {
        match self {
            Self::Sh => format!("eval \"$({command})\""),
            Self::PowerShell => format!("{command} | Out-String | Invoke-Expression"),
            Self::Cmd => format!("for /f \"delims=\" %i in ('{command}') do @%i"),
        }
    }

    /// The command that sets an environment variable.
    pub(crate) fn set_variable(self, name: &str, value: &str) -> String {
        match self {
            Self::Sh => format!("export {name}={}", shell_words::quote(value)),
            Self::PowerShell => format!("$env:{name} = {}", single_quoted(value)),
            // The quotes end at the last one, and are no part of the value.
            Self::Cmd => format!("set \"{name}={value}\""),
        }
    }

    /// The command that removes an environment variable.
    pub(crate) fn unset_variable(self, name: &str) -> String {
        match self {
            Self::Sh => format!("unset {name}"),
            Self::PowerShell => format!("Remove-Item -ErrorAction Ignore Env:{name}"),
            Self::Cmd => format!("set \"{name}=\""),
        }
    }
}

/// Quotes a word of a command that people paste: for Unix shells, or on Windows for PowerShell and cmd alike.
pub(crate) fn quote(word: &str) -> Cow<'_, str> {
    if cfg!(windows) {
        quote_for_windows(word)
    } else {
        shell_words::quote(word)
    }
}

/// Both shells of Windows know double quotes. Where PowerShell would interpret a character between them, only its own
/// quotes are right.
fn quote_for_windows(word: &str) -> Cow<'_, str> {
    let is_plain =
        |character: char| character.is_alphanumeric() || r"_+=:./\-@~".contains(character);
    if word.chars().all(is_plain) && !word.is_empty() && !word.starts_with(['@', '~']) {
        Cow::Borrowed(word)
    } else if word.contains(['"', '$', '`']) {
        Cow::Owned(single_quoted(word))
    } else if word.ends_with('\\') {
        // Programs take `\"` for a quote that is part of the word.
        Cow::Owned(format!("\"{word}\\\""))
    } else {
        Cow::Owned(format!("\"{word}\""))
    }
}

/// A path for the shell of git and for OpenSSH, which on Windows take slashes.
pub(crate) fn for_git_shell(path: &str) -> Cow<'_, str> {
    if cfg!(windows) {
        Cow::Owned(path.replace('\\', "/"))
    } else {
        Cow::Borrowed(path)
    }
}

fn single_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_powershell_and_cmd() {
        for (word, quoted) in [
            (r"C:\Users\jane\.ssh\key", r"C:\Users\jane\.ssh\key"),
            ("C:/Users/jänner/key", "C:/Users/jänner/key"),
            (r"C:\Users\J D\key", r#""C:\Users\J D\key""#),
            (r"C:\Users\J D\", r#""C:\Users\J D\\""#),
            ("it's", r#""it's""#),
            ("ssh://git@h:7999/~j/a.git", "ssh://git@h:7999/~j/a.git"),
            ("@a", r#""@a""#),
            ("git@[::1]:a,b", r#""git@[::1]:a,b""#),
            ("", r#""""#),
            (r"C:\$Recycle's", r"'C:\$Recycle''s'"),
            ("a&b|c", r#""a&b|c""#),
        ] {
            assert_eq!(quote_for_windows(word), quoted);
        }
    }

    #[test]
    fn variables_are_set_in_the_words_of_each_shell() {
        let value = "ssh -i 'C:/J D/k' $x";
        assert_eq!(
            Shell::Sh.set_variable("A", value),
            r"export A='ssh -i '\''C:/J D/k'\'' $x'"
        );
        assert_eq!(
            Shell::PowerShell.set_variable("A", value),
            "$env:A = 'ssh -i ''C:/J D/k'' $x'"
        );
        assert_eq!(
            Shell::Cmd.set_variable("A", value),
            r#"set "A=ssh -i 'C:/J D/k' $x""#
        );
        for (shell, unset) in [
            (Shell::Sh, "unset A"),
            (Shell::PowerShell, "Remove-Item -ErrorAction Ignore Env:A"),
            (Shell::Cmd, "set \"A=\""),
        ] {
            assert_eq!(shell.unset_variable("A"), unset);
        }
    }
}
