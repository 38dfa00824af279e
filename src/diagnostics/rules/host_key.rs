//! The SSH host key: what the server offers, compared with the keys that are built in, pinned, reported by the server's
//! settings, or in the user's `known_hosts`.

use crate::diagnostics::finding::{Finding, FindingId};
use crate::diagnostics::route_facts::{HostKeyFacts, SshRoute};
use crate::exit_status::ExitStatus;
use crate::ssh;
use crate::types::public_key::PublicKey;
use crate::types::shell::quote;
use crate::types::ssh_address::SshHost;

const ID: FindingId = FindingId::SshHostKey;

/// How the offered keys relate to the expected ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    NothingExpected,
    /// An expected key is offered, and no other key of the same algorithm.
    Same,
    Different,
}

fn compare(expected: &[&PublicKey], offered: &[PublicKey]) -> Comparison {
    if expected.is_empty() {
        return Comparison::NothingExpected;
    }
    let is_expected = |key: &PublicKey| expected.contains(&key);
    let has_algorithm = |key: &PublicKey| {
        let mut algorithms = expected.iter().map(|known| known.algorithm());
        algorithms.any(|algorithm| algorithm == key.algorithm())
    };
    let contradicts = offered
        .iter()
        .any(|key| has_algorithm(key) && !is_expected(key));
    if offered.iter().any(is_expected) && !contradicts {
        Comparison::Same
    } else {
        Comparison::Different
    }
}

fn pinned_keys(facts: &HostKeyFacts) -> Vec<&PublicKey> {
    facts.pinned.iter().map(|(key, _)| key).collect()
}

fn users_keys(facts: &HostKeyFacts) -> Vec<&PublicKey> {
    facts.users.iter().collect()
}

/// The offered keys that the most significant source confirms: those by which the server is known during a login.
pub(crate) fn trusted(facts: &HostKeyFacts) -> Vec<PublicKey> {
    let Ok(offered) = &facts.offered else {
        return Vec::new();
    };
    let pinned = pinned_keys(facts);
    let confirmed: Vec<&PublicKey> = match (compare(&pinned, offered), facts.reported) {
        (Comparison::Different, _) => Vec::new(),
        (Comparison::Same, _) => pinned,
        (Comparison::NothingExpected, Some(reported)) => offered
            .iter()
            .filter(|key| key.fingerprint() == reported)
            .collect(),
        (Comparison::NothingExpected, None) => match compare(&users_keys(facts), offered) {
            Comparison::Same => users_keys(facts),
            Comparison::NothingExpected | Comparison::Different => Vec::new(),
        },
    };
    offered
        .iter()
        .filter(|key| confirmed.contains(key))
        .cloned()
        .collect()
}

pub(crate) fn host_key(ssh: &SshRoute) -> Option<Finding> {
    let facts = ssh.host_keys.as_ref()?;
    Some(verify(&ssh.host, &facts.value).with_elapsed(facts.elapsed))
}

fn verify(host: &SshHost, facts: &HostKeyFacts) -> Finding {
    let offered = match &facts.offered {
        Ok(offered) => offered,
        Err(summary) => return Finding::from_error(ID, summary),
    };
    let fingerprints: Vec<_> = offered
        .iter()
        .map(|key| format!("{} ({})", key.fingerprint(), key.algorithm()))
        .collect();
    let finding = match (compare(&pinned_keys(facts), offered), facts.reported) {
        (Comparison::Different, _) => contradicts_pin(host, facts),
        (Comparison::Same, _) => {
            let source = facts.pinned.first().map_or("file", |(_, source)| source);
            Finding::pass(ID, format!("the host key is the expected one ({source})"))
                .unless([differs_from_users(host, facts, offered)])
        }
        (Comparison::NothingExpected, Some(reported)) => {
            if offered.iter().any(|key| key.fingerprint() == reported) {
                Finding::pass(
                    ID,
                    "the host key is the one that the server's settings report",
                )
                .unless([differs_from_users(host, facts, offered)])
            } else {
                mismatch(format!(
                    "the host key is not the one that the server's settings report: {reported}"
                ))
                .with_next(
                    "possible man-in-the-middle attack, or another SSH server on this port: ask the administrator",
                )
            }
        }
        (Comparison::NothingExpected, None) => by_users_file(host, facts, offered),
    };
    finding.with_evidence(format!("offered: {}", fingerprints.join(", ")))
}

fn mismatch(message: impl Into<String>) -> Finding {
    Finding::fail(ID, ExitStatus::HostKeyMismatch, message)
}

fn contradicts_pin(host: &SshHost, facts: &HostKeyFacts) -> Finding {
    let is_built_in = facts
        .pinned
        .iter()
        .any(|(_, source)| *source == ssh::Source::BuiltIn.name());
    let next = if is_built_in {
        "possible man-in-the-middle attack: compare with https://bitbucket.org/site/ssh, and use another network"
            .to_owned()
    } else {
        format!(
            "possible man-in-the-middle attack; when the administrator has confirmed a new key, `bbconnect known-hosts \
             verify {host}` shows how to remove the old one"
        )
    };
    mismatch("the host key is not the expected one").with_next(next)
}

/// `known_hosts` of the user, which git's `ssh` reads where bbconnect's options are not set.
fn by_users_file(host: &SshHost, facts: &HostKeyFacts, offered: &[PublicKey]) -> Finding {
    match compare(&users_keys(facts), offered) {
        Comparison::Same => Finding::pass(ID, "the host key is the one in ~/.ssh/known_hosts"),
        Comparison::Different => mismatch("the host key is not the one in ~/.ssh/known_hosts")
            .with_next(format!(
                "possible man-in-the-middle attack; when the administrator has confirmed a new key: ssh-keygen -R {}",
                quote(&host.known_hosts_name())
            )),
        Comparison::NothingExpected => Finding::unknown(ID, "the host key of this server is not known")
            .with_next(format!(
                "compare it with the administrator's fingerprint, then run `bbconnect known-hosts add {host}`"
            )),
    }
}

/// The key is right, but the user's own file contradicts it, so that git fails where it does not use our options.
fn differs_from_users(
    host: &SshHost,
    facts: &HostKeyFacts,
    offered: &[PublicKey],
) -> Option<Finding> {
    let is_retired = |key: &PublicKey| {
        ssh::retirement_reason(Some(key.algorithm()), key.fingerprint()).is_some()
    };
    if facts.users.iter().any(is_retired) {
        let message = "the host key is the expected one, but ~/.ssh/known_hosts has a revoked one";
        return Some(Finding::warn(ID, message).with_next("run `bbconnect migrate` to replace it"));
    }
    (compare(&users_keys(facts), offered) == Comparison::Different).then(|| {
        let message = "the host key is the expected one, but ~/.ssh/known_hosts has another";
        Finding::warn(ID, message).with_next(format!(
            "git refuses it where it does not use bbconnect's options: ssh-keygen -R {}",
            quote(&host.known_hosts_name())
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostics::rules::fixtures::failure;

    const OTHER: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    fn keys(
        pinned: &[&PublicKey],
        reported: Option<&PublicKey>,
        users: &[&PublicKey],
        offered: &[&PublicKey],
    ) -> HostKeyFacts {
        let all = |keys: &[&PublicKey]| keys.iter().map(|key| (*key).clone()).collect::<Vec<_>>();
        HostKeyFacts {
            offered: Ok(all(offered)),
            pinned: all(pinned)
                .into_iter()
                .map(|key| (key, "accepted"))
                .collect(),
            reported: reported.map(PublicKey::fingerprint),
            users: all(users),
        }
    }

    #[test]
    fn the_most_significant_source_decides() {
        let cloud = ssh::built_in_keys(&"ssh.bitbucket.org".parse().unwrap()).unwrap();
        let (good, ecdsa) = (&cloud[0], &cloud[1]);
        let other = &OTHER.parse::<PublicKey>().unwrap();
        let host = &SshHost::new("git.example.com", 7999).unwrap();
        for (keys, level, trusted_keys) in [
            (keys(&[good], None, &[], &[good, ecdsa]), "pass", 1),
            (keys(&[good], None, &[], &[other]), "fail", 0),
            (keys(&[good], None, &[good], &[ecdsa]), "fail", 0),
            (keys(&[good], None, &[other], &[good]), "warn", 1),
            (keys(&[], Some(good), &[], &[good]), "pass", 1),
            (keys(&[], Some(good), &[], &[other]), "fail", 0),
            (keys(&[], None, &[good], &[good]), "pass", 1),
            (keys(&[], None, &[good], &[other]), "fail", 0),
            (keys(&[], None, &[], &[good]), "unknown", 0),
        ] {
            let exit = match level {
                "fail" => ExitStatus::HostKeyMismatch,
                _ => ExitStatus::Success,
            };
            let finding = verify(host, &keys);
            assert_eq!(
                (finding.level.name(), finding.exit),
                (level, exit),
                "{keys:?}"
            );
            assert_eq!(trusted(&keys).len(), trusted_keys, "{keys:?}");
        }
        let unreadable = HostKeyFacts {
            offered: Err(failure(ExitStatus::HostKeyMismatch)),
            ..keys(&[good], None, &[], &[])
        };
        assert_eq!(verify(host, &unreadable).exit, ExitStatus::HostKeyMismatch);
        assert!(trusted(&unreadable).is_empty());
    }
}
