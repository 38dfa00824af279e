//! The findings of `doctor`: one for each step, in the order in which the steps depend on each other.

use std::time::Duration;

use super::connection_facts::CredentialFacts;
use super::finding::{Finding, FindingId, Severity};
use super::route_facts::{HttpRoute, MachineFacts, RouteFacts};
use super::rules::server::OLDEST_SUPPORTED_VERSION;
use super::rules::{credential, git, host_key, http, machine, network, server, ssh, tls};
use crate::types::date::{Date, DayCount, Timestamp};

pub(crate) fn judge(facts: &RouteFacts) -> Vec<Finding> {
    let mut findings = vec![network::url(facts)];
    if let Some(route) = &facts.http {
        let steps = http_steps(route, facts.today);
        if route.is_guess {
            findings.extend(steps.map(|finding| downgrade_guess(finding, route)));
        } else {
            findings.extend(steps);
        }
    }
    if let Some(ssh) = &facts.ssh {
        let steps = [
            Some(ssh::tcp(facts, ssh)),
            host_key::host_key(ssh),
            ssh::auth(ssh),
        ];
        let steps = steps.into_iter().flatten();
        if facts.wants_ssh {
            findings.extend(steps);
        } else {
            findings.extend(steps.map(Finding::downgraded));
        }
    }
    findings.push(git::settings(facts));
    let has_time = |finding: Finding| match finding.elapsed_ms {
        Some(_) => finding,
        None => finding.with_elapsed(Duration::ZERO),
    };
    findings.into_iter().map(has_time).collect()
}

/// The findings about this machine, which come before all others.
pub(crate) fn judge_machine(
    facts: &MachineFacts,
    has_target: bool,
    requires_ssh: bool,
) -> Vec<Finding> {
    vec![
        machine::config(facts, has_target),
        machine::secrets(facts),
        machine::ssh(facts, requires_ssh),
        machine::git(facts),
    ]
}

fn http_steps(route: &HttpRoute, today: Date) -> impl Iterator<Item = Finding> {
    let steps = [
        network::dns(route),
        network::tcp(route),
        network::proxy(route),
        tls::certificate(route, today),
        http::response(route),
        http::product(route),
        version(route, today),
        base_url(route),
        clock(route),
        credential(route, today),
        http::rate_limit(route),
    ];
    steps.into_iter().flatten()
}

fn downgrade_guess(finding: Finding, route: &HttpRoute) -> Finding {
    let finding = finding.downgraded();
    match finding.level {
        Severity::Pass | Severity::Unknown => finding,
        Severity::Warn | Severity::Fail => finding.with_next(format!(
            "HTTPS at {} is a guess; run `bbconnect doctor URL` with the server's URL",
            route.base
        )),
    }
}

fn version(route: &HttpRoute, today: Date) -> Option<Finding> {
    const ID: FindingId = FindingId::Version;
    let probe = route.probe.as_ref()?.value.as_ref().ok()?;
    if !probe.is_bitbucket {
        return None;
    }
    if route.is_cloud {
        return Some(Finding::pass(ID, "Bitbucket Cloud has no versions"));
    }
    // A server that is not ready yet reports none.
    let reported = probe.version.as_deref()?;
    Some(server::version(
        ID,
        Some(reported),
        OLDEST_SUPPORTED_VERSION,
        today,
    ))
}

fn base_url(route: &HttpRoute) -> Option<Finding> {
    const ID: FindingId = FindingId::BaseUrl;
    let links = route.links.as_ref()?;
    let finding = server::base_url(ID, &route.base, links.value.iter().map(String::as_str));
    let finding = match finding.level {
        Severity::Warn | Severity::Fail => finding,
        Severity::Pass | Severity::Unknown => finding.unless([server::ssh_base_url(
            ID,
            &route.base,
            route.ssh_settings.as_ref(),
        )]),
    };
    Some(finding.with_elapsed(links.elapsed))
}

fn clock(route: &HttpRoute) -> Option<Finding> {
    let probe = route.probe.as_ref()?.value.as_ref().ok()?;
    let reported = probe.date.as_deref().and_then(Timestamp::from_http_date);
    let finding = server::clock(FindingId::Clock, reported, route.received_at);
    // What is not a Bitbucket need not report its time.
    (probe.is_bitbucket || finding.level != Severity::Unknown).then_some(finding)
}

fn credential(route: &HttpRoute, today: Date) -> Option<Finding> {
    let tested = route.credential.as_ref()?;
    let finding = match &tested.value {
        None => Finding::unknown(
            FindingId::Credential,
            "not tested: no connection matches this URL",
        )
        .with_next("run `bbconnect connection add`"),
        Some(facts) => credential_result(facts, today)?,
    };
    Some(finding.with_elapsed(tested.elapsed))
}

fn credential_result(facts: &CredentialFacts, today: Date) -> Option<Finding> {
    const ID: FindingId = FindingId::Credential;
    if let Err(summary) = &facts.secret {
        return Some(Finding::from_error(ID, summary));
    }
    let finding = credential::valid(ID, facts)?;
    if finding.level != Severity::Pass {
        return Some(finding);
    }
    let expiry = credential::expiry(ID, facts, today, DayCount::TWO_WEEKS, false);
    Some(finding.unless([
        credential::kind(ID, facts).and_then(Finding::if_problem),
        expiry.and_then(Finding::if_problem),
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostics::finding::deciding_failure;
    use crate::diagnostics::route_facts::{HostKeyFacts, SshConnectError, SshRoute, Timed};
    use crate::diagnostics::rules::fixtures::failure;
    use crate::exit_status::ExitStatus;
    use crate::git::EffectiveConfig;
    use crate::probe::{BannerResult, SshBanner, TcpError, TcpFailure};
    use crate::ssh::built_in_keys;
    use crate::types::clone_url::CloneUrl;
    use crate::types::ssh_address::SshHost;

    fn timed<T>(value: T) -> Timed<T> {
        Timed {
            value,
            elapsed: Duration::from_millis(3),
        }
    }

    /// An SSH server that responds.
    fn ssh_route() -> SshRoute {
        let banner = SshBanner {
            software: "OpenSSH_9.2".to_owned(),
        };
        SshRoute {
            host: SshHost::new("git.example.com", 7999).unwrap(),
            enabled: None,
            banner: Some(timed(Ok((
                "192.0.2.1:7999".parse().unwrap(),
                BannerResult::Ssh(banner),
            )))),
            proxy: None,
            alternate: None,
            host_keys: None,
            login: None,
        }
    }

    /// Facts of a machine without git.
    fn facts(url: &str, ssh: SshRoute) -> RouteFacts {
        let url: CloneUrl = url.parse().unwrap();
        RouteFacts {
            today: "2026-11-21".parse().unwrap(),
            name: None,
            warnings: url.notes().to_vec(),
            http: None,
            ssh: Some(ssh),
            wants_ssh: true,
            ssh_path: Some("acme/site.git".to_owned()),
            git: timed(Err(failure(ExitStatus::LocalError))),
            git_environment: Vec::new(),
            alias: None,
        }
    }

    fn timed_out() -> Timed<Result<(std::net::SocketAddr, BannerResult), SshConnectError>> {
        timed(Err(SshConnectError::Tcp(TcpError {
            tried: vec![("192.0.2.1:22".parse().unwrap(), TcpFailure::TimedOut)],
        })))
    }

    fn next_of(finding: &Finding) -> &str {
        finding.next.as_deref().unwrap_or_default()
    }

    #[test]
    fn a_blocked_port_names_the_alternate_host_that_responds() {
        let blocked = SshRoute {
            host: SshHost::new("ssh.bitbucket.org", 22).unwrap(),
            banner: Some(timed_out()),
            alternate: Some(SshHost::new("altssh.bitbucket.org", 443).unwrap()),
            ..ssh_route()
        };
        let findings = judge(&facts("git@ssh.bitbucket.org:acme/site.git", blocked));
        let failed = deciding_failure(&findings).unwrap();
        assert_eq!(
            (failed.id, failed.exit),
            (FindingId::SshTcp, ExitStatus::Unreachable)
        );
        let responds = "[altssh.bitbucket.org]:443 responds";
        assert!(failed.message.contains(responds), "{failed:?}");
        let url = "ssh://git@altssh.bitbucket.org:443/acme/site.git";
        assert!(next_of(failed).ends_with(url), "{failed:?}");
    }

    #[test]
    fn the_old_ssh_host_of_cloud_is_a_warning_that_names_migrate() {
        let old = SshRoute {
            host: SshHost::new("bitbucket.org", 22).unwrap(),
            ..ssh_route()
        };
        let findings = judge(&facts("git@bitbucket.org:acme/site.git", old));
        let url = &findings[0];
        assert_eq!((url.id, url.level), (FindingId::Url, Severity::Warn));
        assert!(next_of(url).contains("bbconnect migrate"));
        assert!(deciding_failure(&findings).is_none());
        let closed = SshRoute {
            host: SshHost::new("bitbucket.org", 22).unwrap(),
            banner: Some(timed_out()),
            ..ssh_route()
        };
        let findings = judge(&facts("git@bitbucket.org:acme/site.git", closed));
        let failed = deciding_failure(&findings).unwrap();
        assert!(next_of(failed).contains("ssh.bitbucket.org"));
    }

    #[test]
    fn steps_that_are_not_required_do_not_fail() {
        let closed = SshRoute {
            banner: Some(timed_out()),
            ..ssh_route()
        };
        let facts = RouteFacts {
            wants_ssh: false,
            git: timed(Ok(EffectiveConfig::default())),
            ..facts("ssh://git@git.example.com:7999/web/site.git", closed)
        };
        let findings = judge(&facts);
        let mut tcp = findings.iter();
        let tcp = tcp.find(|finding| finding.id == FindingId::SshTcp).unwrap();
        assert_eq!((tcp.level, tcp.elapsed_ms), (Severity::Warn, Some(3)));
        assert!(deciding_failure(&findings).is_none());
    }

    #[test]
    fn an_unexpected_host_key_decides_the_exit_status() {
        let cloud = built_in_keys(&"ssh.bitbucket.org".parse().unwrap()).unwrap();
        let route = SshRoute {
            host_keys: Some(timed(HostKeyFacts {
                offered: Ok(vec![cloud[1].clone()]),
                pinned: vec![(cloud[0].clone(), "accepted")],
                reported: None,
                users: Vec::new(),
            })),
            ..ssh_route()
        };
        let facts = RouteFacts {
            wants_ssh: false,
            ..facts("ssh://git@git.example.com:7999/web/site.git", route)
        };
        let mut findings = judge(&facts);
        let earlier = Finding::fail(FindingId::Dns, ExitStatus::Unreachable, "no address");
        findings.insert(0, earlier);
        let failure = deciding_failure(&findings).unwrap();
        assert_eq!(
            (failure.id, failure.exit),
            (FindingId::SshHostKey, ExitStatus::HostKeyMismatch)
        );
    }
}
