//! Workspaces and projects.

use serde::Serialize;

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Workspace {
    pub slug: String,
    pub name: Option<String>,
    /// In braces.
    pub uuid: Option<String>,
    /// Whether the account is an administrator.
    pub administrator: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Project {
    pub key: String,
    pub name: Option<String>,
    pub private: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewProject {
    pub key: String,
    pub name: String,
    pub public: bool,
    pub description: Option<String>,
}
