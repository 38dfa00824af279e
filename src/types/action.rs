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
        f.pad(self.name())
    }
}
