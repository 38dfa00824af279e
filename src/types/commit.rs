//! What differs between a folder and a branch, and where a branch stands.

use serde::Serialize;

use super::publish_trailer::PublishTrailer;

/// A branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Branch {
    /// Its name, without `refs/heads/`.
    pub name: String,
    /// The commit that it points to: the full hash.
    pub hash: String,
}

/// A commit, as far as it matters who made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Commit {
    /// Its full hash.
    pub hash: String,
    /// The full hash of the first commit that it follows.
    pub parent: Option<String>,
    /// Its whole message.
    pub message: String,
    /// Who wrote it.
    pub author: Option<String>,
}

/// Who makes a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Signature {
    /// The name.
    pub name: String,
    /// The e-mail address.
    pub email: String,
}

impl Commit {
    /// What says that `publish` made it.
    #[must_use]
    pub(crate) fn mark(&self) -> Option<PublishTrailer> {
        PublishTrailer::of(&self.message)
    }

    /// The first line of the message.
    #[must_use]
    pub(crate) fn title(&self) -> &str {
        self.message.lines().next().unwrap_or_default()
    }
}

/// What a file is, beside its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileMode {
    /// A file.
    Regular,
    /// A file that can be run.
    Executable,
    /// A symbolic link; its content is where it points to.
    Link,
}

/// A file of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LocalFile {
    /// Its path from the root of the repository, with `/`.
    pub path: String,
    /// What it is.
    pub mode: FileMode,
    /// Its content.
    pub content: Vec<u8>,
}

/// A file of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TreeEntry {
    /// Its path from the root of the repository.
    pub path: String,
    /// What it is; `None` for what is neither file nor link, such as a submodule.
    pub mode: Option<FileMode>,
    /// Its size in bytes, where that is known.
    pub size: Option<u64>,
    /// The hash that git has for its content, where that is known.
    pub hash: Option<String>,
}

/// The paths that differ, each list in order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct TreeDiff {
    /// Only in the folder.
    pub added: Vec<String>,
    /// Different in the folder.
    pub changed: Vec<String>,
    /// Only in the branch.
    pub removed: Vec<String>,
}

impl TreeDiff {
    /// Whether there is none.
    #[must_use]
    pub(crate) fn is_empty(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty() && self.removed.is_empty()
    }

    /// Whether a path is new or different.
    #[must_use]
    pub(crate) fn writes(&self, path: &str) -> bool {
        let lists = [&self.added, &self.changed];
        lists
            .iter()
            .any(|list| list.binary_search_by(|own| own.as_str().cmp(path)).is_ok())
    }
}
