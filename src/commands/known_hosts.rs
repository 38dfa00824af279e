//! `bbconnect known-hosts`: the trusted host keys of SSH servers.

use std::str::FromStr;

use serde::Serialize;

use crate::app::{App, HostKeyEvidence};
use crate::commands::{Subcommand, command_group};
use crate::error::Error;
use crate::exit_status::ExitStatus;
use crate::resolve::{Needs, Target};
use crate::ssh::{self, Destination, HostKey, Source, SshError};
use crate::types::action::Action;
use crate::types::clone_url::{CloneUrl, Transport};
use crate::types::cloud_hosts;
use crate::types::hint::Hint;
use crate::types::public_key::{Fingerprint, PublicKey};
use crate::types::shell::quote;
use crate::types::ssh_address::{ParseSshHostError, SshHost, SshRemote};
use crate::ui::{CommandOutput, TextWriter};

const EXAMPLES: &str = "\
Examples:
  bbconnect known-hosts show
  bbconnect known-hosts add git.example.com:7999
  bbconnect known-hosts verify git@ssh.bitbucket.org:acme/site.git
";

command_group! {
    #[command(before_help = EXAMPLES, defer = true)]
    pub(crate) enum Command {
        /// Show trusted host keys
        Show(ShowArgs),
        /// Trust a server's host key
        Add(AddArgs),
        /// Compare a server's host keys with the trusted ones
        Verify(VerifyArgs),
    }
}

/// A server: `HOST`, `HOST:PORT`, or a URL on it.
#[derive(Debug, Clone)]
pub(crate) enum HostArg {
    Host { host: SshHost, has_port: bool },
    Url(Box<CloneUrl>),
}

impl FromStr for HostArg {
    type Err = ParseSshHostError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if let Ok(host) = text.parse::<SshHost>() {
            let has_port = host.port != 22 || text.ends_with(":22") && !text.starts_with("::");
            return Ok(Self::Host { host, has_port });
        }
        match text.parse::<CloneUrl>() {
            Ok(url) => return Ok(Self::Url(Box::new(url))),
            Err(error) if !error.may_be_server() => return Err(ParseSshHostError),
            Err(_) => {}
        }
        // The URL of a server without a repository.
        let url = url::Url::parse(text).map_err(|_| ParseSshHostError)?;
        let host = url.host_str().ok_or(ParseSshHostError)?;
        match (url.scheme(), host) {
            ("ssh", _) => SshHost::new(host, url.port().unwrap_or(22)).map(|host| Self::Host {
                host,
                has_port: url.port().is_some(),
            }),
            ("https" | "http", host) if cloud_hosts::is_http(host) => {
                SshHost::new(cloud_hosts::SSH, 22).map(|host| Self::Host {
                    host,
                    has_port: false,
                })
            }
            ("https" | "http", _) => {
                let repository = format!("{}/scm/any/any.git", text.trim_end_matches('/'));
                let url = repository.parse().map_err(|_| ParseSshHostError)?;
                Ok(Self::Url(Box::new(url)))
            }
            _ => Err(ParseSshHostError),
        }
    }
}

impl HostArg {
    /// The server, and the evidence for its host key.
    fn find(
        &self,
        app: &App,
        accepted: Option<Fingerprint>,
    ) -> Result<(Destination, HostKeyEvidence), Error> {
        let unknown = || Error::usage("the SSH address of this server is unknown", "use HOST:PORT");
        match self {
            Self::Host { host, has_port } => {
                // The connection is found by the host, so any repository will do.
                let url = format!("ssh://git@{}:7999/any/any.git", in_url(host));
                let evidence = match url.parse() {
                    Ok(url) => app.host_key_evidence_for(&url, accepted),
                    Err(_) => HostKeyEvidence {
                        accepted,
                        settings: None,
                    },
                };
                let destination = app.ssh_destination_of_host(host, *has_port, None)?;
                Ok((destination, evidence))
            }
            Self::Url(url) => {
                if url.transport() != Transport::Ssh
                    && let Some(rest) = app.connection_for(Target::CloneUrl(url), Needs::Rest)?
                {
                    let bitbucket = app.authenticated_client(&rest)?;
                    let settings = app.ssh_settings(&bitbucket).unwrap_or_default();
                    let base = settings.base_url.as_deref();
                    let base = base.and_then(|base| url::Url::parse(base).ok());
                    if let Some(base) = base
                        && let Some(name) = base.host_str()
                        && let Ok(host) = SshHost::new(name, base.port().unwrap_or(22))
                    {
                        let evidence = HostKeyEvidence {
                            accepted,
                            settings: settings.fingerprint,
                        };
                        let has_port = base.port().is_some();
                        let destination = app.ssh_destination_of_host(&host, has_port, None)?;
                        return Ok((destination, evidence));
                    }
                }
                let remote = url.ssh().and_then(|ssh| ssh.parse::<SshRemote>().ok());
                let destination = app.ssh_destination(&remote.ok_or_else(unknown)?)?;
                Ok((destination, app.host_key_evidence_for(url, accepted)))
            }
        }
    }
}

fn in_url(host: &SshHost) -> String {
    if host.name.contains(':') {
        format!("[{}]", host.name)
    } else {
        host.name.clone()
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct HostKeyRow {
    host: String,
    port: u16,
    algorithm: String,
    fingerprint: Fingerprint,
    public_key: String,
    source: Source,
}

impl HostKeyRow {
    fn new(key: &HostKey) -> Self {
        // A pattern is shown as it is.
        let host = key.known_as.parse::<SshHost>().ok();
        Self {
            host: host
                .as_ref()
                .map_or_else(|| key.known_as.clone(), |host| host.name.clone()),
            port: host.map_or(22, |host| host.port),
            algorithm: key.key.algorithm().to_owned(),
            fingerprint: key.key.fingerprint(),
            public_key: key.key.to_openssh_without_comment(),
            source: key.source,
        }
    }

    fn all(keys: &[HostKey]) -> Vec<Self> {
        keys.iter().map(Self::new).collect()
    }

    /// The built-in keys of a server.
    fn built_in(host: &SshHost) -> Vec<HostKey> {
        let keys = ssh::built_in_keys(host).unwrap_or_default();
        let key = |key| HostKey {
            known_as: host.known_hosts_name(),
            key,
            source: Source::BuiltIn,
        };
        keys.into_iter().map(key).collect()
    }
}

fn table(hosts: &[HostKeyRow], out: &mut TextWriter) {
    let rows = hosts.iter().map(|row| {
        [
            row.host.clone(),
            row.port.to_string(),
            row.algorithm.clone(),
            row.fingerprint.to_string(),
            row.source.name().to_owned(),
        ]
    });
    let head = ["HOST", "PORT", "ALGORITHM", "FINGERPRINT", "SOURCE"];
    out.table(head, rows);
}

const SHOW_EXAMPLES: &str = "\
Examples:
  bbconnect known-hosts show
  bbconnect known-hosts show --json
  bbconnect known-hosts show --format openssh ssh.bitbucket.org >> known_hosts
";

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum ShowFormat {
    /// Table for people
    Table,
    /// Lines of a `known_hosts` file
    Openssh,
}

#[derive(Debug, clap::Args)]
#[command(before_help = SHOW_EXAMPLES)]
pub(crate) struct ShowArgs {
    /// Only the keys of these hosts
    #[arg(value_name = "HOST[:PORT]")]
    hosts: Vec<SshHost>,
    /// Format of the text
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: ShowFormat,
}

#[derive(Debug, Serialize)]
pub(crate) struct ShowOutput {
    hosts: Vec<HostKeyRow>,
    /// The file with the keys that are not built in.
    file: String,
    /// Lines of a `known_hosts` file, where these are requested.
    #[serde(skip)]
    lines: Option<Vec<String>>,
}

impl Subcommand for ShowArgs {
    type Output = ShowOutput;

    fn run(&self, app: &App) -> Result<ShowOutput, Error> {
        let file = app.known_hosts()?;
        let keys = if self.hosts.is_empty() {
            let built_in = ssh::built_in_hosts();
            let built_in = built_in.iter().flat_map(HostKeyRow::built_in).collect();
            without_duplicates(built_in, file.all()?)
        } else {
            let mut keys = Vec::new();
            for host in &self.hosts {
                let known = without_duplicates(HostKeyRow::built_in(host), file.keys_for(host)?);
                if known.is_empty() {
                    return Err(Error::not_found(
                        format!("no host key of {host} is trusted"),
                        Hint::command("known-hosts add").with_text(format!(" {host}")),
                    ));
                }
                keys = without_duplicates(keys, known);
            }
            keys
        };
        let line = |key: &HostKey| {
            let public = key.key.to_openssh_without_comment();
            format!("{} {public}", key.known_as)
        };
        let lines = (self.format == ShowFormat::Openssh).then(|| keys.iter().map(line).collect());
        Ok(ShowOutput {
            lines,
            hosts: HostKeyRow::all(&keys),
            file: file.path().to_string_lossy().into_owned(),
        })
    }
}

impl CommandOutput for ShowOutput {
    const SCHEMA: &'static str = "bbconnect/known-hosts-show@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        match &self.lines {
            Some(lines) => lines.iter().for_each(|line| out.line(line)),
            None => table(&self.hosts, out),
        }
    }

    fn write_stderr(&self, out: &mut TextWriter) {
        let is_built_in = |host: &HostKeyRow| host.source == Source::BuiltIn;
        if self.lines.is_none() && !self.hosts.iter().all(is_built_in) {
            out.line(&format!(
                "file of the keys that are not built in: {}",
                self.file
            ));
        }
    }
}

fn without_duplicates(mut keys: Vec<HostKey>, more: Vec<HostKey>) -> Vec<HostKey> {
    for key in more {
        let is_listed = keys
            .iter()
            .any(|known| known.known_as == key.known_as && known.key == key.key);
        if !is_listed {
            keys.push(key);
        }
    }
    keys
}

const ADD_EXAMPLES: &str = "\
Examples:
  bbconnect known-hosts add ssh://git@git.example.com:7999/web/site.git
  bbconnect known-hosts add git.example.com:7999 --accept-host-key \"$FINGERPRINT\"
";

#[derive(Debug, clap::Args)]
#[command(before_help = ADD_EXAMPLES)]
pub(crate) struct AddArgs {
    /// Server: HOST, HOST:PORT or any URL on it
    #[arg(value_name = "HOST")]
    pub host: HostArg,
    /// Trust the SSH host key with this fingerprint
    #[arg(long, value_name = "FINGERPRINT")]
    pub accept_host_key: Option<Fingerprint>,
}

#[derive(Debug, Serialize)]
pub(crate) struct AddOutput {
    action: Action,
    hosts: Vec<HostKeyRow>,
}

impl Subcommand for AddArgs {
    type Output = AddOutput;

    fn run(&self, app: &App) -> Result<AddOutput, Error> {
        let (destination, evidence) = self.host.find(app, self.accept_host_key)?;
        let trusted = app.ensure_trusted(&destination, evidence)?;
        Ok(AddOutput {
            action: if trusted.changed {
                Action::Created
            } else {
                Action::Unchanged
            },
            hosts: HostKeyRow::all(&trusted.keys),
        })
    }
}

impl CommandOutput for AddOutput {
    const SCHEMA: &'static str = "bbconnect/known-hosts-add@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        table(&self.hosts, out);
    }

    fn write_stderr(&self, out: &mut TextWriter) {
        out.line(&self.action.to_string());
    }
}

const VERIFY_EXAMPLES: &str = "\
Examples:
  bbconnect known-hosts verify ssh.bitbucket.org
  bbconnect known-hosts verify git.example.com:7999 --json
";

#[derive(Debug, clap::Args)]
#[command(before_help = VERIFY_EXAMPLES)]
pub(crate) struct VerifyArgs {
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

impl Subcommand for VerifyArgs {
    type Output = VerifyOutput;

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
                (false, Source::Presented) => "not known",
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
        let built_in = ssh::built_in_keys(&"ssh.bitbucket.org".parse().unwrap()).unwrap();
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
