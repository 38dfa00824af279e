//! What `bbconnect key rotate` tells: as data and as text.

use serde::Serialize;

use crate::error::Error;
use crate::exit_status::ExitStatus;
use crate::resolve::SshConnection;
use crate::types::fingerprint::Fingerprint;
use crate::ui::{CommandOutput, TextWriter};

/// What became of the keys.
#[derive(Debug, Serialize)]
pub(crate) struct RotateOutput {
    rotations: Vec<Rotation>,
}

/// What became of a key.
#[derive(Debug, Serialize)]
pub(super) struct Rotation {
    pub(super) connections: Vec<String>,
    pub(super) action: Action,
    pub(super) key_path: String,
    pub(super) before: Option<Fingerprint>,
    pub(super) after: Option<Fingerprint>,
    pub(super) age_days: Option<i64>,
    pub(super) message: Option<String>,
    #[serde(skip)]
    pub(super) exit: ExitStatus,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Action {
    /// It was replaced.
    Rotated,
    /// It would be replaced.
    WouldRotate,
    /// It is young enough.
    Unchanged,
    /// It is registered by hand: no connection with REST is for it.
    Skipped,
    /// It could not be replaced, and still works.
    Failed,
}

impl RotateOutput {
    pub(super) fn new(rotations: Vec<Rotation>) -> Self {
        Self { rotations }
    }
}

impl Rotation {
    pub(super) fn failed(ssh_connection: &SshConnection, error: &Error) -> Self {
        Self {
            action: Action::Failed,
            message: Some(error.to_string()),
            exit: error.exit_status(),
            ..Self::skipped(ssh_connection)
        }
    }

    pub(super) fn skipped(ssh_connection: &SshConnection) -> Self {
        Self {
            connections: vec![ssh_connection.name.to_string()],
            action: Action::Skipped,
            key_path: ssh_connection.key.to_string_lossy().into_owned(),
            before: None,
            after: None,
            age_days: None,
            message: Some("no connection with REST is for it, so replace it by hand".to_owned()),
            exit: ExitStatus::Success,
        }
    }
}

impl CommandOutput for RotateOutput {
    const SCHEMA: &'static str = "bbconnect/key-rotate@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        if self.rotations.is_empty() {
            out.line("no connection has an SSH key");
        }
        for rotation in &self.rotations {
            let names = rotation.connections.join(", ");
            let age = rotation.age_days.map(|days| format!(", {days} days old"));
            let path = format!("{}{}", rotation.key_path, age.unwrap_or_default());
            let after = rotation.after.map(|after| after.to_string());
            out.line(&match rotation.action {
                Action::Rotated => {
                    format!(
                        "{names}: replaced {path}; it is now {}",
                        after.unwrap_or_default()
                    )
                }
                Action::WouldRotate => {
                    let whose = rotation.message.as_ref().map(|text| format!("; {text}"));
                    format!("{names}: would replace {path}{}", whose.unwrap_or_default())
                }
                Action::Unchanged => format!("{names}: keeps {path}"),
                Action::Skipped => format!(
                    "{names}: keeps {path}: {}",
                    rotation.message.as_deref().unwrap_or_default()
                ),
                Action::Failed => format!(
                    "{names}: {path} could not be replaced: {}",
                    rotation.message.as_deref().unwrap_or_default()
                ),
            });
        }
    }

    fn exit_status(&self) -> ExitStatus {
        ExitStatus::most_significant(self.rotations.iter().map(|rotation| rotation.exit))
    }
}
