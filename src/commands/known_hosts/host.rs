//! A server as an argument, and its host keys as rows of a table.

use std::str::FromStr;

use serde::Serialize;

use crate::app::{App, HostKeyEvidence};
use crate::error::Error;
use crate::resolve::{Needs, Target};
use crate::ssh::{Destination, HostKey, Source};
use crate::types::clone_url::{CloneUrl, Transport};
use crate::types::cloud_hosts;
use crate::types::fingerprint::Fingerprint;
use crate::types::ssh_address::{ParseSshHostError, SshHost, SshRemote};
use crate::ui::TextWriter;

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
    pub(super) fn find(
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
pub(super) struct HostKeyRow {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) algorithm: String,
    pub(super) fingerprint: Fingerprint,
    pub(super) source: &'static str,
}

impl HostKeyRow {
    pub(super) fn new(key: &HostKey) -> Self {
        // A pattern is shown as it is.
        let host = key.known_as.parse::<SshHost>().ok();
        Self {
            host: host
                .as_ref()
                .map_or_else(|| key.known_as.clone(), |host| host.name.clone()),
            port: host.map_or(22, |host| host.port),
            algorithm: key.key.algorithm().to_owned(),
            fingerprint: key.key.fingerprint(),
            source: key.source.name(),
        }
    }

    pub(super) fn all(keys: &[HostKey]) -> Vec<Self> {
        keys.iter().map(Self::new).collect()
    }

    /// The built-in keys of a server.
    pub(super) fn built_in(host: &SshHost) -> Vec<HostKey> {
        let keys = crate::ssh::built_in_keys(host).unwrap_or_default();
        let key = |key| HostKey {
            known_as: host.known_hosts_name(),
            key,
            source: Source::BuiltIn,
        };
        keys.into_iter().map(key).collect()
    }
}

pub(super) fn table(hosts: &[HostKeyRow], out: &mut TextWriter) {
    let rows = hosts.iter().map(|row| {
        [
            row.host.clone(),
            row.port.to_string(),
            row.algorithm.clone(),
            row.fingerprint.to_string(),
            row.source.to_owned(),
        ]
    });
    let head = ["HOST", "PORT", "ALGORITHM", "FINGERPRINT", "SOURCE"];
    out.table(&head.map(str::to_owned), rows);
}
