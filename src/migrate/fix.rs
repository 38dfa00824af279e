//! Changes to the text of a file, as data: found, listed, and applied later.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::types::named_enum::named_enum;

named_enum! {
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
    pub enum FixKind {
        /// A remote at the retired SSH host.
        SshRemote = "ssh-remote",
        /// `url.*.insteadOf` or `pushInsteadOf` with the retired SSH host.
        UrlRewrite = "url-rewrite",
        /// A submodule at the retired SSH host.
        Submodule = "submodule",
        /// A password that Bitbucket Cloud no longer accepts.
        AppPassword = "app-password",
        /// A revoked or missing host key.
        KnownHost = "known-host",
        /// A setting of the SSH configuration for the retired host.
        SshConfig = "ssh-config",
        /// A conditional include for remotes at the retired SSH host.
        GitInclude = "git-include",
        /// A URL of Git LFS at the retired SSH host.
        Lfs = "lfs",
        /// A tracked file that names the retired SSH host or a retired host key.
        FileMention = "file-mention",
    }
}

/// Replaces a range of bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextEdit {
    pub at: Range<usize>,
    pub with: String,
}

/// One change. It contains no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    pub kind: FixKind,
    /// The key of a setting, or a line.
    pub location: String,
    /// The current value, secrets masked; `None` if there is none.
    pub before: Option<String>,
    /// The new value; `None` if it is removed, or the user must decide.
    pub after: Option<String>,
    /// Empty if the change must be made by hand.
    pub edits: Vec<TextEdit>,
    /// What remains to be done by hand.
    pub manual_step: Option<String>,
}

/// The text with all edits applied.
#[must_use]
pub fn apply_fixes(text: &str, fixes: &[Fix]) -> String {
    let mut edits: Vec<&TextEdit> = fixes.iter().flat_map(|fix| &fix.edits).collect();
    edits.sort_by_key(|edit| (edit.at.start, edit.at.end));
    let mut result = String::with_capacity(text.len() + 256);
    let mut read = 0;
    for edit in edits {
        result.push_str(text.get(read..edit.at.start).unwrap_or_default());
        result.push_str(&edit.with);
        read = edit.at.end;
    }
    result.push_str(text.get(read..).unwrap_or_default());
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_applied_in_the_order_of_the_text() {
        let fix = |edits: &[(Range<usize>, &str)]| Fix {
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
        let fixes = [fix(&[(4..5, "E")]), fix(&[(0..1, ""), (2..2, "++")])];
        assert_eq!(apply_fixes("abcdef", &fixes), "b++cdEf");
        assert_eq!(apply_fixes("abc", &[]), "abc");
    }
}
