//! Text for people, line by line. What comes from outside is escaped here; styles are added here and nowhere else.

use anstyle::{AnsiColor, Style};
use zeroize::Zeroizing;

use crate::types::escape::escape;

const LABEL: Style = Style::new().dimmed();
const STRONG: Style = Style::new().bold();
const ERROR: Style = AnsiColor::Red.on_default().bold();
const NOTE: Style = AnsiColor::Yellow.on_default().bold();
const HINT: Style = AnsiColor::Cyan.on_default().bold();

/// Text that may hold a secret. It is overwritten when it has been written.
pub(super) type Buffer = Zeroizing<String>;

/// Text that is being written, a line at a time.
#[derive(Debug)]
pub(crate) struct TextWriter {
    // Capacity for a private key, so that none is left behind by a growing buffer.
    text: Buffer,
}

impl Default for TextWriter {
    fn default() -> Self {
        Self {
            text: Zeroizing::new(String::with_capacity(16 * 1024)),
        }
    }
}

impl TextWriter {
    /// A line.
    pub(crate) fn line(&mut self, text: &str) {
        self.push_str(&escape(text));
        self.push_str("\n");
    }

    /// An empty line.
    pub(crate) fn blank_line(&mut self) {
        self.push_str("\n");
    }

    /// A line that stands out.
    pub(crate) fn heading(&mut self, text: &str) {
        self.styled(STRONG, text);
        self.push_str("\n");
    }

    /// A label and its value; values stand below each other at `width`.
    pub(crate) fn key_value(&mut self, label: &str, width: usize, value: &str) {
        self.styled(LABEL, label);
        self.push_str(&" ".repeat(width.saturating_sub(label.chars().count()).max(1)));
        self.line(value);
    }

    /// A table: a head, and rows below it.
    pub(crate) fn table<const N: usize>(
        &mut self,
        head: &[String; N],
        rows: impl IntoIterator<Item = [String; N]>,
    ) {
        let rows: Vec<_> = rows
            .into_iter()
            .map(|row| row.map(|cell| escape(&cell).into_owned()))
            .collect();
        let width = |column: usize| {
            let cells = rows.iter().chain([head]).filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..N).map(width).collect();
        let line = |row: &[String; N]| {
            let cells = row
                .iter()
                .zip(&widths)
                .map(|(cell, width)| format!("{cell:<width$}"));
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        self.styled(LABEL, &line(head));
        self.push_str("\n");
        for row in &rows {
            self.line(&line(row));
        }
    }

    /// A styled word, a label, a line of text, and indented lines below it.
    pub(crate) fn labelled(
        &mut self,
        (style, word): (Style, &str),
        label: &str,
        text: &str,
        below: &[String],
    ) {
        const WORD: usize = 9;
        const LABEL: usize = 21;
        self.push_str("  ");
        self.styled(style, word);
        self.push_str(&" ".repeat(WORD.saturating_sub(word.len())));
        self.key_value(label, LABEL, text);
        for line in below {
            self.push_str(&" ".repeat(2 + WORD + LABEL));
            self.line(line);
        }
    }

    /// Several lines, each as it is but for the escaping.
    pub(crate) fn lines(&mut self, text: &str) {
        text.lines().for_each(|line| self.line(line));
    }

    /// Text of our own for another program, such as a script: not escaped.
    pub(crate) fn raw(&mut self, text: &str) {
        self.push_str(text);
    }

    /// A remark, marked as such.
    pub(crate) fn note(&mut self, text: &str) {
        self.prefixed(NOTE, "note", text);
    }

    /// An error, and what to do about it.
    pub(crate) fn error(&mut self, message: &str, hint: Option<&str>) {
        self.prefixed(ERROR, "error", message);
        if let Some(hint) = hint {
            self.prefixed(HINT, "hint", hint);
        }
    }

    /// The text, with its styles as ANSI escapes.
    pub(super) fn finish(self) -> Buffer {
        self.text
    }

    fn prefixed(&mut self, style: Style, mark: &str, text: &str) {
        self.styled(style, mark);
        self.push_str(": ");
        self.line(text);
    }

    pub(super) fn styled(&mut self, style: Style, text: &str) {
        self.push_str(&style.render().to_string());
        self.push_str(&escape(text));
        self.push_str(&style.render_reset().to_string());
    }

    pub(super) fn push_str(&mut self, text: &str) {
        self.text.push_str(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_line_up_and_cannot_move_the_cursor() {
        let mut out = TextWriter::default();
        out.key_value("host", 8, "a\u{1b}[31mb");
        let plain = anstream::adapter::strip_str(&out.finish()).to_string();
        assert_eq!(plain, "host    a\\u{1b}[31mb\n");
    }

    #[test]
    fn an_error_has_one_line_and_a_hint_another() {
        let mut out = TextWriter::default();
        out.error("two\nlines", Some("run this"));
        let plain = anstream::adapter::strip_str(&out.finish()).to_string();
        assert_eq!(plain, "error: two\\nlines\nhint: run this\n");
    }
}
