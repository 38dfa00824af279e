//! SSH: whether a server answers there, and whether it lets a key in.

use super::Stage;
use super::facts::{Facts, LoginFacts, NoSsh, Ssh};
use super::reach::{failed_name, failed_tcp};
#[cfg(test)]
use crate::error::Trouble;
use crate::exit::Exit;
use crate::model::finding::Level;
use crate::model::ssh_address::SshHost;
use crate::net::{Greeted, Speaks};

/// The host that served SSH until 2026-11-12.
const OLD_HOST: &str = "bitbucket.org";

/// Servers take six attempts before they hang up (`MaxAuthTries`, `sshd_config(5)`).
const MOST_KEYS: usize = 5;

pub(super) fn tcp(facts: &Facts, ssh: &Ssh) -> Stage {
    const ID: &str = "ssh.tcp";
    let host = &ssh.host;
    let mut stage = match &ssh.tcp.value {
        Ok((address, Greeted::Ssh(greeting))) => {
            Stage::pass(ID, format!("an SSH server answers at {host}"))
                .seen(format!("{address}: {}", greeting.software))
        }
        Ok((address, Greeted::Other(speaks))) => {
            let what = match speaks {
                Speaks::Nothing => "closes the connection without a word",
                Speaks::Http => "speaks HTTP",
                Speaks::Tls => "speaks TLS",
                Speaks::Ssh | Speaks::Other => "is no SSH server",
            };
            Stage::fail(
                ID,
                Exit::Unreachable,
                format!("what answers at {host} {what}"),
            )
            .seen(address.to_string())
            .next("check the port; a firewall or a load balancer may stand in between")
        }
        Ok((address, Greeted::Silent)) => Stage::fail(
            ID,
            Exit::Unreachable,
            format!("the port is open at {host}, but no SSH server says anything"),
        )
        .seen(address.to_string())
        .next("check the port; a firewall may let connections through and nothing else"),
        Err(NoSsh::Name(error)) => failed_name(ID, &host.name, error),
        Err(NoSsh::Tcp(error)) => failed_tcp(ID, error, Some(host.port)),
    };
    if stage.finding.level == Level::Fail {
        if ssh.enabled == Some(false) {
            stage = Stage::fail(
                ID,
                Exit::Unreachable,
                "the server does not serve SSH: its administrator has switched it off",
            )
            .next("Administration > SSH access; or use HTTPS");
        } else if let Some(door) = &ssh.other_door {
            stage.finding.message =
                format!("{} is blocked, but {door} answers", host_and_port(host));
            stage.finding.next = Some(format!(
                "use the other host: git remote set-url origin {}",
                elsewhere(facts, door)
            ));
        } else if host.name == OLD_HOST {
            stage.finding.next = Some(
                "Bitbucket serves SSH at ssh.bitbucket.org since 2026-11-12: bbconnect migrate changes the remotes"
                    .to_owned(),
            );
        }
    }
    stage.took(&ssh.tcp)
}

fn host_and_port(host: &SshHost) -> String {
    format!("{} port {}", host.name, host.port)
}

fn elsewhere(facts: &Facts, door: &SshHost) -> String {
    let path = facts
        .ssh_path
        .as_deref()
        .unwrap_or("WORKSPACE/REPOSITORY.git");
    let path = path.trim_start_matches('/');
    if door.port == 22 {
        format!("git@{}:{path}", door.name)
    } else {
        format!("ssh://git@{}:{}/{path}", door.name, door.port)
    }
}

pub(super) fn login(ssh: &Ssh) -> Option<Stage> {
    const ID: &str = "ssh.auth";
    let Some(asked) = &ssh.login else {
        ssh.host_key.as_ref()?;
        return Some(Stage::unknown(
            ID,
            "no key is tried: none belongs to this connection, or the server's host key is not known",
        ));
    };
    Some(judged(ID, &asked.value).took(asked))
}

fn judged(id: &'static str, facts: &LoginFacts) -> Stage {
    let whose = match &facts.key {
        Some(path) => format!("the key {}", path.display()),
        None => "a key of your ssh".to_owned(),
    };
    let agent = facts.agent_keys.filter(|count| *count > MOST_KEYS);
    let too_many = "servers hang up after six: write IdentitiesOnly yes and IdentityFile for this host into ~/.ssh/config, \
                    or let bbconnect connect make a key of its own";
    match &facts.served {
        Ok(()) => {
            let served = format!("the server serves the repository to {whose}");
            match agent {
                Some(count) => {
                    Stage::warn(id, format!("{served}, but the agent offers {count} keys"))
                        .next(too_many)
                }
                None => Stage::pass(id, served),
            }
        }
        Err(trouble) if trouble.message.contains("Too many authentication failures") => {
            let message = "the server hung up: too many keys were offered before the right one";
            Stage::fail(id, Exit::Unauthorized, message)
                .seen(trouble.message.clone())
                .next(too_many)
        }
        Err(trouble) if trouble.exit == Exit::Unauthorized => {
            let message = match &facts.key {
                Some(_) => format!("{whose} was offered, and the server refused it"),
                None => "the server accepts none of the keys that your ssh offers".to_owned(),
            };
            let next = match &facts.key {
                Some(_) => {
                    "bbconnect key list shows what is registered; bbconnect connect CLONE_URL registers it again"
                }
                None => "bbconnect connect CLONE_URL makes a key and registers it",
            };
            let stage = Stage::fail(id, Exit::Unauthorized, message).seen(trouble.message.clone());
            match agent {
                Some(count) => stage.next(format!("the agent offers {count} keys: {too_many}")),
                None => stage.next(next),
            }
        }
        // A passphrase that nobody can be asked for here says nothing about the key.
        Err(trouble) if trouble.exit == Exit::Usage => {
            let stage = Stage::unknown(id, trouble.message.clone());
            stage.next(trouble.hint.clone().unwrap_or_default())
        }
        Err(trouble) => Stage::trouble(id, trouble),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_from_too_many_offers_and_from_a_locked_key() {
        let trouble = |exit, message: &str| {
            Err(Trouble {
                exit,
                message: message.to_owned(),
                hint: None,
                obstacle: None,
            })
        };
        for (served, agent_keys, level, exit) in [
            (Ok(()), None, "pass", Exit::Done),
            (Ok(()), Some(5), "pass", Exit::Done),
            (Ok(()), Some(6), "warn", Exit::Done),
            (
                trouble(Exit::Unauthorized, "denied"),
                None,
                "fail",
                Exit::Unauthorized,
            ),
            (
                trouble(Exit::Unauthorized, "Too many authentication failures"),
                Some(9),
                "fail",
                Exit::Unauthorized,
            ),
            (
                trouble(Exit::Forbidden, "no access"),
                None,
                "fail",
                Exit::Forbidden,
            ),
            (trouble(Exit::Usage, "locked"), None, "unknown", Exit::Done),
            (
                trouble(Exit::Unusable, "no matching host key type"),
                None,
                "fail",
                Exit::Unusable,
            ),
        ] {
            let facts = LoginFacts {
                key: None,
                served,
                agent_keys,
            };
            let stage = judged("ssh.auth", &facts);
            assert_eq!(
                (stage.finding.level.name(), stage.exit),
                (level, exit),
                "{facts:?}"
            );
        }
    }
}
