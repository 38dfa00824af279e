//! A parser of git configuration files (git-config(1), "SYNTAX") that keeps positions, so that values can be changed in
//! place: comments, order, indentation and line ends are kept.

use std::fmt::Write as _;
use std::ops::Range;

use thiserror::Error;

use crate::migrate::fix::TextEdit;

/// A syntax error, which git reports as well.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("syntax error in line {line}")]
pub struct ConfigSyntax {
    pub line: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    /// In lower case.
    pub(super) section: String,
    /// Without quotes and escapes.
    pub(super) subsection: Option<String>,
    /// The position of the subsection with its escapes, without the quotes.
    subsection_at: Range<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) header: usize,
    /// In lower case.
    pub(super) key: String,
    key_at: usize,
    /// Without quotes and escapes.
    pub(super) value: String,
    value_at: Range<usize>,
    line_end: usize,
}

#[derive(Debug)]
pub(super) struct ConfigFile<'a> {
    text: &'a str,
    line_end: &'static str,
    pub(super) headers: Vec<Header>,
    /// In the order of their headers.
    pub(super) entries: Vec<Entry>,
}

impl<'a> ConfigFile<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, ConfigSyntax> {
        let mut reader = Reader { text, at: 0 };
        let mut config = ConfigFile {
            text,
            line_end: if text.contains("\r\n") { "\r\n" } else { "\n" },
            headers: Vec::new(),
            entries: Vec::new(),
        };
        if text.starts_with('\u{feff}') {
            reader.at = '\u{feff}'.len_utf8();
        }
        while let Some(next) = reader.peek() {
            match next {
                b' ' | b'\t' | b'\r' | b'\n' => reader.at += 1,
                b'#' | b';' => reader.skip_line(),
                b'[' => {
                    let header = reader.header().ok_or_else(|| reader.syntax_error())?;
                    config.headers.push(header);
                }
                _ => {
                    let header = config.headers.len().checked_sub(1);
                    let entry = header.and_then(|header| reader.entry(header));
                    config
                        .entries
                        .push(entry.ok_or_else(|| reader.syntax_error())?);
                }
            }
        }
        Ok(config)
    }

    pub(super) fn header(&self, entry: &Entry) -> Option<&Header> {
        self.headers.get(entry.header)
    }

    /// The headers with their entries.
    pub(super) fn sections(&self) -> impl Iterator<Item = (&Header, &[Entry])> {
        let mut rest = self.entries.as_slice();
        self.headers
            .iter()
            .enumerate()
            .map(move |(number, header)| {
                let length = rest
                    .iter()
                    .take_while(|entry| entry.header == number)
                    .count();
                let (own, others) = rest.split_at(length);
                rest = others;
                (header, own)
            })
    }

    /// Adds a section with the entries of another behind it.
    pub(super) fn insert_section(
        &self,
        name: &str,
        subsection: &str,
        entries: &[Entry],
    ) -> Option<TextEdit> {
        let last = entries.last()?;
        let before = self.text.get(..last.line_end).unwrap_or_default();
        let end = self.line_end;
        let mut with = String::new();
        if !before.ends_with('\n') {
            with.push_str(end);
        }
        // Writing to a String cannot fail.
        let _ = write!(with, "[{name} \"{}\"]{end}", escaped_subsection(subsection));
        for entry in entries {
            let value = quoted(&entry.value, false);
            let _ = write!(with, "\t{} = {value}{end}", self.key(entry));
        }
        Some(TextEdit {
            at: last.line_end..last.line_end,
            with,
        })
    }

    fn key(&self, entry: &Entry) -> &str {
        let end = entry.key_at + entry.key.len();
        self.text.get(entry.key_at..end).unwrap_or_default()
    }

    /// Replaces the value of a variable.
    pub(super) fn set(&self, entry: &Entry, value: &str) -> TextEdit {
        let raw = self.text.get(entry.value_at.clone()).unwrap_or_default();
        TextEdit {
            at: entry.value_at.clone(),
            with: quoted(value, raw.starts_with('"')),
        }
    }

    /// Replaces the subsection of a header.
    pub(super) fn rename(header: &Header, subsection: &str) -> TextEdit {
        TextEdit {
            at: header.subsection_at.clone(),
            with: escaped_subsection(subsection),
        }
    }

    /// Adds the same variable with another value on the next line.
    pub(super) fn insert_after(&self, entry: &Entry, value: &str) -> TextEdit {
        let line_start = self
            .text
            .get(..entry.key_at)
            .and_then(|before| before.rfind('\n'))
            .map_or(0, |at| at + 1);
        let before = self.text.get(line_start..entry.key_at).unwrap_or_default();
        let indentation = if before.trim().is_empty() {
            before
        } else {
            "\t"
        };
        let key = self.key(entry);
        let line = self.text.get(..entry.line_end).unwrap_or_default();
        let end = self.line_end;
        let (first, last) = if line.ends_with('\n') {
            ("", end)
        } else {
            (end, "")
        };
        let value = quoted(value, false);
        TextEdit {
            at: entry.line_end..entry.line_end,
            with: format!("{first}{indentation}{key} = {value}{last}"),
        }
    }
}

fn escaped_subsection(subsection: &str) -> String {
    subsection.replace('\\', r"\\").replace('"', "\\\"")
}

/// A value with the quotes and escapes that it needs.
fn quoted(value: &str, in_quotes: bool) -> String {
    let escaped = value
        .replace('\\', r"\\")
        .replace('"', "\\\"")
        .replace('\n', r"\n")
        .replace('\t', r"\t");
    if in_quotes || value.contains(['#', ';']) || value.trim() != value {
        format!("\"{escaped}\"")
    } else {
        escaped
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn is_line_end(&self) -> bool {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        rest.is_empty() || rest.starts_with(b"\n") || rest.starts_with(b"\r\n")
    }

    fn skip_line(&mut self) {
        let rest = self.text.get(self.at..).unwrap_or_default();
        self.at += rest.find('\n').map_or(rest.len(), |at| at + 1);
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.at += 1;
        }
    }

    fn name(&mut self, more: &[u8]) -> Option<String> {
        let start = self.at;
        while self
            .peek()
            .is_some_and(|byte| byte.is_ascii_alphanumeric() || more.contains(&byte))
        {
            self.at += 1;
        }
        let name = self.text.get(start..self.at)?.to_ascii_lowercase();
        (!name.is_empty()).then_some(name)
    }

    fn syntax_error(&self) -> ConfigSyntax {
        let end = self.at.min(self.text.len());
        let before = self.text.as_bytes().get(..end).unwrap_or_default();
        ConfigSyntax {
            line: before.split(|byte| *byte == b'\n').count(),
        }
    }

    fn header(&mut self) -> Option<Header> {
        self.at += 1;
        let section = self.name(b"-.")?;
        // The deprecated syntax `[remote.origin]`.
        let (section, mut subsection) = match section.split_once('.') {
            Some((section, subsection)) => (section.to_owned(), Some(subsection.to_owned())),
            None => (section, None),
        };
        let mut subsection_at = self.at..self.at;
        if matches!(self.peek(), Some(b' ' | b'\t')) {
            self.skip_blanks();
            (self.peek()? == b'"').then_some(())?;
            self.at += 1;
            let start = self.at;
            let mut bytes = Vec::new();
            loop {
                match self.peek()? {
                    b'"' => break,
                    b'\n' => return None,
                    b'\\' => {
                        self.at += 1;
                        let escaped = self.peek().filter(|byte| *byte != b'\n')?;
                        bytes.push(escaped);
                    }
                    byte => bytes.push(byte),
                }
                self.at += 1;
            }
            subsection_at = start..self.at;
            subsection = Some(String::from_utf8(bytes).ok()?);
            self.at += 1;
        }
        (self.peek()? == b']').then_some(())?;
        self.at += 1;
        Some(Header {
            section,
            subsection,
            subsection_at,
        })
    }

    fn entry(&mut self, header: usize) -> Option<Entry> {
        let key_at = self.at;
        self.peek().filter(u8::is_ascii_alphabetic)?;
        let key = self.name(b"-")?;
        self.skip_blanks();
        let (value, value_at) = match self.peek() {
            Some(b'=') => {
                self.at += 1;
                self.value()?
            }
            _ if self.is_line_end() => (String::new(), self.at..self.at),
            // Git accepts no comment after a variable without a value.
            _ => return None,
        };
        self.skip_line();
        Some(Entry {
            header,
            key,
            key_at,
            value,
            value_at,
            line_end: self.at,
        })
    }

    /// The value and its position, without blanks and comments around it.
    fn value(&mut self) -> Option<(String, Range<usize>)> {
        self.skip_blanks();
        let start = self.at;
        let (mut value, mut in_quotes) = (Vec::new(), false);
        // Trailing blanks do not belong to the value, unless they are quoted.
        let (mut kept, mut end) = (0, start);
        while !self.is_line_end() {
            let byte = self.peek()?;
            match byte {
                b'#' | b';' if !in_quotes => break,
                b' ' | b'\t' if !in_quotes => {
                    value.push(byte);
                    self.at += 1;
                    continue;
                }
                b'"' => in_quotes = !in_quotes,
                b'\\' => {
                    self.at += 1;
                    if self.is_line_end() {
                        let end = if self.peek() == Some(b'\r') { 2 } else { 1 };
                        self.at = self.text.len().min(self.at + end);
                        continue;
                    }
                    value.push(match self.peek()? {
                        b'n' => b'\n',
                        b't' => b'\t',
                        b'b' => 8,
                        mark @ (b'"' | b'\\') => mark,
                        _ => return None,
                    });
                }
                byte => value.push(byte),
            }
            self.at += 1;
            (kept, end) = (value.len(), self.at);
        }
        if in_quotes {
            return None;
        }
        value.truncate(kept);
        Some((String::from_utf8(value).ok()?, start..end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(text: &str) -> Vec<(String, Option<String>, String, String)> {
        let config = ConfigFile::parse(text).unwrap();
        let entry = |entry: &Entry| {
            let header = config.header(entry).unwrap();
            let (section, subsection) = (header.section.clone(), header.subsection.clone());
            (section, subsection, entry.key.clone(), entry.value.clone())
        };
        config.entries.iter().map(entry).collect()
    }

    fn value(text: &str) -> String {
        let all = entries(&format!("[a]\nk{text}"));
        all.first().unwrap().3.clone()
    }

    #[test]
    fn values_are_read_as_git_reads_them() {
        for (text, expected) in [
            ("= plain", "plain"),
            ("=plain", "plain"),
            (" = two  words \t\n", "two  words"),
            (" = a # comment", "a"),
            (" = a;comment", "a"),
            (" = \"a # b\" c", "a # b c"),
            (" = \" a \" ", " a "),
            (r#" = a\"b\\c\td"#, "a\"b\\c\td"),
            (" = one\\\n  two\n", "one  two"),
            (" = one\\\r\ntwo\r\n", "onetwo"),
            (" = a\r\n", "a"),
            ("", ""),
            (" =", ""),
            (" = end\\", "end"),
            (" = Zürich 日本", "Zürich 日本"),
        ] {
            assert_eq!(value(text), expected, "{text:?}");
        }
    }

    #[test]
    fn headers_are_read_as_git_reads_them() {
        let text = "\u{feff}[A \"x.y \\\"z\\\\\"]B-c=1\n[old.Sub] d=2\n[e]\n;f=3\n#g=4\n";
        let named = |section: &str, subsection: Option<&str>, key: &str, value: &str| {
            let subsection = subsection.map(str::to_owned);
            (
                section.to_owned(),
                subsection,
                key.to_owned(),
                value.to_owned(),
            )
        };
        let expected = [
            named("a", Some("x.y \"z\\"), "b-c", "1"),
            named("old", Some("sub"), "d", "2"),
        ];
        assert_eq!(entries(text), expected);
    }

    #[test]
    fn what_git_refuses_is_refused_with_its_line() {
        for (text, line) in [
            ("a = 1\n", 1),
            ("[a]\n\n= 1\n", 3),
            ("[a\n", 1),
            ("[a]\nb = \"open\n", 2),
            ("[a]\nb = \\x\n", 2),
            ("[a]\nb c\n", 2),
            ("[a]\nb ; comment\n", 2),
            ("[a]\nb # comment\n", 2),
            ("[a \"b\n\"]\n", 1),
            ("[a x]\n", 1),
        ] {
            assert_eq!(
                ConfigFile::parse(text).err(),
                Some(ConfigSyntax { line }),
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_value_keeps_its_quotes_and_gets_those_it_needs() {
        for (before, value, after) in [
            ("[a]\n\tb = x # c\n", "y", "[a]\n\tb = y # c\n"),
            ("[a]\n\tb = \"x\" # c\n", "y", "[a]\n\tb = \"y\" # c\n"),
            ("[a]\n\tb = x\n", "y;z", "[a]\n\tb = \"y;z\"\n"),
            ("[a]\n\tb = x\n", "q\"u\\o", "[a]\n\tb = q\\\"u\\\\o\n"),
        ] {
            let config = ConfigFile::parse(before).unwrap();
            let edit = config.set(config.entries.first().unwrap(), value);
            let mut text = before.to_owned();
            text.replace_range(edit.at, &edit.with);
            assert_eq!(text, after);
            assert_eq!(entries(&text).first().unwrap().3, value);
        }
    }
}
