//! Commits and branches of a Git repository.

use super::publish_trailer::PublishTrailer;

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
    pub(crate) fn publish_trailer(&self) -> Option<PublishTrailer> {
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
