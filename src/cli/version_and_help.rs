//! `--version` and `--help` as JSON documents.

use serde::Serialize;

use crate::ui::{CommandOutput, TextWriter};

/// `--version`, with `--json`.
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
        out.line(self.version);
    }
}

/// `--help`, with `--json`.
#[derive(Debug, Serialize)]
pub(crate) struct Help {
    help: String,
}

impl Help {
    /// The page that was asked for.
    pub(crate) fn of(page: &clap::Error) -> Self {
        Self {
            help: page.render().to_string(),
        }
    }
}

impl CommandOutput for Help {
    const SCHEMA: &'static str = "bbconnect/help@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        out.raw(&self.help);
    }
}
