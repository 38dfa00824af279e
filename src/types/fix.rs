//! What is to be mended in a file: found as data, shown, and carried out later.

use std::ops::Range;

use serde::Serialize;

/// What is mended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FixKind {
    /// A remote at the old SSH host.
    SshRemote,
    /// `url.*.insteadOf` or `pushInsteadOf` with the old SSH host.
    UrlRewrite,
    /// A submodule at the old SSH host.
    Submodule,
    /// A password that Bitbucket Cloud takes no more.
    AppPassword,
    /// A host key that is retired, or one that is missing.
    KnownHost,
    /// A `Host` of the SSH configuration with the old host.
    SshConfig,
}

impl FixKind {
    /// The name in text and in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SshRemote => "ssh-remote",
            Self::UrlRewrite => "url-rewrite",
            Self::Submodule => "submodule",
            Self::AppPassword => "app-password",
            Self::KnownHost => "known-host",
            Self::SshConfig => "ssh-config",
        }
    }
}

/// A piece of a text, in bytes from its start, and what is to stand there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextEdit {
    /// The piece.
    pub at: Range<usize>,
    /// What is to stand there.
    pub with: String,
}

/// One thing to be mended in a text. Nothing in it is secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// What is mended.
    pub kind: FixKind,
    /// Where in the file: the key of a setting, or a line.
    pub location: String,
    /// What stands there, secrets masked; `None` where it is missing.
    pub before: Option<String>,
    /// What will stand there; `None` where it is taken away, or a person must decide.
    pub after: Option<String>,
    /// How the text is changed. Without an edit it is left to a person.
    pub edits: Vec<TextEdit>,
    /// What remains to be done by a person.
    pub manual_step: Option<String>,
}

/// The text with all mends carried out.
#[must_use]
pub fn apply_fixes(text: &str, fixes: &[Fix]) -> String {
    let mut edits: Vec<&TextEdit> = fixes.iter().flat_map(|fix| &fix.edits).collect();
    edits.sort_by_key(|edit| (edit.at.start, edit.at.end));
    let mut mended = String::with_capacity(text.len() + 256);
    let mut read = 0;
    for edit in edits {
        mended.push_str(text.get(read..edit.at.start).unwrap_or_default());
        mended.push_str(&edit.with);
        read = edit.at.end;
    }
    mended.push_str(text.get(read..).unwrap_or_default());
    mended
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_carried_out_in_the_order_of_the_text() {
        let mend = |edits: &[(Range<usize>, &str)]| Fix {
            kind: FixKind::SshRemote,
            location: String::new(),
            before: None,
            after: None,
            edits: edits
                .iter()
                .map(|(at, with)| TextEdit {
                    at: at.clone(),
                    with: (*with).to_owned(),
                })
                .collect(),
            manual_step: None,
        };
        let mends = [mend(&[(4..5, "E")]), mend(&[(0..1, ""), (2..2, "++")])];
        assert_eq!(apply_fixes("abcdef", &mends), "b++cdEf");
        assert_eq!(apply_fixes("abc", &[]), "abc");
    }
}
