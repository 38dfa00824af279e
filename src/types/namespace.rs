//! What repositories live in.

use serde::Serialize;

/// A workspace of Bitbucket Cloud.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Workspace {
    /// Its name in URLs.
    pub slug: String,
    /// Its name, where the server tells it.
    pub name: Option<String>,
    /// Its id, in braces.
    pub uuid: Option<String>,
    /// Whether the credential's account administers it.
    pub administrator: Option<bool>,
}

/// A project of either product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Project {
    /// Its key.
    pub key: String,
    /// Its name.
    pub name: Option<String>,
    /// Whether it is hidden from those who were not let in.
    pub private: Option<bool>,
}

/// A project to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewProject {
    /// Its key.
    pub key: String,
    /// Its name.
    pub name: String,
    /// Whether everybody may see it.
    pub public: bool,
    /// What it is for.
    pub description: Option<String>,
}
