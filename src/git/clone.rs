//! Cloning for a connection: git's own `clone`, with the configuration that the clone keeps.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::command::git_without_repo_env;
use super::push_error::{PushError, classify_push_failure, timeout_as_unreachable, without_push};
use crate::sys::signals;
use crate::sys::subprocess::{ProcessOutput, Stderr};
use crate::types::shell::quote;

#[derive(Debug)]
pub(crate) struct CloneSpec {
    /// Without a credential.
    pub(crate) url: String,
    pub(crate) dir: PathBuf,
    /// The configuration of the clone, which git already uses while it clones.
    pub(crate) config: Vec<(String, String)>,
    /// Options of the user for `git clone`.
    pub(crate) options: Vec<String>,
    /// Variables of git's environment.
    pub(crate) environment: Vec<(&'static str, String)>,
}

impl CloneSpec {
    /// The arguments of git. Submodules are repositories of their own: they get the configuration of the command, not that
    /// of the clone.
    fn arguments(&self, options: &[&str]) -> Vec<OsString> {
        let has_submodules = self
            .options
            .iter()
            .any(|option| option.starts_with("--recurs"));
        let entries = self
            .config
            .iter()
            .flat_map(|(key, value)| ["-c".to_owned(), format!("{key}={value}")]);
        let mut arguments: Vec<OsString> = Vec::new();
        if has_submodules {
            arguments.extend(entries.clone().map(OsString::from));
        }
        arguments.push("clone".into());
        arguments.extend(options.iter().map(OsString::from));
        arguments.extend(entries.map(OsString::from));
        arguments.extend(self.options.iter().map(OsString::from));
        arguments.extend([
            "--".into(),
            self.url.clone().into(),
            self.dir.clone().into(),
        ]);
        arguments
    }

    pub(crate) fn command_line(&self) -> String {
        let arguments = self.arguments(&[]);
        let words = arguments.iter().map(|word| word.to_string_lossy());
        let words = words.map(|word| quote(&word).into_owned());
        let words: Vec<_> = std::iter::once("git".to_owned()).chain(words).collect();
        words.join(" ")
    }

    /// Clones. After a failure the directory is as it was: absent, or empty. `progress` gets what git writes about its
    /// progress.
    pub(crate) fn run(
        &self,
        progress: Option<impl FnMut(&[u8]) + Send + 'static>,
        limit: Duration,
    ) -> Result<(), PushError> {
        // A signal takes effect after the directory was removed.
        let _deferred = signals::defer();
        let existed = self.dir.exists();
        // Git creates them, and leaves them.
        let parents = self.dir.ancestors().skip(1);
        let missing: Vec<_> = parents
            .take_while(|dir| !dir.as_os_str().is_empty() && !dir.exists())
            .collect();
        let command = git_without_repo_env()
            .args(self.arguments(progress.as_ref().map_or(&[], |_| &["--progress"])))
            .env("GIT_TERMINAL_PROMPT", "0")
            // The messages are compared, so they must not be translated.
            .env("LC_ALL", "C")
            .max_output(MAX_OUTPUT_BYTES);
        let command = self
            .environment
            .iter()
            .fold(command, |command, (name, value)| command.env(name, value));
        // Git asks bbconnect for the credential.
        let is_helper = |(key, _): &(String, String)| key.starts_with("credential.");
        let command = if self.config.iter().any(is_helper) {
            command.inherit_secrets()
        } else {
            command
        };
        let command = match progress {
            Some(progress) => command.listen_to_stderr(progress),
            None => command.stderr(Stderr::Capture),
        };
        let result = match command.run(limit) {
            Ok(output) if output.status.success() => return Ok(()),
            Ok(output) => Err(fetch_error(output)),
            Err(error) => Err(timeout_as_unreachable(error.into())),
        };
        remove_partial_clone(&self.dir, existed)?;
        for dir in missing {
            // One that is not empty belongs to others.
            drop(fs::remove_dir(dir));
        }
        result
    }
}

/// Why git could not clone. Lines of progress end with a carriage return.
fn fetch_error(mut output: ProcessOutput) -> PushError {
    for byte in &mut output.stderr {
        if *byte == b'\r' {
            *byte = b'\n';
        }
    }
    without_push(classify_push_failure(&output))
}

/// Longer output is an error, in bytes.
const MAX_OUTPUT_BYTES: usize = 64 * 1024 * 1024;

/// Git leaves a directory behind where the checkout of the files or a submodule failed.
fn remove_partial_clone(dir: &Path, existed: bool) -> io::Result<()> {
    if !dir.is_dir() {
        return Ok(());
    }
    if !existed {
        return fs::remove_dir_all(dir);
    }
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn spec(options: &[&str]) -> CloneSpec {
        CloneSpec {
            url: "https://bitbucket.org/acme/site.git".to_owned(),
            dir: "my site".into(),
            config: vec![("bbconnect.connection".to_owned(), "work".to_owned())],
            options: options.iter().map(ToString::to_string).collect(),
            environment: Vec::new(),
        }
    }

    #[test]
    fn the_command_can_be_pasted_and_submodules_get_its_configuration() {
        assert_eq!(
            spec(&["--depth", "1"]).command_line(),
            "git clone -c 'bbconnect.connection=work' --depth 1 -- https://bitbucket.org/acme/site.git 'my site'"
        );
        assert_eq!(
            spec(&["--recurse-submodules"]).command_line(),
            "git -c 'bbconnect.connection=work' clone -c 'bbconnect.connection=work' --recurse-submodules -- \
             https://bitbucket.org/acme/site.git 'my site'"
        );
    }
}
