//! The host key: what the server shows, beside what is built in, pinned, named by the server, or in the user's own file.

use super::StageResult;
use super::facts::{HostKeys, Ssh};
#[cfg(test)]
use super::tests as in_tests;
#[cfg(test)]
use crate::error::ErrorSummary;
use crate::exit_status::ExitStatus;
use crate::ssh;
use crate::types::public_key::PublicKey;

const ID: &str = "ssh.host-key";

/// How what is shown stands to what is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Match {
    /// Nothing is expected.
    NoExpectation,
    /// An expected key, and no other of its kind.
    Same,
    Other,
}

fn compared(expected: &[&PublicKey], shown: &[PublicKey]) -> Match {
    if expected.is_empty() {
        return Match::NoExpectation;
    }
    let is_known = |key: &PublicKey| expected.contains(&key);
    let has_kind = |key: &PublicKey| {
        let mut kinds = expected.iter().map(|known| known.algorithm());
        kinds.any(|kind| kind == key.algorithm())
    };
    let contradicts = shown.iter().any(|key| has_kind(key) && !is_known(key));
    if shown.iter().any(is_known) && !contradicts {
        Match::Same
    } else {
        Match::Other
    }
}

fn pinned_keys(keys: &HostKeys) -> Vec<&PublicKey> {
    keys.expected.iter().map(|(key, _)| key).collect()
}

fn user_keys(keys: &HostKeys) -> Vec<&PublicKey> {
    keys.users.iter().collect()
}

/// The keys by which the server can be known when logging in: shown, and vouched for by what counts most.
pub(in super::super) fn trusted(keys: &HostKeys) -> Vec<PublicKey> {
    let Ok(shown) = &keys.shown else {
        return Vec::new();
    };
    let ours = pinned_keys(keys);
    let vouched: Vec<&PublicKey> = match (compared(&ours, shown), keys.named) {
        (Match::Other, _) => Vec::new(),
        (Match::Same, _) => ours,
        (Match::NoExpectation, Some(named)) => shown
            .iter()
            .filter(|key| key.fingerprint() == named)
            .collect(),
        (Match::NoExpectation, None) => match compared(&user_keys(keys), shown) {
            Match::Same => user_keys(keys),
            Match::NoExpectation | Match::Other => Vec::new(),
        },
    };
    shown
        .iter()
        .filter(|key| vouched.contains(key))
        .cloned()
        .collect()
}

pub(super) fn judge(ssh: &Ssh) -> Option<StageResult> {
    let looked = ssh.host_key.as_ref()?;
    Some(of(ssh, &looked.value).with_elapsed(looked))
}

fn of(ssh: &Ssh, keys: &HostKeys) -> StageResult {
    let shown = match &keys.shown {
        Ok(shown) => shown,
        Err(summary) => return StageResult::from_error(ID, summary),
    };
    let told: Vec<_> = shown
        .iter()
        .map(|key| format!("{} ({})", key.fingerprint(), key.algorithm()))
        .collect();
    let told = format!("it shows {}", told.join(", "));
    let ours = pinned_keys(keys);
    let stage = match (compared(&ours, shown), keys.named) {
        (Match::Other, _) => {
            let is_built_in = keys
                .expected
                .iter()
                .any(|(_, source)| *source == "built-in");
            let next = if is_built_in {
                "somebody may stand in between; compare with https://bitbucket.org/site/ssh, and use another network"
                    .to_owned()
            } else {
                format!(
                    "somebody may stand in between; once the administrator has confirmed a new key: bbconnect known-hosts \
                     verify {} tells how to remove the old one",
                    ssh.host
                )
            };
            return StageResult::fail(
                ID,
                ExitStatus::HostKeyMismatch,
                "the host key is not the expected one",
            )
            .with_evidence(told)
            .with_remedy(next);
        }
        (Match::Same, _) => {
            let source = keys.expected.first().map_or("file", |(_, source)| source);
            StageResult::pass(ID, format!("the host key is the expected one ({source})"))
        }
        (Match::NoExpectation, Some(named)) => {
            if !shown.iter().any(|key| key.fingerprint() == named) {
                return StageResult::fail(
                    ID,
                    ExitStatus::HostKeyMismatch,
                    format!("the host key is not the one that the server's settings name: {named}"),
                )
                .with_evidence(told)
                .with_remedy("something else answers on this port, or somebody stands in between: ask the administrator");
            }
            StageResult::pass(
                ID,
                "the host key is the one that the server's settings name",
            )
        }
        (Match::NoExpectation, None) => return by_users_file(ssh, keys, shown).with_evidence(told),
    };
    users_differ(ssh, keys, shown)
        .unwrap_or(stage)
        .with_evidence(told)
}

/// The file that git's `ssh` reads where nothing of ours is set.
fn by_users_file(ssh: &Ssh, keys: &HostKeys, shown: &[PublicKey]) -> StageResult {
    match compared(&user_keys(keys), shown) {
        Match::Same => StageResult::pass(ID, "the host key is the one in ~/.ssh/known_hosts"),
        Match::Other => StageResult::fail(
            ID,
            ExitStatus::HostKeyMismatch,
            "the host key is not the one in ~/.ssh/known_hosts",
        )
        .with_remedy(format!(
            "somebody may stand in between; once the administrator has confirmed a new key: ssh-keygen -R {}",
            shell_words::quote(&ssh.host.known_hosts_name())
        )),
        Match::NoExpectation => {
            StageResult::unknown(ID, "nothing is known of this server's host key").with_remedy(format!(
                "compare it with what the administrator says, then bbconnect known-hosts add {}",
                ssh.host
            ))
        }
    }
}

/// The server is right, but the user's own file says otherwise, so that git fails where it does not use our options.
fn users_differ(ssh: &Ssh, keys: &HostKeys, shown: &[PublicKey]) -> Option<StageResult> {
    let is_retired = |key: &PublicKey| {
        ssh::retirement_reason(Some(key.algorithm()), key.fingerprint()).is_some()
    };
    if keys.users.iter().any(is_retired) {
        return Some(
            StageResult::warn(ID, "the host key is the expected one, but ~/.ssh/known_hosts has one that was withdrawn")
                .with_remedy("bbconnect migrate replaces it"),
        );
    }
    (compared(&user_keys(keys), shown) == Match::Other).then(|| {
        StageResult::warn(
            ID,
            "the host key is the expected one, but ~/.ssh/known_hosts has another",
        )
        .with_remedy(format!(
            "git without our options refuses it: ssh-keygen -R {}",
            shell_words::quote(&ssh.host.known_hosts_name())
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const OTHER: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    fn keys(
        expected: &[&PublicKey],
        named: Option<&PublicKey>,
        users: &[&PublicKey],
        shown: &[&PublicKey],
    ) -> HostKeys {
        let all = |keys: &[&PublicKey]| keys.iter().map(|key| (*key).clone()).collect::<Vec<_>>();
        HostKeys {
            shown: Ok(all(shown)),
            expected: all(expected)
                .into_iter()
                .map(|key| (key, "accepted"))
                .collect(),
            named: named.map(PublicKey::fingerprint),
            users: all(users),
        }
    }

    #[test]
    fn what_counts_most_decides() {
        let cloud = ssh::built_in_keys(&"ssh.bitbucket.org".parse().unwrap()).unwrap();
        let (good, ecdsa) = (&cloud[0], &cloud[1]);
        let other = &OTHER.parse::<PublicKey>().unwrap();
        let ssh = in_tests::ssh();
        for (keys, level, exit, trusted_keys) in [
            (
                keys(&[good], None, &[], &[good, ecdsa]),
                "pass",
                ExitStatus::Success,
                1,
            ),
            (
                keys(&[good], None, &[], &[other]),
                "fail",
                ExitStatus::HostKeyMismatch,
                0,
            ),
            (
                keys(&[good], None, &[good], &[ecdsa]),
                "fail",
                ExitStatus::HostKeyMismatch,
                0,
            ),
            (
                keys(&[good], None, &[other], &[good]),
                "warn",
                ExitStatus::Success,
                1,
            ),
            (
                keys(&[], Some(good), &[], &[good]),
                "pass",
                ExitStatus::Success,
                1,
            ),
            (
                keys(&[], Some(good), &[], &[other]),
                "fail",
                ExitStatus::HostKeyMismatch,
                0,
            ),
            (
                keys(&[], None, &[good], &[good]),
                "pass",
                ExitStatus::Success,
                1,
            ),
            (
                keys(&[], None, &[good], &[other]),
                "fail",
                ExitStatus::HostKeyMismatch,
                0,
            ),
            (
                keys(&[], None, &[], &[good]),
                "unknown",
                ExitStatus::Success,
                0,
            ),
        ] {
            let stage = of(&ssh, &keys);
            assert_eq!(
                (stage.finding.level.name(), stage.exit),
                (level, exit),
                "{keys:?}"
            );
            assert_eq!(trusted(&keys).len(), trusted_keys, "{keys:?}");
        }
        let silent = HostKeys {
            shown: Err(ErrorSummary {
                exit: ExitStatus::HostKeyMismatch,
                message: "withdrawn".to_owned(),
                hint: None,
                connect_failure: None,
            }),
            ..keys(&[good], None, &[], &[])
        };
        assert_eq!(of(&ssh, &silent).exit, ExitStatus::HostKeyMismatch);
        assert!(trusted(&silent).is_empty());
    }
}
