//! How OpenSSH is called: with one key, one file of host keys, and nothing of the user's or the system's configuration.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use super::SshError;
use super::private_key_file::sibling_path;

/// With what somebody logs in: a key, and the host keys that are taken for true.
#[derive(Debug, Clone)]
pub(crate) struct ClientOptions {
    /// The private key; none for what a server says before it wants one.
    pub key: Option<PathBuf>,
    /// Whether it has a passphrase.
    pub has_passphrase: bool,
    /// The file of host keys.
    pub known_hosts: PathBuf,
}

/// What [`ClientOptions::command_line`] sets, but for the agent.
const OUR_OPTIONS: [&str; 7] = [
    "IdentityFile",
    "IdentityFile",
    "IdentitiesOnly",
    "UserKnownHostsFile",
    "GlobalKnownHostsFile",
    "StrictHostKeyChecking",
    "LogLevel",
];

/// The key that is to follow another one, while `key rotate` is at work: `KEY.bbconnect-next`. The name is
/// nobody else's.
#[must_use]
pub(crate) fn next_key_path(key: &Path) -> PathBuf {
    sibling_path(key, ".bbconnect-next")
}

impl ClientOptions {
    /// Options for `ssh` that leave this key alone to log in with, and our file alone to know servers by.
    ///
    /// An agent is asked only for a key with a passphrase, and then for no other (`IdentitiesOnly`).
    ///
    /// # Errors
    /// [`SshError::UnsupportedPath`] for a path that cannot be written for `ssh`.
    pub(crate) fn options(&self) -> Result<Vec<String>, SshError> {
        self.options_with(self.key.as_deref().as_slice())
    }

    /// The command for `core.sshCommand` and `GIT_SSH_COMMAND`, quoted for a shell.
    ///
    /// It also names the key that follows while this one is being replaced, so that a git that runs meanwhile fails with
    /// neither. Where there is none, `ssh` would say so only after the server has refused the first.
    ///
    /// # Errors
    /// [`SshError::UnsupportedPath`] as [`ClientOptions::options`].
    pub(crate) fn command_line(&self) -> Result<String, SshError> {
        let mut words = vec!["ssh".to_owned()];
        let next = self.key.as_deref().map(next_key_path);
        let keys = [self.key.as_deref(), next.as_deref()];
        words.extend(self.options_with(&keys.into_iter().flatten().collect::<Vec<_>>())?);
        words.extend(["-o", "LogLevel=ERROR"].map(str::to_owned));
        Ok(line(&words))
    }

    /// Options for `ssh` that leave our file alone to know servers by, and all else to the user's configuration.
    pub(super) fn trust_options(&self) -> Result<Vec<String>, SshError> {
        let settings = self.trust()?.into_iter();
        Ok(settings.flat_map(|it| ["-o".to_owned(), it]).collect())
    }

    fn trust(&self) -> Result<[String; 3], SshError> {
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
        if !self.has_passphrase {
            settings.push("IdentityAgent=none".to_owned());
        }
        settings.extend(self.trust()?);
        let mut options = vec!["-F".to_owned(), "none".to_owned()];
        options.extend(settings.into_iter().flat_map(|it| ["-o".to_owned(), it]));
        Ok(options)
    }
}

/// The command for `core.sshCommand` and `GIT_SSH_COMMAND` that logs in with this key alone, and leaves all else to the
/// user's configuration.
///
/// # Errors
/// [`SshError::UnsupportedPath`] as [`ClientOptions::options`].
pub(crate) fn command_with_key(key: &Path) -> Result<String, SshError> {
    let key = format!("IdentityFile={}", quote_option_value(key)?);
    let words = ["ssh", "-o", &key, "-o", "IdentitiesOnly=yes"];
    Ok(line(&words.map(str::to_owned)))
}

fn line(words: &[String]) -> String {
    let quoted = words.iter().map(|word| quoted(word));
    quoted.collect::<Vec<_>>().join(" ")
}

/// A word for a shell; a plain one without quotes, because people read the command.
fn quoted(word: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_@%+=:,./-".contains(&byte);
    if word.bytes().all(is_plain) {
        Cow::Borrowed(word)
    } else {
        shell_words::quote(word)
    }
}

/// Whether a command is one of [`ClientOptions::command_line`]: it has its options, in their order, and no others.
#[must_use]
pub(crate) fn is_managed_ssh_command(command: &str) -> bool {
    let Ok(words) = shell_words::split(command) else {
        return false;
    };
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let ["ssh", "-F", "none", options @ ..] = words.as_slice() else {
        return false;
    };
    let names = options.chunks(2).map(|option| match option {
        ["-o", setting] => setting.split_once('=').map(|(name, _)| name),
        _ => None,
    });
    // Of a key with a passphrase the agent is asked.
    let names = names.filter(|name| *name != Some("IdentityAgent"));
    names.eq(OUR_OPTIONS.map(Some))
}

/// A path as the value of an option: quoted as in a configuration file, with nothing in it to be expanded
/// (`ssh_config(5)`, "TOKENS" and "ENVIRONMENT VARIABLES").
fn quote_option_value(path: &Path) -> Result<String, SshError> {
    let refused = |reason| SshError::UnsupportedPath {
        path: path.to_owned(),
        reason,
    };
    let path = std::path::absolute(path).map_err(|_| refused("it is not a path"))?;
    let text = path.to_str().ok_or(refused("it is not text"))?;
    let text = if cfg!(windows) {
        text.replace('\\', "/")
    } else {
        text.to_owned()
    };
    if text.contains(['"', '\\']) || text.contains(char::is_control) {
        return Err(refused("it contains a quote or a backslash"));
    }
    if text.contains("${") {
        return Err(refused("ssh would read ${…} in it as a variable"));
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
        let login = |key: &str| ClientOptions {
            key: Some(key.into()),
            has_passphrase: false,
            known_hosts: "/c/known_hosts".into(),
        };
        let plain = login("/home/jane/.ssh/key").command_line().unwrap();
        assert_eq!(
            plain,
            "ssh -F none -o IdentityFile=/home/jane/.ssh/key -o IdentityFile=/home/jane/.ssh/key.bbconnect-next \
             -o IdentitiesOnly=yes -o IdentityAgent=none -o UserKnownHostsFile=/c/known_hosts \
             -o GlobalKnownHostsFile=/dev/null -o StrictHostKeyChecking=yes -o LogLevel=ERROR"
        );
        assert_eq!(
            command_with_key(Path::new("/tmp/50%x/it's")).unwrap(),
            r#"ssh -o 'IdentityFile="/tmp/50%%x/it'\''s"' -o IdentitiesOnly=yes"#
        );
        assert!(is_managed_ssh_command(
            &login("/a b/it's").command_line().unwrap()
        ));
        for own in [
            "ssh -i mine",
            "ssh -F none -i mine -o UserKnownHostsFile=/c/known_hosts",
            &format!("{plain} -J gate"),
            &format!("{plain} -o ProxyJump=gate"),
            &plain.replace("-F none", "-F mine"),
            "ssh -F none 'open",
        ] {
            assert!(!is_managed_ssh_command(own), "{own}");
        }
        let odd = login("/home/j d/50%/it's").options().unwrap();
        assert_eq!(odd[3], "IdentityFile=\"/home/j d/50%%/it's\"");
        let locked = ClientOptions {
            has_passphrase: true,
            ..login("/k")
        };
        assert!(is_managed_ssh_command(&locked.command_line().unwrap()));
        assert!(
            !locked
                .options()
                .unwrap()
                .iter()
                .any(|o| o.contains("Agent"))
        );
        for refused in ["/a\"b", "/a\\b", "/a/${HOME}", "/a\nb"] {
            assert!(login(refused).options().is_err(), "{refused}");
        }
    }
}
