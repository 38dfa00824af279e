//! Shells that people paste commands into, and how words are quoted for them.

use std::borrow::Cow;
use std::fmt::Write as _;

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
            Self::PowerShell if value.is_ascii() => {
                format!("$env:{name} = {}", single_quoted(value))
            }
            Self::PowerShell => format!("$env:{name} = {}", ascii_quoted(value)),
            // The quotes end at the last one, and are no part of the value.
            Self::Cmd => format!("set \"{name}={value}\""),
        }
    }

    /// A command whose output becomes the content of a file. `>` of Windows PowerShell writes UTF-16.
    pub(crate) fn redirect(self, command: &str, file: &str) -> String {
        match self {
            Self::Sh | Self::Cmd => format!("{command} > {file}"),
            Self::PowerShell => format!("{command} | Out-File -Encoding ascii {file}"),
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
    } else if word.contains(['"', '$', '`']) || word.contains(DOUBLE_QUOTES) {
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

/// What PowerShell takes for a double quote, beside `"`.
const DOUBLE_QUOTES: [char; 3] = ['\u{201c}', '\u{201d}', '\u{201e}'];

/// What PowerShell takes for a single quote.
const SINGLE_QUOTES: [char; 5] = ['\'', '\u{2018}', '\u{2019}', '\u{201a}', '\u{201b}'];

fn single_quoted(text: &str) -> String {
    let mut quoted = String::from("'");
    for character in text.chars() {
        if SINGLE_QUOTES.contains(&character) {
            quoted.push(character);
        }
        quoted.push(character);
    }
    quoted + "'"
}

/// A string of PowerShell in ASCII: it reads the output of programs in the code page of the console.
fn ascii_quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for unit in text.encode_utf16() {
        match u8::try_from(unit).map(char::from) {
            Ok(character @ ('"' | '$' | '`')) => quoted.extend(['`', character]),
            Ok(character) if character.is_ascii() => quoted.push(character),
            Ok(_) | Err(_) => {
                let _ = write!(quoted, "$([char]{unit})");
            }
        }
    }
    quoted + "\""
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
            ("a\u{201d};b", "'a\u{201d};b'"),
            ("a\u{201d}\u{2019};b", "'a\u{201d}\u{2019}\u{2019};b'"),
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
        assert_eq!(
            Shell::PowerShell.set_variable("A", "C:/jänner/$x \u{1f511}"),
            "$env:A = \"C:/j$([char]228)nner/`$x $([char]55357)$([char]56593)\""
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
