//! Escaping of text from servers and users in output.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Whether a character controls the terminal, changes the direction of the text around it, or is invisible. Such
/// characters are rejected in URLs and escaped in output.
///
/// The set: control characters (C0, C1, DEL), bidirectional formatting (Unicode Standard Annex 9), zero-width and
/// other invisible characters (fillers, variation selectors), line and paragraph separators, and tag characters.
pub(crate) fn needs_escape(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{ffa0}' | '\u{e0100}'..='\u{e01ef}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// The text with such characters as escapes: `\n`, `\t`, `\u{1b}`.
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    escape_if(text, needs_escape)
}

/// As [`escape`], for the output of another program: ends of lines, also of lines that the next one overwrites, and tabs
/// stay.
#[must_use]
pub(crate) fn escape_output(text: &str) -> Cow<'_, str> {
    escape_if(text, |character| {
        needs_escape(character) && !matches!(character, '\n' | '\r' | '\t')
    })
}

fn escape_if(text: &str, needs_escape: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.chars().any(&needs_escape) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if needs_escape(character) {
            // Writing to a String cannot fail.
            let _ = write!(escaped, "{}", character.escape_default());
        } else {
            escaped.push(character);
        }
    }
    Cow::Owned(escaped)
}

/// Removes the error numbers that Rust appends to messages of the system: ` (os error 13)`.
pub(crate) fn strip_os_error_code(message: &str) -> String {
    let mut parts = message.split(" (os error ");
    let mut words = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once(')') {
            Some((code, rest)) if code.bytes().all(|byte| byte.is_ascii_digit()) => {
                words.push_str(rest);
            }
            Some(_) | None => {
                words.push_str(" (os error ");
                words.push_str(part);
            }
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_is_not_changed() {
        assert!(matches!(
            escape("Zürich/日本 repo"),
            Cow::Borrowed("Zürich/日本 repo")
        ));
    }

    #[test]
    fn control_and_invisible_characters_are_escaped() {
        assert_eq!(escape("a\u{1b}[2Jb"), r"a\u{1b}[2Jb");
        assert_eq!(escape("line\nfeed\ttab"), r"line\nfeed\ttab");
        assert_eq!(
            escape_output("1%\r2%\n\t\u{1b}[2J\u{202e}"),
            "1%\r2%\n\t\\u{1b}[2J\\u{202e}"
        );
        assert_eq!(escape("\u{202e}gnp.exe"), r"\u{202e}gnp.exe");
        assert_eq!(
            escape("zero\u{200b}width\u{9b}"),
            r"zero\u{200b}width\u{9b}"
        );
    }

    #[test]
    fn error_numbers_are_removed() {
        for (message, expected) in [
            (
                "cannot read x: Permission denied (os error 13)",
                "cannot read x: Permission denied",
            ),
            ("a (os error 2): b (os error 17)", "a: b"),
            ("a (os error x), b", "a (os error x), b"),
            ("a (os error 1", "a (os error 1"),
        ] {
            assert_eq!(strip_os_error_code(message), expected);
        }
    }
}
