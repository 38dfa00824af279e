//! The report of an audit: text, JSON, CSV, `JUnit`, Markdown.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use super::gather::Unread;
use super::organization::ExpiryDate;
use crate::diagnostics::report::{
    junit_testcase, markdown_cell, markdown_finding, write_finding, xml_attribute,
};
use crate::diagnostics::{Finding, Severity};
use crate::exit_status::ExitStatus;
use crate::types::counted::counted;
use crate::types::date::{Date, Timestamp};
use crate::types::escape::escape;
use crate::types::inventory::{Item, ItemKind};
use crate::types::shell::quote;
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

/// How the result is written and evaluated.
#[derive(Debug)]
pub(super) struct ReportOptions {
    pub(super) format: Format,
    pub(super) strict: bool,
    /// The file from which the next run continues.
    pub(super) resume: Option<PathBuf>,
    /// The connection that the user named.
    pub(super) connection: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Totals {
    pub(super) repositories: usize,
    pub(super) requests: usize,
}

#[derive(Debug, Serialize)]
pub(crate) struct AuditOutput {
    ok: bool,
    exit: u8,
    #[serde(flatten)]
    totals: Totals,
    items: Vec<Row>,
    incomplete: Vec<Unread>,
    expiry_dates: Vec<ExpiryDate>,
    #[serde(skip)]
    options: ReportOptions,
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

/// More owners that could not be read are counted on standard error; all are in the JSON document.
const MAX_UNREAD_SHOWN: usize = 10;

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

impl ReportOptions {
    fn fails(&self, finding: &Finding) -> bool {
        finding.level == Severity::Fail || self.strict && finding.level == Severity::Warn
    }
}

impl AuditOutput {
    pub(super) fn new(
        options: ReportOptions,
        totals: Totals,
        items: impl Iterator<Item = (Item, Vec<Finding>)>,
        incomplete: Vec<Unread>,
        expiry_dates: Vec<ExpiryDate>,
    ) -> Self {
        let items: Vec<_> = items
            .map(|(item, findings)| Row::new(item, findings))
            .collect();
        let findings = items.iter().flat_map(|row| &row.findings);
        let failures = findings.filter(|finding| options.fails(finding));
        let verdicts = failures.map(|finding| match finding.level {
            Severity::Warn => ExitStatus::Warnings,
            Severity::Fail | Severity::Unknown | Severity::Pass => ExitStatus::Failure,
        });
        let unread = incomplete.iter().map(|unread| unread.exit);
        let status = ExitStatus::most_significant(verdicts.chain(unread));
        Self {
            ok: status == ExitStatus::Success,
            exit: status.code(),
            totals,
            items,
            incomplete,
            expiry_dates,
            options,
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
        let unread = match self.incomplete.len() {
            0 => String::new(),
            count => format!("; {} could not be read", counted(count, "owner", "owners")),
        };
        format!(
            "{} in {}: {} failed, {}, {} unknown{unread}",
            counted(self.items.len(), "item", "items"),
            counted(self.totals.repositories, "repository", "repositories"),
            self.count(Severity::Fail),
            counted(self.count(Severity::Warn), "warning", "warnings"),
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
        for date in &self.expiry_dates {
            out.line(&format!(
                "{}: connection {} expires on {}",
                date.action, date.connection, date.expires_on
            ));
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

    /// A suite for each owner and one for the run: a report without any test is an error to some CI systems.
    fn write_junit(&self, out: &mut TextWriter) {
        let mut suites = String::new();
        let (mut tests, mut failures, mut skipped) = (0, 0, 0);
        for (owner, rows) in self.by_owner() {
            let mut suite = Suite::default();
            for row in &rows {
                suite.add_item(owner, row, &self.options);
            }
            tests += suite.tests;
            failures += suite.failures;
            skipped += suite.skipped;
            suites.push_str(&suite.finish(owner, 0));
        }
        let mut run = Suite::default();
        for unread in &self.incomplete {
            run.tests += 1;
            let [owner, reason] = [&unread.owner, &unread.reason].map(|text| xml_attribute(text));
            run.cases.push(format!(
                "    <testcase classname=\"{owner}\" name=\"read\">\n      <error message=\"{reason}\" type=\"{}\"/>\n    </testcase>\n",
                unread.exit.error_kind()
            ));
        }
        if self.incomplete.is_empty() {
            run.tests += 1;
            run.cases
                .push("    <testcase classname=\"bbconnect audit\" name=\"read\"/>\n".to_owned());
        }
        let errors = self.incomplete.len();
        out.raw(&format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"bbconnect audit\" tests=\"{}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"{skipped}\">\n",
            tests + run.tests
        ));
        out.raw(&suites);
        out.raw(&run.finish("bbconnect audit", errors));
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

/// The tests of an owner.
#[derive(Debug, Default)]
struct Suite {
    tests: usize,
    failures: usize,
    skipped: usize,
    cases: Vec<String>,
}

impl Suite {
    /// A test for each finding; one that passes for an item without findings.
    fn add_item(&mut self, owner: &str, row: &Row, options: &ReportOptions) {
        // Titles need not be unique, and a CI system merges tests of the same name.
        let id = row.id.as_deref().filter(|_| row.label.is_some());
        let id = id.map(|id| format!(" ({id})")).unwrap_or_default();
        let class = xml_attribute(&format!("{owner}: {}{id}", row.title()));
        self.tests += row.findings.len().max(1);
        if row.findings.is_empty() {
            self.cases.push(format!(
                "    <testcase classname=\"{class}\" name=\"{}\"/>\n",
                row.kind
            ));
        }
        for finding in &row.findings {
            let is_failure = options.fails(finding);
            self.failures += usize::from(is_failure);
            self.skipped += usize::from(finding.level == Severity::Unknown);
            self.cases.push(junit_testcase(finding, &class, is_failure));
        }
    }

    fn finish(&self, name: &str, errors: usize) -> String {
        format!(
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{errors}\" skipped=\"{}\">\n{}  </testsuite>\n",
            xml_attribute(name),
            self.tests,
            self.failures,
            self.skipped,
            self.cases.concat()
        )
    }
}

/// A field of RFC 4180, without control characters. What a spreadsheet would take for a formula gets an apostrophe in front
/// (<https://owasp.org/www-community/attacks/CSV_Injection>); separators are those of any locale.
fn csv_field(text: &str) -> String {
    let is_formula =
        text.trim_start().starts_with(['=', '+', '@', '-']) || text.starts_with(['\t', '\r', '\n']);
    let text = escape(text);
    let text = if is_formula {
        format!("'{text}")
    } else {
        text.into_owned()
    };
    if text.contains(['"', ',', ';', '\'']) || is_formula {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

impl CommandOutput for AuditOutput {
    const SCHEMA: &'static str = "bbconnect/audit@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        match self.options.format {
            Format::Text | Format::Json => self.write_text(out),
            Format::Csv => self.write_csv(out),
            Format::Junit => self.write_junit(out),
            Format::Markdown => self.write_markdown(out),
        }
    }

    fn write_stderr(&self, out: &mut TextWriter) {
        for unread in self.incomplete.iter().take(MAX_UNREAD_SHOWN) {
            out.line(&format!("{}: {}", unread.owner, unread.reason));
        }
        let more = self.incomplete.len().saturating_sub(MAX_UNREAD_SHOWN);
        if more > 0 {
            out.line(&format!("{more} more owners could not be read"));
        }
        let mut hints: Vec<_> = self
            .incomplete
            .iter()
            .filter_map(|unread| unread.hint.as_ref())
            .map(|hint| hint.render(self.options.connection.as_deref()))
            .collect();
        hints.dedup();
        hints.sort_unstable();
        hints.dedup();
        if let Some(path) = &self.options.resume {
            let path = path.to_string_lossy();
            hints = vec![format!("pass --resume {} again to continue", quote(&path))];
        }
        for hint in hints {
            out.line(&format!("hint: {hint}"));
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
            ("-1", "\"'-1\""),
            ("+1", "\"'+1\""),
            (" =1+1", "\"' =1+1\""),
            ("\t=1+1", "\"'\\t=1+1\""),
            ("a;b", "\"a;b\""),
            ("two\nlines", "two\\nlines"),
            ("@sum", "\"'@sum\""),
            ("", ""),
        ] {
            assert_eq!(csv_field(text), field);
        }
    }
}
