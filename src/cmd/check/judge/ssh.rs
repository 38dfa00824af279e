//! The way over SSH: is it open, and does the server know where it is.

use super::{Facts, Judged};
use crate::model::finding::{Finding, Level};

/// What a Data Center says of its SSH server.
pub(super) fn access(facts: &Facts) -> Option<Judged> {
    const ID: &str = "ssh.access";
    let settings = facts.ssh.as_ref()?;
    if settings.enabled == Some(false) {
        let message = "SSH is switched off on this server";
        let next = "clone over HTTPS, or ask the administrator to switch SSH access on";
        return Some(Finding::new(ID, Level::Warn, message).next(next).into());
    }
    let base = settings.base_url.clone().unwrap_or_default();
    let evidence = format!("SSH base URL: {base}");
    let is_local = |url: &str| {
        ["localhost", "127.0.0.1", "[::1]"]
            .iter()
            .any(|host| url.contains(host))
    };
    if is_local(&base) && !is_local(facts.connection.base_url.url().as_str()) {
        let message = "the server believes that SSH is reached at `localhost`, so its clone URLs lead nowhere";
        let next = "ask the administrator to set the SSH base URL";
        return Some(
            Finding::new(ID, Level::Warn, message)
                .seen(evidence)
                .next(next)
                .into(),
        );
    }
    let finding = if settings.access_keys_enabled == Some(false) {
        let message = "SSH is on, but access keys of repositories and projects are switched off";
        Finding::new(ID, Level::Warn, message).next("use a key of a user")
    } else {
        Finding::new(ID, Level::Pass, "SSH is on")
    };
    Some(finding.seen(evidence).into())
}
