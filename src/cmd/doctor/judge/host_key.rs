//! The host key: what the server shows, beside what is built in, pinned, named by the server, or in the user's own file.

use super::Stage;
use super::facts::{HostKeys, Ssh};
#[cfg(test)]
use super::tests as in_tests;
#[cfg(test)]
use crate::error::Trouble;
use crate::exit::Exit;
use crate::model::public_key::PublicKey;
use crate::ssh;

const ID: &str = "ssh.host-key";

/// How what is shown stands to what is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Match {
    /// Nothing is expected.
    NothingKnown,
    /// An expected key, and no other of its kind.
    Same,
    Other,
}

fn compared(expected: &[&PublicKey], shown: &[PublicKey]) -> Match {
    if expected.is_empty() {
        return Match::NothingKnown;
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

fn ours(keys: &HostKeys) -> Vec<&PublicKey> {
    keys.expected.iter().map(|(key, _)| key).collect()
}

fn users(keys: &HostKeys) -> Vec<&PublicKey> {
    keys.users.iter().collect()
}

/// The keys by which the server can be known when logging in: shown, and vouched for by what counts most.
pub(in super::super) fn trusted(keys: &HostKeys) -> Vec<PublicKey> {
    let Ok(shown) = &keys.shown else {
        return Vec::new();
    };
    let ours = ours(keys);
    let vouched: Vec<&PublicKey> = match (compared(&ours, shown), keys.named) {
        (Match::Other, _) => Vec::new(),
        (Match::Same, _) => ours,
        (Match::NothingKnown, Some(named)) => shown
            .iter()
            .filter(|key| key.fingerprint() == named)
            .collect(),
        (Match::NothingKnown, None) => match compared(&users(keys), shown) {
            Match::Same => users(keys),
            Match::NothingKnown | Match::Other => Vec::new(),
        },
    };
    shown
        .iter()
        .filter(|key| vouched.contains(key))
        .cloned()
        .collect()
}

pub(super) fn judge(ssh: &Ssh) -> Option<Stage> {
    let looked = ssh.host_key.as_ref()?;
    Some(of(ssh, &looked.value).took(looked))
}

fn of(ssh: &Ssh, keys: &HostKeys) -> Stage {
    let shown = match &keys.shown {
        Ok(shown) => shown,
        Err(trouble) => return Stage::trouble(ID, trouble),
    };
    let told: Vec<_> = shown
        .iter()
        .map(|key| format!("{} ({})", key.fingerprint(), key.algorithm()))
        .collect();
    let told = format!("it shows {}", told.join(", "));
    let ours = ours(keys);
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
            return Stage::fail(ID, Exit::HostKey, "the host key is not the expected one")
                .seen(told)
                .next(next);
        }
        (Match::Same, _) => {
            let source = keys.expected.first().map_or("file", |(_, source)| source);
            Stage::pass(ID, format!("the host key is the expected one ({source})"))
        }
        (Match::NothingKnown, Some(named)) => {
            if !shown.iter().any(|key| key.fingerprint() == named) {
                return Stage::fail(
                    ID,
                    Exit::HostKey,
                    format!("the host key is not the one that the server's settings name: {named}"),
                )
                .seen(told)
                .next("something else answers on this port, or somebody stands in between: ask the administrator");
            }
            Stage::pass(
                ID,
                "the host key is the one that the server's settings name",
            )
        }
        (Match::NothingKnown, None) => return by_users_file(ssh, keys, shown).seen(told),
    };
    users_differ(ssh, keys, shown).unwrap_or(stage).seen(told)
}

/// The file that git's `ssh` reads where nothing of ours is set.
fn by_users_file(ssh: &Ssh, keys: &HostKeys, shown: &[PublicKey]) -> Stage {
    match compared(&users(keys), shown) {
        Match::Same => Stage::pass(ID, "the host key is the one in ~/.ssh/known_hosts"),
        Match::Other => Stage::fail(
            ID,
            Exit::HostKey,
            "the host key is not the one in ~/.ssh/known_hosts",
        )
        .next(format!(
            "somebody may stand in between; once the administrator has confirmed a new key: ssh-keygen -R {}",
            shell_words::quote(&ssh.host.known_as())
        )),
        Match::NothingKnown => {
            Stage::unknown(ID, "nothing is known of this server's host key").next(format!(
                "compare it with what the administrator says, then bbconnect known-hosts add {}",
                ssh.host
            ))
        }
    }
}

/// The server is right, but the user's own file says otherwise, so that git fails where it does not use our options.
fn users_differ(ssh: &Ssh, keys: &HostKeys, shown: &[PublicKey]) -> Option<Stage> {
    let is_retired =
        |key: &PublicKey| ssh::retired(Some(key.algorithm()), key.fingerprint()).is_some();
    if keys.users.iter().any(is_retired) {
        return Some(
            Stage::warn(ID, "the host key is the expected one, but ~/.ssh/known_hosts has one that was withdrawn")
                .next("bbconnect migrate replaces it"),
        );
    }
    (compared(&users(keys), shown) == Match::Other).then(|| {
        Stage::warn(
            ID,
            "the host key is the expected one, but ~/.ssh/known_hosts has another",
        )
        .next(format!(
            "git without our options refuses it: ssh-keygen -R {}",
            shell_words::quote(&ssh.host.known_as())
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
                Exit::Done,
                1,
            ),
            (keys(&[good], None, &[], &[other]), "fail", Exit::HostKey, 0),
            (
                keys(&[good], None, &[good], &[ecdsa]),
                "fail",
                Exit::HostKey,
                0,
            ),
            (
                keys(&[good], None, &[other], &[good]),
                "warn",
                Exit::Done,
                1,
            ),
            (keys(&[], Some(good), &[], &[good]), "pass", Exit::Done, 1),
            (
                keys(&[], Some(good), &[], &[other]),
                "fail",
                Exit::HostKey,
                0,
            ),
            (keys(&[], None, &[good], &[good]), "pass", Exit::Done, 1),
            (keys(&[], None, &[good], &[other]), "fail", Exit::HostKey, 0),
            (keys(&[], None, &[], &[good]), "unknown", Exit::Done, 0),
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
            shown: Err(Trouble {
                exit: Exit::HostKey,
                message: "withdrawn".to_owned(),
                hint: None,
                obstacle: None,
            }),
            ..keys(&[good], None, &[], &[])
        };
        assert_eq!(of(&ssh, &silent).exit, Exit::HostKey);
        assert!(trusted(&silent).is_empty());
    }
}
