//! What a `Host` of the user's SSH configuration stands for, as `ssh -G` says.

use std::time::Duration;

use super::SshError;
use crate::sys::subprocess::{CommandSpec, Stderr};
use crate::types::ssh_address::SshHost;

/// Reading a configuration takes a moment.
const LIMIT: Duration = Duration::from_secs(10);

/// What an alias stands for: who logs in, and where. `None` where it stands for itself: without any configuration `ssh`
/// would do the same.
///
/// # Errors
/// [`SshError::Process`] where `ssh` cannot be run.
pub(crate) fn resolve(
    alias: &SshHost,
    user: Option<&str>,
) -> Result<Option<(Option<String>, SshHost)>, SshError> {
    let configured = asked(alias, user, &[])?;
    let plain = asked(alias, user, &["-F", "none"])?;
    Ok(configured.filter(|configured| plain.as_ref() != Some(configured)))
}

fn asked(
    alias: &SshHost,
    user: Option<&str>,
    options: &[&str],
) -> Result<Option<(Option<String>, SshHost)>, SshError> {
    let command = CommandSpec::new("ssh")
        .args(options)
        .args(user.into_iter().flat_map(|user| ["-l", user]))
        .args(["-G", "--", &alias.name])
        .env("LC_ALL", "C")
        .new_process_group()
        .stderr(Stderr::Null);
    let output = command.run(LIMIT)?;
    Ok(parse_ssh_g(&String::from_utf8_lossy(&output.stdout)))
}

/// Reads `hostname`, `port` and `user`, each on a line.
fn parse_ssh_g(settings: &str) -> Option<(Option<String>, SshHost)> {
    let setting = |name: &str| {
        let mut lines = settings.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
    };
    let name = setting("hostname")?;
    let port = setting("port")?.parse().ok()?;
    let host = SshHost::new(name, port).ok()?;
    Some((setting("user").map(str::to_owned), host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_is_what_the_configuration_says() {
        let settings =
            "host work\nuser git\nhostname ssh.bitbucket.org\nport 7999\naddressfamily any\n";
        let host = SshHost::new("ssh.bitbucket.org", 7999).unwrap();
        assert_eq!(parse_ssh_g(settings), Some((Some("git".to_owned()), host)));
        assert_eq!(parse_ssh_g("hostname -oX\nport 22\n"), None);
        assert_eq!(parse_ssh_g("hostname work\n"), None);
        assert_eq!(parse_ssh_g(""), None);
    }
}
