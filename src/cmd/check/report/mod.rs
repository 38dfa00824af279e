//! The result in its formats: one small exporter for each.

mod junit;
mod markdown;
mod text;

use super::judge::CheckResult;
use super::outcome::{CheckReport, ConnectionReport, Format};
use crate::output::TextWriter;

/// Writes the result in the format that was asked for.
pub(super) fn write(checked: &CheckReport, page: &mut TextWriter) {
    if checked.quiet {
        return;
    }
    match checked.format {
        Format::Text | Format::Json => text::write(checked, page),
        Format::Junit => junit::write(checked, page),
        Format::Markdown => markdown::write(checked, page),
    }
}
