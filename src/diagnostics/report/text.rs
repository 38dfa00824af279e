//! Text: one connection with all its findings, several with those that did not pass.

use anstyle::{AnsiColor, Style};

use super::check_report::CheckReport;
use crate::diagnostics::finding::{Finding, Severity};
use crate::ui::TextWriter;

const PASS: Style = AnsiColor::Green.on_default();
const WARN: Style = AnsiColor::Yellow.on_default().bold();
const FAIL: Style = AnsiColor::Red.on_default().bold();
const UNKNOWN: Style = AnsiColor::Magenta.on_default();

/// After more findings the verdict, which is in the title, is repeated.
const MAX_FINDINGS_IN_VIEW: usize = 8;

pub(super) fn write(report: &CheckReport, out: &mut TextWriter) {
    let is_one = report.connections.len() == 1;
    for connection in &report.connections {
        let auth = connection.auth.map(|auth| auth.to_string());
        let parts = [
            connection.base_url.as_deref(),
            auth.as_deref(),
            connection.account.as_deref(),
        ];
        let mut title = connection.name.clone();
        for part in parts.into_iter().flatten() {
            title.push_str("  ");
            title.push_str(part);
        }
        if connection.passed() {
            out.heading(&format!("{title}  {}", connection.verdict()));
        } else {
            out.heading(&title);
            out.heading(&connection.verdict());
        }
        if let Some(repository) = connection.repository_text.as_ref().filter(|_| is_one) {
            out.key_value("repository", 10, repository);
        }
        for finding in &connection.findings {
            if is_one || finding.level != Severity::Pass {
                write_finding(out, finding);
            }
        }
    }
    if let [connection] = report.connections.as_slice()
        && connection.findings.len() > MAX_FINDINGS_IN_VIEW
    {
        let count = |level| {
            let findings = connection.findings.iter();
            findings.filter(|finding| finding.level == level).count()
        };
        out.heading(&format!(
            "{}  {} ({} failed, {} warnings)",
            connection.name,
            connection.verdict(),
            count(Severity::Fail),
            count(Severity::Warn)
        ));
    }
    if !is_one {
        let passed = report.connections.iter().filter(|report| report.passed());
        out.line(&format!(
            "{} of {} connections passed",
            passed.count(),
            report.connections.len()
        ));
    }
}

/// A finding: one line, and below it what was observed and what to do.
pub(crate) fn write_finding(out: &mut TextWriter, finding: &Finding) {
    let style = match finding.level {
        Severity::Pass => PASS,
        Severity::Warn => WARN,
        Severity::Fail => FAIL,
        Severity::Unknown => UNKNOWN,
    };
    let message = match finding.elapsed_ms {
        None | Some(0) => finding.message.clone(),
        Some(elapsed) => format!("{} [{elapsed} ms]", finding.message),
    };
    let level = (style, finding.level.name());
    let mut below = Vec::new();
    below.extend(finding.evidence.as_ref().map(|text| format!("({text})")));
    if finding.level != Severity::Pass {
        below.extend(finding.next.as_ref().map(|text| format!("next: {text}")));
    }
    out.labelled(level, finding.id.name(), &message, &below);
}
