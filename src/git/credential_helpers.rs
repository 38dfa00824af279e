//! Who git asks for credentials: `credential.<url>.helper`, set and taken back, with what others wrote kept in order.

use super::config::{GitError, git};

/// Which of git's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The user's.
    Global,
    /// That of the repository one stands in.
    Local,
}

impl Scope {
    fn flag(self) -> &'static str {
        match self {
            Self::Global => "--global",
            Self::Local => "--local",
        }
    }
}

/// The credential helpers of a server, in one of git's files.
#[derive(Debug)]
pub struct Helpers {
    scope: Scope,
    key: String,
    use_http_path: String,
    all: Vec<String>,
}

impl Helpers {
    /// The helpers for an origin such as `https://bitbucket.org`.
    ///
    /// # Errors
    /// [`GitError`].
    pub fn of(scope: Scope, origin: &str) -> Result<Self, GitError> {
        let key = format!("credential.{origin}.helper");
        let listed = git(&["config", scope.flag(), "--null", "--get-all", &key])?;
        let listed = listed.unwrap_or_default();
        let all = listed.split_terminator('\0').map(str::to_owned).collect();
        Ok(Self {
            scope,
            use_http_path: format!("credential.{origin}.useHttpPath"),
            key,
            all,
        })
    }

    /// Adds a helper, and answers whether that is a change. Where nothing is set for this server, the helpers for all
    /// servers are left out for it: they would keep what they are told in their own way. An older entry of ours goes.
    ///
    /// # Errors
    /// [`GitError`].
    pub fn add(&self, helper: &str, is_ours: impl Fn(&str) -> bool) -> Result<bool, GitError> {
        if self.all.iter().any(|known| known == helper) {
            return Ok(false);
        }
        if let Some(older) = self.all.iter().find(|known| is_ours(known)) {
            let pattern = exactly(older);
            self.set(&["--replace-all", &self.key, helper, &pattern])?;
            return Ok(true);
        }
        if self.all.is_empty() {
            self.set(&["--add", &self.key, ""])?;
            self.set(&["--replace-all", &self.use_http_path, "true"])?;
        }
        self.set(&["--add", &self.key, helper])?;
        Ok(true)
    }

    /// Takes our helper back, with what was set for it, and answers whether that is a change.
    ///
    /// # Errors
    /// [`GitError`].
    pub fn remove(&self, is_ours: impl Fn(&str) -> bool) -> Result<bool, GitError> {
        let ours = self.all.iter().filter(|known| is_ours(known));
        let mut changed = false;
        for helper in ours {
            self.set(&["--unset-all", &self.key, &exactly(helper)])?;
            changed = true;
        }
        let others = self
            .all
            .iter()
            .filter(|known| !is_ours(known) && !known.is_empty())
            .count();
        if changed && others == 0 {
            if self.all.iter().any(String::is_empty) {
                self.set(&["--unset-all", &self.key])?;
            }
            // It may have been taken away by hand already.
            let _unset = git(&[
                "config",
                self.scope.flag(),
                "--unset-all",
                &self.use_http_path,
            ])?;
        }
        Ok(changed)
    }

    fn set(&self, arguments: &[&str]) -> Result<(), GitError> {
        let all = [&["config", self.scope.flag()], arguments].concat();
        match git(&all)? {
            Some(_) => Ok(()),
            None => Err(GitError::Refused(self.key.clone())),
        }
    }
}

/// A regular expression for one value (POSIX extended, as git-config takes it).
fn exactly(value: &str) -> String {
    let mut pattern = String::from("^");
    for character in value.chars() {
        if "\\.[]{}()*+?^$|".contains(character) {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('$');
    pattern
}
