//! Commits, branches, files, and the difference between a directory and a branch.

use serde::Serialize;

use super::publish_trailer::PublishTrailer;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Branch {
    /// Without `refs/heads/`.
    pub name: String,
    /// The full hash of its commit.
    pub hash: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Commit {
    /// The full hash.
    pub hash: String,
    /// The full hash of the first parent.
    pub parent: Option<String>,
    pub message: String,
    pub author: Option<String>,
}

/// Author and committer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Signature {
    pub name: String,
    pub email: String,
}

impl Commit {
    /// The trailer of a commit created by `publish`.
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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileMode {
    Regular,
    Executable,
    /// A symbolic link; the content is its target.
    Link,
}

/// A file of the published directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LocalFile {
    /// Relative to the root of the repository, with `/`.
    pub path: String,
    pub mode: FileMode,
    pub content: Vec<u8>,
}

/// An entry of a commit's tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TreeEntry {
    /// Relative to the root of the repository.
    pub path: String,
    /// `None` for anything that is neither a file nor a link, such as a submodule.
    pub mode: Option<FileMode>,
    /// In bytes, if known.
    pub size: Option<u64>,
    /// Git's hash of the content, if known.
    pub hash: Option<String>,
}

/// The paths that differ, each list sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct TreeDiff {
    /// Only in the directory.
    pub added: Vec<String>,
    /// Different in the directory.
    pub changed: Vec<String>,
    /// Only in the branch.
    pub removed: Vec<String>,
}

impl TreeDiff {
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
