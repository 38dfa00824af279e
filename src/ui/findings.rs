//! Findings for people: level, what was looked at, what it means, and what to do.

use anstyle::{AnsiColor, Style};

use super::TextWriter;
use crate::types::finding::{Finding, Severity};

const PASS: Style = AnsiColor::Green.on_default();
const WARN: Style = AnsiColor::Yellow.on_default().bold();
const FAIL: Style = AnsiColor::Red.on_default().bold();
const UNKNOWN: Style = AnsiColor::Magenta.on_default();

/// Where the text of a finding begins.
const INDENT: usize = 32;

impl TextWriter {
    /// A finding: one line, and below it what was seen and what to do, where that matters.
    pub(crate) fn write_finding(&mut self, finding: &Finding) {
        let style = match finding.level {
            Severity::Pass => PASS,
            Severity::Warn => WARN,
            Severity::Fail => FAIL,
            Severity::Unknown => UNKNOWN,
        };
        self.push_str("  ");
        self.styled(style, finding.level.name());
        let gap = 9_usize.saturating_sub(finding.level.name().len());
        self.push_str(&" ".repeat(gap));
        self.key_value(finding.id, INDENT - 11, &finding.message);
        let below = |out: &mut Self, text: &str| {
            out.push_str(&" ".repeat(INDENT));
            out.line(text);
        };
        if let Some(evidence) = &finding.evidence {
            below(self, &format!("({evidence})"));
        }
        if let Some(next) = finding
            .next
            .as_ref()
            .filter(|_| finding.level != Severity::Pass)
        {
            below(self, &format!("next: {next}"));
        }
    }
}
