//! Reports: what `check` returns, and the formats that both commands write.

mod check_report;
mod junit;
mod markdown;
mod text;

use crate::exit_status::ExitStatus;
use crate::ui::{CommandOutput, TextWriter};

pub(crate) use self::check_report::{CheckReport, ConnectionReport, Format, ReportOptions};
pub(crate) use self::junit::{attribute as xml_attribute, testcase as junit_testcase};
pub(crate) use self::markdown::{cell as markdown_cell, finding_cell as markdown_finding};
pub(crate) use self::text::write_finding;

impl CommandOutput for CheckReport {
    const SCHEMA: &'static str = "bbconnect/check@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        if self.options.quiet {
            return;
        }
        match self.options.format {
            Format::Text | Format::Json => text::write(self, out),
            Format::Junit => junit::write(self, out),
            Format::Markdown => markdown::write(self, out),
        }
    }

    fn exit_status(&self) -> ExitStatus {
        self.status
    }
}
