//! Findings for people: level, what was looked at, what it means, and what to do.

use anstyle::{AnsiColor, Style};

use super::Page;
use crate::model::finding::{Finding, Level};

const PASS: Style = AnsiColor::Green.on_default();
const WARN: Style = AnsiColor::Yellow.on_default().bold();
const FAIL: Style = AnsiColor::Red.on_default().bold();
const UNKNOWN: Style = AnsiColor::Magenta.on_default();

/// Where the text of a finding begins.
const INDENT: usize = 32;

impl Page {
    /// A finding: one line, and below it what was seen and what to do, where that matters.
    pub fn finding(&mut self, finding: &Finding) {
        let style = match finding.level {
            Level::Pass => PASS,
            Level::Warn => WARN,
            Level::Fail => FAIL,
            Level::Unknown => UNKNOWN,
        };
        self.put("  ");
        self.styled(style, finding.level.name());
        let gap = 9_usize.saturating_sub(finding.level.name().len());
        self.put(&" ".repeat(gap));
        self.field(finding.id, INDENT - 11, &finding.message);
        let below = |page: &mut Self, text: &str| {
            page.put(&" ".repeat(INDENT));
            page.line(text);
        };
        if let Some(evidence) = &finding.evidence {
            below(self, &format!("({evidence})"));
        }
        if let Some(next) = finding
            .next
            .as_ref()
            .filter(|_| finding.level != Level::Pass)
        {
            below(self, &format!("next: {next}"));
        }
    }
}
