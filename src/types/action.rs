//! What a command did, or would do.

use std::fmt;

use serde::Serialize;

/// The `action` of an output. Part of the JSON documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Action {
    Created,
    Updated,
    Unchanged,
    Removed,
    WouldCreate,
    WouldUpdate,
    WouldRemove,
}

impl Action {
    /// As in JSON and in text.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Unchanged => "unchanged",
            Self::Removed => "removed",
            Self::WouldCreate => "would-create",
            Self::WouldUpdate => "would-update",
            Self::WouldRemove => "would-remove",
        }
    }

    /// As in a sentence: `would remove`.
    pub(crate) fn words(self) -> String {
        self.name().replace('-', " ")
    }

    /// The removal of something, or in a dry run the plan of it.
    pub(crate) fn removal(is_dry_run: bool) -> Self {
        if is_dry_run {
            Self::WouldRemove
        } else {
            Self::Removed
        }
    }

    /// [`Action::Updated`] or [`Action::Unchanged`].
    pub(crate) fn updated_if(changed: bool) -> Self {
        if changed {
            Self::Updated
        } else {
            Self::Unchanged
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.name().replace('-', " "))
    }
}
