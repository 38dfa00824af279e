//! What `bbconnect keygen` tells: as data and as text.

use std::path::Path;

use serde::Serialize;

use crate::ssh::KeyDescription;
use crate::types::clone_url::{CloneUrl, KeyAccess, KeyPage, UrlForm, UrlWarning};
use crate::types::secret::Secret;
use crate::ui::{CommandOutput, TextWriter};

/// The key pairs that were made.
#[derive(Debug, Serialize)]
pub(crate) struct KeygenOutput {
    keys: Vec<GeneratedKey>,
    register_at: Option<String>,
    pages: Vec<KeyPage>,
    notes: Vec<UrlWarning>,
    #[serde(skip)]
    repository: Option<Repository>,
}

/// One key pair that was made.
#[derive(Debug, Serialize)]
struct GeneratedKey {
    #[serde(flatten)]
    key: KeyDescription,
    /// With `--stdout` alone: the private key was asked for.
    #[serde(flatten)]
    private: Option<PrivateKey>,
}

/// A private key that is part of the result.
#[derive(Debug)]
struct PrivateKey(Secret);

impl Serialize for PrivateKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        [("private_key", self.0.expose())]
            .into_iter()
            .collect::<std::collections::BTreeMap<_, _>>()
            .serialize(serializer)
    }
}

/// What the text says about the repository.
#[derive(Debug)]
struct Repository {
    title: String,
    ssh: Option<String>,
    page_is_assumed: bool,
}

impl KeygenOutput {
    /// The outcome, given each key and, where it is to be printed, its private half.
    pub(super) fn new(
        keys: Vec<(KeyDescription, Option<Secret>)>,
        clone_url: Option<&CloneUrl>,
    ) -> Self {
        let pages = clone_url.map(CloneUrl::key_pages).unwrap_or_default();
        Self {
            keys: keys
                .into_iter()
                .map(|(key, private)| GeneratedKey {
                    key,
                    private: private.map(PrivateKey),
                })
                .collect(),
            register_at: pages.first().map(|page| page.url.clone()),
            pages,
            notes: clone_url
                .map(|url| url.notes().to_vec())
                .unwrap_or_default(),
            repository: clone_url.map(|url| Repository {
                title: url.display_name(),
                ssh: url.ssh(),
                page_is_assumed: url.guessed_forms().contains(&UrlForm::Web),
            }),
        }
    }

    /// What was made, for people: to standard output, or beside the private key to standard error.
    fn describe(&self, out: &mut TextWriter) {
        let purpose = self
            .repository
            .as_ref()
            .map(|repository| format!(" for {}", repository.title))
            .unwrap_or_default();
        for GeneratedKey { key, .. } in &self.keys {
            out.heading(&format!("{} key{purpose}", key.title));
            let paths = [
                ("private key", &key.private_key_path),
                ("public key", &key.public_key_path),
            ];
            for (label, path) in paths {
                if let Some(path) = path {
                    out.key_value(label, 13, &path.display().to_string());
                }
            }
            out.key_value("fingerprint", 13, &key.fingerprint);
            out.lines(&key.randomart);
            out.blank_line();
            out.line(&key.public_key);
            out.blank_line();
        }
        self.describe_registration(out);
        self.describe_use(out);
    }

    fn describe_registration(&self, out: &mut TextWriter) {
        let line = if self.keys.len() == 1 {
            "the line above"
        } else {
            "one of the lines above"
        };
        let place = match (&self.repository, self.pages.as_slice()) {
            (None, _) => "wherever it is to be let in.",
            (Some(_), []) => "on the page for the repository's deploy keys or access keys.",
            (Some(_), [_]) => "on this page:",
            (Some(_), [_, ..]) => "on one of these pages:",
        };
        out.line(&format!("Register the public key, {line}, {place}"));
        for registration in &self.pages {
            let rights = match registration.rights {
                KeyAccess::Read => "clone and fetch",
                KeyAccess::Write => "clone, fetch and push",
                KeyAccess::ReadOrWrite => "clone and fetch; push if you allow it there",
            };
            out.line(&format!("  {}", registration.url));
            out.line(&format!("      keys of {}: {rights}", registration.keys_of));
        }
        if self
            .repository
            .as_ref()
            .is_some_and(|repository| repository.page_is_assumed)
        {
            out.line("  (if the website has the same host name as the SSH server)");
        }
    }

    fn describe_use(&self, out: &mut TextWriter) {
        let key = self
            .keys
            .first()
            .and_then(|generated| generated.key.private_key_path.as_ref());
        let ssh = self
            .repository
            .as_ref()
            .and_then(|repository| repository.ssh.as_ref());
        if let Some(command) = key.zip(ssh).and_then(|(key, ssh)| clone_command(key, ssh)) {
            out.blank_line();
            out.line("Then clone with this key:");
            out.line(&format!("  {command}"));
        }
    }

    fn shows_private_keys(&self) -> bool {
        self.keys
            .iter()
            .any(|generated| generated.private.is_some())
    }
}

/// A command to paste into a shell: a checkout that uses this key and no other, now and later. `None` for a path that
/// would have to be quoted for two shells at once.
fn clone_command(key: &Path, url: &str) -> Option<String> {
    let key = std::path::absolute(key).ok()?;
    let key = key
        .to_str()
        .filter(|key| !key.contains(['\'', '"', '$', '`', '\\']))?;
    // `ssh` expands what stands behind `%`.
    let key = key.replace('%', "%%");
    let url = shell_words::quote(url);
    Some(format!(
        "git clone -c core.sshCommand='ssh -i \"{key}\" -o IdentitiesOnly=yes' -- {url}"
    ))
}

impl CommandOutput for KeygenOutput {
    const SCHEMA: &'static str = "bbconnect/keygen@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        if !self.shows_private_keys() {
            return self.describe(out);
        }
        for PrivateKey(private) in self
            .keys
            .iter()
            .filter_map(|generated| generated.private.as_ref())
        {
            out.lines(private.expose());
        }
    }

    fn write_stderr(&self, out: &mut TextWriter) {
        if self.shows_private_keys() {
            self.describe(out);
        }
        for warning in &self.notes {
            out.note(&warning.message);
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_command_for_a_path_that_ssh_would_expand_names_that_path() {
        let command = clone_command(Path::new("/tmp/50%x/k"), "git@a.example:b/c");
        assert_eq!(
            command.as_deref(),
            Some(
                "git clone -c core.sshCommand='ssh -i \"/tmp/50%%x/k\" -o IdentitiesOnly=yes' -- git@a.example:b/c"
            )
        );
        assert_eq!(clone_command(Path::new("/tmp/it's"), "a:b/c"), None);
    }
}
