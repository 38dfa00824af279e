//! The report of an audit: text, JSON, CSV, `JUnit`, Markdown.

use std::ops::Range;
use std::path::PathBuf;

use serde::{Serialize, Serializer};

use super::gather::Unread;
use super::organization::ExpiryDate;
use crate::diagnostics::report::{
    junit_testcase, markdown_cell, markdown_finding, write_finding, xml_attribute,
};
use crate::diagnostics::{Audit, AuditContext, Finding, Severity};
use crate::exit_status::ExitStatus;
use crate::types::counted::counted;
use crate::types::date::{Date, Timestamp};
use crate::types::escape::escape;
use crate::types::inventory::{Item, ItemKind};
use crate::types::public_key::Fingerprint;
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
    /// `JUnit` XML
    #[value(help = "JUnit XML: a suite for each owner")]
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
    items: AuditItems,
    incomplete: Vec<Unread>,
    expiry_dates: Vec<ExpiryDate>,
    #[serde(skip)]
    options: ReportOptions,
    #[serde(skip)]
    status: ExitStatus,
}

/// The items of an audit. Their findings are derived each time that they are written: kept as text, those of tens of thousands
/// of items would take more memory than the items.
#[derive(Debug)]
pub(super) struct AuditItems {
    /// In the order of their owners.
    items: Vec<Item>,
    context: AuditContext,
    /// The severest level of each item; `None` where it has no finding.
    levels: Vec<Option<Severity>>,
    /// The findings of each level.
    failures: usize,
    warnings: usize,
    unknown: usize,
}

/// An item with its findings.
#[derive(Debug, Serialize)]
struct Row<'a> {
    kind: ItemKind,
    owner: &'a str,
    id: Option<&'a str>,
    label: Option<&'a str>,
    fingerprint: Option<Fingerprint>,
    algorithm: Option<&'a str>,
    access: Option<&'a str>,
    created_on: Option<Timestamp>,
    last_used_on: Option<Timestamp>,
    expires_on: Option<Date>,
    findings: Vec<Finding>,
}

/// More owners that could not be read, and more reasons, are counted on standard error; all are in the JSON document.
const MAX_UNREAD_SHOWN: usize = 5;

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

/// The severest first: what fails, what warns, what is unknown.
fn rank(level: Option<Severity>) -> usize {
    let order = [Severity::Fail, Severity::Warn, Severity::Unknown];
    let place = order.iter().position(|other| Some(*other) == level);
    place.unwrap_or(order.len())
}

impl<'a> Row<'a> {
    fn new(item: &'a Item, findings: Vec<Finding>) -> Self {
        Self {
            kind: item.kind,
            owner: &item.owner,
            id: item.id.as_deref(),
            label: item.label.as_deref(),
            fingerprint: item.fingerprint,
            algorithm: item.algorithm.as_deref(),
            access: item.access.as_deref(),
            created_on: item.created_on,
            last_used_on: item.last_used_on,
            expires_on: item.expires_on,
            findings,
        }
    }

    /// What a person recognises it by.
    fn title(&self) -> String {
        let name = self.label.or(self.id);
        format!("{} {}", self.kind, name.unwrap_or("without a name"))
    }
}

impl AuditItems {
    pub(super) fn new(items: Vec<Item>, context: AuditContext) -> Self {
        let mut levels = Vec::with_capacity(items.len());
        let (mut failures, mut warnings, mut unknown) = (0, 0, 0);
        let audit = Audit::new(&items, &context);
        for item in &items {
            let findings = audit.findings(item);
            for finding in &findings {
                match finding.level {
                    Severity::Fail => failures += 1,
                    Severity::Warn => warnings += 1,
                    Severity::Unknown => unknown += 1,
                    Severity::Pass => {}
                }
            }
            let found = findings.iter().map(|finding| Some(finding.level));
            levels.push(found.min_by_key(|level| rank(*level)).flatten());
        }
        Self {
            items,
            context,
            levels,
            failures,
            warnings,
            unknown,
        }
    }

    /// All items, in the order of their owners.
    fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        let audit = Audit::new(&self.items, &self.context);
        let items = self.items.iter();
        items.map(move |item| Row::new(item, audit.findings(item)))
    }

    /// The items of each owner: the severest findings first, in an item, among those of an owner, and among the owners.
    fn by_owner(&self) -> impl Iterator<Item = (&str, Vec<Row<'_>>)> {
        let level = |index: usize| rank(self.levels.get(index).copied().flatten());
        let mut owners: Vec<Range<usize>> = Vec::new();
        for (index, item) in self.items.iter().enumerate() {
            match owners.last_mut() {
                Some(owner) if self.items[owner.start].owner == item.owner => owner.end = index + 1,
                _ => owners.push(index..index + 1),
            }
        }
        owners.sort_by_key(|owner| owner.clone().map(level).min());
        let audit = Audit::new(&self.items, &self.context);
        owners.into_iter().map(move |owner| {
            let name = &*self.items[owner.start].owner;
            let mut indexes: Vec<_> = owner.collect();
            indexes.sort_by_key(|index| level(*index));
            let rows = indexes.into_iter().map(|index| {
                let item = &self.items[index];
                let mut findings = audit.findings(item);
                findings.sort_by_key(|finding| rank(Some(finding.level)));
                Row::new(item, findings)
            });
            (name, rows.collect())
        })
    }
}

impl Serialize for AuditItems {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.rows())
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
        items: AuditItems,
        incomplete: Vec<Unread>,
        expiry_dates: Vec<ExpiryDate>,
    ) -> Self {
        let warns = options.strict && items.warnings > 0;
        let verdicts = [
            (items.failures > 0).then_some(ExitStatus::Failure),
            warns.then_some(ExitStatus::Warnings),
        ];
        let unread = incomplete.iter().map(|unread| unread.exit);
        let verdicts = verdicts.into_iter().flatten();
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

    fn summary(&self) -> String {
        let unread = match self.incomplete.len() {
            0 => String::new(),
            count => format!("; {} could not be read", counted(count, "owner", "owners")),
        };
        format!(
            "{} in {}: {} failed, {}, {} unknown{unread}",
            counted(self.items.items.len(), "item", "items"),
            counted(self.totals.repositories, "repository", "repositories"),
            self.items.failures,
            counted(self.items.warnings, "warning", "warnings"),
            self.items.unknown,
        )
    }

    fn write_text(&self, out: &mut TextWriter) {
        for (owner, rows) in self.items.by_owner() {
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
        for row in self.items.rows() {
            let date = |timestamp: Option<Timestamp>| timestamp.map(|at| at.to_string());
            let findings: Vec<_> = row
                .findings
                .iter()
                .map(|finding| finding.id.name())
                .collect();
            let text = |text: Option<&str>| text.map(str::to_owned);
            let fields = [
                Some(row.kind.to_string()),
                text(Some(row.owner)),
                text(row.id),
                text(row.label),
                row.fingerprint.map(|fingerprint| fingerprint.to_string()),
                text(row.algorithm),
                text(row.access),
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
        let mut run = Suite::default();
        for unread in &self.incomplete {
            run.tests += 1;
            let [owner, reason] = [&*unread.owner, &*unread.reason].map(xml_attribute);
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
        let items = &self.items;
        let without_finding = items.levels.iter().filter(|level| level.is_none()).count();
        let warnings = if self.options.strict {
            items.warnings
        } else {
            0
        };
        let errors = self.incomplete.len();
        out.raw(&format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"bbconnect audit\" tests=\"{}\" failures=\"{}\" errors=\"{errors}\" skipped=\"{}\">\n",
            items.failures + items.warnings + items.unknown + without_finding + run.tests,
            items.failures + warnings,
            items.unknown,
        ));
        for (owner, rows) in items.by_owner() {
            let mut suite = Suite::default();
            for row in &rows {
                suite.add_item(owner, row, &self.options);
            }
            out.raw(&suite.finish(owner, 0));
        }
        out.raw(&run.finish("bbconnect audit", errors));
        out.raw("</testsuites>\n");
    }

    fn write_markdown(&self, out: &mut TextWriter) {
        let verdict = if self.ok { "passed" } else { "failed" };
        out.raw(&format!(
            "## bbconnect audit: {verdict}\n\n{}\n",
            self.summary()
        ));
        if self.items.levels.iter().any(Option::is_some) {
            out.raw(
                "\n| Owner | Item | Level | Finding | What | Next |\n|---|---|---|---|---|---|\n",
            );
        }
        for row in self.items.by_owner().flat_map(|(_, rows)| rows) {
            for finding in &row.findings {
                out.raw(&format!(
                    "| {} | {} | {} | `{}` | {} | {} |\n",
                    markdown_cell(row.owner),
                    markdown_cell(&row.title()),
                    finding.level.name(),
                    finding.id.name(),
                    markdown_finding(finding),
                    markdown_cell(finding.next.as_deref().unwrap_or("–")),
                ));
            }
        }
        if !self.incomplete.is_empty() {
            out.raw("\n| Not read | Reason |\n|---|---|\n");
        }
        for unread in &self.incomplete {
            let [owner, reason] = [&*unread.owner, &*unread.reason].map(markdown_cell);
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
    fn add_item(&mut self, owner: &str, row: &Row<'_>, options: &ReportOptions) {
        // Titles need not be unique, and a CI system merges tests of the same name.
        let id = row.id.filter(|_| row.label.is_some());
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
        // Many owners may have one reason, such as the limit of requests.
        let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
        for Unread { owner, reason, .. } in &self.incomplete {
            match reasons.iter_mut().find(|(other, _)| *other == &**reason) {
                Some((_, owners)) => owners.push(owner),
                None => reasons.push((reason, vec![owner])),
            }
        }
        for (reason, owners) in reasons.iter().take(MAX_UNREAD_SHOWN) {
            let named = owners.iter().take(MAX_UNREAD_SHOWN).copied();
            let named = named.collect::<Vec<_>>().join(", ");
            let more = match owners.len().saturating_sub(MAX_UNREAD_SHOWN) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            out.line(&format!("{named}{more}: {reason}"));
        }
        let others = reasons.iter().skip(MAX_UNREAD_SHOWN);
        let more: usize = others.map(|(_, owners)| owners.len()).sum();
        if more > 0 {
            let owners = counted(more, "more owner", "more owners");
            out.line(&format!("{owners} could not be read"));
        }
        let mut hints: Vec<_> = self
            .incomplete
            .iter()
            .filter_map(|unread| unread.hint.as_ref())
            .map(|hint| hint.render(self.items.context.connection.as_deref()))
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
