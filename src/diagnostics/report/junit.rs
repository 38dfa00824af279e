//! `JUnit` XML: a suite for each connection, a test for each finding. Bitbucket Pipelines and other CI systems read it.
//!
//! The common subset of <https://github.com/testmoapp/junitxml>: failures, skipped tests, times in seconds.

use super::check_report::{CheckReport, ConnectionReport, ReportOptions};
use crate::diagnostics::finding::{Finding, Severity};
use crate::exit_status::ExitStatus;
use crate::types::escape::escape;
use crate::ui::TextWriter;

pub(super) fn write(report: &CheckReport, out: &mut TextWriter) {
    let options = report.options;
    let total = |count: &dyn Fn(&ConnectionReport) -> usize| {
        report.connections.iter().map(count).sum::<usize>()
    };
    out.raw(&format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"bbconnect check\" tests=\"{}\" failures=\"{}\" time=\"{}\">\n",
        total(&|connection| connection.findings.len()),
        total(&|connection| failures(connection, options)),
        seconds(u128::from(report.elapsed_ms)),
    ));
    for connection in &report.connections {
        let name = attribute(&connection.name);
        out.raw(&format!(
            "  <testsuite name=\"{name}\" tests=\"{}\" failures=\"{}\" skipped=\"{}\" time=\"{}\">\n",
            connection.findings.len(),
            failures(connection, options),
            skipped(connection, options),
            seconds(connection.elapsed.as_millis()),
        ));
        for finding in &connection.findings {
            let is_failure = is_failure(finding, connection, options);
            out.raw(&testcase(finding, &name, is_failure));
        }
        out.raw("  </testsuite>\n");
    }
    out.raw("</testsuites>\n");
}

fn failures(connection: &ConnectionReport, options: ReportOptions) -> usize {
    let findings = connection.findings.iter();
    findings
        .filter(|finding| is_failure(finding, connection, options))
        .count()
}

fn skipped(connection: &ConnectionReport, options: ReportOptions) -> usize {
    let findings = connection.findings.iter();
    let unknown = findings.filter(|finding| finding.level == Severity::Unknown);
    unknown
        .filter(|finding| !is_failure(finding, connection, options))
        .count()
}

/// Whether a finding contributes to the exit status.
fn is_failure(finding: &Finding, connection: &ConnectionReport, options: ReportOptions) -> bool {
    match finding.level {
        Severity::Fail => true,
        Severity::Warn => options.strict,
        Severity::Unknown => {
            finding.exit != ExitStatus::Success
                || connection.exit == ExitStatus::Failure && finding.is_undetermined
        }
        Severity::Pass => false,
    }
}

pub(crate) fn testcase(finding: &Finding, suite: &str, is_failure: bool) -> String {
    let head = format!(
        "    <testcase classname=\"{suite}\" name=\"{}\"",
        finding.id.name()
    );
    let message = attribute(&finding.message);
    let details = [&finding.evidence, &finding.next];
    let details: Vec<&str> = details.into_iter().flatten().map(String::as_str).collect();
    let details = attribute(&details.join("; "));
    match finding.level {
        _ if is_failure => format!(
            "{head}>\n      <failure message=\"{message}\" type=\"{}\">{details}</failure>\n    </testcase>\n",
            finding.level.name()
        ),
        Severity::Unknown => {
            format!("{head}>\n      <skipped message=\"{message}\"/>\n    </testcase>\n")
        }
        Severity::Warn => format!(
            "{head}>\n      <system-out>warning: {message}; {details}</system-out>\n    </testcase>\n"
        ),
        Severity::Pass | Severity::Fail => format!("{head}/>\n"),
    }
}

/// Text of an attribute or an element (XML 1.0, sections 2.2 and 2.4).
pub(crate) fn attribute(text: &str) -> String {
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
    fn markup_in_text_is_escaped() {
        assert_eq!(
            attribute("a<b & \"c\"\u{1b}"),
            "a&lt;b &amp; &quot;c&quot;\\u{1b}"
        );
        assert_eq!(seconds(12_034), "12.034");
    }
}
