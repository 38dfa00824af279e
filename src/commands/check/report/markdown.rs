//! Markdown, for the summary of a job: a table of what is not as it should be, after one line for each connection.

use super::CheckReport;
use crate::exit_status::ExitStatus;
use crate::types::escape::escape;
use crate::types::finding::Severity;
use crate::ui::TextWriter;

pub(super) fn write(report: &CheckReport, out: &mut TextWriter) {
    let verdict = if report.ok {
        "all is well"
    } else {
        "something is wrong"
    };
    out.raw(&format!("## bbconnect check: {verdict}\n\n"));
    out.raw("| Connection | Server | Account | Result |\n|---|---|---|---|\n");
    for row in &report.connections {
        let result = if row.exit == ExitStatus::Success {
            "ok".to_owned()
        } else {
            format!(
                "**{}** (exit {})",
                row.exit.error_kind().replace('_', " "),
                row.exit.code()
            )
        };
        let account = row.account.as_deref().unwrap_or("–");
        let base_url = row.base_url.as_deref().unwrap_or("–");
        let [name, base_url, account] = [&row.name, base_url, account].map(cell);
        out.raw(&format!("| {name} | {base_url} | {account} | {result} |\n"));
    }
    let rows = report.connections.iter().flat_map(|row| {
        let findings = row.findings.iter().map(|judged| &judged.finding);
        let worth_telling = findings.filter(|finding| finding.level != Severity::Pass);
        worth_telling.map(move |finding| (&row.name, finding))
    });
    let rows: Vec<String> = rows
        .map(|(name, finding)| {
            let message = match &finding.evidence {
                Some(evidence) => format!("{} ({evidence})", finding.message),
                None => finding.message.clone(),
            };
            let next = finding.next.as_deref().unwrap_or("–");
            let [name, message, next] = [name, &message, next].map(cell);
            format!(
                "| {name} | {} | `{}` | {message} | {next} |\n",
                finding.level.name(),
                finding.id
            )
        })
        .collect();
    if !rows.is_empty() {
        out.raw("\n| Connection | Level | Finding | What | Next |\n|---|---|---|---|---|\n");
        out.raw(&rows.concat());
    }
}

/// Text that stays in its cell, and is no markup.
fn cell(text: &str) -> String {
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
    fn text_stays_in_its_cell() {
        assert_eq!(cell("a|b <img> `x`\n"), "a\\|b \\<img\\> \\`x\\`\\\\n");
    }
}
