//! Removes personal data from a report: account names, e-mail addresses, home directories, secrets.

use std::path::Path;

use crate::diagnostics::Finding;
use crate::types::connection::TokenPrefix;

#[derive(Debug, Default)]
pub(super) struct Redactor {
    /// Texts and their replacements, the longest text first.
    replacements: Vec<(String, &'static str)>,
}

impl Redactor {
    /// A redactor of these account names and this home directory, and of whatever looks like an address or a token.
    pub(super) fn new<'a>(names: impl IntoIterator<Item = &'a str>, home: Option<&Path>) -> Self {
        let mut replacements: Vec<(String, &'static str)> = names
            .into_iter()
            .filter(|name| name.chars().count() > 1 && *name != "git")
            .map(|name| (name.to_owned(), "<user>"))
            .collect();
        let home = home.map(|home| home.to_string_lossy().into_owned());
        replacements.extend(home.filter(|home| home.len() > 1).map(|home| (home, "~")));
        replacements.sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));
        Self { replacements }
    }

    pub(super) fn redact(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (known, replacement) in &self.replacements {
            text = replace_words(&text, known, replacement);
        }
        text.split_inclusive(char::is_whitespace)
            .map(redact_word)
            .collect()
    }

    pub(super) fn redact_finding(&self, finding: &Finding) -> Finding {
        let redact = |text: &Option<String>| text.as_ref().map(|text| self.redact(text));
        Finding {
            message: self.redact(&finding.message),
            evidence: redact(&finding.evidence),
            next: redact(&finding.next),
            ..finding.clone()
        }
    }
}

/// Replaces whole words: `jane`, and not the `jane` of `janet`.
fn replace_words(text: &str, known: &str, replacement: &str) -> String {
    let is_in_word = |character: Option<char>| character.is_some_and(char::is_alphanumeric);
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(known) {
        let after = &rest[start + known.len()..];
        let before = rest[..start]
            .chars()
            .next_back()
            .or(out.chars().next_back());
        out.push_str(&rest[..start]);
        let begins_in_word = is_in_word(before) && is_in_word(known.chars().next());
        let ends_in_word =
            is_in_word(after.chars().next()) && is_in_word(known.chars().next_back());
        out.push_str(if begins_in_word || ends_in_word {
            known
        } else {
            replacement
        });
        rest = after;
    }
    out.push_str(rest);
    out
}

/// One word with the white space after it. A token is known by its prefix, a user by the `@` after it.
fn redact_word(word: &str) -> String {
    let mut word = word.to_owned();
    for (prefix, _) in TokenPrefix::PREFIXES {
        if let Some(start) = word.find(prefix) {
            let length = word[start..]
                .find(|c: char| !(c.is_ascii_alphanumeric() || "-_=+/.".contains(c)))
                .unwrap_or(word.len() - start);
            word.replace_range(start..start + length, "***");
        }
    }
    let Some(at) = word.find('@') else {
        return word;
    };
    let start = word[..at]
        .rfind(|c: char| "/(<\"'`,;=".contains(c))
        .map_or(0, |start| start + 1);
    let user = &word[start..at];
    if user.is_empty() || user == "git" {
        return word;
    }
    let (before, after) = (&word[..start], &word[at + 1..]);
    if before.ends_with('/') || after.contains(':') {
        // user:password@host: the host is needed in the report.
        return format!("{before}<user>@{after}");
    }
    let end = after
        .find(|c: char| !(c.is_alphanumeric() || ".-_".contains(c)))
        .unwrap_or(after.len());
    format!("{before}<address>{}", &after[end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn personal_data_is_removed_and_hosts_stay() {
        let redactor = Redactor::new(
            ["jane", "jane.doe@acme.example"],
            Some(Path::new("/home/jane")),
        );
        for (text, expected) in [
            (
                "the server accepts it, as jane",
                "the server accepts it, as <user>",
            ),
            (
                "/home/jane/.ssh/key is not there",
                "~/.ssh/key is not there",
            ),
            ("mail jane.doe@acme.example, please", "mail <user>, please"),
            ("mail bob@acme.example, please", "mail <address>, please"),
            ("janet and mary-jane", "janet and mary-<user>"),
            ("http://bob:secret@proxy:3128/", "http://<user>@proxy:3128/"),
            (
                "ssh://git@git.example.com:7999/web/site.git",
                "ssh://git@git.example.com:7999/web/site.git",
            ),
            ("token ATATT3xFfGF0_abc=12, again", "token ***, again"),
            ("(BBDC-MTIz)", "(***)"),
            (
                "git.example.com answers [3 ms]",
                "git.example.com answers [3 ms]",
            ),
        ] {
            assert_eq!(redactor.redact(text), expected, "{text}");
        }
    }
}
