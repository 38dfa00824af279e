//! `bbconnect known-hosts verify`: compares the host keys of a server with the trusted ones. Nothing is changed.

use serde::Serialize;

use super::host::{HostArg, HostKeyRow};
use crate::app::App;
use crate::commands::Subcommand;
use crate::error::Error;
use crate::exit_status::ExitStatus;
use crate::ssh::{HostKey, Source, SshError};
use crate::types::public_key::PublicKey;
use crate::types::shell::quote;
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
    /// Server: HOST, HOST:PORT or any URL on it
    #[arg(value_name = "HOST")]
    pub host: HostArg,
}

#[derive(Debug, Serialize)]
pub(crate) struct VerifyOutput {
    ok: bool,
    hosts: Vec<KeyComparison>,
    #[serde(skip)]
    command: Option<String>,
}

/// A key that the server presents or should present.
#[derive(Debug, Serialize)]
struct KeyComparison {
    #[serde(flatten)]
    key: HostKeyRow,
    /// Whether it is trusted and presented.
    matches: bool,
}

impl Subcommand for Args {
    type Output = VerifyOutput;

    /// Requests the host keys of a server and compares them.
    fn run(&self, app: &App) -> Result<VerifyOutput, Error> {
        let (destination, evidence) = self.host.find(app, None)?;
        let host = destination.host.clone();
        let file = app.known_hosts()?;
        let mut expected = HostKeyRow::built_in(&host);
        if expected.is_empty() {
            expected = file.keys_for(&host)?;
        }
        let offered = app.scan_host_keys(&destination)?;
        if expected.is_empty() {
            let named = |key: &&PublicKey| Some(key.fingerprint()) == evidence.settings;
            expected.extend(offered.iter().find(named).map(|key| HostKey {
                known_as: host.known_hosts_name(),
                key: key.clone(),
                source: Source::Server,
            }));
        }
        if expected.is_empty() {
            let offered = offered
                .iter()
                .map(|key| (key.fingerprint(), key.algorithm().to_owned()));
            return Err(SshError::HostKeyUnknown {
                offered: offered.collect(),
                host,
            }
            .into());
        }
        let (ok, hosts) = compare(&host, &expected, &offered);
        let command = format!(
            "ssh-keygen -R {} -f {}",
            quote(&host.known_hosts_name()),
            quote(&file.path().to_string_lossy())
        );
        let is_pinned = expected.iter().all(|key| key.source != Source::BuiltIn);
        Ok(VerifyOutput {
            ok,
            hosts,
            command: (!ok && is_pinned).then_some(command),
        })
    }
}

/// A server is the expected one if it presents an expected key, and no other key of an expected algorithm.
fn compare(
    host: &SshHost,
    expected: &[HostKey],
    offered: &[PublicKey],
) -> (bool, Vec<KeyComparison>) {
    let mut any = false;
    let mut contradicts = false;
    let mut hosts = Vec::new();
    for key in offered {
        let known = expected.iter().find(|expected| expected.key == *key);
        let same_algorithm = |expected: &HostKey| expected.key.algorithm() == key.algorithm();
        any |= known.is_some();
        contradicts |= known.is_none() && expected.iter().any(same_algorithm);
        hosts.push(KeyComparison {
            key: HostKeyRow::new(&HostKey {
                known_as: host.known_hosts_name(),
                key: key.clone(),
                source: known.map_or(Source::Presented, |known| known.source),
            }),
            matches: known.is_some(),
        });
    }
    let missing = expected.iter().filter(|key| !offered.contains(&key.key));
    hosts.extend(missing.map(|key| KeyComparison {
        key: HostKeyRow::new(key),
        matches: false,
    }));
    (any && !contradicts, hosts)
}

impl CommandOutput for VerifyOutput {
    const SCHEMA: &'static str = "bbconnect/known-hosts-verify@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        for KeyComparison { key, matches } in &self.hosts {
            let result = match (matches, key.source) {
                (true, _) => "expected",
                (false, "offered") => "not known",
                (false, _) => "expected, but not presented",
            };
            out.line(&format!(
                "{} ({}) of {} port {}: {result}",
                key.fingerprint, key.algorithm, key.host, key.port
            ));
        }
    }

    fn write_stderr(&self, out: &mut TextWriter) {
        if self.ok {
            return;
        }
        out.note("this is not the expected server: possible man-in-the-middle attack");
        if let Some(command) = &self.command {
            out.note(&format!(
                "once the administrator has confirmed a new key, remove the old one: {command}"
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
    fn one_expected_key_is_sufficient_and_no_other_is_accepted() {
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
        let ok = |expected: &[&PublicKey], offered: &[&PublicKey]| {
            let expected: Vec<_> = expected.iter().map(|key| pinned(key)).collect();
            let offered: Vec<_> = offered.iter().map(|key| (*key).clone()).collect();
            compare(&host, &expected, &offered).0
        };
        assert!(ok(&[&ed25519], &[&ed25519, &ecdsa]));
        assert!(ok(&[&ed25519, &ecdsa], &[&ed25519]));
        assert!(!ok(&[&ed25519], &[&other]));
        assert!(!ok(&[&ed25519, &ecdsa], &[&other, &ecdsa]));
        assert!(!ok(&[&ed25519], &[&ecdsa]));
    }
}
