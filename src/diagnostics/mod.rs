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

    fn set_version(facts: &mut ConnectionFacts, version: &str) {
        facts.version = Some(Ok(Some(version.to_owned())));
    }

    fn set_link(facts: &mut ConnectionFacts, link: &str) {
        facts.repository = None;
        facts.reach.as_mut().unwrap().links = vec![link.to_owned()];
    }

    fn set_base(facts: &mut ConnectionFacts, base: &str) {
        facts.credential.connection.base_url = base.to_owned().try_into().unwrap();
    }

    fn set_ssh_base(facts: &mut ConnectionFacts, url: &str) {
        facts.ssh_settings = Some(SshSettings {
            enabled: Some(true),
            base_url: Some(url.to_owned()),
            ..SshSettings::default()
        });
    }

    const HTTP_DATE: &str = "Sat, 21 Nov 2026 19:03:59 GMT";

    /// The local time when a response of [`HTTP_DATE`] arrived.
    fn set_local_time(facts: &mut ConnectionFacts, local: &str) {
        let reported = Timestamp::from_http_date(HTTP_DATE).unwrap();
        facts.time = Some((reported, local.parse().unwrap()));
    }

    fn set_expiry(facts: &mut ConnectionFacts, date: &str) {
        facts.credential.identity = Some(Ok(Identity {
            expires_on: date.parse().ok(),
            ..Identity::default()
        }));
    }

    fn set_refused(facts: &mut ConnectionFacts, exit: ExitStatus) {
        facts.credential.identity = Some(Err(failure(exit)));
    }

    type Change = fn(&mut ConnectionFacts);

    /// A rule: its findings in `check` and in `doctor`, and the severity of each fact.
    type Row = (
        FindingId,
        FindingId,
        &'static [(&'static str, Change, Severity)],
    );

    const TABLE: [Row; 10] = [
        (
            FindingId::ServerVersion,
            FindingId::Version,
            &[
                ("9.4.1", |_| {}, Severity::Pass),
                (
                    "7.13.9",
                    |facts| set_version(facts, "7.13.9"),
                    Severity::Fail,
                ),
                (
                    "8.19.2",
                    |facts| set_version(facts, "8.19.2"),
                    Severity::Warn,
                ),
                (
                    "no number",
                    |facts| set_version(facts, "nightly"),
                    Severity::Unknown,
                ),
            ],
        ),
        (
            FindingId::ServerBaseUrl,
            FindingId::BaseUrl,
            &[
                (
                    "this URL",
                    |facts| set_link(facts, "https://git.example.com/ctx/projects/WEB"),
                    Severity::Pass,
                ),
                (
                    "another host",
                    |facts| set_link(facts, "https://other.example.com/ctx/projects/WEB"),
                    Severity::Warn,
                ),
                (
                    "localhost",
                    |facts| set_link(facts, "http://localhost:7990/projects/WEB"),
                    Severity::Warn,
                ),
                (
                    "no links",
                    |facts| {
                        facts.reach = None;
                        facts.repository = None;
                    },
                    Severity::Unknown,
                ),
            ],
        ),
        (
            FindingId::SshAccess,
            FindingId::BaseUrl,
            &[
                (
                    "SSH base URL with localhost in its name",
                    |facts| set_ssh_base(facts, "ssh://git@localhost.example.com:7999"),
                    Severity::Pass,
                ),
                (
                    "SSH base URL localhost",
                    |facts| set_ssh_base(facts, "ssh://git@localhost:7999"),
                    Severity::Warn,
                ),
                (
                    "SSH base URL 0.0.0.0",
                    |facts| set_ssh_base(facts, "ssh://0.0.0.0:7999"),
                    Severity::Warn,
                ),
            ],
        ),
        (
            FindingId::ServerReachable,
            FindingId::Url,
            &[
                ("https", |_| {}, Severity::Pass),
                (
                    "plain http",
                    |facts| set_base(facts, "http://git.example.com/ctx"),
                    Severity::Warn,
                ),
                (
                    "plain http on loopback",
                    |facts| set_base(facts, "http://localhost:7990/ctx"),
                    Severity::Pass,
                ),
            ],
        ),
        (
            FindingId::ServerReachable,
            FindingId::Clock,
            &[
                (
                    "same time",
                    |facts| set_local_time(facts, "2026-11-21T19:04:00Z"),
                    Severity::Pass,
                ),
                (
                    "an hour behind",
                    |facts| set_local_time(facts, "2026-11-21T18:03:59Z"),
                    Severity::Warn,
                ),
            ],
        ),
        (
            FindingId::ServerReachable,
            FindingId::Tls,
            &[(
                "certificate that expires tomorrow",
                |facts| facts.certificate = Some(certificate_until_2026_11_22()),
                Severity::Warn,
            )],
        ),
        (
            FindingId::CredentialExpiry,
            FindingId::Credential,
            &[
                (
                    "half a year",
                    |facts| set_expiry(facts, "2027-06-01"),
                    Severity::Pass,
                ),
                (
                    "two weeks",
                    |facts| set_expiry(facts, "2026-12-05"),
                    Severity::Warn,
                ),
                (
                    "yesterday",
                    |facts| set_expiry(facts, "2026-11-20"),
                    Severity::Fail,
                ),
            ],
        ),
        (
            FindingId::CredentialKind,
            FindingId::Credential,
            &[(
                "app password",
                |facts| facts.credential.secret = Ok(TokenPrefix::AppPassword),
                Severity::Warn,
            )],
        ),
        (
            FindingId::CredentialPresent,
            FindingId::Credential,
            &[(
                "no secret",
                |facts| facts.credential.secret = Err(failure(ExitStatus::LocalError)),
                Severity::Fail,
            )],
        ),
        (
            FindingId::CredentialValid,
            FindingId::Credential,
            &[
                ("accepted", |_| {}, Severity::Pass),
                (
                    "refused",
                    |facts| set_refused(facts, ExitStatus::Unauthorized),
                    Severity::Fail,
                ),
                (
                    "neither",
                    |facts| set_refused(facts, ExitStatus::Failure),
                    Severity::Unknown,
                ),
            ],
        ),
    ];

    #[test]
    fn check_and_doctor_agree_on_every_fact() {
        let find = |findings: Vec<Finding>, id| {
            let mut findings = findings.into_iter();
            findings.find(|finding| finding.id == id).unwrap()
        };
        for (check_id, doctor_id, facts_and_levels) in TABLE {
            for (name, change, level) in facts_and_levels {
                let mut facts = healthy();
                change(&mut facts);
                let check = find(judge_connection(&facts, &options(&[])), check_id);
                let doctor = find(judge_route(&route(facts)), doctor_id);
                assert_eq!(check.level, *level, "{name}: {check:?}");
                assert_eq!(doctor.level, *level, "{name}: {doctor:?}");
                assert_eq!(check.exit, doctor.exit, "{name}");
                if *level != Severity::Pass {
                    assert_eq!(check.message, doctor.message, "{name}");
                    assert_eq!(check.next, doctor.next, "{name}");
                }
            }
        }
    }
}
