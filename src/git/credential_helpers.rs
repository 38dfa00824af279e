//! Credential helpers in git's configuration (`credential.<url>.helper`): added and removed, other entries kept in order.

use super::command::{
    GitError, config_get, entries, exact_regex, git, rev_parse_prefix, run_modifying,
};
use crate::sys::subprocess::CommandSpec;

/// A configuration file of git.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConfigScope {
    Global,
    /// The file of the current repository.
    Local,
}

impl ConfigScope {
    fn flag(self) -> &'static str {
        match self {
            Self::Global => "--global",
            Self::Local => "--local",
        }
    }

    /// Fails where there is no such file.
    fn check(self) -> Result<(), GitError> {
        match self {
            Self::Global => Ok(()),
            Self::Local => rev_parse_prefix()?
                .map(drop)
                .ok_or(GitError::NotARepository),
        }
    }

    /// `git config` for this file.
    pub(super) fn config(self) -> CommandSpec {
        git().args(["config", self.flag()])
    }
}

/// The credential helpers of a server in one configuration file.
#[derive(Debug)]
pub(crate) struct HelperConfig {
    scope: ConfigScope,
    key: String,
    use_http_path: String,
    /// Records that `useHttpPath` was set by us.
    path_mark: String,
    /// Records that the empty helper, which disables those for all servers, was set by us.
    blank_mark: String,
    all: Vec<String>,
}

impl HelperConfig {
    /// The helpers for an origin such as `https://bitbucket.org`.
    pub(crate) fn read(scope: ConfigScope, origin: &str) -> Result<Self, GitError> {
        scope.check()?;
        let key = format!("credential.{origin}.helper");
        let listed = config_get(scope.config().args(["--null", "--get-all", &key]))?;
        let all = listed.split_terminator('\0').map(str::to_owned).collect();
        Ok(Self {
            scope,
            use_http_path: format!("credential.{origin}.useHttpPath"),
            path_mark: format!("bbconnect.{origin}.setHttpPath"),
            blank_mark: format!("bbconnect.{origin}.setNoOther"),
            key,
            all,
        })
    }

    /// The servers with a helper or settings of ours, with or without a connection.
    pub(crate) fn servers(
        scope: ConfigScope,
        is_ours: impl Fn(&str) -> bool,
    ) -> Result<Vec<String>, GitError> {
        const ALL: &str =
            r"^(credential\..*\.helper|bbconnect\..*\.(sslcainfo|sslcert|sslkey|proxy))$";
        scope.check()?;
        let entries = entries(&config_get(scope.config().args([
            "--null",
            "--get-regexp",
            ALL,
        ]))?);
        let mut servers: Vec<String> = entries
            .iter()
            .filter_map(|(key, value)| {
                let helper = key.strip_prefix("credential.");
                let server = match helper.and_then(|key| key.strip_suffix(".helper")) {
                    Some(server) if is_ours(value) => server,
                    Some(_) => return None,
                    None => key.strip_prefix("bbconnect.")?.rsplit_once('.')?.0,
                };
                Some(server.to_owned())
            })
            .collect();
        servers.sort();
        servers.dedup();
        Ok(servers)
    }

    /// Whether another helper is configured for this server, which would store the credential.
    pub(crate) fn has_others(&self, is_ours: impl Fn(&str) -> bool) -> bool {
        self.all
            .iter()
            .any(|known| !known.is_empty() && !is_ours(known))
    }

    /// Adds a helper, and returns whether that is a change. Without another entry for this server, the helpers for all
    /// servers are disabled for it: they would store the credential. An older entry of ours is replaced.
    pub(crate) fn add(
        &self,
        helper: &str,
        is_ours: impl Fn(&str) -> bool,
    ) -> Result<bool, GitError> {
        if self.all.iter().any(|known| known == helper) {
            return Ok(false);
        }
        if let Some(older) = self.all.iter().find(|known| is_ours(known)) {
            let pattern = exact_regex(older);
            self.set(&["--replace-all", &self.key, helper, &pattern])?;
            return Ok(true);
        }
        if self.all.is_empty() {
            // Recorded first: an entry without a record is the user's, and is kept.
            self.set(&["--replace-all", &self.blank_mark, "true"])?;
            self.set(&["--add", &self.key, ""])?;
        }
        self.set(&["--add", &self.key, helper])?;
        // Accounts on one server are distinguished by the path. A value of the user is kept, and ours is recorded.
        if self.get(&self.use_http_path)?.is_none() {
            self.set(&["--add", &self.use_http_path, "true"])?;
            self.set(&["--replace-all", &self.path_mark, "true"])?;
        }
        Ok(true)
    }

    /// Removes our helper and the settings added with it, and returns whether that is a change.
    pub(crate) fn remove(&self, is_ours: impl Fn(&str) -> bool) -> Result<bool, GitError> {
        let ours = self.all.iter().filter(|known| is_ours(known));
        let mut changed = false;
        for helper in ours {
            self.set(&["--unset-all", &self.key, &exact_regex(helper)])?;
            changed = true;
        }
        if changed && self.get(&self.blank_mark)?.is_some() {
            self.set(&["--unset-all", &self.blank_mark])?;
            let mut others = self.all.iter().filter(|known| !is_ours(known));
            // A helper that was added since still needs it.
            if let (Some(""), None) = (others.next().map(String::as_str), others.next()) {
                self.set(&["--unset-all", &self.key, &exact_regex("")])?;
            }
        }
        if changed && self.get(&self.path_mark)?.is_some() {
            self.set(&["--unset-all", &self.path_mark])?;
            if self.get(&self.use_http_path)?.as_deref() == Some("true") {
                self.set(&["--unset", &self.use_http_path])?;
            }
        }
        Ok(changed)
    }

    fn get(&self, key: &str) -> Result<Option<String>, GitError> {
        let value = config_get(self.scope.config().args(["--get", key]))?;
        Ok((!value.is_empty()).then(|| value.trim_end().to_owned()))
    }

    fn set(&self, arguments: &[&str]) -> Result<(), GitError> {
        run_modifying(self.scope.config().args(arguments))
    }
}
