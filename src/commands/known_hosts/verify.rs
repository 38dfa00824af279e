//! `bbconnect known-hosts verify`: compares what a server shows with what is trusted. Nothing is changed.

use serde::Serialize;

use super::host::{HostArg, HostKeyRow};
use crate::app::App;
use crate::commands::Subcommand;
use crate::error::Error;
use crate::exit_status::ExitStatus;
use crate::ssh::{HostKey, Source, SshError};
use crate::types::public_key::PublicKey;
use crate::types::ssh_address::SshHost;
use crate::ui::{CommandOutput, TextWriter};

const EXAMPLES: &str = "\
Examples:
  bbconnect known-hosts verify ssh.bitbucket.org
  bbconnect known-hosts verify git.example.com:7999 --json
";

#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Args {
    /// The server: HOST, HOST:PORT, or any URL of a repository on it
    #[arg(value_name = "HOST")]
    pub host: HostArg,
}

/// What a server shows.
#[derive(Debug, Serialize)]
pub(crate) struct VerifyOutput {
    ok: bool,
    hosts: Vec<KeyComparison>,
    #[serde(skip)]
    command: Option<String>,
}

/// A key that a server shows, or should show.
#[derive(Debug, Serialize)]
struct KeyComparison {
    #[serde(flatten)]
    shown: HostKeyRow,
    /// Whether it is trusted, and shown.
    matches: bool,
}

impl Subcommand for Args {
    type Output = VerifyOutput;

    /// Asks a server for its keys, and compares them.
    ///
    /// # Errors
    /// Where the server cannot be reached, shows a key that was withdrawn, or nothing is known of it.
    fn run(&self, app: &App) -> Result<VerifyOutput, Error> {
        let (host, evidence) = self.host.find(app, None)?;
        let file = app.known_hosts()?;
        let mut expected = HostKeyRow::built_in(&host);
        if expected.is_empty() {
            expected = file.keys_for(&host)?;
        }
        let shown = app.scan_host_keys(&host)?;
        if expected.is_empty() {
            let named = |key: &&PublicKey| Some(key.fingerprint()) == evidence.settings;
            expected.extend(shown.iter().find(named).map(|key| HostKey {
                known_as: host.known_hosts_name(),
                key: key.clone(),
                source: Source::Server,
            }));
        }
        if expected.is_empty() {
            let offered = shown.iter();
            let offered = offered.map(|key| (key.fingerprint(), key.algorithm().to_owned()));
            return Err(SshError::HostKeyUnknown {
                offered: offered.collect(),
                host,
            }
            .into());
        }
        let (ok, hosts) = compared(&host, &expected, &shown);
        let command = format!(
            "ssh-keygen -R {} -f {}",
            shell_words::quote(&host.known_hosts_name()),
            shell_words::quote(&file.path().to_string_lossy())
        );
        let is_pinned = expected.iter().all(|key| key.source != Source::BuiltIn);
        Ok(VerifyOutput {
            ok,
            hosts,
            command: (!ok && is_pinned).then_some(command),
        })
    }
}

/// A server is the expected one if it shows an expected key, and no other of the same kind.
fn compared(
    host: &SshHost,
    expected: &[HostKey],
    shown: &[PublicKey],
) -> (bool, Vec<KeyComparison>) {
    let mut any = false;
    let mut contradicts = false;
    let mut hosts = Vec::new();
    for key in shown {
        let known = expected.iter().find(|expected| expected.key == *key);
        let same_kind = |expected: &HostKey| expected.key.algorithm() == key.algorithm();
        any |= known.is_some();
        contradicts |= known.is_none() && expected.iter().any(same_kind);
        hosts.push(KeyComparison {
            shown: HostKeyRow::of(&HostKey {
                known_as: host.known_hosts_name(),
                key: key.clone(),
                source: known.map_or(Source::Presented, |known| known.source),
            }),
            matches: known.is_some(),
        });
    }
    let missing = expected.iter().filter(|key| !shown.contains(&key.key));
    hosts.extend(missing.map(|key| KeyComparison {
        shown: HostKeyRow::of(key),
        matches: false,
    }));
    (any && !contradicts, hosts)
}

impl CommandOutput for VerifyOutput {
    const SCHEMA: &'static str = "bbconnect/known-hosts-verify@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        for KeyComparison { shown, matches } in &self.hosts {
            let judged = match (matches, shown.source) {
                (true, _) => "expected",
                (false, "offered") => "not known",
                (false, _) => "expected, and not shown",
            };
            out.line(&format!(
                "{} ({}) of {} port {}: {judged}",
                shown.fingerprint, shown.algorithm, shown.host, shown.port
            ));
        }
    }

    fn write_stderr(&self, out: &mut TextWriter) {
        if self.ok {
            return;
        }
        out.note("this is not the expected server; somebody may stand in between");
        if let Some(command) = &self.command {
            out.note(&format!(
                "once its administrator has confirmed a new key, remove the old one: {command}"
            ));
        }
    }

    fn exit_status(&self) -> ExitStatus {
        if self.ok {
            ExitStatus::Success
        } else {
            ExitStatus::HostKeyMismatch
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_expected_key_is_enough_and_one_contradiction_too_much() {
        let key = |line: &str| line.parse::<PublicKey>().unwrap();
        let host: SshHost = "git.example.com:7999".parse().unwrap();
        let built_in = crate::ssh::built_in_keys(&"ssh.bitbucket.org".parse().unwrap()).unwrap();
        let (ed25519, ecdsa) = (built_in[0].clone(), built_in[1].clone());
        let other =
            key("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
        let pinned = |key: &PublicKey| HostKey {
            known_as: host.known_hosts_name(),
            key: key.clone(),
            source: Source::Accepted,
        };
        let ok = |expected: &[&PublicKey], shown: &[&PublicKey]| {
            let expected: Vec<_> = expected.iter().map(|key| pinned(key)).collect();
            let shown: Vec<_> = shown.iter().map(|key| (*key).clone()).collect();
            compared(&host, &expected, &shown).0
        };
        assert!(ok(&[&ed25519], &[&ed25519, &ecdsa]));
        assert!(ok(&[&ed25519, &ecdsa], &[&ed25519]));
        assert!(!ok(&[&ed25519], &[&other]));
        assert!(!ok(&[&ed25519, &ecdsa], &[&other, &ecdsa]));
        assert!(!ok(&[&ed25519], &[&ecdsa]));
    }
}
