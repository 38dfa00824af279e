//! Workspaces, projects, and the slugs of users.

use serde::Serialize;

use super::repository::{text_difference, visibility_difference};

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
    /// Empty where it has none; `None` where the server does not report it.
    #[serde(skip)]
    pub description: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewProject {
    pub key: String,
    pub name: String,
    pub public: bool,
    pub description: Option<String>,
}

impl NewProject {
    /// In what a project differs from the requested one, as texts. What the server does not report is no difference.
    pub(crate) fn differences(&self, existing: &Project) -> Vec<String> {
        let is_other = !existing.key.eq_ignore_ascii_case(&self.key);
        let key = is_other.then(|| format!("its key is {}", existing.key));
        let name = text_difference("name", Some(&self.name), existing.name.as_deref());
        let visibility = visibility_difference(self.public, existing.private);
        let description = text_difference(
            "description",
            self.description.as_deref(),
            existing.description.as_deref(),
        );
        let all = [key, name, visibility, description];
        all.into_iter().flatten().collect()
    }
}

/// The slug that a server derives from most user names: reserved characters of URLs become `_`. Some servers have others,
/// such as small letters.
pub(crate) fn user_slug(name: &str) -> String {
    const REPLACED: &str = ":/?#@!$&'()*+,;=%\\[]";
    name.chars()
        .map(|c| if REPLACED.contains(c) { '_' } else { c })
        .collect()
}
