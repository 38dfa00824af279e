//! This machine: configuration, store for secrets, `ssh`, `git`.

use crate::diagnostics::finding::{Finding, FindingId};
use crate::diagnostics::route_facts::MachineFacts;

/// Without a target, a connection is missing.
pub(crate) fn config(facts: &MachineFacts, has_target: bool) -> Finding {
    const ID: FindingId = FindingId::MachineConfig;
    let finding = match &facts.connections.value {
        Ok(0) if has_target => Finding::pass(ID, "no saved connections"),
        Ok(0) => Finding::warn(ID, "no connection configured")
            .with_next("run `bbconnect connection add`"),
        Ok(1) => Finding::pass(ID, "1 saved connection"),
        Ok(count) => Finding::pass(ID, format!("{count} saved connections")),
        Err(summary) => Finding::from_error(ID, summary),
    };
    finding.with_elapsed(facts.connections.elapsed)
}

/// A store that cannot be used is a warning: a secret may be elsewhere.
pub(crate) fn secrets(facts: &MachineFacts) -> Finding {
    const ID: FindingId = FindingId::MachineSecrets;
    let finding = match &facts.store.value {
        Ok(store) => Finding::pass(ID, format!("secrets can be stored ({})", store.name())),
        Err(summary) => Finding::from_error(ID, summary).downgraded(),
    };
    finding.with_elapsed(facts.store.elapsed)
}

/// SSH is only required for an SSH connection.
pub(crate) fn ssh(facts: &MachineFacts, is_required: bool) -> Finding {
    const ID: FindingId = FindingId::MachineSsh;
    let finding = match &facts.ssh.value {
        Ok(version) => Finding::pass(ID, "ssh is installed").with_evidence(version.clone()),
        Err(summary) => Finding::from_error(ID, summary)
            .with_next("install OpenSSH, and check that ssh is in PATH"),
    };
    let finding = if is_required {
        finding
    } else {
        finding.downgraded()
    };
    finding.with_elapsed(facts.ssh.elapsed)
}

pub(crate) fn git(facts: &MachineFacts) -> Finding {
    const ID: FindingId = FindingId::MachineGit;
    let finding = match &facts.git.value {
        Ok(version) => {
            Finding::pass(ID, "git is installed").with_evidence(format!("git {version}"))
        }
        Err(summary) => {
            Finding::from_error(ID, summary).with_next("install git, and check that it is in PATH")
        }
    };
    finding.with_elapsed(facts.git.elapsed)
}
