//! Which SSH host keys are trusted: built-in keys, pinned keys, keys that the settings of the server name over HTTPS, and
//! keys that the user accepts.

use std::time::Duration;

use super::{App, TIMEOUT};
use crate::bitbucket::Bitbucket;
use crate::error::Error;
use crate::resolve::{Needs, Target};
use crate::ssh::{self, CheckOptions, HostKey, KnownHosts, Source, SshError};
use crate::types::clone_url::CloneUrl;
use crate::types::fingerprint::Fingerprint;
use crate::types::public_key::PublicKey;
use crate::types::ssh_address::SshHost;
use crate::types::ssh_settings::SshSettings;

/// Evidence for a host key that is not pinned yet.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct HostKeyEvidence {
    /// The fingerprint from the SSH settings of the server, read over HTTPS.
    pub settings: Option<Fingerprint>,
    /// The fingerprint that the user accepts.
    pub accepted: Option<Fingerprint>,
}

/// The keys of a server that are trusted.
#[derive(Debug, Clone)]
pub(crate) struct TrustedHostKeys {
    pub keys: Vec<HostKey>,
    /// Whether our `known_hosts` was changed.
    pub changed: bool,
}

impl App {
    /// Our `known_hosts`.
    ///
    /// # Errors
    /// [`Error::HomeDirUnknown`].
    pub(crate) fn known_hosts(&self) -> Result<KnownHosts, Error> {
        let folder = self.config_dir()?;
        Ok(KnownHosts::in_dir(&folder))
    }

    /// The time limit of an SSH connection.
    #[must_use]
    pub(crate) fn ssh_limit(&self) -> Duration {
        self.flags.timeout.unwrap_or(TIMEOUT)
    }

    /// Time limit and prompts of an SSH connection; the prompt for a passphrase has more time.
    #[must_use]
    pub(crate) fn ssh_timeout_and_prompt(&self, has_passphrase: bool) -> CheckOptions {
        let may_prompt = has_passphrase && self.may_ask;
        CheckOptions {
            limit: if may_prompt {
                self.ssh_limit() + Duration::from_mins(2)
            } else {
                self.ssh_limit()
            },
            may_prompt,
        }
    }

    /// Pins the host keys of a server in our `known_hosts`. Keys that are pinned already take precedence over any evidence;
    /// `ssh` compares them.
    ///
    /// # Errors
    /// [`Error::Ssh`] where the server is not the expected one, not known and not accepted, or cannot be reached;
    /// [`Error::Cancelled`].
    pub(crate) fn ensure_trusted(
        &self,
        host: &SshHost,
        evidence: HostKeyEvidence,
    ) -> Result<TrustedHostKeys, Error> {
        let file = self.known_hosts()?;
        let pinned = file.keys_for(host)?;
        reject_retired(host, pinned.iter().map(|pinned| &pinned.key))?;
        if let Some(keys) = ssh::built_in_keys(host) {
            if let Some(accepted) = evidence.accepted {
                require_matching(host, &keys, accepted)?;
            }
            return self.pin_built_in(host, &keys);
        }
        if !pinned.is_empty() {
            let is_pinned = |accepted| pinned.iter().any(|key| key.key.fingerprint() == accepted);
            return match evidence.accepted.filter(|accepted| !is_pinned(*accepted)) {
                None => Ok(TrustedHostKeys {
                    keys: pinned,
                    changed: false,
                }),
                Some(accepted) => self.pin_additional(host, &pinned, accepted),
            };
        }
        let shown = self.scan_host_keys(host)?;
        if let Some(accepted) = evidence.accepted {
            let accepted = require_matching(host, &shown, accepted)?;
            let is_shown = |named: &_| shown.iter().any(|key| key.fingerprint() == *named);
            if let Some(other) = evidence.settings.filter(|named| !is_shown(named)) {
                self.ui.print_step(&format!(
                    "note  the server's SSH settings name another key, {other}: ask its administrator"
                ));
            }
            return self.pin(host, &[accepted], Source::Accepted);
        }
        if let Some(named) = evidence.settings {
            let named = require_matching(host, &shown, named)?;
            return self.pin(host, &[named], Source::Server);
        }
        self.prompt_to_trust(host, &shown)
    }

    /// The evidence for the host key of a repository's server. Its SSH settings are read where a connection with REST matches;
    /// a server that does not report them is no error.
    #[must_use]
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

    /// The SSH settings of a server, where it reports them.
    #[must_use]
    pub(crate) fn ssh_settings(&self, bitbucket: &Bitbucket) -> Option<SshSettings> {
        match self.block_on(bitbucket.ssh_settings()) {
            Ok(Ok(settings)) => settings,
            Ok(Err(error)) => {
                self.ui
                    .debug(&format!("the SSH settings are not told: {error}"));
                None
            }
            Err(_) => None,
        }
    }

    /// The host keys that a server presents.
    ///
    /// # Errors
    /// [`Error::Ssh`].
    pub(crate) fn scan_host_keys(&self, host: &SshHost) -> Result<Vec<PublicKey>, Error> {
        let _progress = self.ui.progress(&format!("asking {host} for its keys"));
        let shown = ssh::scan(host, self.ssh_limit())?;
        reject_retired(host, shown.iter())?;
        Ok(shown)
    }

    /// Asks the user whether to trust the keys.
    fn prompt_to_trust(
        &self,
        host: &SshHost,
        shown: &[PublicKey],
    ) -> Result<TrustedHostKeys, Error> {
        if !self.may_ask {
            return Err(SshError::HostKeyUnknown {
                host: host.clone(),
                offered: offered(shown),
            }
            .into());
        }
        self.ui
            .eprint_line(&format!("The host key of {host} is not known. It shows:"));
        for key in shown {
            self.ui
                .eprint_line(&format!("  {} ({})", key.fingerprint(), key.algorithm()));
        }
        self.ui
            .eprint_line("Compare it with what the server's administrator says.");
        self.confirm(false, "trusting a host key", "Is this the server?")?;
        self.pin(host, shown, Source::Accepted)
    }

    /// A server may have several keys. Another one is pinned only while the server still presents a pinned one.
    fn pin_additional(
        &self,
        host: &SshHost,
        pinned: &[HostKey],
        accepted: Fingerprint,
    ) -> Result<TrustedHostKeys, Error> {
        let shown = self.scan_host_keys(host)?;
        let still = shown
            .iter()
            .any(|key| pinned.iter().any(|pinned| pinned.key == *key));
        let accepted = require_matching(host, &shown, accepted)?;
        if still {
            return self.pin(host, &[accepted], Source::Accepted);
        }
        Err(SshError::HostKeyChanged {
            host: host.clone(),
            offered: Some(accepted.fingerprint()),
            algorithm: Some(accepted.algorithm().to_owned()),
            known_hosts: self.known_hosts()?.path().to_owned(),
            built_in: false,
        }
        .into())
    }

    /// The servers of Cloud are pinned together: a remote may still use the retired one.
    fn pin_built_in(&self, host: &SshHost, keys: &[PublicKey]) -> Result<TrustedHostKeys, Error> {
        for other in ssh::built_in_hosts().iter().filter(|other| *other != host) {
            self.known_hosts()?.add(other, keys, Source::BuiltIn)?;
        }
        self.pin(host, keys, Source::BuiltIn)
    }

    fn pin(
        &self,
        host: &SshHost,
        keys: &[PublicKey],
        source: Source,
    ) -> Result<TrustedHostKeys, Error> {
        let file = self.known_hosts()?;
        let changed = file.add(host, keys, source)?;
        Ok(TrustedHostKeys {
            keys: file.keys_for(host)?,
            changed,
        })
    }
}

/// Fingerprints and algorithms, for messages.
fn offered(keys: &[PublicKey]) -> Vec<(Fingerprint, String)> {
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
            offered: offered(keys),
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
