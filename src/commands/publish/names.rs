//! Names of branches and of directories in a repository, as arguments.

use std::str::FromStr;

use crate::types::git_dir_name::is_git_dir_name;

/// A directory of a repository; empty for the root.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RepoDir(String);

impl RepoDir {
    /// Without a slash at either end.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RepoDir {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.strip_prefix("./").unwrap_or(text);
        let path = text.trim_end_matches('/');
        let is_part = |part: &str| !matches!(part, "" | "." | "..") && !is_git_dir_name(part);
        let is_path = !path.contains(['\\', '\0']) && path.split('/').all(is_part);
        if path.is_empty() && !text.starts_with('/') || is_path {
            Ok(Self(path.to_owned()))
        } else {
            Err("not a path below the root of a repository".to_owned())
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BranchName(String);

impl BranchName {
    /// Without `refs/heads/`.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for BranchName {
    type Err = String;

    /// The rules of git-check-ref-format(1) for branches.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name = text.strip_prefix("refs/heads/").unwrap_or(text);
        let is_part = |part: &str| {
            !part.is_empty() && !part.starts_with('.') && part.strip_suffix(".lock").is_none()
        };
        let is_name = name.split('/').all(is_part)
            && !name.starts_with('-')
            && !name.ends_with('.')
            && !name.contains("..")
            && !name.contains("@{")
            && name != "@"
            && !name
                .chars()
                .any(|c| c.is_control() || " ~^:?*[\\".contains(c));
        if is_name {
            Ok(Self(name.to_owned()))
        } else {
            Err("not a valid branch name".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branch_names_and_directories() {
        for (text, name) in [
            ("main", Some("main")),
            ("refs/heads/a/b", Some("a/b")),
            ("", None),
            ("-x", None),
            ("a..b", None),
            ("a b", None),
            ("a/", None),
            ("a.lock", None),
        ] {
            let read = text.parse::<BranchName>().ok();
            assert_eq!(read.as_ref().map(BranchName::as_str), name, "{text}");
        }
        for (text, path) in [
            ("", Some("")),
            ("docs/", Some("docs")),
            ("./a/b", Some("a/b")),
            ("../x", None),
            ("/abs", None),
            ("/", None),
            ("a/.git/hooks", None),
            ("git~1", None),
        ] {
            let read = text.parse::<RepoDir>().ok();
            assert_eq!(read.as_ref().map(RepoDir::as_str), path, "{text}");
        }
    }
}
