//! The text of a git configuration file (git-config(1), "SYNTAX"), read so that it can be changed in place: comments,
//! order, indentation and line ends stay as they are.

mod parser;

use std::ops::Range;

use thiserror::Error;

use self::parser::Reader;
use crate::types::fix::TextEdit;

/// A configuration that git cannot read either.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line} is not what git-config(1) describes")]
pub struct ConfigSyntax {
    /// The line.
    pub line: usize,
}

/// The header of a section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    /// In lower case.
    pub(super) section: String,
    /// What stands between the quotes, without escapes.
    pub(super) subsection: Option<String>,
    /// Where that stands, escapes and all, without the quotes.
    subsection_at: Range<usize>,
}

/// A variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// The place of its header in [`ConfigFile::headers`].
    pub(super) header: usize,
    /// In lower case.
    pub(super) key: String,
    key_at: usize,
    /// Without quotes and escapes.
    pub(super) value: String,
    value_at: Range<usize>,
    line_end: usize,
}

/// A configuration file.
#[derive(Debug)]
pub(super) struct ConfigFile<'a> {
    text: &'a str,
    pub(super) headers: Vec<Header>,
    pub(super) entries: Vec<Entry>,
}

impl<'a> ConfigFile<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, ConfigSyntax> {
        let mut reader = Reader { text, at: 0 };
        let mut config = ConfigFile {
            text,
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

    /// Gives a variable another value.
    pub(super) fn set(&self, entry: &Entry, value: &str) -> TextEdit {
        let raw = self.text.get(entry.value_at.clone()).unwrap_or_default();
        TextEdit {
            at: entry.value_at.clone(),
            with: quoted(value, raw.starts_with('"')),
        }
    }

    /// Gives a header another subsection.
    pub(super) fn rename(header: &Header, subsection: &str) -> TextEdit {
        TextEdit {
            at: header.subsection_at.clone(),
            with: subsection.replace('\\', r"\\").replace('"', "\\\""),
        }
    }

    /// Adds the same variable with another value, on a line below.
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
        let key_end = entry.key_at + entry.key.len();
        let key = self.text.get(entry.key_at..key_end).unwrap_or_default();
        let line = self.text.get(..entry.line_end).unwrap_or_default();
        let end = if self.text.contains("\r\n") {
            "\r\n"
        } else {
            "\n"
        };
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

/// A value as a file has it.
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

#[cfg(test)]
mod tests;
