//! Markdown: the summary of a job, a table of connections and a table of the findings that did not pass.

use std::fmt::Write as _;

use super::check_report::CheckReport;
use crate::diagnostics::finding::{Finding, Severity};
use crate::types::escape::escape;
use crate::ui::TextWriter;

pub(super) fn write(report: &CheckReport, out: &mut TextWriter) {
    let verdict = if report.ok { "passed" } else { "failed" };
    out.raw(&format!("## bbconnect check: {verdict}\n\n"));
    out.raw("| Connection | Server | Account | Result |\n|---|---|---|---|\n");
    for connection in &report.connections {
        let mut result = connection.verdict();
        if !connection.passed() {
            result = format!("**{}** (exit {})", cell(&result), connection.exit.code());
        }
        let account = connection.account.as_deref().unwrap_or("–");
        let base_url = connection.base_url.as_deref().unwrap_or("–");
        let [name, base_url, account] = [&connection.name, base_url, account].map(cell);
        out.raw(&format!("| {name} | {base_url} | {account} | {result} |\n"));
    }
    let mut rows = String::new();
    for connection in &report.connections {
        let findings = connection.findings.iter();
        for finding in findings.filter(|finding| finding.level != Severity::Pass) {
            let next = finding.next.as_deref().unwrap_or("–");
            // Writing to a String cannot fail.
            let _ = writeln!(
                rows,
                "| {} | {} | `{}` | {} | {} |",
                cell(&connection.name),
                finding.level.name(),
                finding.id.name(),
                finding_cell(finding),
                cell(next)
            );
        }
    }
    if !rows.is_empty() {
        out.raw("\n| Connection | Level | Finding | What | Next |\n|---|---|---|---|---|\n");
        out.raw(&rows);
    }
}

/// The message of a finding, and what was observed.
pub(crate) fn finding_cell(finding: &Finding) -> String {
    let message = match &finding.evidence {
        Some(evidence) => format!("{} ({evidence})", finding.message),
        None => finding.message.clone(),
    };
    cell(&message)
}

/// The text of a table cell: one line, without markup.
pub(crate) fn cell(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in escape(text).chars() {
        if "\\`*_[]<>|#!&".contains(character) {
            safe.push('\\');
        }
        safe.push(character);
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_a_cell_is_escaped() {
        assert_eq!(cell("a|b <img> `x`\n"), "a\\|b \\<img\\> \\`x\\`\\\\n");
    }
}
