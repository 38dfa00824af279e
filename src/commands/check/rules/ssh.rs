//! The way over SSH: is it open, and does the server know where it is.

use super::{CheckData, CheckOptions, CheckResult, KeyFacts, failed, undetermined};
use crate::exit_status::ExitStatus;
use crate::types::connection::AuthMethod;
use crate::types::finding::{Finding, Severity};

const ID: &str = "ssh.access";

/// What the connection's key may do, else what a Data Center says of its SSH server.
pub(super) fn access(data: &CheckData, options: &CheckOptions) -> Option<CheckResult> {
    match &data.key {
        Some(key) => Some(with_key(key, data, options)),
        None if data.connection.auth() == AuthMethod::Ssh => {
            let message = "the connection has no key that could be tried";
            Some(undetermined(
                Finding::new(ID, Severity::Unknown, message)
                    .with_remedy("bbconnect connect CLONE_URL"),
            ))
        }
        None => server(data),
    }
}

fn with_key(key: &KeyFacts, data: &CheckData, options: &CheckOptions) -> CheckResult {
    let evidence = key.path.display().to_string();
    match (&key.reads, key.writes) {
        (None, _) => {
            let message = "the key has a passphrase, for which a check does not ask";
            let next = format!("bbconnect key test -c {}", data.name);
            undetermined(
                Finding::new(ID, Severity::Unknown, message)
                    .with_evidence(evidence)
                    .with_remedy(next),
            )
        }
        (Some(Err(trouble)), _) => {
            let finding =
                Finding::new(ID, Severity::Fail, trouble.message.clone()).with_evidence(evidence);
            let next = trouble.hint.clone();
            failed(Finding { next, ..finding }, trouble.exit)
        }
        // Whoever pushes with a token needs no key for it.
        (Some(Ok(())), Some(false)) if data.connection.auth() == AuthMethod::Ssh => {
            let message = "the key may clone and fetch, but not push";
            let next = "register one that may: bbconnect connect --write CLONE_URL";
            failed(
                Finding::new(ID, Severity::Fail, message)
                    .with_evidence(evidence)
                    .with_remedy(next),
                ExitStatus::Forbidden,
            )
        }
        (Some(Ok(())), None)
            if options.wants_to_push() && data.connection.auth() == AuthMethod::Ssh =>
        {
            let message = "the key may clone and fetch; whether it may push is not told";
            undetermined(Finding::new(ID, Severity::Unknown, message).with_evidence(evidence))
        }
        (Some(Ok(())), writes) => {
            let message = if writes == Some(true) {
                "the key may clone, fetch and push"
            } else {
                "the key may clone and fetch"
            };
            Finding::new(ID, Severity::Pass, message)
                .with_evidence(evidence)
                .into()
        }
    }
}

fn server(data: &CheckData) -> Option<CheckResult> {
    let settings = data.ssh.as_ref()?;
    if settings.enabled == Some(false) {
        let message = "SSH is switched off on this server";
        let next = "clone over HTTPS, or ask the administrator to switch SSH access on";
        return Some(
            Finding::new(ID, Severity::Warn, message)
                .with_remedy(next)
                .into(),
        );
    }
    let base = settings.base_url.clone().unwrap_or_default();
    let evidence = format!("SSH base URL: {base}");
    let is_local = |url: &str| {
        ["localhost", "127.0.0.1", "[::1]"]
            .iter()
            .any(|host| url.contains(host))
    };
    if is_local(&base) && !is_local(data.connection.base_url.url().as_str()) {
        let message = "the server believes that SSH is reached at `localhost`, so its clone URLs lead nowhere";
        let next = "ask the administrator to set the SSH base URL";
        return Some(
            Finding::new(ID, Severity::Warn, message)
                .with_evidence(evidence)
                .with_remedy(next)
                .into(),
        );
    }
    let finding = if settings.access_keys_enabled == Some(false) {
        let message = "SSH is on, but access keys of repositories and projects are switched off";
        Finding::new(ID, Severity::Warn, message).with_remedy("use a key of a user")
    } else {
        Finding::new(ID, Severity::Pass, "SSH is on")
    };
    Some(finding.with_evidence(evidence).into())
}
