//! What is to be mended in a file: found as data, shown, and carried out later.

use std::ops::Range;

use serde::Serialize;

/// What is mended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum MendKind {
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

impl MendKind {
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
pub struct Edit {
    /// The piece.
    pub at: Range<usize>,
    /// What is to stand there.
    pub with: String,
}

/// One thing to be mended in a text. Nothing in it is secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mend {
    /// What is mended.
    pub kind: MendKind,
    /// Where in the file: the key of a setting, or a line.
    pub place: String,
    /// What stands there, secrets masked; `None` where it is missing.
    pub before: Option<String>,
    /// What will stand there; `None` where it is taken away, or a person must decide.
    pub after: Option<String>,
    /// How the text is changed. Without an edit it is left to a person.
    pub edits: Vec<Edit>,
    /// What remains to be done by a person.
    pub next: Option<String>,
}

/// The text with all mends carried out.
#[must_use]
pub fn mended(text: &str, mends: &[Mend]) -> String {
    let mut edits: Vec<&Edit> = mends.iter().flat_map(|mend| &mend.edits).collect();
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
        let mend = |edits: &[(Range<usize>, &str)]| Mend {
            kind: MendKind::SshRemote,
            place: String::new(),
            before: None,
            after: None,
            edits: edits
                .iter()
                .map(|(at, with)| Edit {
                    at: at.clone(),
                    with: (*with).to_owned(),
                })
                .collect(),
            next: None,
        };
        let mends = [mend(&[(4..5, "E")]), mend(&[(0..1, ""), (2..2, "++")])];
        assert_eq!(mended("abcdef", &mends), "b++cdEf");
        assert_eq!(mended("abc", &[]), "abc");
    }
}
