//! Trailers of commits created by `publish`. They distinguish these commits from others, and from their own amended or
//! rebased versions.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};

/// For each path that a commit changes, git's hash of the new content; `None` if the file is removed.
pub(crate) type ChangedPaths = BTreeMap<String, Option<String>>;

const BY: &str = "Published-by";
const PROGRAM: &str = "bbconnect";
const ONTO: &str = "Published-onto";
const CHANGE: &str = "Published-change";

/// The parent of a commit, and a hash of its changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PublishTrailer {
    onto: Option<String>,
    change: String,
}

impl PublishTrailer {
    #[must_use]
    pub(crate) fn new(onto: Option<&str>, written: &ChangedPaths) -> Self {
        Self {
            onto: onto.map(str::to_owned),
            change: change(written),
        }
    }

    /// The trailer at the end of a message. Only a last paragraph of nothing but trailers counts
    /// (git-interpret-trailers); anywhere else it is a quotation.
    #[must_use]
    pub(crate) fn of(message: &str) -> Option<Self> {
        let lines = message.trim_end().lines().rev();
        let last = lines.take_while(|line| !line.trim().is_empty());
        let trailers: Option<Vec<_>> = last.map(|line| line.split_once(": ")).collect();
        let trailers = trailers?;
        let value = |key: &str| {
            let own = trailers.iter().find(|(name, _)| *name == key);
            own.map(|(_, value)| value.trim())
        };
        (value(BY)? == PROGRAM).then_some(())?;
        Some(Self {
            onto: value(ONTO).map(str::to_owned),
            change: value(CHANGE)?.to_owned(),
        })
    }

    /// Whether the parent is the one at the time of publishing.
    #[must_use]
    pub(crate) fn has_parent(&self, parent: Option<&str>) -> bool {
        self.onto.as_deref() == parent
    }

    /// Whether the changes are those at the time of publishing.
    #[must_use]
    pub(crate) fn matches_changes(&self, written: &ChangedPaths) -> bool {
        self.change == change(written)
    }
}

impl fmt::Display for PublishTrailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{BY}: {PROGRAM}")?;
        if let Some(onto) = &self.onto {
            writeln!(f, "{ONTO}: {onto}")?;
        }
        writeln!(f, "{CHANGE}: {}", self.change)
    }
}

/// Git's hash of a file's content.
#[must_use]
pub(crate) fn blob_hash(content: &[u8]) -> String {
    let mut blob = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    blob.update(format!("blob {}\0", content.len()).as_bytes());
    blob.update(content);
    hex(blob.finish().as_ref())
}

/// NUL separates the fields, because no path contains one.
fn change(written: &ChangedPaths) -> String {
    let mut text = String::new();
    for (path, hash) in written {
        text.push_str(path);
        text.push('\0');
        text.push_str(hash.as_deref().unwrap_or("-"));
        text.push('\0');
    }
    let digest = digest(&SHA256, text.as_bytes());
    hex(digest.as_ref().split_at(20).0)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(content: &str) -> ChangedPaths {
        let hash = Some(blob_hash(content.as_bytes()));
        ChangedPaths::from([("a".to_owned(), hash), ("gone".to_owned(), None)])
    }

    #[test]
    fn blob_hashes_are_those_of_git() {
        assert_eq!(blob_hash(b""), "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
    }

    #[test]
    fn trailers_round_trip() {
        for onto in [None, Some("abc")] {
            let trailer = PublishTrailer::new(onto, &written("1"));
            let message = format!("Build 7\n\nCo-authored-by: x\n\n{trailer}");
            assert_eq!(PublishTrailer::of(&message), Some(trailer.clone()));
            let signed = format!("Build 7\n\n{trailer}Signed-off-by: Jane\r\n");
            assert_eq!(PublishTrailer::of(&signed), Some(trailer.clone()));
            assert!(trailer.has_parent(onto) && !trailer.has_parent(Some("def")));
            assert!(
                trailer.matches_changes(&written("1")) && !trailer.matches_changes(&written("2"))
            );
        }
    }

    #[test]
    fn a_quoted_trailer_does_not_count() {
        let trailer = PublishTrailer::new(None, &written("1"));
        for message in [
            format!("A fix\n\n{trailer}\nSquashed with a fix of mine.\n"),
            format!("A fix\n\n{trailer}and more\n"),
            format!(
                "A fix\n\n    {}",
                trailer.to_string().replace('\n', "\n    ")
            ),
            "A fix\n\nPublished-by: bbconnect\n".to_owned(),
            "Fix what bbconnect wrote".to_owned(),
            String::new(),
        ] {
            assert_eq!(PublishTrailer::of(&message), None, "{message}");
        }
    }
}
