//! SSH: whether a server responds, and what a key may do. `check` has one finding for both, `doctor` one for each step.

use super::host_key;
use super::network::{dns_failure, tcp_failure};
use super::server;
use crate::diagnostics::connection_facts::{CheckOptions, ConnectionFacts, KeyFacts};
use crate::diagnostics::finding::{Finding, FindingId, Severity};
use crate::diagnostics::route_facts::{LoginFacts, RouteFacts, SshConnectError, SshRoute};
use crate::exit_status::ExitStatus;
use crate::probe::{BannerResult, DetectedProtocol};
use crate::types::cloud_hosts;
use crate::types::connection::AuthMethod;
use crate::types::ssh_address::SshHost;

/// Servers accept six attempts (`MaxAuthTries`, `sshd_config(5)`).
const MAX_KEYS: usize = 5;

/// `check`: what the connection's key may do, and what a Data Center reports about its SSH server.
pub(crate) fn access(facts: &ConnectionFacts, options: &CheckOptions) -> Option<Finding> {
    const ID: FindingId = FindingId::SshAccess;
    let connection = &facts.credential.connection;
    let settings = facts.ssh_settings.as_ref();
    let base_url = server::ssh_base_url(ID, &connection.base_url, settings);
    if let Some(key) = &facts.key {
        let finding = key_access(key, facts, options);
        return Some(if finding.level == Severity::Pass {
            finding.unless([base_url])
        } else {
            finding
        });
    }
    if connection.auth() == AuthMethod::Ssh {
        return Some(
            Finding::undetermined(ID, "the connection has no key to test")
                .with_next("bbconnect connect CLONE_URL"),
        );
    }
    let settings = settings?;
    if settings.enabled == Some(false) {
        return Some(
            Finding::warn(ID, "SSH is disabled on this server")
                .with_next("clone over HTTPS, or ask the administrator to enable SSH access"),
        );
    }
    let no_access_keys = (settings.access_keys_enabled == Some(false)).then(|| {
        let message = "SSH is enabled, but access keys of projects and repositories are disabled";
        Finding::warn(ID, message).with_next("use a key of a user account")
    });
    let finding = Finding::pass(ID, "SSH is enabled").unless([base_url, no_access_keys]);
    let ssh_base = settings.base_url.as_deref().unwrap_or_default();
    Some(finding.with_evidence(format!("SSH base URL: {ssh_base}")))
}

fn key_access(key: &KeyFacts, facts: &ConnectionFacts, options: &CheckOptions) -> Finding {
    const ID: FindingId = FindingId::SshAccess;
    let credential = &facts.credential;
    // A connection with a token pushes over HTTPS.
    let pushes_over_ssh = credential.connection.auth() == AuthMethod::Ssh;
    let finding = match (&key.can_read, key.can_write) {
        (None, _) => Finding::undetermined(ID, "not tested: the key has a passphrase")
            .with_next(format!("bbconnect key test -c {}", credential.name)),
        (Some(Err(summary)), _) => Finding::from_error(ID, summary),
        (Some(Ok(())), Some(false)) if pushes_over_ssh => {
            let message = "the key can clone and fetch, but not push";
            Finding::fail(ID, ExitStatus::Forbidden, message)
                .with_next("register a key with write access: bbconnect connect --write CLONE_URL")
        }
        (Some(Ok(())), None) if options.needs_push() && pushes_over_ssh => Finding::undetermined(
            ID,
            "the key can clone and fetch; whether it can push is unknown",
        ),
        (Some(Ok(())), Some(true)) => Finding::pass(ID, "the key can clone, fetch and push"),
        (Some(Ok(())), Some(false) | None) => Finding::pass(ID, "the key can clone and fetch"),
    };
    finding.with_evidence(key.path.display().to_string())
}

/// `doctor`: whether an SSH server responds.
pub(crate) fn tcp(facts: &RouteFacts, ssh: &SshRoute) -> Finding {
    const ID: FindingId = FindingId::SshTcp;
    let host = &ssh.host;
    let fail = |message: String| Finding::fail(ID, ExitStatus::Unreachable, message);
    let Some(banner) = &ssh.banner else {
        let proxy = ssh.proxy.as_ref().map(ToString::to_string);
        return Finding::unknown(
            ID,
            format!(
                "not tested: {host} is reached through {} of your SSH configuration",
                proxy.unwrap_or_default()
            ),
        );
    };
    let mut finding = match &banner.value {
        Ok((address, BannerResult::Ssh(banner))) => {
            Finding::pass(ID, format!("an SSH server responds at {host}"))
                .with_evidence(format!("{address}: {}", banner.software))
        }
        Ok((address, BannerResult::Other(protocol))) => {
            let what = match protocol {
                DetectedProtocol::Nothing => "closes the connection",
                DetectedProtocol::Http => "speaks HTTP",
                DetectedProtocol::Tls => "speaks TLS",
                DetectedProtocol::Ssh | DetectedProtocol::Other => "is not an SSH server",
            };
            fail(format!("the server at {host} {what}"))
                .with_evidence(address.to_string())
                .with_next("check the port; a firewall or a load balancer may be in between")
        }
        Ok((address, BannerResult::Silent)) => fail(format!(
            "the port is open at {host}, but no SSH server responds"
        ))
        .with_evidence(address.to_string())
        .with_next("check the port; a firewall may accept connections and block the traffic"),
        Err(SshConnectError::Dns(error)) => dns_failure(ID, &host.name, error),
        Err(SshConnectError::Tcp(error)) => tcp_failure(ID, error, Some(host.port)),
    };
    if finding.level == Severity::Fail {
        if ssh.enabled == Some(false) {
            finding = fail("SSH is disabled on this server".to_owned())
                .with_next("clone over HTTPS, or ask the administrator to enable SSH access");
        } else if let Some(alternate) = &ssh.alternate {
            finding.message = format!(
                "{} port {} is blocked, but {alternate} responds",
                host.name, host.port
            );
            finding.next = Some(format!(
                "use the other host: git remote set-url origin {}",
                url_at(alternate, facts.ssh_path.as_deref())
            ));
        } else if cloud_hosts::is_retired_ssh(&host.name) {
            finding.next = Some(
                "Bitbucket serves SSH at ssh.bitbucket.org since 2026-11-12: `bbconnect migrate` updates the remotes"
                    .to_owned(),
            );
        }
    }
    finding.with_elapsed(banner.elapsed)
}

/// The URL of the repository on another host.
fn url_at(host: &SshHost, path: Option<&str>) -> String {
    let path = path.unwrap_or("WORKSPACE/REPOSITORY.git");
    let path = path.trim_start_matches('/');
    if host.port == 22 {
        format!("git@{}:{path}", host.name)
    } else {
        format!("ssh://git@{}:{}/{path}", host.name, host.port)
    }
}

/// `doctor`: whether the server accepts a key for the repository.
pub(crate) fn auth(ssh: &SshRoute) -> Option<Finding> {
    let Some(login) = &ssh.login else {
        let host_keys = &ssh.host_keys.as_ref()?.value;
        let is_trusted = !host_key::trusted(host_keys).is_empty();
        let unknown = |message: &str| Finding::unknown(FindingId::SshAuth, message);
        return Some(match &host_keys.offered {
            Err(_) => unknown("not tested: the host key could not be read"),
            Ok(_) if is_trusted => unknown("not tested: no repository was named")
                .with_next("run `bbconnect doctor CLONE_URL`"),
            Ok(_) => unknown("not tested: the host key is not the expected one, or not known"),
        });
    };
    Some(login_result(&login.value).with_elapsed(login.elapsed))
}

fn login_result(facts: &LoginFacts) -> Finding {
    const ID: FindingId = FindingId::SshAuth;
    const TOO_MANY: &str = "servers close the connection after six keys: set IdentitiesOnly yes and IdentityFile for this \
                            host in ~/.ssh/config, or let `bbconnect connect` generate a key";
    let key = match &facts.key {
        Some(path) => format!("the key {}", path.display()),
        None => "one of your own SSH keys".to_owned(),
    };
    let agent_keys = facts.agent_keys.filter(|count| *count > MAX_KEYS);
    match (&facts.access, agent_keys) {
        (Ok(()), None) => Finding::pass(ID, format!("{key} can read the repository")),
        (Ok(()), Some(count)) => {
            let message =
                format!("{key} can read the repository, but the agent offers {count} keys");
            Finding::warn(ID, message).with_next(TOO_MANY)
        }
        (Err(summary), _) if facts.too_many_keys => {
            let message = "the server closed the connection: too many keys were offered";
            Finding::fail(ID, ExitStatus::Unauthorized, message)
                .with_evidence(summary.message.clone())
                .with_next(TOO_MANY)
        }
        (Err(summary), agent_keys) if summary.exit == ExitStatus::Unauthorized => {
            let (message, next) = match &facts.key {
                Some(_) => (
                    format!("the server does not accept {key}"),
                    "run `bbconnect key list` to see the registered keys, or `bbconnect connect CLONE_URL` to register it",
                ),
                None => (
                    "the server accepts none of the keys that your ssh offers".to_owned(),
                    "run `bbconnect connect CLONE_URL` to generate and register a key",
                ),
            };
            let next = agent_keys.map_or_else(
                || next.to_owned(),
                |count| format!("the agent offers {count} keys: {TOO_MANY}"),
            );
            Finding::fail(ID, ExitStatus::Unauthorized, message)
                .with_evidence(summary.message.clone())
                .with_next(next)
        }
        // A passphrase that cannot be prompted for says nothing about the key.
        (Err(summary), _) if summary.exit == ExitStatus::Usage => Finding {
            next: summary.hint.clone(),
            ..Finding::unknown(ID, summary.message.clone())
        },
        (Err(summary), _) => Finding::from_error(ID, summary),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostics::route_facts::{HostKeyFacts, Timed};
    use crate::diagnostics::rules::fixtures::failure;
    use crate::ssh;

    #[test]
    fn a_login_that_was_not_tried_has_its_reason() {
        let host: SshHost = "ssh.bitbucket.org".parse().unwrap();
        let keys = ssh::built_in_keys(&host).unwrap();
        let pinned = || keys.iter().map(|key| (key.clone(), "built-in")).collect();
        for (offered, pinned, reason) in [
            (Ok(keys.clone()), pinned(), "no repository was named"),
            (Ok(keys.clone()), Vec::new(), "not known"),
            (
                Err(failure(ExitStatus::Unreachable)),
                pinned(),
                "could not be read",
            ),
        ] {
            let host_keys = HostKeyFacts {
                offered,
                pinned,
                reported: None,
                users: Vec::new(),
            };
            let route = SshRoute {
                host: host.clone(),
                enabled: None,
                banner: None,
                proxy: None,
                alternate: None,
                host_keys: Some(Timed::measure(|| host_keys)),
                login: None,
            };
            let finding = auth(&route).unwrap();
            assert_eq!(finding.level, Severity::Unknown, "{reason}");
            assert!(finding.message.contains(reason), "{}", finding.message);
        }
    }

    #[test]
    fn a_login_has_its_severity_and_exit_status() {
        use ExitStatus::{BadResponse, Forbidden, Success, Unauthorized, Usage};
        for (access, too_many_keys, agent_keys, level, exit) in [
            (Ok(()), false, None, "pass", Success),
            (Ok(()), false, Some(5), "pass", Success),
            (Ok(()), false, Some(6), "warn", Success),
            (Err(Unauthorized), false, None, "fail", Unauthorized),
            (Err(Unauthorized), true, Some(9), "fail", Unauthorized),
            (Err(Forbidden), false, None, "fail", Forbidden),
            (Err(Usage), false, None, "unknown", Success),
            (Err(BadResponse), false, None, "fail", BadResponse),
        ] {
            let facts = LoginFacts {
                key: None,
                access: access.map_err(failure),
                too_many_keys,
                agent_keys,
            };
            let finding = login_result(&facts);
            assert_eq!(
                (finding.level.name(), finding.exit),
                (level, exit),
                "{facts:?}"
            );
        }
    }
}
