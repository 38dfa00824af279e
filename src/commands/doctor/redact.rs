//! Takes out of a report what is nobody else's business: names of people, their addresses, home folders, secrets.

use std::path::Path;

use crate::types::connection::TokenPrefix;

/// What is taken out.
#[derive(Debug, Default)]
pub(super) struct Redactor {
    /// What stands for what, the longest first.
    known: Vec<(String, &'static str)>,
}

impl Redactor {
    /// A redactor that knows these names of people and this home folder.
    pub(super) fn new<'a>(names: impl IntoIterator<Item = &'a str>, home: Option<&Path>) -> Self {
        let mut known: Vec<(String, &'static str)> = names
            .into_iter()
            .filter(|name| name.chars().count() > 1 && *name != "git")
            .map(|name| (name.to_owned(), "<user>"))
            .collect();
        let home = home.map(|home| home.to_string_lossy().into_owned());
        known.extend(home.filter(|home| home.len() > 1).map(|home| (home, "~")));
        known.sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));
        Self { known }
    }

    /// The text without them.
    pub(super) fn clean(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (known, instead) in &self.known {
            text = replace_words(&text, known, instead);
        }
        text.split_inclusive(char::is_whitespace)
            .map(word)
            .collect()
    }
}

/// Replaces what stands by itself: `jane`, and not the `jane` of `janet`.
fn replace_words(text: &str, known: &str, instead: &str) -> String {
    let is_part = |character: Option<char>| character.is_some_and(char::is_alphanumeric);
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(known) {
        let behind = &rest[at + known.len()..];
        let before = rest[..at].chars().next_back().or(out.chars().next_back());
        out.push_str(&rest[..at]);
        let begins_in_word = is_part(before) && is_part(known.chars().next());
        let ends_in_word = is_part(behind.chars().next()) && is_part(known.chars().next_back());
        out.push_str(if begins_in_word || ends_in_word {
            known
        } else {
            instead
        });
        rest = behind;
    }
    out.push_str(rest);
    out
}

/// One word with the white space behind it: what stands before `@` is a person, and tokens are known by how they begin.
fn word(word: &str) -> String {
    let mut word = word.to_owned();
    for (beginning, _) in TokenPrefix::PREFIXES {
        if let Some(at) = word.find(beginning) {
            let length = word[at..]
                .find(|c: char| !(c.is_ascii_alphanumeric() || "-_=+/.".contains(c)))
                .unwrap_or(word.len() - at);
            word.replace_range(at..at + length, "***");
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
    let behind = &word[at + 1..];
    let is_login = word[..start].ends_with('/') || behind.contains(':');
    if is_login {
        // user:password@host: the host is what the report is about.
        return format!("{}<user>@{behind}", &word[..start]);
    }
    let end = behind
        .find(|c: char| !(c.is_alphanumeric() || ".-_".contains(c)))
        .unwrap_or(behind.len());
    format!("{}<address>{}", &word[..start], &behind[end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_and_secrets_are_taken_out_and_hosts_stay() {
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
            assert_eq!(redactor.clean(text), expected, "{text}");
        }
    }
}
