//! The checkout that contains the current directory: which connection and repository its configuration names, and the URLs
//! of its remotes. They are read with git itself, so worktrees and submodules are what git takes them for.

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, io};

use super::command::{
    GitError, config_get, entries, exact_regex, git, git_in, refused, rev_parse_prefix,
    run_modifying, run_optional, run_with_limit,
};
use super::remotes;
use crate::sys::regular_file::path_from_bytes;
use crate::sys::subprocess::ProcessError;

/// The part of a git checkout's configuration that is about connections.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Checkout {
    /// The current directory relative to the root, such as `services/api/`; empty at the root.
    prefix: String,
    /// The configuration, in git's order: later entries win.
    entries: Vec<(String, String)>,
    remotes: Vec<(String, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ConfigValue<'a> {
    pub(crate) value: &'a str,
    /// The directory that it is set for; `None` for the whole repository.
    pub(crate) directory: Option<&'a str>,
}

impl Checkout {
    /// The checkout that contains the current directory; `None` where git says that there is none. At the root,
    /// `inherited_prefix` (`GIT_PREFIX`) is the directory in which the user started git: git changes to the root before it
    /// starts a helper.
    ///
    /// # Errors
    /// [`GitError`] where git fails for any other reason: the configuration of a checkout that cannot be read is unknown,
    /// which is not the same as empty.
    pub(crate) fn discover(inherited_prefix: Option<&str>) -> Result<Option<Self>, GitError> {
        let prefix = match rev_parse_prefix() {
            Ok(Some(prefix)) => prefix,
            Ok(None) => return Ok(None),
            Err(GitError::Process(ProcessError::Start { source, .. }))
                if source.kind() == io::ErrorKind::NotFound =>
            {
                return match git_dir_above() {
                    None => Ok(None),
                    Some(found) => Err(GitError::UnreadableCheckout(format!(
                        "git is not installed, but {} exists",
                        found.display()
                    ))),
                };
            }
            Err(error) => return Err(error),
        };
        let pattern = format!(r"^(bbconnect\..*|{})$", remotes::KEYS);
        let listing = ["config", "--null", "--get-regexp", &pattern];
        let listing = config_get(git().args(listing))?;
        let inherited = inherited_prefix.filter(|_| prefix.is_empty());
        Ok(Some(Self::new(inherited.unwrap_or(&prefix), &listing)))
    }

    /// A checkout of a directory and the output of `git config --null`.
    pub(crate) fn new(prefix: &str, listing: &str) -> Self {
        let entries = entries(listing);
        Self {
            prefix: prefix.to_owned(),
            remotes: remotes::remotes(&entries),
            entries,
        }
    }

    /// The connection that the configuration names: for the nearest directory, else for the whole repository.
    pub(crate) fn connection(&self) -> Option<ConfigValue<'_>> {
        self.nearest("connection")
    }

    /// The repository that the configuration names, as [`Checkout::connection`] does.
    pub(crate) fn repository(&self) -> Option<ConfigValue<'_>> {
        self.nearest("repository")
    }

    fn nearest(&self, what: &str) -> Option<ConfigValue<'_>> {
        let prefix = self.prefix.trim_end_matches('/');
        let directories = Path::new(prefix)
            .ancestors()
            .filter_map(Path::to_str)
            .filter(|directory| !directory.is_empty());
        let of_directory = directories.map(|directory| {
            let value = self.last(&format!("bbconnect.{directory}.{what}"))?;
            Some(ConfigValue {
                value,
                directory: Some(directory),
            })
        });
        of_directory.flatten().next().or_else(|| {
            let value = self.last(&format!("bbconnect.{what}"))?;
            Some(ConfigValue {
                value,
                directory: None,
            })
        })
    }

    /// The remotes with their URLs, `origin` first. A remote whose URL `insteadOf` rewrites is listed twice: with the
    /// rewritten URL, then with the configured one.
    pub(crate) fn remotes(&self) -> Vec<(&str, &str)> {
        let remotes = self.remotes.iter();
        remotes
            .map(|(name, url)| (name.as_str(), url.as_str()))
            .collect()
    }

    /// Records the connection of this repository, or of one directory of it, in the repository's own configuration.
    /// Returns whether that is a change.
    pub(crate) fn set_connection(
        &self,
        service: Option<&Path>,
        connection: &str,
    ) -> Result<bool, GitError> {
        self.set("connection", service, connection)
    }

    /// Records the repository that commands act on, as [`Checkout::set_connection`] does.
    pub(crate) fn set_repository(
        &self,
        service: Option<&Path>,
        repository: &str,
    ) -> Result<bool, GitError> {
        self.set("repository", service, repository)
    }

    /// Records the connection and the repository of another checkout, such as a new clone. What is recorded there already,
    /// whatever it is, was chosen by the user and stays. Returns whether anything was recorded.
    pub(crate) fn record_in(
        directory: &Path,
        connection: &str,
        repository: &str,
    ) -> Result<bool, GitError> {
        let git = || git_in(Some(directory));
        let mut is_changed = false;
        for (key, value) in [
            ("bbconnect.connection", connection),
            ("bbconnect.repository", repository),
        ] {
            let get = ["config", "--local", "--null", "--get", key];
            if config_get(git().args(get))?.is_empty() {
                run_modifying(git().args(["config", "--local", key, value]))?;
                is_changed = true;
            }
        }
        Ok(is_changed)
    }

    fn set(&self, what: &str, service: Option<&Path>, value: &str) -> Result<bool, GitError> {
        let key = match service {
            None => format!("bbconnect.{what}"),
            Some(dir) => format!("bbconnect.{}.{what}", Self::name_of(dir)?),
        };
        if self.last(&key) == Some(value) {
            return Ok(false);
        }
        let set = ["config", "--local", "--replace-all", &key, value];
        run_modifying(git().args(set)).map(|()| true)
    }

    /// Renames a connection in the configuration of this repository. The user's global configuration stays as it is.
    pub(crate) fn rename_connection(from: &str, to: &str) -> Result<(), GitError> {
        let pattern = r"^bbconnect\.(.*\.)?connection$";
        let listing = ["config", "--local", "--null", "--get-regexp", pattern];
        let mut named = entries(&config_get(git().args(listing))?);
        named.retain(|(_, value)| value == from);
        named.dedup();
        for (key, _) in named {
            let set = ["config", "--local", "--replace-all"];
            let this = [&key, to, &exact_regex(from)];
            run_modifying(git().args(set).args(this))?;
        }
        Ok(())
    }

    /// The name, relative to the root of the current checkout, of a directory that is given relative to the current one.
    fn name_of(dir: &Path) -> Result<String, GitError> {
        let refused = || GitError::NotADirectory(dir.display().to_string());
        if !dir.is_dir() {
            return Err(refused());
        }
        let rev_parse = |dir, what| {
            let printed = run_optional(git_in(dir).args(["rev-parse", what]))?;
            let text = printed.as_deref().map(str::trim_end).map(str::to_owned);
            text.ok_or_else(refused)
        };
        // The directory may belong to another repository, above or below this one.
        if rev_parse(Some(dir), "--show-toplevel")? != rev_parse(None, "--show-toplevel")? {
            return Err(refused());
        }
        let prefix = rev_parse(Some(dir), "--show-prefix")?;
        let name = prefix.trim_end_matches('/').to_owned();
        if name.is_empty() || name.contains('\n') {
            Err(refused())
        } else {
            Ok(name)
        }
    }

    fn last(&self, key: &str) -> Option<&str> {
        self.entries
            .iter()
            .rev()
            .find(|(other, _)| other == key)
            .map(|(_, value)| value.as_str())
    }
}

/// The `.git` entry in the current directory or in one above it.
fn git_dir_above() -> Option<PathBuf> {
    let current = env::current_dir().ok()?;
    let mut found = current.ancestors().map(|directory| directory.join(".git"));
    found.find(|entry| entry.symlink_metadata().is_ok())
}

/// The paths, relative to the root of the work tree, of tracked files that contain one of the texts, letter case ignored.
/// One process; settings of the repository that would start programs or look elsewhere do not apply.
pub(crate) fn tracked_files_containing(
    root: &Path,
    texts: &[&str],
    limit: Duration,
) -> Result<Vec<PathBuf>, GitError> {
    let settings = [
        "core.fsmonitor=false",
        "submodule.recurse=false",
        "grep.threads=1",
    ];
    let mut git = git_in(Some(root))
        .args(["--no-pager"])
        .args(settings.iter().flat_map(|setting| ["-c", setting]))
        .args([
            "grep",
            "--files-with-matches",
            "--null",
            "--ignore-case",
            "--fixed-strings",
        ])
        .args([
            "--text",
            "--no-color",
            "--no-recurse-submodules",
            "--no-textconv",
        ])
        .env("GIT_OPTIONAL_LOCKS", "0")
        .env("GIT_NO_LAZY_FETCH", "1");
    for text in texts {
        git = git.args(["-e", text]);
    }
    let output = run_with_limit(git, limit)?;
    // git-grep(1): 1 means that no file matches.
    match output.status.code() {
        Some(0 | 1) => {}
        _ => return Err(refused(&output)),
    }
    let names = output.stdout.split(|byte| *byte == 0);
    Ok(names
        .filter(|name| !name.is_empty())
        .filter_map(path_from_bytes)
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkout(prefix: &str) -> Checkout {
        let listing = "bbconnect.connection\nwork\0bbconnect.services/api.connection\napi\0\
                       remote.origin.url\ngit@bitbucket.org:acme/site.git\0bbconnect.connection\nlater\0";
        Checkout::new(prefix, listing)
    }

    #[test]
    fn the_nearest_directory_names_the_connection() {
        for (prefix, expected, directory) in [
            ("", "later", None),
            ("services/", "later", None),
            ("services/api/", "api", Some("services/api")),
            ("services/api/src/", "api", Some("services/api")),
            ("services/apis/", "later", None),
        ] {
            let value = ConfigValue {
                value: expected,
                directory,
            };
            assert_eq!(checkout(prefix).connection(), Some(value), "{prefix}");
        }
    }
}
