//! Permissions of an account on a repository.

use serde::Serialize;

/// Each permission includes the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Permission {
    /// Clone and fetch.
    Read,
    /// Push.
    Write,
    /// Change the settings: webhooks, keys.
    Admin,
}
