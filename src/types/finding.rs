//! What was found, and what it means: the words in which things are judged.

use serde::Serialize;

/// How it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    /// As it should be.
    Pass,
    /// It works, but somebody should know.
    Warn,
    /// It does not work, or will not.
    Fail,
    /// Neither yes nor no.
    Unknown,
}

impl Severity {
    /// The name in JSON and text.
    #[must_use]
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Fail => "fail",
            Self::Unknown => "unknown",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// What was looked at.
    pub id: &'static str,
    /// How it stands.
    pub level: Severity,
    /// What that means, in a sentence.
    pub message: String,
    /// What was seen.
    pub evidence: Option<String>,
    /// What to do: a command to paste, or a page.
    pub next: Option<String>,
}

impl Finding {
    /// A finding without evidence.
    #[must_use]
    pub(crate) fn new(id: &'static str, level: Severity, message: impl Into<String>) -> Self {
        Self {
            id,
            level,
            message: message.into(),
            evidence: None,
            next: None,
        }
    }

    /// With what was seen.
    #[must_use]
    pub(crate) fn with_evidence(self, evidence: impl Into<String>) -> Self {
        Self {
            evidence: Some(evidence.into()),
            ..self
        }
    }

    /// With what to do.
    #[must_use]
    pub(crate) fn with_remedy(self, next: impl Into<String>) -> Self {
        Self {
            next: Some(next.into()),
            ..self
        }
    }
}
