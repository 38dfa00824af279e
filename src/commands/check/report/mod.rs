//! The result in its formats: one small exporter for each.

mod junit;
mod markdown;
mod text;

use super::output::{CheckReport, ConnectionReport, Format};
use super::rules::CheckResult;
use crate::ui::TextWriter;

/// Writes the result in the format that was asked for.
pub(super) fn write(report: &CheckReport, out: &mut TextWriter) {
    if report.quiet {
        return;
    }
    match report.format {
        Format::Text | Format::Json => text::write(report, out),
        Format::Junit => junit::write(report, out),
        Format::Markdown => markdown::write(report, out),
    }
}
