//! Options of `ssh`: one key, one file of host keys, and nothing of the user's or the system's configuration, except where
//! only that leads to the server.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use super::SshError;
use super::host_config::ConfigRoute;
use super::key_paths::next_key_path;
use crate::types::public_key::Fingerprint;
use crate::types::shell::for_git_shell;

/// The key and the host keys for a login.
#[derive(Debug, Clone)]
pub(crate) struct ClientOptions {
    /// The private key; `None` to connect without one.
    pub(crate) key: Option<PathBuf>,
    /// The fingerprint of `key`, where it is known.
    pub(crate) fingerprint: Option<Fingerprint>,
    /// The agent may be used for `key`: it has a passphrase, or only the agent has its private half.
    pub(crate) uses_agent: bool,
    pub(crate) known_hosts: PathBuf,
    /// Set where only the user's configuration leads to the server, so that `ssh` reads it.
    pub(crate) route: Option<ConfigRoute>,
}

/// The options of [`ClientOptions::command_line`] in their order, without the agent.
const COMMAND_LINE_OPTIONS: [&str; 7] = [
    "IdentityFile",
    "IdentityFile",
    "IdentitiesOnly",
    "UserKnownHostsFile",
    "GlobalKnownHostsFile",
    "StrictHostKeyChecking",
    "LogLevel",
];

impl ClientOptions {
    pub(crate) fn without_key(known_hosts: &Path) -> Self {
        Self {
            key: None,
            fingerprint: None,
            uses_agent: false,
            known_hosts: known_hosts.to_owned(),
            route: None,
        }
    }

    /// Options of `ssh` to use only this key and only bbconnect's file of host keys.
    ///
    /// The agent is used only for a key with a passphrase, and then for no other key (`IdentitiesOnly`).
    pub(crate) fn options(&self) -> Result<Vec<String>, SshError> {
        self.options_with(self.key.as_deref().as_slice())
    }

    /// The command for `core.sshCommand` and `GIT_SSH_COMMAND`, quoted for a shell.
    ///
    /// It also names the new key of a rotation, so that a git that runs in the meantime does not fail. If that file does
    /// not exist, `ssh` reports it only after the server has refused the first key.
    pub(crate) fn command_line(&self, program: &Path) -> Result<String, SshError> {
        let mut words = vec![for_git_shell(&program.to_string_lossy()).into_owned()];
        let next = self.key.as_deref().map(next_key_path);
        let keys = [self.key.as_deref(), next.as_deref()];
        words.extend(self.options_with(&keys.into_iter().flatten().collect::<Vec<_>>())?);
        words.extend(["-o", "LogLevel=ERROR"].map(str::to_owned));
        Ok(join_quoted(&words))
    }

    /// Options of `ssh` to use only bbconnect's file of host keys, and otherwise the user's configuration.
    pub(super) fn trust_options(&self) -> Result<Vec<String>, SshError> {
        let settings = self.host_key_settings()?.into_iter();
        Ok(settings
            .flat_map(|setting| ["-o".to_owned(), setting])
            .collect())
    }

    fn host_key_settings(&self) -> Result<[String; 3], SshError> {
        Ok([
            format!(
                "UserKnownHostsFile={}",
                quote_option_value(&self.known_hosts)?
            ),
            "GlobalKnownHostsFile=/dev/null".to_owned(),
            "StrictHostKeyChecking=yes".to_owned(),
        ])
    }

    fn options_with(&self, keys: &[&Path]) -> Result<Vec<String>, SshError> {
        let mut settings = Vec::new();
        for key in keys {
            settings.push(format!("IdentityFile={}", quote_option_value(key)?));
        }
        if keys.is_empty() {
            settings.push("IdentityFile=none".to_owned());
        }
        settings.push("IdentitiesOnly=yes".to_owned());
        if !self.uses_agent {
            settings.push("IdentityAgent=none".to_owned());
        }
        settings.extend(self.host_key_settings()?);
        let mut options = Vec::new();
        if self.route.is_none() {
            options.extend(["-F", "none"].map(str::to_owned));
        }
        options.extend(
            settings
                .into_iter()
                .flat_map(|setting| ["-o".to_owned(), setting]),
        );
        Ok(options)
    }
}

/// The command for `core.sshCommand` and `GIT_SSH_COMMAND` that uses only this key, and otherwise the user's configuration.
pub(crate) fn command_with_key(program: &Path, key: &Path) -> Result<String, SshError> {
    let key = format!("IdentityFile={}", quote_option_value(key)?);
    let program = for_git_shell(&program.to_string_lossy()).into_owned();
    let words = [&program, "-o", &key, "-o", "IdentitiesOnly=yes"];
    Ok(join_quoted(&words.map(str::to_owned)))
}

fn join_quoted(words: &[String]) -> String {
    let words = words.iter().map(|word| quote(word));
    words.collect::<Vec<_>>().join(" ")
}

/// Quotes a word for a shell. A plain word gets no quotes, because the command is shown.
fn quote(word: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_@%+=:,./-".contains(&byte);
    if word.bytes().all(is_plain) {
        Cow::Borrowed(word)
    } else {
        shell_words::quote(word)
    }
}

/// Whether a command was built by [`ClientOptions::command_line`]: it has the same options in the same order.
pub(crate) fn is_managed_ssh_command(command: &str) -> bool {
    let Ok(words) = shell_words::split(command) else {
        return false;
    };
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let options = match words.as_slice() {
        [program, "-F", "none", options @ ..] | [program, options @ ..]
            if is_ssh_program(program) =>
        {
            options
        }
        _ => return false,
    };
    let names = options.chunks(2).map(|option| match option {
        ["-o", setting] => setting.split_once('=').map(|(name, _)| name),
        _ => None,
    });
    // Not set for a key with a passphrase.
    let names = names.filter(|name| *name != Some("IdentityAgent"));
    names.eq(COMMAND_LINE_OPTIONS.map(Some))
}

/// `ssh`, or its absolute path.
fn is_ssh_program(word: &str) -> bool {
    let path = Path::new(word);
    path.file_stem().is_some_and(|name| name == "ssh") && (path.is_absolute() || word == "ssh")
}

/// Quotes a path as the value of an option, so that nothing in it is expanded (`ssh_config(5)`, "TOKENS" and
/// "ENVIRONMENT VARIABLES").
fn quote_option_value(path: &Path) -> Result<String, SshError> {
    let unsupported = |reason| SshError::UnsupportedPath {
        path: path.to_owned(),
        reason,
    };
    let path = std::path::absolute(path).map_err(|_| unsupported("not a path"))?;
    let text = path.to_str().ok_or(unsupported("not valid UTF-8"))?;
    let text = for_git_shell(text);
    if text.contains(['"', '\\']) || text.contains(char::is_control) {
        return Err(unsupported("it contains a quote or a backslash"));
    }
    if text.contains("${") {
        return Err(unsupported("ssh would expand ${…} in it as a variable"));
    }
    let text = text.replace('%', "%%");
    Ok(
        if text.contains(char::is_whitespace) || text.contains('\'') {
            format!("\"{text}\"")
        } else {
            text
        },
    )
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn paths_are_quoted_for_ssh_and_for_the_shell() {
        let client = |key: &str| ClientOptions {
            key: Some(key.into()),
            fingerprint: None,
            uses_agent: false,
            known_hosts: "/c/known_hosts".into(),
            route: None,
        };
        let plain = client("/home/jane/.ssh/key")
            .command_line(Path::new("/usr/bin/ssh"))
            .unwrap();
        assert_eq!(
            plain,
            "/usr/bin/ssh -F none -o IdentityFile=/home/jane/.ssh/key -o IdentityFile=/home/jane/.ssh/key.bbconnect-next \
             -o IdentitiesOnly=yes -o IdentityAgent=none -o UserKnownHostsFile=/c/known_hosts \
             -o GlobalKnownHostsFile=/dev/null -o StrictHostKeyChecking=yes -o LogLevel=ERROR"
        );
        assert_eq!(
            command_with_key(Path::new("/usr/bin/ssh"), Path::new("/tmp/50%x/it's")).unwrap(),
            r#"/usr/bin/ssh -o 'IdentityFile="/tmp/50%%x/it'\''s"' -o IdentitiesOnly=yes"#
        );
        assert!(is_managed_ssh_command(
            &client("/a b/it's")
                .command_line(Path::new("/usr/bin/ssh"))
                .unwrap()
        ));
        for foreign in [
            &plain.replace("/usr/bin/ssh", "bin/ssh"),
            &plain.replace("/usr/bin/ssh", "/usr/bin/plink"),
            "ssh -i mine",
            "ssh -F none -i mine -o UserKnownHostsFile=/c/known_hosts",
            &format!("{plain} -J gate"),
            &format!("{plain} -o ProxyJump=gate"),
            &plain.replace("-F none", "-F mine"),
            "ssh -F none 'open",
        ] {
            assert!(!is_managed_ssh_command(foreign), "{foreign}");
        }
        let without_config = plain.replace(" -F none", "");
        assert!(is_managed_ssh_command(&without_config));
        assert!(is_managed_ssh_command(
            &plain.replace("/usr/bin/ssh", "ssh")
        ));
        let quoted = client("/home/j d/50%/it's").options().unwrap();
        assert_eq!(quoted[3], "IdentityFile=\"/home/j d/50%%/it's\"");
        let with_passphrase = ClientOptions {
            uses_agent: true,
            ..client("/k")
        };
        assert!(is_managed_ssh_command(
            &with_passphrase
                .command_line(Path::new("/usr/bin/ssh"))
                .unwrap()
        ));
        assert!(
            !with_passphrase
                .options()
                .unwrap()
                .iter()
                .any(|o| o.contains("Agent"))
        );
        for unsupported in ["/a\"b", "/a\\b", "/a/${HOME}", "/a\nb"] {
            assert!(client(unsupported).options().is_err(), "{unsupported}");
        }
    }
}
