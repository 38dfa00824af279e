//! SSH: whether a server answers there, and whether it lets a key in.

use super::StageResult;
use super::facts::{DoctorData, LoginFacts, Ssh, SshConnectError};
use super::reach::{failed_name, failed_tcp};
#[cfg(test)]
use crate::error::ErrorSummary;
use crate::exit_status::ExitStatus;
use crate::probe::{BannerResult, DetectedProtocol};
use crate::types::cloud_hosts;
use crate::types::finding::Severity;
use crate::types::ssh_address::SshHost;

/// Servers take six attempts before they hang up (`MaxAuthTries`, `sshd_config(5)`).
const MAX_KEYS: usize = 5;

pub(super) fn tcp(facts: &DoctorData, ssh: &Ssh) -> StageResult {
    const ID: &str = "ssh.tcp";
    let host = &ssh.host;
    let mut stage = match &ssh.tcp.value {
        Ok((address, BannerResult::Ssh(greeting))) => {
            StageResult::pass(ID, format!("an SSH server answers at {host}"))
                .with_evidence(format!("{address}: {}", greeting.software))
        }
        Ok((address, BannerResult::Other(speaks))) => {
            let what = match speaks {
                DetectedProtocol::Nothing => "closes the connection without a word",
                DetectedProtocol::Http => "speaks HTTP",
                DetectedProtocol::Tls => "speaks TLS",
                DetectedProtocol::Ssh | DetectedProtocol::Other => "is no SSH server",
            };
            StageResult::fail(
                ID,
                ExitStatus::Unreachable,
                format!("what answers at {host} {what}"),
            )
            .with_evidence(address.to_string())
            .with_remedy("check the port; a firewall or a load balancer may stand in between")
        }
        Ok((address, BannerResult::Silent)) => StageResult::fail(
            ID,
            ExitStatus::Unreachable,
            format!("the port is open at {host}, but no SSH server says anything"),
        )
        .with_evidence(address.to_string())
        .with_remedy("check the port; a firewall may let connections through and nothing else"),
        Err(SshConnectError::Name(error)) => failed_name(ID, &host.name, error),
        Err(SshConnectError::Tcp(error)) => failed_tcp(ID, error, Some(host.port)),
    };
    if stage.finding.level == Severity::Fail {
        if ssh.enabled == Some(false) {
            stage = StageResult::fail(
                ID,
                ExitStatus::Unreachable,
                "the server does not serve SSH: its administrator has switched it off",
            )
            .with_remedy("Administration > SSH access; or use HTTPS");
        } else if let Some(door) = &ssh.other_door {
            stage.finding.message =
                format!("{} is blocked, but {door} answers", host_and_port(host));
            stage.finding.next = Some(format!(
                "use the other host: git remote set-url origin {}",
                elsewhere(facts, door)
            ));
        } else if cloud_hosts::is_retired_ssh(&host.name) {
            stage.finding.next = Some(
                "Bitbucket serves SSH at ssh.bitbucket.org since 2026-11-12: bbconnect migrate changes the remotes"
                    .to_owned(),
            );
        }
    }
    stage.with_elapsed(&ssh.tcp)
}

fn host_and_port(host: &SshHost) -> String {
    format!("{} port {}", host.name, host.port)
}

fn elsewhere(facts: &DoctorData, door: &SshHost) -> String {
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

pub(super) fn login(ssh: &Ssh) -> Option<StageResult> {
    const ID: &str = "ssh.auth";
    let Some(asked) = &ssh.login else {
        ssh.host_key.as_ref()?;
        return Some(StageResult::unknown(
            ID,
            "no key is tried: none belongs to this connection, or the server's host key is not known",
        ));
    };
    Some(judged(ID, &asked.value).with_elapsed(asked))
}

fn judged(id: &'static str, facts: &LoginFacts) -> StageResult {
    let whose = match &facts.key {
        Some(path) => format!("the key {}", path.display()),
        None => "a key of your ssh".to_owned(),
    };
    let agent = facts.agent_keys.filter(|count| *count > MAX_KEYS);
    let too_many = "servers hang up after six: write IdentitiesOnly yes and IdentityFile for this host into ~/.ssh/config, \
                    or let bbconnect connect make a key of its own";
    match &facts.served {
        Ok(()) => {
            let served = format!("the server serves the repository to {whose}");
            match agent {
                Some(count) => {
                    StageResult::warn(id, format!("{served}, but the agent offers {count} keys"))
                        .with_remedy(too_many)
                }
                None => StageResult::pass(id, served),
            }
        }
        Err(summary) if summary.message.contains("Too many authentication failures") => {
            let message = "the server hung up: too many keys were offered before the right one";
            StageResult::fail(id, ExitStatus::Unauthorized, message)
                .with_evidence(summary.message.clone())
                .with_remedy(too_many)
        }
        Err(summary) if summary.exit == ExitStatus::Unauthorized => {
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
            let stage = StageResult::fail(id, ExitStatus::Unauthorized, message)
                .with_evidence(summary.message.clone());
            match agent {
                Some(count) => {
                    stage.with_remedy(format!("the agent offers {count} keys: {too_many}"))
                }
                None => stage.with_remedy(next),
            }
        }
        // A passphrase that nobody can be asked for here says nothing about the key.
        Err(summary) if summary.exit == ExitStatus::Usage => {
            let stage = StageResult::unknown(id, summary.message.clone());
            stage.with_remedy(summary.hint.clone().unwrap_or_default())
        }
        Err(summary) => StageResult::from_error(id, summary),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_from_too_many_offers_and_from_a_locked_key() {
        let trouble = |exit, message: &str| {
            Err(ErrorSummary {
                exit,
                message: message.to_owned(),
                hint: None,
                connect_failure: None,
            })
        };
        for (served, agent_keys, level, exit) in [
            (Ok(()), None, "pass", ExitStatus::Success),
            (Ok(()), Some(5), "pass", ExitStatus::Success),
            (Ok(()), Some(6), "warn", ExitStatus::Success),
            (
                trouble(ExitStatus::Unauthorized, "denied"),
                None,
                "fail",
                ExitStatus::Unauthorized,
            ),
            (
                trouble(ExitStatus::Unauthorized, "Too many authentication failures"),
                Some(9),
                "fail",
                ExitStatus::Unauthorized,
            ),
            (
                trouble(ExitStatus::Forbidden, "no access"),
                None,
                "fail",
                ExitStatus::Forbidden,
            ),
            (
                trouble(ExitStatus::Usage, "locked"),
                None,
                "unknown",
                ExitStatus::Success,
            ),
            (
                trouble(ExitStatus::BadResponse, "no matching host key type"),
                None,
                "fail",
                ExitStatus::BadResponse,
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
