//! Commits and branches, and the trailers in the messages of commits that `publish` creates. The trailers identify these
//! commits, and a digest of the change shows when a commit was amended.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

/// The paths that a commit changes, each with the hash of its new blob; `None` where it is removed.
pub(crate) type ChangedPaths = BTreeMap<String, Option<String>>;

const BY: &str = "Published-by";
const PROGRAM: &str = "bbconnect";
const BRANCH: &str = "Published-branch";
const INTO: &str = "Published-into";
const ONTO: &str = "Published-onto";
const CHANGE: &str = "Published-change";

/// A value is one line without spaces at its ends.
const ESCAPED: &AsciiSet = &CONTROLS.add(b'%').add(b' ');

/// Where a directory is published to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PublishTarget {
    pub branch: String,
    /// The directory of the repository, without a slash at either end; empty for the root.
    pub into: String,
}

/// The trailers of one commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PublishTrailer {
    target: PublishTarget,
    /// The parent that the commit was created with.
    onto: Option<String>,
    /// A digest of the changed paths and blobs.
    change: String,
}

impl PublishTrailer {
    /// The trailers of a new commit.
    pub(crate) fn new(target: PublishTarget, onto: Option<&str>, changes: &ChangedPaths) -> Self {
        Self {
            target,
            onto: onto.map(str::to_owned),
            change: change_digest(changes),
        }
    }

    /// The trailers of a message. Only its last paragraph counts, and only where it consists of trailers
    /// (git-interpret-trailers): elsewhere they are quoted.
    pub(crate) fn parse(message: &str) -> Option<Self> {
        let lines = message.trim_end().lines().rev();
        let last = lines.take_while(|line| !line.trim().is_empty());
        let trailers: Option<Vec<_>> = last.map(|line| line.split_once(": ")).collect();
        Self::from_pairs(&trailers?)
    }

    /// The trailers that a message quotes, as that of a squash merge does with the messages of the squashed commits:
    /// indented, or as items of a list.
    pub(crate) fn parse_quoted(message: &str) -> Vec<Self> {
        let pairs = |paragraph: &[&str]| {
            let lines = paragraph
                .iter()
                .map(|line| line.trim_start_matches([' ', '\t', '*', '>']));
            Self::from_pairs(
                &lines
                    .filter_map(|line| line.split_once(": "))
                    .collect::<Vec<_>>(),
            )
        };
        let lines: Vec<&str> = message.lines().collect();
        lines
            .split(|line| line.trim().is_empty())
            .filter_map(pairs)
            .collect()
    }

    fn from_pairs(trailers: &[(&str, &str)]) -> Option<Self> {
        let value = |key: &str| {
            let own = trailers.iter().find(|(name, _)| *name == key);
            own.map(|(_, value)| value.trim())
        };
        let text = |value: &str| percent_decode_str(value).decode_utf8_lossy().into_owned();
        (value(BY)? == PROGRAM).then_some(())?;
        Some(Self {
            target: PublishTarget {
                branch: text(value(BRANCH)?),
                into: value(INTO).map(text).unwrap_or_default(),
            },
            onto: value(ONTO).map(str::to_owned),
            change: value(CHANGE)?.to_owned(),
        })
    }

    pub(crate) fn target(&self) -> &PublishTarget {
        &self.target
    }

    /// Whether the commit still has the parent that it was created with.
    pub(crate) fn has_parent(&self, parent: Option<&str>) -> bool {
        self.onto.as_deref() == parent
    }

    /// Whether the commit still changes what it was created to change.
    pub(crate) fn matches_changes(&self, changes: &ChangedPaths) -> bool {
        self.change == change_digest(changes)
    }
}

impl fmt::Display for PublishTrailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PublishTarget { branch, into } = &self.target;
        writeln!(f, "{BY}: {PROGRAM}")?;
        writeln!(f, "{BRANCH}: {}", utf8_percent_encode(branch, ESCAPED))?;
        if !into.is_empty() {
            writeln!(f, "{INTO}: {}", utf8_percent_encode(into, ESCAPED))?;
        }
        if let Some(onto) = &self.onto {
            writeln!(f, "{ONTO}: {onto}")?;
        }
        writeln!(f, "{CHANGE}: {}", self.change)
    }
}

/// Computes the hash of a Git blob from its content in pieces.
pub(crate) struct BlobHasher(Context);

impl BlobHasher {
    /// The size is part of what is hashed: all of the content must be given.
    pub(crate) fn new(size: u64) -> Self {
        let mut context = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
        context.update(format!("blob {size}\0").as_bytes());
        Self(context)
    }

    pub(crate) fn update(&mut self, content: &[u8]) {
        self.0.update(content);
    }

    pub(crate) fn finish(self) -> String {
        hex(self.0.finish().as_ref())
    }
}

/// Paths contain no NUL.
fn change_digest(changes: &ChangedPaths) -> String {
    let mut text = String::new();
    for (path, hash) in changes {
        text.push_str(path);
        text.push('\0');
        text.push_str(hash.as_deref().unwrap_or("-"));
        text.push('\0');
    }
    let digest = digest(&SHA256, text.as_bytes());
    hex(digest.as_ref().split_at(20).0)
}

/// Bytes in hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A branch and the commit it points to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Branch {
    /// Without `refs/heads/`.
    pub name: String,
    /// The full hash of the commit.
    pub hash: String,
}

/// A commit, as far as `publish` needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Commit {
    pub hash: String,
    /// The full hash of the first parent. `None` for a root commit, and for a commit at the boundary of a shallow
    /// repository.
    pub parent: Option<String>,
    /// Name and address, as one text.
    pub author: String,
    pub message: String,
}

impl Commit {
    /// The trailer with which `publish` marks its commits.
    pub(crate) fn commit(&self) -> Option<PublishTrailer> {
        PublishTrailer::parse(&self.message)
    }

    /// The first line of the message.
    pub(crate) fn title(&self) -> &str {
        self.message.lines().next().unwrap_or_default()
    }
}

/// Author and committer of a new commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Signature {
    pub name: String,
    pub email: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(hash: &str) -> ChangedPaths {
        let hash = Some(hash.to_owned());
        ChangedPaths::from([("a".to_owned(), hash), ("gone".to_owned(), None)])
    }

    fn target(into: &str) -> PublishTarget {
        PublishTarget {
            branch: "bbconnect".to_owned(),
            into: into.to_owned(),
        }
    }

    #[test]
    fn blob_hashes_are_those_of_git() {
        assert_eq!(
            BlobHasher::new(0).finish(),
            "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
        );
        let mut hasher = BlobHasher::new(2);
        hasher.update(b"1");
        hasher.update(b"\n");
        assert_eq!(hasher.finish(), "d00491fd7e5bb6fa28c517a0bb32b8b506539d4d");
    }

    #[test]
    fn trailers_are_parsed_as_they_are_written() {
        for (onto, into) in [(None, ""), (Some("abc"), "docs/100% \n a")] {
            let trailer = PublishTrailer::new(target(into), onto, &changes("1"));
            let message = format!("Build 7\n\nCo-authored-by: x\n\n{trailer}");
            assert_eq!(PublishTrailer::parse(&message), Some(trailer.clone()));
            let signed = format!("Build 7\n\n{trailer}Signed-off-by: Jane\r\n");
            assert_eq!(PublishTrailer::parse(&signed), Some(trailer.clone()));
            assert!(trailer.has_parent(onto) && !trailer.has_parent(Some("def")));
            assert!(trailer.matches_changes(&changes("1")));
            assert!(!trailer.matches_changes(&changes("2")));
            assert_eq!(trailer.target(), &target(into));
        }
    }

    #[test]
    fn quoted_trailers_do_not_count_as_trailers() {
        let trailer = PublishTrailer::new(target("docs"), None, &changes("1"));
        let indented = trailer.to_string().replace('\n', "\n    ");
        for (message, is_quoted) in [
            (
                format!("A fix\n\n{trailer}\nSquashed with a fix of mine.\n"),
                true,
            ),
            (format!("A fix\n\n{trailer}and more\n"), true),
            (
                format!("Squashed commit:\n\ncommit abc\n\n    Build 7\n    \n    {indented}"),
                true,
            ),
            (
                format!("Merged\n\n* Build 7\n\n* {trailer}\nApproved-by: Jane"),
                true,
            ),
            ("A fix\n\nPublished-by: bbconnect\n".to_owned(), false),
            ("Fix what bbconnect wrote".to_owned(), false),
            (String::new(), false),
        ] {
            assert_eq!(PublishTrailer::parse(&message), None, "{message}");
            let quoted = PublishTrailer::parse_quoted(&message);
            assert_eq!(quoted.first() == Some(&trailer), is_quoted, "{message}");
        }
    }
}
