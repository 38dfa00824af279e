//! The checkout one stands in: which connection its configuration names, and where its remotes are.

use std::path::Path;

use thiserror::Error;

use super::command::{config_get, entries, exact_regex, git, git_in, run_modifying, run_optional};
use super::remotes;
use crate::sys::subprocess::ProcessError;

/// Why git's configuration could not be changed.
#[derive(Debug, Error)]
pub(crate) enum GitError {
    /// Git could not be run.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// Git refused.
    #[error("git config failed: {0}")]
    CommandFailed(String),
    /// A clone came to nothing.
    #[error("git clone into {0} failed")]
    Clone(String),
    /// There is no checkout here.
    #[error("this folder is not in a git checkout")]
    NotARepository,
    /// The folder of a service is not below the checkout.
    #[error("{0} is not a folder of this checkout")]
    NotAFolder(String),
}

/// A git checkout, as far as connections are concerned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Checkout {
    /// The folder one stands in, below the root: `services/api/`, or nothing at the root.
    prefix: String,
    /// The configuration, in git's order: later ones win.
    entries: Vec<(String, String)>,
    remotes: Vec<(String, String)>,
}

impl Checkout {
    /// The checkout that the current folder is in; `None` outside of one, and where there is no git.
    #[must_use]
    pub(crate) fn discover() -> Option<Self> {
        let prefix = run_optional(git().args(["rev-parse", "--show-prefix"])).ok()??;
        let pattern = format!(r"^(bbconnect\..*|{})$", remotes::KEYS);
        let listing = ["config", "--null", "--get-regexp", &pattern];
        let listed = run_optional(git().args(listing)).ok()?;
        Some(Self::of(&prefix, &listed.unwrap_or_default()))
    }

    fn of(prefix: &str, listing: &str) -> Self {
        let entries = entries(listing);
        Self {
            prefix: prefix.trim_end().to_owned(),
            remotes: remotes::remotes(&entries),
            entries,
        }
    }

    /// The connection that the configuration names, and for which folder: that of the service one stands in, else that
    /// of the whole repository.
    #[must_use]
    pub(crate) fn connection(&self) -> Option<(&str, Option<&str>)> {
        self.nearest("connection")
    }

    /// The repository that the configuration names, as [`Checkout::connection`] does.
    #[must_use]
    pub(crate) fn repository(&self) -> Option<&str> {
        self.nearest("repository").map(|(repository, _)| repository)
    }

    /// What the configuration says of one thing: for the service one stands in, else for the whole repository.
    fn nearest(&self, what: &str) -> Option<(&str, Option<&str>)> {
        let mut folder = Path::new(self.prefix.trim_end_matches('/'));
        while !folder.as_os_str().is_empty() {
            let name = folder.to_str()?;
            if let Some(value) = self.last(&format!("bbconnect.{name}.{what}")) {
                return Some((value, folder.to_str()));
            }
            folder = folder.parent()?;
        }
        self.last(&format!("bbconnect.{what}"))
            .map(|value| (value, None))
    }

    /// The remotes with their URLs, `origin` first, and for each where git goes before what is written.
    #[must_use]
    pub(crate) fn remotes(&self) -> Vec<(&str, &str)> {
        let remotes = self.remotes.iter();
        remotes
            .map(|(name, url)| (name.as_str(), url.as_str()))
            .collect()
    }

    /// Names the connection of this repository, or of one folder of it, in the repository's own configuration, and
    /// answers whether that is a change.
    ///
    /// # Errors
    /// [`GitError`].
    pub(crate) fn set_connection(
        &self,
        service: Option<&Path>,
        connection: &str,
    ) -> Result<bool, GitError> {
        self.set("connection", service, connection)
    }

    /// Names the repository that commands are about, as [`Checkout::set_connection`] does.
    ///
    /// # Errors
    /// [`GitError`].
    pub(crate) fn set_repository(
        &self,
        service: Option<&Path>,
        repository: &str,
    ) -> Result<bool, GitError> {
        self.set("repository", service, repository)
    }

    fn set(&self, what: &str, service: Option<&Path>, value: &str) -> Result<bool, GitError> {
        let key = match service {
            None => format!("bbconnect.{what}"),
            Some(folder) => format!("bbconnect.{}.{what}", Self::folder_of(folder)?),
        };
        if self.last(&key) == Some(value) {
            return Ok(false);
        }
        let set = ["config", "--local", "--replace-all", &key, value];
        run_modifying(git().args(set)).map(|()| true)
    }

    /// Gives a connection its new name wherever the configuration of this repository alone names it: what the user's
    /// names is not this repository's.
    ///
    /// # Errors
    /// [`GitError`].
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

    /// A folder given from where one stands, named from the root of the checkout that one stands in.
    fn folder_of(folder: &Path) -> Result<String, GitError> {
        let refused = || GitError::NotAFolder(folder.display().to_string());
        if !folder.is_dir() {
            return Err(refused());
        }
        let ask = |folder, what| {
            let printed = run_optional(git_in(folder).args(["rev-parse", what]))?;
            let text = printed.as_deref().map(str::trim_end).map(str::to_owned);
            text.ok_or_else(refused)
        };
        // It may be below another repository, or in one that is below this one.
        if ask(Some(folder), "--show-toplevel")? != ask(None, "--show-toplevel")? {
            return Err(refused());
        }
        let prefix = ask(Some(folder), "--show-prefix")?;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn checkout(prefix: &str) -> Checkout {
        let listing = "bbconnect.connection\nwork\0bbconnect.services/api.connection\napi\0\
                       remote.origin.url\ngit@bitbucket.org:acme/site.git\0bbconnect.connection\nlater\0";
        Checkout::of(prefix, listing)
    }

    #[test]
    fn the_nearest_folder_names_the_connection() {
        assert_eq!(checkout("").connection(), Some(("later", None)));
        assert_eq!(checkout("services/").connection(), Some(("later", None)));
        assert_eq!(
            checkout("services/api/").connection(),
            Some(("api", Some("services/api")))
        );
        assert_eq!(
            checkout("services/api/src/").connection(),
            Some(("api", Some("services/api")))
        );
        assert_eq!(
            checkout("services/apis/").connection(),
            Some(("later", None))
        );
    }
}
