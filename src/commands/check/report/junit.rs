//! `JUnit` XML: a suite for each connection, a test for each finding. Bitbucket Pipelines and others pick it up.
//!
//! The common subset of <https://github.com/testmoapp/junitxml>: failures, skipped tests, times in seconds.

use super::{CheckReport, CheckResult, ConnectionReport};
use crate::exit_status::ExitStatus;
use crate::types::escape::escape;
use crate::types::finding::Severity;
use crate::ui::TextWriter;

pub(super) fn write(report: &CheckReport, out: &mut TextWriter) {
    let failures = |row: &ConnectionReport| {
        row.findings
            .iter()
            .filter(|judged| is_failure(judged, report, row))
            .count()
    };
    let skipped = |row: &ConnectionReport| {
        let unknown = |judged: &&CheckResult| {
            judged.finding.level == Severity::Unknown && !is_failure(judged, report, row)
        };
        row.findings.iter().filter(unknown).count()
    };
    let count =
        |of: &dyn Fn(&ConnectionReport) -> usize| report.connections.iter().map(of).sum::<usize>();
    let head = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"bbconnect check\" tests=\"{}\" failures=\"{}\" time=\"{}\">\n",
        count(&|row| row.findings.len()),
        count(&failures),
        seconds(u128::from(report.elapsed_ms)),
    );
    out.raw(&head);
    for row in &report.connections {
        let name = attribute(&row.name);
        out.raw(&format!(
            "  <testsuite name=\"{name}\" tests=\"{}\" failures=\"{}\" skipped=\"{}\" time=\"{}\">\n",
            row.findings.len(),
            failures(row),
            skipped(row),
            seconds(row.elapsed.as_millis()),
        ));
        for judged in &row.findings {
            out.raw(&test(judged, &name, is_failure(judged, report, row)));
        }
        out.raw("  </testsuite>\n");
    }
    out.raw("</testsuites>\n");
}

/// Whether a finding is behind the exit status.
fn is_failure(judged: &CheckResult, report: &CheckReport, row: &ConnectionReport) -> bool {
    match judged.finding.level {
        Severity::Fail => true,
        Severity::Warn => report.strict,
        Severity::Unknown => row.exit == ExitStatus::Failure && judged.is_undetermined,
        Severity::Pass => false,
    }
}

fn test(judged: &CheckResult, suite: &str, is_failure: bool) -> String {
    let finding = &judged.finding;
    let head = format!(
        "    <testcase classname=\"{suite}\" name=\"{}\"",
        finding.id
    );
    let message = attribute(&finding.message);
    let more = [&finding.evidence, &finding.next];
    let more: Vec<&str> = more.into_iter().flatten().map(String::as_str).collect();
    let more = attribute(&more.join("; "));
    match finding.level {
        _ if is_failure => format!(
            "{head}>\n      <failure message=\"{message}\" type=\"{}\">{more}</failure>\n    </testcase>\n",
            finding.level.name()
        ),
        Severity::Unknown => {
            format!("{head}>\n      <skipped message=\"{message}\"/>\n    </testcase>\n")
        }
        Severity::Warn => format!(
            "{head}>\n      <system-out>warning: {message}; {more}</system-out>\n    </testcase>\n"
        ),
        Severity::Pass | Severity::Fail => format!("{head}/>\n"),
    }
}

/// Text that may stand in an attribute or an element (XML 1.0, sections 2.2 and 2.4).
fn attribute(text: &str) -> String {
    escape(text)
        // Not characters to XML, though they are to Unicode.
        .replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}")
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

fn seconds(milliseconds: u128) -> String {
    format!("{}.{:03}", milliseconds / 1000, milliseconds % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_leave_its_attribute() {
        assert_eq!(
            attribute("a<b & \"c\"\u{1b}"),
            "a&lt;b &amp; &quot;c&quot;\\u{1b}"
        );
        assert_eq!(seconds(12_034), "12.034");
    }
}
