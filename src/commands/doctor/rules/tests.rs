//! What cannot be had on loopback: judged from facts alone.

use std::time::Duration;

use super::facts::{DoctorData, Ssh, SshConnectError, Timed};
use super::{exit_status, first_failure, judge};
use crate::error::ErrorSummary;
use crate::exit_status::ExitStatus;
use crate::probe::{BannerResult, SshBanner, TcpError, TcpFailure};
use crate::types::clone_url::CloneUrl;
use crate::types::finding::Severity;
use crate::types::ssh_address::SshHost;

fn timed<T>(value: T) -> Timed<T> {
    Timed {
        value,
        elapsed: Duration::from_millis(3),
    }
}

/// An SSH server that answers.
pub(super) fn ssh() -> Ssh {
    let greeting = SshBanner {
        software: "OpenSSH_9.2".to_owned(),
    };
    Ssh {
        host: SshHost::new("git.example.com", 7999).unwrap(),
        enabled: None,
        tcp: timed(Ok((
            "192.0.2.1:7999".parse().unwrap(),
            BannerResult::Ssh(greeting),
        ))),
        other_door: None,
        host_key: None,
        login: None,
    }
}

fn facts(url: &str, ssh: Ssh) -> DoctorData {
    let url: CloneUrl = url.parse().unwrap();
    DoctorData {
        name: None,
        warnings: url.notes().to_vec(),
        http_path: None,
        ssh: Some(ssh),
        wants_ssh: true,
        ssh_path: Some("acme/site.git".to_owned()),
        git: timed(Err(ErrorSummary {
            exit: ExitStatus::LocalError,
            message: "git cannot be started".to_owned(),
            hint: None,
            connect_failure: None,
        })),
    }
}

fn silent() -> SshConnectError {
    SshConnectError::Tcp(TcpError {
        tried: vec![("192.0.2.1:22".parse().unwrap(), TcpFailure::TimedOut)],
    })
}

#[test]
fn a_blocked_port_with_an_open_one_beside_it_names_that() {
    let blocked = Ssh {
        host: SshHost::new("ssh.bitbucket.org", 22).unwrap(),
        tcp: timed(Err(silent())),
        other_door: Some(SshHost::new("altssh.bitbucket.org", 443).unwrap()),
        ..ssh()
    };
    let stages = judge(&facts("git@ssh.bitbucket.org:acme/site.git", blocked));
    let failed = &first_failure(&stages).unwrap().finding;
    assert_eq!(failed.id, "ssh.tcp");
    assert!(
        failed
            .message
            .contains("[altssh.bitbucket.org]:443 answers"),
        "{failed:?}"
    );
    assert!(
        failed.next.as_deref().is_some_and(|next| {
            next.ends_with("ssh://git@altssh.bitbucket.org:443/acme/site.git")
        }),
        "{failed:?}"
    );
    assert_eq!(exit_status(&stages), ExitStatus::Unreachable);
}

#[test]
fn the_old_host_of_cloud_is_a_warning_that_leads_to_migrate() {
    let old = Ssh {
        host: SshHost::new("bitbucket.org", 22).unwrap(),
        ..ssh()
    };
    let stages = judge(&facts("git@bitbucket.org:acme/site.git", old));
    let url = &stages[0].finding;
    assert_eq!((url.id, url.level), ("url", Severity::Warn));
    assert!(
        url.next
            .as_deref()
            .is_some_and(|next| next.contains("bbconnect migrate"))
    );
    // Git is missing, and the first failure.
    assert_eq!(exit_status(&stages), ExitStatus::LocalError);
    let closed = Ssh {
        host: SshHost::new("bitbucket.org", 22).unwrap(),
        tcp: timed(Err(silent())),
        ..ssh()
    };
    let stages = judge(&facts("git@bitbucket.org:acme/site.git", closed));
    let failed = &first_failure(&stages).unwrap().finding;
    assert!(
        failed
            .next
            .as_deref()
            .is_some_and(|next| next.contains("ssh.bitbucket.org"))
    );
}

#[test]
fn what_is_not_wanted_is_no_failure() {
    let closed = Ssh {
        tcp: timed(Err(silent())),
        ..ssh()
    };
    let mut facts = facts("ssh://git@git.example.com:7999/web/site.git", closed);
    facts.wants_ssh = false;
    facts.git = timed(Ok(crate::git::GitHttpConfig::default()));
    let stages = judge(&facts);
    let tcp = stages
        .iter()
        .find(|stage| stage.finding.id == "ssh.tcp")
        .unwrap();
    assert_eq!(tcp.finding.level, Severity::Warn);
    assert_eq!(
        (tcp.elapsed_ms, exit_status(&stages)),
        (3, ExitStatus::Success)
    );
}
