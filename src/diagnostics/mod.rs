//! Diagnostics for `check` and `doctor`: the commands gather facts, pure rules turn facts into findings, and findings
//! decide the exit status. A fact that both commands know has one rule, so their results cannot differ.
//!
//! ```text
//! report/          text, JSON, JUnit, Markdown
//! check, doctor    the rules that each command applies, in the order of its output
//! rules/           one finding per rule
//! *_facts          what was gathered
//! finding          identifier, severity, exit status
//! ```

mod audit;
mod check;
mod connection_facts;
mod credential_state;
mod doctor;
mod finding;
pub(crate) mod report;
mod route_facts;
mod rules;

pub(crate) use self::audit::{Audit, AuditContext, AuditLimits, KeyUse};
pub(crate) use self::check::judge as judge_connection;
pub(crate) use self::connection_facts::{
    CheckOptions, ConnectionFacts, CredentialFacts, KeyFacts, RepositoryFacts,
};
pub(crate) use self::credential_state::CredentialState;
pub(crate) use self::doctor::{judge as judge_route, judge_machine};
pub(crate) use self::finding::{Finding, FindingId, Severity, deciding_failure};
pub(crate) use self::route_facts::{
    HostKeyFacts, HttpRoute, LoginFacts, MachineFacts, RouteFacts, SshConnectError, SshRoute, Timed,
};
pub(crate) use self::rules::{
    host_key::trusted as trusted_host_keys, scopes::needed as needed_scopes,
    server::OLDEST_SUPPORTED_VERSION,
};

#[cfg(test)]
mod tests {
    use super::rules::fixtures::{failure, healthy, options};
    use super::*;
    use crate::bitbucket::{Identity, ServerProbe};
    use crate::exit_status::ExitStatus;
    use crate::git::EffectiveConfig;
    use crate::probe::{CertificateSummary, HandshakeInfo, certificate_until_2026_11_22};
    use crate::types::connection::TokenPrefix;
    use crate::types::date::Timestamp;
    use crate::types::ssh_address::SshSettings;
    use crate::types::test_rows;

    /// What `doctor` knows about the connection and the server of `check`.
    fn route(facts: ConnectionFacts) -> RouteFacts {
        let base = facts.credential.connection.base_url.clone();
        let probe = ServerProbe {
            status: 200,
            state: Some("RUNNING".to_owned()),
            version: facts.version.and_then(Result::ok).flatten(),
            date: facts.time.map(|_| HTTP_DATE.to_owned()),
            is_bitbucket: true,
            ..ServerProbe::default()
        };
        let handshake = facts.certificate.map(|der| HandshakeInfo {
            protocol: "TLS 1.3".to_owned(),
            certificate: CertificateSummary::from_der(&der),
        });
        let links = facts.reach.map(|reach| reach.links).unwrap_or_default();
        RouteFacts {
            today: options(&[]).today,
            name: None,
            warnings: Vec::new(),
            http: Some(HttpRoute {
                tls: handshake.map(|handshake| Timed::measure(|| Ok(handshake))),
                probe: Some(Timed::measure(|| Ok(probe))),
                received_at: facts.time.map_or_else(Timestamp::now, |(_, at)| at),
                credential: Some(Timed::measure(|| Some(facts.credential))),
                links: Some(Timed::measure(|| links)),
                ssh_settings: facts.ssh_settings,
                ..HttpRoute::new(base, false)
            }),
            ssh: None,
            wants_ssh: false,
            ssh_path: None,
            git_environment: Vec::new(),
            alias: None,
            git: Timed::measure(|| Ok(EffectiveConfig::default())),
        }
    }

    const HTTP_DATE: &str = "Sat, 21 Nov 2026 19:03:59 GMT";

    fn change(facts: &mut ConnectionFacts, setter: &str, argument: &str) {
        let credential = &mut facts.credential;
        match setter {
            "nothing" => {}
            "version" => facts.version = Some(Ok(Some(argument.to_owned()))),
            "link" => facts.reach.as_mut().unwrap().links = vec![argument.to_owned()],
            "no-links" => (facts.reach, facts.repository) = (None, None),
            "base" => credential.connection.base_url = argument.to_owned().try_into().unwrap(),
            "ssh-base" => {
                facts.ssh_settings = Some(SshSettings {
                    enabled: Some(true),
                    base_url: Some(argument.to_owned()),
                    ..SshSettings::default()
                });
            }
            // When a response of `HTTP_DATE` arrived.
            "local-time" => {
                let reported = Timestamp::from_http_date(HTTP_DATE).unwrap();
                facts.time = Some((reported, argument.parse().unwrap()));
            }
            "certificate" => facts.certificate = Some(certificate_until_2026_11_22()),
            "expires" => {
                credential.identity = Some(Ok(Identity {
                    expires_on: Some(argument.parse().unwrap()),
                    ..Identity::default()
                }));
            }
            "refused" => credential.identity = Some(Err(failure(ExitStatus::Unauthorized))),
            "unverified" => credential.identity = Some(Err(failure(ExitStatus::Failure))),
            "app-password" => credential.secret = Ok(TokenPrefix::AppPassword),
            "no-secret" => credential.secret = Err(failure(ExitStatus::LocalError)),
            other => panic!("{other}"),
        }
    }

    /// A row: the findings of `check` and of `doctor`, what is changed, and their severity and exit status.
    #[test]
    fn check_and_doctor_agree_on_every_fact() {
        let find = |findings: Vec<Finding>, id| {
            let mut findings = findings.into_iter();
            findings.find(|finding| finding.id.name() == id).unwrap()
        };
        let describe = |finding: &Finding| {
            let level = finding.level.name().to_owned();
            match finding.exit.code() {
                0 => level,
                exit => format!("{level} {exit}"),
            }
        };
        for (case, expected) in test_rows(
            "
            server.version version: version 9.4.1 => pass
            server.version version: version 10.2.8 => pass
            server.version version: version 7.13.9 => fail 8
            server.version version: version 7.21.0 => warn
            server.version version: version 8.19.2 => warn
            server.version version: version nightly => unknown
            server.base-url base-url: link https://git.example.com/ctx/projects/WEB => pass
            server.base-url base-url: link https://git.example.com/ctxother/projects/WEB => warn
            server.base-url base-url: link https://git.example.com/projects/WEB => warn
            server.base-url base-url: link http://git.example.com/ctx/projects/WEB => warn
            server.base-url base-url: link https://git.example.com:7990/ctx/projects/WEB => warn
            server.base-url base-url: link https://other.example.com/ctx/projects/WEB => warn
            server.base-url base-url: link http://localhost:7990/projects/WEB => warn
            server.base-url base-url: link http://localhost:7990/ctx/projects/WEB => warn
            server.base-url base-url: no-links => unknown
            ssh.access base-url: ssh-base ssh://git@localhost.example.com:7999 => pass
            ssh.access base-url: ssh-base ssh://git@localhost:7999 => warn
            ssh.access base-url: ssh-base ssh://0.0.0.0:7999 => warn
            server.reachable url: nothing => pass
            server.reachable url: base http://git.example.com/ctx => warn
            server.reachable url: base http://localhost:7990/ctx => pass
            server.reachable clock: local-time 2026-11-21T19:04:00Z => pass
            server.reachable clock: local-time 2026-11-21T18:03:59Z => warn
            server.reachable tls: certificate => warn
            credential.expiry credential: expires 2027-06-01 => pass
            credential.expiry credential: expires 2026-12-06 => pass
            credential.expiry credential: expires 2026-12-05 => warn
            credential.expiry credential: expires 2026-11-21 => warn
            credential.expiry credential: expires 2026-11-20 => fail 3
            credential.kind credential: app-password => warn
            credential.present credential: no-secret => fail 9
            credential.valid credential: nothing => pass
            credential.valid credential: refused => fail 3
            credential.valid credential: unverified => unknown
            ",
        ) {
            let (ids, changed) = case.split_once(": ").unwrap();
            let (check_id, doctor_id) = ids.split_once(' ').unwrap();
            let (setter, argument) = changed.split_once(' ').unwrap_or((changed, ""));
            let mut facts = healthy();
            change(&mut facts, setter, argument);
            let check = find(judge_connection(&facts, &options(&[])), check_id);
            let doctor = find(judge_route(&route(facts)), doctor_id);
            assert_eq!(describe(&check), expected, "{case}: {check:?}");
            assert_eq!(describe(&doctor), expected, "{case}: {doctor:?}");
            if expected != "pass" {
                assert_eq!(check.message, doctor.message, "{case}");
                assert_eq!(check.next, doctor.next, "{case}");
            }
        }
    }
}
