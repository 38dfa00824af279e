//! Which host keys are trusted: built-in ones, pinned ones, those that the server's own settings name, and those that the user
//! accepts.

use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use super::App;
use crate::bitbucket::Bitbucket;
use crate::error::Error;
use crate::resolve::{Needs, Target};
use crate::ssh::{self, CheckOptions, Destination, HostKey, KnownHosts, Source, SshError};
use crate::sys::ownership;
use crate::types::clone_url::CloneUrl;
use crate::types::public_key::{Fingerprint, PublicKey};
use crate::types::ssh_address::{SshHost, SshSettings};

/// Evidence for a host key that is neither built in nor pinned.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct HostKeyEvidence {
    /// The fingerprint in the server's SSH settings, read over HTTPS.
    pub(crate) settings: Option<Fingerprint>,
    /// The fingerprint that the user accepts.
    pub(crate) accepted: Option<Fingerprint>,
}

#[derive(Debug, Clone)]
pub(crate) struct TrustedHostKeys {
    pub(crate) keys: Vec<HostKey>,
    /// Whether keys were added to bbconnect's `known_hosts`.
    pub(crate) changed: bool,
}

/// Whether a server is trusted, and what is to be written for it.
#[derive(Debug)]
struct TrustDecision {
    pinned: Vec<HostKey>,
    /// The keys to pin, and why.
    new: Vec<PublicKey>,
    source: Source,
    /// The user has to confirm the new keys.
    needs_confirmation: bool,
}

/// The result of [`App::ensure_trusted`] without its changes.
#[derive(Debug)]
pub(crate) struct TrustPreview {
    pub(crate) keys: Vec<HostKey>,
    /// [`App::ensure_trusted`] would ask the user.
    pub(crate) needs_confirmation: bool,
    /// A temporary `known_hosts` with the keys.
    file: KnownHosts,
    _dir: TempDir,
}

impl TrustPreview {
    /// A temporary `known_hosts` file with the keys, which exists as long as the preview.
    pub(crate) fn known_hosts(&self) -> &Path {
        self.file.path()
    }
}

impl App {
    /// bbconnect's own `known_hosts`.
    pub(crate) fn known_hosts(&self) -> Result<KnownHosts, Error> {
        let file = KnownHosts::in_dir(&self.config_dir()?);
        ownership::check_trusted(file.path())?;
        Ok(file.with_lock_timeout(self.lock_timeout()))
    }

    /// The keys of a server that are trusted without a request: built-in and pinned ones.
    pub(crate) fn locally_trusted_keys(&self, host: &SshHost) -> Result<Vec<PublicKey>, Error> {
        let pinned = self.known_hosts()?.keys_for(host)?;
        reject_retired(host, pinned.iter().map(|pinned| &pinned.key))?;
        let mut keys = ssh::built_in_keys(host).unwrap_or_default();
        keys.extend(pinned.into_iter().map(|pinned| pinned.key));
        Ok(keys)
    }

    /// Options for SSH connections. The user gets two more minutes to type a passphrase.
    pub(crate) fn ssh_timeout_and_prompt(&self, has_passphrase: bool) -> CheckOptions {
        let may_prompt = has_passphrase && self.may_ask;
        CheckOptions {
            limit: if may_prompt {
                self.timeout() + Duration::from_mins(2)
            } else {
                self.timeout()
            },
            may_prompt,
        }
    }

    /// Makes sure that the keys of a server are in bbconnect's `known_hosts`, which `ssh` then checks. Pinned keys are used
    /// whatever the evidence says.
    pub(crate) fn ensure_trusted(
        &self,
        destination: &Destination,
        evidence: HostKeyEvidence,
    ) -> Result<TrustedHostKeys, Error> {
        let host = &destination.host;
        let decision = self.decide_trust(destination, evidence)?;
        if decision.needs_confirmation {
            self.confirm_host_keys(host, &decision.new)?;
        }
        let file = self.known_hosts()?;
        if decision.source == Source::BuiltIn {
            // All servers of Cloud: a remote may still use the retired one.
            for other in ssh::built_in_hosts().iter().filter(|other| *other != host) {
                file.add(other, &decision.new, decision.source)?;
            }
        }
        let mut changed = false;
        let pinned = decision.pinned.into_iter().map(|pinned| pinned.key);
        let keys: Vec<_> = pinned.chain(decision.new).collect();
        for name in destination.known_hosts_names() {
            changed |= file.add(name, &keys, decision.source)?;
        }
        Ok(TrustedHostKeys {
            keys: file.keys_for(host)?,
            changed,
        })
    }

    /// What [`App::ensure_trusted`] would do, without a change. Keys that it would ask about count as trusted.
    pub(crate) fn preview_trust(
        &self,
        destination: &Destination,
        evidence: HostKeyEvidence,
    ) -> Result<TrustPreview, Error> {
        let host = &destination.host;
        let decision = self.decide_trust(destination, evidence)?;
        let dir = tempfile::tempdir().map_err(|source| SshError::KnownHosts {
            path: std::env::temp_dir(),
            source,
        })?;
        let file = KnownHosts::in_dir(dir.path());
        let mut keys = decision.pinned;
        let is_pinned = |key: &PublicKey| keys.iter().any(|pinned| pinned.key == *key);
        let new: Vec<_> = decision
            .new
            .into_iter()
            .filter(|key| !is_pinned(key))
            .collect();
        keys.extend(new.into_iter().map(|key| HostKey {
            known_as: host.known_hosts_name(),
            key,
            source: decision.source,
        }));
        let public: Vec<_> = keys.iter().map(|key| key.key.clone()).collect();
        for name in destination.known_hosts_names() {
            file.add(name, &public, decision.source)?;
        }
        Ok(TrustPreview {
            keys,
            needs_confirmation: decision.needs_confirmation,
            file,
            _dir: dir,
        })
    }

    fn decide_trust(
        &self,
        destination: &Destination,
        evidence: HostKeyEvidence,
    ) -> Result<TrustDecision, Error> {
        let host = &destination.host;
        let file = self.known_hosts()?;
        let pinned = file.keys_for(host)?;
        reject_retired(host, pinned.iter().map(|pinned| &pinned.key))?;
        if let Some(accepted) = evidence.accepted {
            let revoked = file.revoked_for(host)?;
            let is_accepted = |key: &&PublicKey| key.fingerprint() == accepted;
            reject_revoked(&file, host, revoked.iter().filter(is_accepted))?;
        }
        let decision = |pinned, new, source| TrustDecision {
            pinned,
            new,
            source,
            needs_confirmation: false,
        };
        if let Some(mut keys) = ssh::built_in_keys(host) {
            if let Some(accepted) = evidence.accepted {
                require_matching(host, &keys, accepted)?;
            }
            let revoked = file.revoked_for(host)?;
            keys.retain(|key| !revoked.contains(key));
            return Ok(decision(pinned, keys, Source::BuiltIn));
        }
        if !pinned.is_empty() {
            let is_pinned = |accepted| pinned.iter().any(|key| key.key.fingerprint() == accepted);
            let new = match evidence.accepted.filter(|accepted| !is_pinned(*accepted)) {
                None => Vec::new(),
                Some(accepted) => vec![self.additional_key(destination, &pinned, accepted)?],
            };
            return Ok(decision(pinned, new, Source::Accepted));
        }
        let offered = self.scan_host_keys(destination)?;
        if let Some(accepted) = evidence.accepted {
            let accepted = require_matching(host, &offered, accepted)?;
            let is_offered = |named: &_| offered.iter().any(|key| key.fingerprint() == *named);
            if let Some(other) = evidence.settings.filter(|named| !is_offered(named)) {
                self.ui.print_step(&format!(
                    "note  the server's SSH settings have another host key, {other}: ask the administrator"
                ));
            }
            return Ok(decision(pinned, vec![accepted], Source::Accepted));
        }
        if let Some(named) = evidence.settings {
            let named = require_matching(host, &offered, named)?;
            return Ok(decision(pinned, vec![named], Source::Server));
        }
        if !self.may_ask {
            return Err(SshError::HostKeyUnknown {
                host: host.clone(),
                offered: describe(&offered),
            }
            .into());
        }
        Ok(TrustDecision {
            needs_confirmation: true,
            ..decision(pinned, offered, Source::Accepted)
        })
    }

    /// The evidence for the host key of a repository's server. Its SSH settings are requested if there is a connection for
    /// its REST API; errors are ignored.
    pub(crate) fn host_key_evidence_for(
        &self,
        url: &CloneUrl,
        accepted: Option<Fingerprint>,
    ) -> HostKeyEvidence {
        let settings = || -> Option<SshSettings> {
            let rest = self
                .connection_for(Target::CloneUrl(url), Needs::Rest)
                .ok()??;
            let bitbucket = self.authenticated_client(&rest).ok()?;
            self.ssh_settings(&bitbucket)
        };
        HostKeyEvidence {
            accepted,
            settings: settings().and_then(|settings| settings.fingerprint),
        }
    }

    /// The SSH settings of a server, if it reports them.
    pub(crate) fn ssh_settings(&self, bitbucket: &Bitbucket) -> Option<SshSettings> {
        match self.block_on(bitbucket.ssh_settings()) {
            Ok(Ok(settings)) => settings,
            Ok(Err(error)) => {
                self.ui
                    .debug(&format!("the SSH settings are unknown: {error}"));
                None
            }
            Err(_) => None,
        }
    }

    /// The host keys that a server presents.
    pub(crate) fn scan_host_keys(
        &self,
        destination: &Destination,
    ) -> Result<Vec<PublicKey>, Error> {
        let host = &destination.host;
        let _progress = self
            .ui
            .progress(&format!("requesting the host keys of {host}"));
        let offered = match &destination.route {
            Some(_) => ssh::scan_with_config(destination, self.timeout())?,
            None => ssh::scan(host, self.timeout())?,
        };
        reject_retired(host, offered.iter())?;
        let file = self.known_hosts()?;
        let revoked = file.revoked_for(host)?;
        let is_revoked = |key: &&PublicKey| revoked.contains(key);
        reject_revoked(&file, host, offered.iter().filter(is_revoked))?;
        Ok(offered)
    }

    fn confirm_host_keys(&self, host: &SshHost, offered: &[PublicKey]) -> Result<(), Error> {
        let line = |text: &str| self.ui.eprint_line(text);
        line(&format!(
            "The authenticity of host {host} can't be established. Fingerprints:"
        ));
        for key in offered {
            line(&format!("  {} ({})", key.fingerprint(), key.algorithm()));
        }
        line("Compare them with the fingerprint from the server's administrator.");
        self.confirm_in_full("trusting a host key", "Trust this host?")
    }

    /// A server may have several keys. Another one is accepted only while the server still presents a pinned one.
    fn additional_key(
        &self,
        destination: &Destination,
        pinned: &[HostKey],
        accepted: Fingerprint,
    ) -> Result<PublicKey, Error> {
        let host = &destination.host;
        let offered = self.scan_host_keys(destination)?;
        let has_pinned = offered
            .iter()
            .any(|key| pinned.iter().any(|pinned| pinned.key == *key));
        let accepted = require_matching(host, &offered, accepted)?;
        if has_pinned {
            return Ok(accepted);
        }
        Err(SshError::HostKeyChanged {
            host: host.clone(),
            offered: Some(accepted.fingerprint()),
            algorithm: Some(accepted.algorithm().to_owned()),
            known_hosts: self.known_hosts()?.path().into(),
            built_in: false,
        }
        .into())
    }
}

/// Fingerprints and algorithms.
fn describe(keys: &[PublicKey]) -> Vec<(Fingerprint, String)> {
    let keys = keys.iter();
    keys.map(|key| (key.fingerprint(), key.algorithm().to_owned()))
        .collect()
}

/// The key with a fingerprint.
fn require_matching(
    host: &SshHost,
    keys: &[PublicKey],
    accepted: Fingerprint,
) -> Result<PublicKey, Error> {
    if let Some(reason) = ssh::retirement_reason(None, accepted) {
        return Err(retired(host, accepted, reason));
    }
    let found = keys.iter().find(|key| key.fingerprint() == accepted);
    found.cloned().ok_or_else(|| {
        SshError::FingerprintMismatch {
            host: host.clone(),
            accepted,
            offered: describe(keys),
        }
        .into()
    })
}

fn reject_retired<'a>(
    host: &SshHost,
    keys: impl Iterator<Item = &'a PublicKey>,
) -> Result<(), Error> {
    for key in keys {
        let fingerprint = key.fingerprint();
        if let Some(reason) = ssh::retirement_reason(Some(key.algorithm()), fingerprint) {
            return Err(retired(host, fingerprint, reason));
        }
    }
    Ok(())
}

fn retired(host: &SshHost, fingerprint: Fingerprint, reason: &'static str) -> Error {
    SshError::HostKeyRetired {
        host: host.clone(),
        fingerprint,
        reason,
    }
    .into()
}

fn reject_revoked<'a>(
    file: &KnownHosts,
    host: &SshHost,
    mut revoked: impl Iterator<Item = &'a PublicKey>,
) -> Result<(), Error> {
    match revoked.next() {
        None => Ok(()),
        Some(key) => Err(SshError::HostKeyRevoked {
            host: host.clone(),
            fingerprint: key.fingerprint(),
            file: file.path().to_owned(),
        }
        .into()),
    }
}
