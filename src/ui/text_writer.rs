//! Text output, line by line. Text from outside is escaped here; styles are added here and nowhere else. On a
//! terminal text is wrapped at words and tables shrink; elsewhere nothing is changed.

use anstyle::{AnsiColor, Style};
use dialoguer::console::{measure_text_width, truncate_str};
use zeroize::Zeroizing;

use crate::types::escape::escape;

const LABEL: Style = Style::new().dimmed();
const STRONG: Style = Style::new().bold();
const ERROR: Style = AnsiColor::Red.on_default().bold();
const NOTE: Style = AnsiColor::Yellow.on_default().bold();
const HINT: Style = AnsiColor::Cyan.on_default().bold();

/// The columns that wrapped text has at least, behind its indentation.
const MIN_TEXT_WIDTH: usize = 24;
/// The columns to which a column of a table shrinks at most: a date fits.
const MIN_CELL_WIDTH: usize = 10;
/// The space between two columns of a table.
const GAP: usize = 2;

/// Text that may hold a secret. It is overwritten when it has been written.
pub(super) type Buffer = Zeroizing<String>;

/// Text that is being written, a line at a time.
#[derive(Debug)]
pub(crate) struct TextWriter {
    // Capacity for a private key, so that none is left behind by a growing buffer.
    text: Buffer,
    /// The columns of the terminal; `None` where the text is for something else.
    width: Option<usize>,
    /// The terminal has hyperlinks (OSC 8).
    has_hyperlinks: bool,
}

impl Default for TextWriter {
    fn default() -> Self {
        Self::with_width(None)
    }
}

impl TextWriter {
    /// Text for a terminal of this width.
    pub(super) fn with_width(width: Option<usize>) -> Self {
        Self {
            text: Zeroizing::new(String::with_capacity(16 * 1024)),
            width,
            has_hyperlinks: false,
        }
    }

    /// The same, for a terminal that has hyperlinks.
    pub(super) fn with_hyperlinks(mut self, has_hyperlinks: bool) -> Self {
        self.has_hyperlinks = has_hyperlinks;
        self
    }

    /// A line. Where it is wrapped, further lines begin where its text begins.
    pub(crate) fn line(&mut self, text: &str) {
        let indentation = text.len() - text.trim_start_matches(' ').len();
        // What follows the last two spaces is a column, and continues below its start.
        let column = text.trim_end().rfind("  ").map_or(0, |at| at + 2);
        let is_narrow = self.width.is_none_or(|width| column > width / 2);
        let (head, rest) = if column <= indentation || is_narrow {
            ("", text)
        } else {
            text.split_at(column)
        };
        self.push_str(&escape(head));
        let at = measure_text_width(head);
        self.flow(at, at.max(indentation), rest);
    }

    /// A line to copy, such as a key or a command: it is never wrapped.
    pub(crate) fn verbatim(&mut self, text: &str) {
        self.push_str(&escape(text));
        self.push_str("\n");
    }

    pub(crate) fn blank_line(&mut self) {
        self.push_str("\n");
    }

    /// Several notes, or one that may be absent.
    pub(crate) fn notes(&mut self, notes: impl IntoIterator<Item: AsRef<str>>) {
        for note in notes {
            self.note(note.as_ref());
        }
    }

    /// A line that stands out.
    pub(crate) fn heading(&mut self, text: &str) {
        self.push_str(&STRONG.render().to_string());
        let lines = self.wrap(0, 2, &escape(text));
        self.push_str(&lines);
        self.push_str(&STRONG.render_reset().to_string());
        self.push_str("\n");
    }

    /// A label and its value; values stand below each other at `width`.
    pub(crate) fn key_value(&mut self, label: &str, width: usize, value: &str) {
        let at = width.max(measure_text_width(label) + 1);
        self.styled(LABEL, label);
        self.push_str(&" ".repeat(at - measure_text_width(label)));
        self.flow(at, at, value.trim_end());
    }

    /// A table: a head, and rows below it; nothing where there are no rows. On a terminal cells are truncated and the last
    /// columns are left out, never the first one, which names what a row is about.
    pub(crate) fn table<const N: usize>(
        &mut self,
        head: [&str; N],
        rows: impl IntoIterator<Item = [String; N]>,
    ) {
        self.linked_table(head, rows.into_iter().map(|row| (None, row)));
    }

    /// A table whose first column leads to the page of each row, where the terminal has hyperlinks.
    pub(crate) fn linked_table<'a, const N: usize>(
        &mut self,
        head: [&str; N],
        rows: impl IntoIterator<Item = (Option<&'a str>, [String; N])>,
    ) {
        let (pages, rows): (Vec<_>, Vec<_>) = rows
            .into_iter()
            .map(|(page, row)| (page, row.map(|cell| escape(&cell).into_owned())))
            .unzip();
        if rows.is_empty() {
            return;
        }
        let head = &head.map(str::to_owned);
        let width = |column: usize| {
            let cells = rows.iter().chain([head]).filter_map(|row| row.get(column));
            cells
                .map(|cell| measure_text_width(cell))
                .max()
                .unwrap_or(0)
        };
        let mut widths: Vec<usize> = (0..N).map(width).collect();
        if let Some(available) = self.width {
            fit_columns(&mut widths, available);
        }
        let is_cut = |column: usize, cell: &String| {
            // A part of a fingerprint can be compared with nothing.
            let is_fingerprint = cell.starts_with("SHA256:");
            let width = widths.get(column);
            is_fingerprint && width.is_none_or(|width| *width < measure_text_width(cell))
        };
        let mut cells = rows.iter().flat_map(|row| row.iter().enumerate());
        if cells.any(|(column, cell)| is_cut(column, cell)) {
            return self.stack(head, &rows);
        }
        let line = |row: &[String; N], page: Option<&str>| {
            let mut line = String::new();
            let mut page = page.filter(|page| self.has_hyperlinks && is_linkable(page));
            for (cell, width) in row.iter().zip(&widths) {
                let cell = truncate_str(cell, *width, "…");
                let padding = width - measure_text_width(&cell) + GAP;
                match page.take() {
                    Some(page) => line.push_str(&hyperlink(page, &cell)),
                    None => line.push_str(&cell),
                }
                line.push_str(&" ".repeat(padding));
            }
            line.trim_end().to_owned()
        };
        let lines: Vec<_> = rows
            .iter()
            .zip(pages)
            .map(|(row, page)| line(row, page))
            .collect();
        let head = line(head, None);
        self.styled(LABEL, &head);
        self.push_str("\n");
        // The cells are escaped.
        for line in lines {
            self.push_str(&line);
            self.push_str("\n");
        }
    }

    /// The rows of a table below each other: the first cell, then the others with their column's name.
    fn stack<const N: usize>(&mut self, head: &[String; N], rows: &[[String; N]]) {
        let widths = head.iter().map(|name| measure_text_width(name));
        let at = 2 + widths.max().unwrap_or(0) + GAP;
        for row in rows {
            for (column, (name, cell)) in head.iter().zip(row).enumerate() {
                if column == 0 {
                    self.verbatim(cell);
                } else if !cell.is_empty() {
                    self.push_str("  ");
                    self.styled(LABEL, &name.to_lowercase());
                    self.push_str(&" ".repeat(at - 2 - measure_text_width(name)));
                    self.flow(at, at, cell);
                }
            }
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
        const INDENTATION: usize = 2 + WORD + LABEL;
        // Text behind the labels of a narrow terminal would be a column of single words.
        let is_narrow = self.width.is_some_and(|width| width < 2 * INDENTATION + 8);
        let indentation = if is_narrow { 2 + WORD } else { INDENTATION };
        self.push_str("  ");
        self.styled(style, word);
        self.push_str(&" ".repeat(WORD.saturating_sub(word.len())));
        self.styled(self::LABEL, label);
        if is_narrow {
            self.push_str("\n");
            self.push_str(&" ".repeat(indentation));
        } else {
            let padding = LABEL.saturating_sub(label.chars().count()).max(1);
            self.push_str(&" ".repeat(padding));
        }
        self.flow(indentation, indentation, text);
        for line in below {
            let line = format!("{}{line}", " ".repeat(indentation));
            self.flow(0, indentation, &line);
        }
    }

    /// The line of a list without items; `owner` may say where it comes from (`acme/site, from remote origin`).
    pub(crate) fn empty_list(&mut self, owner: &str, items: &str) {
        let comma = if owner.contains(", ") { "," } else { "" };
        self.line(&format!("{owner}{comma} has no {items}"));
    }

    /// Several lines, each as it is but for the escaping.
    pub(crate) fn lines(&mut self, text: &str) {
        text.lines().for_each(|line| self.verbatim(line));
    }

    /// Text of our own for another program, such as a script: not escaped.
    pub(crate) fn raw(&mut self, text: &str) {
        self.push_str(text);
    }

    /// A remark, marked as such.
    pub(crate) fn note(&mut self, text: &str) {
        self.prefixed(NOTE, "note", text);
    }

    /// A warning, marked as such.
    pub(crate) fn warning(&mut self, text: &str) {
        self.prefixed(NOTE, "warning", text);
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
        let at = mark.len() + 2;
        self.flow(at, at, text);
    }

    /// The rest of a line of which `column` columns are written; further lines are indented.
    fn flow(&mut self, column: usize, indentation: usize, text: &str) {
        let lines = self.wrap(column, indentation, &escape(text));
        if lines.starts_with('\n') {
            let written = self.text.trim_end_matches(' ').len();
            self.text.truncate(written);
        }
        self.push_str(&lines);
        self.push_str("\n");
    }

    /// Text that begins at a column, wrapped at words where it does not fit the terminal.
    fn wrap(&self, column: usize, indentation: usize, text: &str) -> String {
        let Some(width) = self.width else {
            return text.to_owned();
        };
        if column + measure_text_width(text) <= width {
            return text.to_owned();
        }
        if is_public_key(text) {
            // One line to copy.
            return if column == 0 {
                text.to_owned()
            } else {
                format!("\n{text}")
            };
        }
        let indentation = if indentation + MIN_TEXT_WIDTH > width {
            2
        } else {
            indentation
        };
        let leading = text.len() - text.trim_start_matches(' ').len();
        let mut wrapped = " ".repeat(leading);
        let mut at = column + leading;
        let mut is_start = true;
        for word in words(text, width.saturating_sub(indentation)) {
            let length = measure_text_width(word);
            let is_beyond = at + usize::from(!is_start) + length > width;
            if is_beyond && at > leading {
                // A word that is longer than the line is alone on its own.
                at = if indentation + length > width {
                    2
                } else {
                    indentation
                };
                wrapped.push('\n');
                wrapped.push_str(&" ".repeat(at));
            } else if is_beyond && is_start && leading > 2 {
                at = 2;
                wrapped = " ".repeat(at);
            } else if !is_start {
                wrapped.push(' ');
                at += 1;
            }
            wrapped.push_str(word);
            at += length;
            is_start = false;
        }
        wrapped
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

/// Whether a text is a public key, with its type and a comment (sshd(8), "`authorized_keys` file format").
fn is_public_key(text: &str) -> bool {
    let mut words = text.split(' ');
    words.any(|word| word.starts_with("AAAA") && word.len() > 60)
}

/// Whether a URL can be part of an escape sequence.
fn is_linkable(url: &str) -> bool {
    let is_page = url.starts_with("https://") || url.starts_with("http://");
    is_page && url.bytes().all(|byte| byte.is_ascii_graphic())
}

/// <https://gist.github.com/egmontkob/eb114294efbcd5adb1944c9f3cb5feda>
fn hyperlink(url: &str, text: &str) -> String {
    format!("\x1b]8;;{url}\x1b\\{text}\x1b]8;;\x1b\\")
}

/// The words of a text. A command in backquotes is one word where it fits a line.
fn words(text: &str, width: usize) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(' ');
        if rest.is_empty() {
            return words;
        }
        let word = rest.find(' ').unwrap_or(rest.len());
        let end = match rest.find('`').filter(|start| *start < word) {
            Some(start) => {
                let close = rest[start + 1..].find('`').map(|close| start + 1 + close);
                let end = close.map(|close| {
                    let after = rest[close..].find(' ');
                    after.map_or(rest.len(), |after| close + after)
                });
                end.filter(|end| measure_text_width(&rest[..*end]) <= width)
                    .unwrap_or(word)
            }
            None => word,
        };
        words.push(&rest[..end]);
        rest = &rest[end..];
    }
}

/// Shrinks the columns of a table to the columns of the terminal: the widest first. Where that is not enough, the last ones
/// are left out. The first column stays.
fn fit_columns(widths: &mut Vec<usize>, available: usize) {
    while widths.len() > 1 {
        let mut shrunk = widths.clone();
        let total = |widths: &[usize]| widths.iter().sum::<usize>() + GAP * (widths.len() - 1);
        while total(&shrunk) > available {
            let others = shrunk.iter_mut().skip(1);
            match others.max().filter(|width| **width > MIN_CELL_WIDTH) {
                Some(widest) => *widest -= 1,
                None => break,
            }
        }
        if total(&shrunk) <= available {
            *widths = shrunk;
            return;
        }
        widths.pop();
    }
}

/// The cell of a table for a value that may be absent.
pub(crate) fn cell(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(out: TextWriter) -> String {
        anstream::adapter::strip_str(&out.finish()).to_string()
    }

    #[test]
    fn values_line_up_and_cannot_move_the_cursor() {
        let mut out = TextWriter::default();
        out.key_value("host", 8, "a\u{1b}[31mb");
        assert_eq!(plain(out), "host    a\\u{1b}[31mb\n");
    }

    #[test]
    fn an_error_has_one_line_and_a_hint_another() {
        let mut out = TextWriter::default();
        out.error("two\nlines", Some("run this"));
        assert_eq!(plain(out), "error: two\\nlines\nhint: run this\n");
    }

    #[test]
    fn text_is_wrapped_at_words_on_a_terminal_only() {
        let write = |width| {
            let mut out = TextWriter::with_width(width);
            out.note("the connection work was refused; run `bbconnect check work`");
            out.line("  indented text that is longer than the line of the terminal");
            out.key_value(
                "url",
                8,
                "https://git.example.com/scm/a-very-long-name.git and more",
            );
            out.verbatim("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB5gq jane@example.com");
            out.line("ok    key      generated /home/jane/.ssh/key, SHA256:abc");
            let below = ["(https://git.example.com/a/long/path)".to_owned()];
            out.labelled((NOTE, "pass"), "base-url", "as", &below);
            plain(out)
        };
        assert_eq!(
            write(Some(40)),
            "note: the connection work was refused;\n\
             \x20     run `bbconnect check work`\n\
             \x20 indented text that is longer than the\n\
             \x20 line of the terminal\n\
             url\n\
             \x20 https://git.example.com/scm/a-very-long-name.git\n\
             \x20       and more\n\
             ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB5gq jane@example.com\n\
             ok    key      generated\n\
             \x20              /home/jane/.ssh/key,\n\
             \x20              SHA256:abc\n\
             \x20 pass     base-url\n\
             \x20          as\n\
             \x20 (https://git.example.com/a/long/path)\n"
        );
        assert_eq!(write(None).lines().count(), 7);
    }

    #[test]
    fn a_public_key_is_one_line() {
        let key = format!("ssh-ed25519 AAAA{} jane@example.com", "x".repeat(64));
        let mut out = TextWriter::with_width(Some(40));
        out.key_value("public key", 11, &key);
        out.line(&key);
        assert_eq!(plain(out), format!("public key\n{key}\n{key}\n"));
    }

    #[test]
    fn a_command_in_backquotes_is_not_divided_where_it_fits() {
        assert_eq!(
            words("run `bbconnect check work`; see `a b`.", 40),
            ["run", "`bbconnect check work`;", "see", "`a b`."]
        );
        assert_eq!(
            words("run `bbconnect check`", 10),
            ["run", "`bbconnect", "check`"]
        );
        assert_eq!(words("an ` alone", 40), ["an", "`", "alone"]);
        assert_eq!(words("", 40), [""; 0]);
    }

    #[test]
    fn a_table_fits_the_terminal_and_keeps_its_first_column() {
        let head = ["NAME", "STATE", "SERVER"];
        let row = [
            "a-connection-with-a-name",
            "valid",
            "https://git.example.com/bitbucket",
        ];
        let write = |width| {
            let mut out = TextWriter::with_width(width);
            out.table(head, [row.map(str::to_owned)]);
            plain(out)
        };
        assert_eq!(
            write(None),
            "NAME                      STATE  SERVER\n\
             a-connection-with-a-name  valid  https://git.example.com/bitbucket\n"
        );
        assert_eq!(write(Some(200)), write(None));
        assert_eq!(
            write(Some(50)),
            "NAME                      STATE  SERVER\n\
             a-connection-with-a-name  valid  https://git.exam…\n"
        );
        assert_eq!(
            write(Some(35)),
            "NAME                      STATE\n\
             a-connection-with-a-name  valid\n"
        );
        assert_eq!(write(Some(10)), "NAME\na-connection-with-a-name\n");
        // A date is whole, and the columns that stay take the space of those that are left out.
        let mut out = TextWriter::with_width(Some(48));
        let cells = [
            "work",
            "jane.elizabeth.doe",
            "2026-12-05",
            "PLATFORM_01",
            "https://git.example.com",
        ];
        out.table(
            ["NAME", "ACCOUNT", "EXPIRES", "FOR", "SERVER"],
            [cells.map(str::to_owned)],
        );
        assert_eq!(
            plain(out),
            "NAME  ACCOUNT            EXPIRES     FOR\n\
             work  jane.elizabeth.d…  2026-12-05  PLATFORM_01\n"
        );
        let mut out = TextWriter::with_width(Some(80));
        out.table(head, []);
        assert_eq!(plain(out), "");
        let mut out = TextWriter::with_width(Some(80)).with_hyperlinks(true);
        let page = Some("https://git.example.com/a");
        out.linked_table(
            head,
            [
                (page, row.map(str::to_owned)),
                (None, row.map(str::to_owned)),
            ],
        );
        let text = out.finish();
        assert_eq!(
            text.matches("\u{1b}]8;;https://git.example.com/a\u{1b}\\a-conn")
                .count(),
            1
        );
        let without = anstream::adapter::strip_str(&text).to_string();
        assert!(
            without
                .lines()
                .all(|line| line.ends_with("bitbucket") || line.ends_with("SERVER")),
            "{without}"
        );
        // A fingerprint is whole, or the table is none.
        let mut out = TextWriter::with_width(Some(40));
        let fingerprint = format!("SHA256:{}", "x".repeat(43));
        let row = ["a-host".to_owned(), String::new(), fingerprint.clone()];
        out.table(["HOST", "PORT", "FINGERPRINT"], [row]);
        assert_eq!(
            plain(out),
            format!("a-host\n  fingerprint\n  {fingerprint}\n")
        );
        // East Asian characters take two columns.
        let mut out = TextWriter::with_width(Some(20));
        let wide = ["日本", "日本語日本語日本語", ""].map(str::to_owned);
        out.table(head, [wide]);
        for line in plain(out).lines() {
            assert!(measure_text_width(line) <= 20, "{line}");
        }
    }
}
