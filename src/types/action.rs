//! What a command did, or would do.

use std::fmt;

use serde::Serialize;

use super::named_enum::named_enum;

named_enum! {
    /// The `action` of an output. Part of the JSON documents.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
    pub(crate) enum Action {
        Created = "created",
        Updated = "updated",
        Unchanged = "unchanged",
        Removed = "removed",
        WouldCreate = "would-create",
        WouldUpdate = "would-update",
        WouldRemove = "would-remove",
    }
}

impl Action {
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

/// As in a sentence: `would remove`.
impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.name().replace('-', " "))
    }
}
