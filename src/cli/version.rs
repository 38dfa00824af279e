//! The output of `--version`.

use serde::Serialize;

use crate::ui::{CommandOutput, TextWriter};

#[derive(Debug, Serialize)]
pub(crate) struct Version {
    version: &'static str,
}

impl Default for Version {
    fn default() -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION"),
        }
    }
}

impl CommandOutput for Version {
    const SCHEMA: &'static str = "bbconnect/version@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        out.line(&format!("bbconnect {}", self.version));
    }
}
