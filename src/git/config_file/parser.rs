//! Reads a git configuration file byte by byte, as git does; what is not ASCII is only ever copied.

use std::ops::Range;

use super::{ConfigSyntax, Entry, Header};

/// A text, and how far it is read.
pub(super) struct Reader<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
}

impl Reader<'_> {
    pub(super) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn is_line_end(&self) -> bool {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        rest.is_empty() || rest.starts_with(b"\n") || rest.starts_with(b"\r\n")
    }

    pub(super) fn skip_line(&mut self) {
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

    pub(super) fn syntax_error(&self) -> ConfigSyntax {
        let end = self.at.min(self.text.len());
        let before = self.text.as_bytes().get(..end).unwrap_or_default();
        ConfigSyntax {
            line: before.split(|byte| *byte == b'\n').count(),
        }
    }

    pub(super) fn header(&mut self) -> Option<Header> {
        self.at += 1;
        let section = self.name(b"-.")?;
        // `[remote.origin]` is how it was once written.
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

    pub(super) fn entry(&mut self, header: usize) -> Option<Entry> {
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
            // Git takes not even a comment behind a variable without a value.
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

    /// The value, and where it stands: from its first character to its last, without blanks and comments around it.
    fn value(&mut self) -> Option<(String, Range<usize>)> {
        self.skip_blanks();
        let start = self.at;
        let (mut value, mut in_quotes) = (Vec::new(), false);
        // Trailing blanks do not count, unless they are quoted.
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
