//! For people: one connection with all its findings, many with what is not as it should be.

use super::CheckReport;
use crate::exit_status::ExitStatus;
use crate::types::finding::Severity;
use crate::ui::TextWriter;

pub(super) fn write(report: &CheckReport, out: &mut TextWriter) {
    let is_one = report.connections.len() == 1;
    for row in &report.connections {
        let who = row.account.as_deref().map(|account| format!("  {account}"));
        let verdict = if row.exit == ExitStatus::Success {
            "ok".to_owned()
        } else {
            row.exit.error_kind().replace('_', " ")
        };
        let who = who.unwrap_or_default();
        let base = row.base_url.as_deref().map(|base| format!("  {base}"));
        let auth = row.auth.map(|auth| format!("  {auth}"));
        out.heading(&format!(
            "{}{}{}{who}: {verdict}",
            row.name,
            base.unwrap_or_default(),
            auth.unwrap_or_default()
        ));
        let findings = row.findings.iter().map(|judged| &judged.finding);
        let shown = findings.filter(|finding| is_one || finding.level != Severity::Pass);
        shown.for_each(|finding| out.write_finding(finding));
    }
    if !is_one {
        let good = report
            .connections
            .iter()
            .filter(|row| row.exit == ExitStatus::Success)
            .count();
        let all = report.connections.len();
        out.line(&format!(
            "{good} of {all} connections are as they should be"
        ));
    }
}
