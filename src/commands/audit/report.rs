//! The report of an audit: text, JSON, CSV, `JUnit`, Markdown.

use std::collections::BTreeMap;

use serde::Serialize;

use super::gather::Unread;
use crate::diagnostics::report::{
    junit_testcase, markdown_cell, markdown_finding, write_finding, xml_attribute,
};
use crate::diagnostics::{Finding, Severity};
use crate::exit_status::ExitStatus;
use crate::types::date::Date;
use crate::types::inventory::{Item, ItemKind};
use crate::types::timestamp::Timestamp;
use crate::ui::{CommandOutput, TextWriter};

/// The formats of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// For people
    Text,
    /// One JSON document, as with --json
    Json,
    /// One line for each item
    Csv,
    /// `JUnit` XML: a suite for each owner
    Junit,
    /// Markdown tables
    Markdown,
}

#[derive(Debug, Serialize)]
pub(crate) struct AuditOutput {
    ok: bool,
    exit: u8,
    repositories: usize,
    requests: usize,
    items: Vec<Row>,
    incomplete: Vec<Unread>,
    #[serde(skip)]
    format: Format,
    #[serde(skip)]
    status: ExitStatus,
}

#[derive(Debug, Serialize)]
struct Row {
    kind: ItemKind,
    owner: String,
    id: Option<String>,
    label: Option<String>,
    fingerprint: Option<String>,
    algorithm: Option<String>,
    access: Option<String>,
    created_on: Option<Timestamp>,
    last_used_on: Option<Timestamp>,
    expires_on: Option<Date>,
    findings: Vec<Finding>,
}

const COLUMNS: [&str; 11] = [
    "kind",
    "owner",
    "id",
    "label",
    "fingerprint",
    "algorithm",
    "access",
    "created_on",
    "last_used_on",
    "expires_on",
    "findings",
];

impl Row {
    fn new(item: Item, findings: Vec<Finding>) -> Self {
        Self {
            kind: item.kind,
            owner: item.owner,
            id: item.id,
            label: item.label,
            fingerprint: item.fingerprint,
            algorithm: item.algorithm,
            access: item.access,
            created_on: item.created_on,
            last_used_on: item.last_used_on,
            expires_on: item.expires_on,
            findings,
        }
    }

    /// What a person recognises it by.
    fn title(&self) -> String {
        let name = self.label.as_deref().or(self.id.as_deref());
        format!("{} {}", self.kind, name.unwrap_or("without a name"))
    }

    /// The severest finding first: what fails, what warns, what is unknown.
    fn rank(&self) -> usize {
        let order = [Severity::Fail, Severity::Warn, Severity::Unknown];
        let has = |level: &Severity| self.findings.iter().any(|finding| finding.level == *level);
        order.iter().position(has).unwrap_or(order.len())
    }
}

impl AuditOutput {
    pub(super) fn new(
        format: Format,
        status: ExitStatus,
        repositories: usize,
        requests: usize,
        items: impl Iterator<Item = (Item, Vec<Finding>)>,
        incomplete: Vec<Unread>,
    ) -> Self {
        Self {
            ok: status == ExitStatus::Success,
            exit: status.code(),
            repositories,
            requests,
            items: items
                .map(|(item, findings)| Row::new(item, findings))
                .collect(),
            incomplete,
            format,
            status,
        }
    }

    fn count(&self, level: Severity) -> usize {
        let findings = self.items.iter().flat_map(|row| &row.findings);
        findings.filter(|finding| finding.level == level).count()
    }

    /// The items by owner; owners with the severest findings first.
    fn by_owner(&self) -> Vec<(&str, Vec<&Row>)> {
        let mut owners: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
        for row in &self.items {
            owners.entry(&row.owner).or_default().push(row);
        }
        let mut owners: Vec<_> = owners.into_iter().collect();
        for (_, rows) in &mut owners {
            rows.sort_by_key(|row| row.rank());
        }
        owners.sort_by_key(|(_, rows)| rows.first().map_or(usize::MAX, |row| row.rank()));
        owners
    }

    fn summary(&self) -> String {
        format!(
            "{} items in {} repositories: {} failed, {} warnings, {} unknown",
            self.items.len(),
            self.repositories,
            self.count(Severity::Fail),
            self.count(Severity::Warn),
            self.count(Severity::Unknown),
        )
    }

    fn write_text(&self, out: &mut TextWriter) {
        for (owner, rows) in self.by_owner() {
            if rows.iter().all(|row| row.findings.is_empty()) {
                continue;
            }
            out.heading(owner);
            for row in rows.iter().filter(|row| !row.findings.is_empty()) {
                out.line(&format!("  {}", row.title()));
                for finding in &row.findings {
                    write_finding(out, finding);
                }
            }
            out.blank_line();
        }
        out.line(&self.summary());
    }

    fn write_csv(&self, out: &mut TextWriter) {
        out.raw(&format!("{}\n", COLUMNS.join(",")));
        for row in &self.items {
            let date = |timestamp: Option<Timestamp>| timestamp.map(|at| at.to_string());
            let findings: Vec<_> = row
                .findings
                .iter()
                .map(|finding| finding.id.name())
                .collect();
            let fields = [
                Some(row.kind.to_string()),
                Some(row.owner.clone()),
                row.id.clone(),
                row.label.clone(),
                row.fingerprint.clone(),
                row.algorithm.clone(),
                row.access.clone(),
                date(row.created_on),
                date(row.last_used_on),
                row.expires_on.map(|date| date.to_string()),
                Some(findings.join(" ")),
            ];
            let fields = fields.map(|field| csv_field(&field.unwrap_or_default()));
            out.raw(&format!("{}\n", fields.join(",")));
        }
    }

    fn write_junit(&self, out: &mut TextWriter) {
        let tests: usize = self.items.iter().map(|row| row.findings.len()).sum();
        out.raw(&format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"bbconnect audit\" tests=\"{tests}\" failures=\"{}\">\n",
            self.count(Severity::Fail)
        ));
        for (owner, rows) in self.by_owner() {
            let findings = || rows.iter().flat_map(|row| &row.findings);
            let count = |level| findings().filter(|finding| finding.level == level).count();
            let name = xml_attribute(owner);
            out.raw(&format!(
                "  <testsuite name=\"{name}\" tests=\"{}\" failures=\"{}\" skipped=\"{}\">\n",
                findings().count(),
                count(Severity::Fail),
                count(Severity::Unknown)
            ));
            for row in &rows {
                let class = xml_attribute(&format!("{owner}: {}", row.title()));
                for finding in &row.findings {
                    let is_failure = finding.level == Severity::Fail;
                    out.raw(&junit_testcase(finding, &class, is_failure));
                }
            }
            out.raw("  </testsuite>\n");
        }
        out.raw("</testsuites>\n");
    }

    fn write_markdown(&self, out: &mut TextWriter) {
        let verdict = if self.ok { "passed" } else { "failed" };
        out.raw(&format!(
            "## bbconnect audit: {verdict}\n\n{}\n",
            self.summary()
        ));
        let owners = self.by_owner();
        let rows = owners.iter().flat_map(|(_, rows)| rows);
        let mut findings = rows
            .flat_map(|row| row.findings.iter().map(move |finding| (row, finding)))
            .peekable();
        if findings.peek().is_some() {
            out.raw(
                "\n| Owner | Item | Level | Finding | What | Next |\n|---|---|---|---|---|---|\n",
            );
        }
        for (row, finding) in findings {
            out.raw(&format!(
                "| {} | {} | {} | `{}` | {} | {} |\n",
                markdown_cell(&row.owner),
                markdown_cell(&row.title()),
                finding.level.name(),
                finding.id.name(),
                markdown_finding(finding),
                markdown_cell(finding.next.as_deref().unwrap_or("–")),
            ));
        }
        if !self.incomplete.is_empty() {
            out.raw("\n| Not read | Reason |\n|---|---|\n");
        }
        for unread in &self.incomplete {
            let [owner, reason] = [&unread.owner, &unread.reason].map(|text| markdown_cell(text));
            out.raw(&format!("| {owner} | {reason} |\n"));
        }
    }
}

/// A field of RFC 4180. What a spreadsheet would take for a formula is quoted.
fn csv_field(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '@', '-', '\t', '\r']);
    let text = if is_formula {
        format!("'{text}")
    } else {
        text.to_owned()
    };
    if text.contains(['"', ',', '\n', '\r']) || is_formula {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

impl CommandOutput for AuditOutput {
    const SCHEMA: &'static str = "bbconnect/audit@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        match self.format {
            Format::Text | Format::Json => self.write_text(out),
            Format::Csv => self.write_csv(out),
            Format::Junit => self.write_junit(out),
            Format::Markdown => self.write_markdown(out),
        }
    }

    fn write_stderr(&self, out: &mut TextWriter) {
        for unread in &self.incomplete {
            out.line(&format!("{}: {}", unread.owner, unread.reason));
        }
    }

    fn exit_status(&self) -> ExitStatus {
        self.status
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_safe_in_spreadsheets() {
        for (text, field) in [
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("say \"x\"", "\"say \"\"x\"\"\""),
            ("=1+1", "\"'=1+1\""),
            ("@sum", "\"'@sum\""),
            ("", ""),
        ] {
            assert_eq!(csv_field(text), field);
        }
    }
}
