//! Findings: what a rule concludes from a fact, how severe that is, and the exit status that it stands for.

use std::time::Duration;

use serde::Serialize;

use crate::error::ErrorSummary;
use crate::exit_status::ExitStatus;
use crate::types::named_enum::named_enum;

named_enum! {
    /// How severe a finding is.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
    pub(crate) enum Severity {
        Pass = "pass",
        /// It works, but something should be changed.
        Warn = "warn",
        /// It does not work, or will not.
        Fail = "fail",
        /// The facts allow no conclusion.
        Unknown = "unknown",
    }
}

named_enum! {
    /// What a finding is about. The names are part of the command-line contract.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
    pub(crate) enum FindingId {
        // Findings of `check`.
        ServerReachable = "server.reachable",
        ServerVersion = "server.version",
        ServerBaseUrl = "server.base-url",
        CredentialPresent = "credential.present",
        CredentialValid = "credential.valid",
        CredentialKind = "credential.kind",
        CredentialScopes = "credential.scopes",
        CredentialExcess = "credential.excess",
        CredentialExpiry = "credential.expiry",
        CredentialReach = "credential.reach",
        RepositoryVisible = "repository.visible",
        RepositoryEmpty = "repository.empty",
        RepositoryArchived = "repository.archived",
        RepositoryRenamed = "repository.renamed",
        SshAccess = "ssh.access",
        // Findings of `audit`.
        KeyAge = "key.age",
        KeyUnused = "key.unused",
        KeyWrite = "key.write",
        KeyWeak = "key.weak",
        KeyShared = "key.shared",
        KeyExpiry = "key.expiry",
        WebhookPlainHttp = "webhook.plain-http",
        WebhookUnsigned = "webhook.unsigned",
        WebhookInsecure = "webhook.insecure",
        WebhookDuplicate = "webhook.duplicate",
        WebhookFailing = "webhook.failing",
        TokenNoExpiry = "token.no-expiry",
        TokenExpiry = "token.expiry",
        TokenUnused = "token.unused",
        TokenWide = "token.wide",
        // Steps of `doctor`.
        MachineConfig = "machine.config",
        MachineSecrets = "machine.secrets",
        MachineSsh = "machine.ssh",
        MachineGit = "machine.git",
        Url = "url",
        Dns = "dns",
        Tcp = "tcp",
        Proxy = "proxy",
        Tls = "tls",
        Http = "http",
        Product = "product",
        Version = "version",
        BaseUrl = "base-url",
        Clock = "clock",
        Credential = "credential",
        RateLimit = "rate-limit",
        SshTcp = "ssh.tcp",
        SshHostKey = "ssh.host-key",
        SshAuth = "ssh.auth",
        Git = "git",
    }
}

/// The conclusion of one rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    pub(crate) id: FindingId,
    pub(crate) level: Severity,
    pub(crate) message: String,
    /// What was observed.
    pub(crate) evidence: Option<String>,
    /// What to do: a command, or a page.
    pub(crate) next: Option<String>,
    /// How long the step took. Findings of `check` have no time of their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) elapsed_ms: Option<u64>,
    /// The exit status of a failure; [`ExitStatus::Success`] for any other severity.
    #[serde(skip)]
    pub(crate) exit: ExitStatus,
    /// The finding does not decide what `--for` or `--require` asked for.
    #[serde(skip)]
    pub(crate) is_undetermined: bool,
}

impl Finding {
    fn new(id: FindingId, level: Severity, message: impl Into<String>) -> Self {
        Self {
            id,
            level,
            message: message.into(),
            evidence: None,
            next: None,
            elapsed_ms: None,
            exit: ExitStatus::Success,
            is_undetermined: false,
        }
    }

    pub(crate) fn pass(id: FindingId, message: impl Into<String>) -> Self {
        Self::new(id, Severity::Pass, message)
    }

    pub(crate) fn warn(id: FindingId, message: impl Into<String>) -> Self {
        Self::new(id, Severity::Warn, message)
    }

    pub(crate) fn unknown(id: FindingId, message: impl Into<String>) -> Self {
        Self::new(id, Severity::Unknown, message)
    }

    /// Unknown, although `--for` or `--require` asked for it.
    pub(crate) fn undetermined(id: FindingId, message: impl Into<String>) -> Self {
        Self {
            is_undetermined: true,
            ..Self::unknown(id, message)
        }
    }

    pub(crate) fn fail(id: FindingId, exit: ExitStatus, message: impl Into<String>) -> Self {
        Self {
            exit,
            ..Self::new(id, Severity::Fail, message)
        }
    }

    /// An error that was met while the facts were gathered.
    pub(crate) fn from_error(id: FindingId, summary: &ErrorSummary) -> Self {
        Self {
            next: summary.hint.clone(),
            ..Self::fail(id, summary.exit, summary.message.clone())
        }
    }

    pub(crate) fn with_evidence(self, evidence: impl Into<String>) -> Self {
        Self {
            evidence: Some(evidence.into()),
            ..self
        }
    }

    pub(crate) fn with_next(self, next: impl Into<String>) -> Self {
        Self {
            next: Some(next.into()),
            ..self
        }
    }

    /// With a command as the next step, where there is one.
    pub(crate) fn with_command(self, command: Option<String>) -> Self {
        Self {
            next: command,
            ..self
        }
    }

    pub(crate) fn with_elapsed(self, elapsed: Duration) -> Self {
        let milliseconds = elapsed.as_millis().try_into().unwrap_or(u64::MAX);
        Self {
            elapsed_ms: Some(milliseconds),
            ..self
        }
    }

    /// A failure of something that is not required is a warning; a host key that is not the expected one stays a failure.
    pub(crate) fn downgraded(mut self) -> Self {
        if self.level == Severity::Fail && self.exit != ExitStatus::HostKeyMismatch {
            self.level = Severity::Warn;
            self.exit = ExitStatus::Success;
        }
        self
    }

    /// The first of some problems, where there is one; else this finding, which has to be one that passed.
    pub(crate) fn unless(self, problems: impl IntoIterator<Item = Option<Self>>) -> Self {
        problems.into_iter().flatten().next().unwrap_or(self)
    }

    /// This finding, where it asks for a change.
    pub(crate) fn if_problem(self) -> Option<Self> {
        matches!(self.level, Severity::Warn | Severity::Fail).then_some(self)
    }
}

/// The failure that decides the exit status of `doctor`: a host key that is not the expected one, else the first.
pub(crate) fn deciding_failure(findings: &[Finding]) -> Option<&Finding> {
    let mut failures = findings
        .iter()
        .filter(|finding| finding.level == Severity::Fail);
    let first = failures.next()?;
    std::iter::once(first)
        .chain(failures)
        .find(|failure| failure.exit == ExitStatus::HostKeyMismatch)
        .or(Some(first))
}
