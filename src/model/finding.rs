//! What was found, and what it means: the words in which things are judged.

use serde::Serialize;

/// How it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be.
    Pass,
    /// It works, but somebody should know.
    Warn,
    /// It does not work, or will not.
    Fail,
    /// Neither yes nor no.
    Unknown,
}

impl Level {
    /// The name in JSON and text.
    #[must_use]
    pub fn name(self) -> &'static str {
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
pub struct Finding {
    /// What was looked at.
    pub id: &'static str,
    /// How it stands.
    pub level: Level,
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
    pub fn new(id: &'static str, level: Level, message: impl Into<String>) -> Self {
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
    pub fn seen(self, evidence: impl Into<String>) -> Self {
        Self {
            evidence: Some(evidence.into()),
            ..self
        }
    }

    /// With what to do.
    #[must_use]
    pub fn next(self, next: impl Into<String>) -> Self {
        Self {
            next: Some(next.into()),
            ..self
        }
    }
}
