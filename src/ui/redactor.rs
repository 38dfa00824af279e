//! Redaction of this process's secrets in everything that is written, whoever repeats them.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use zeroize::Zeroizing;

use super::json;

const REPLACEMENT: &str = "***";
/// A shorter secret is part of too many words, in bytes.
const MIN_LEN: usize = 4;
/// A shorter secret is redacted as a whole word only, in bytes: it may be a part of ordinary words. It is not redacted where
/// it has small letters alone: it may be a word of our own messages, such as `unknown`.
const MIN_LEN_IN_WORDS: usize = 8;

/// The secrets that are known so far; clones share them.
#[derive(Clone, Default)]
pub(crate) struct Redactor(Arc<Mutex<Vec<Zeroizing<String>>>>);

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redactor")
    }
}

impl Redactor {
    /// Adds a secret, as it is, percent-encoded, and as it is written in JSON.
    pub(crate) fn add(&self, secret: &str) {
        let encoded = utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string();
        let in_json = serde_json::Value::from(secret).to_string();
        let in_json = in_json[1..in_json.len() - 1].to_owned();
        let in_ascii = json_in_ascii(&in_json);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for text in [secret.to_owned(), encoded, in_json, in_ascii] {
            let is_word =
                text.len() < MIN_LEN_IN_WORDS && text.bytes().all(|byte| byte.is_ascii_lowercase());
            let is_known = known.iter().any(|known| **known == text);
            if text.len() >= MIN_LEN && !is_word && !is_known {
                known.push(Zeroizing::new(text));
            }
        }
        // A secret that contains another one is replaced as a whole.
        known.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    }

    /// The text without secrets.
    pub(crate) fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.redact_bytes(text.as_bytes()) {
            Cow::Borrowed(_) => Cow::Borrowed(text),
            Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
        }
    }

    /// Bytes of any kind without secrets.
    pub(crate) fn redact_bytes<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut redacted = Cow::Borrowed(bytes);
        for secret in known.iter() {
            if let Some(replaced) = replace(&redacted, secret.as_bytes()) {
                redacted = Cow::Owned(replaced);
            }
        }
        redacted
    }

    /// A JSON document without secrets. Names of fields stay: a secret may be such a word.
    pub(crate) fn redact_json<'a>(&self, document: &'a str) -> Cow<'a, str> {
        if self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_empty()
        {
            return Cow::Borrowed(document);
        }
        let mut redacted = String::new();
        let mut copied = 0;
        let mut at = 0;
        while let Some((start, end)) = next_string(document, at) {
            at = end;
            let Ok(value) =
                serde_json::from_str::<String>(&document[start..end]).map(Zeroizing::new)
            else {
                continue;
            };
            let is_key = document[end..].trim_start().starts_with(':');
            let is_field_name = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
            if is_key && value.bytes().all(is_field_name) {
                continue;
            }
            if let Cow::Owned(value) = self.redact(&value) {
                redacted.push_str(&document[copied..start]);
                redacted.push_str(&json::string(&value));
                copied = end;
            }
        }
        if copied == 0 {
            return Cow::Borrowed(document);
        }
        redacted.push_str(&document[copied..]);
        Cow::Owned(redacted)
    }
}

/// The inside of a JSON string with escapes for what is not ASCII (RFC 8259, section 7), as many servers write it.
fn json_in_ascii(text: &str) -> String {
    let units = text.encode_utf16().map(|unit| match u8::try_from(unit) {
        Ok(byte) if byte.is_ascii() => char::from(byte).to_string(),
        Ok(_) | Err(_) => format!("\\u{unit:04x}"),
    });
    units.collect()
}

/// The start and the end of the next string of a JSON document, with its quotation marks.
fn next_string(document: &str, from: usize) -> Option<(usize, usize)> {
    let start = from + document.get(from..)?.find('"')?;
    let mut is_escaped = false;
    let inside = document.get(start + 1..)?.bytes().position(|byte| {
        let is_end = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        is_end
    })?;
    Some((start, start + 1 + inside + 1))
}

/// The text with every occurrence replaced; `None` where there is none.
fn replace(text: &[u8], secret: &[u8]) -> Option<Vec<u8>> {
    let mut replaced = Vec::new();
    let (mut copied, mut at) = (0, 0);
    while let Some(found) = find(&text[at..], secret) {
        let (start, end) = (at + found, at + found + secret.len());
        let is_in_word = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        let before = start.checked_sub(1).and_then(|index| text.get(index));
        let is_part = is_in_word(before) || is_in_word(text.get(end));
        if secret.len() < MIN_LEN_IN_WORDS && is_part {
            at = start + 1;
            continue;
        }
        replaced.extend_from_slice(&text[copied..start]);
        replaced.extend_from_slice(REPLACEMENT.as_bytes());
        (copied, at) = (end, end);
    }
    if copied == 0 {
        return None;
    }
    replaced.extend_from_slice(&text[copied..]);
    Some(replaced)
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    let first = *wanted.first()?;
    let mut from = 0;
    loop {
        let at = from + text.get(from..)?.iter().position(|byte| *byte == first)?;
        if text[at..].starts_with(wanted) {
            return Some(at);
        }
        from = at + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redactor(secrets: &[&str]) -> Redactor {
        let redactor = Redactor::default();
        for secret in secrets {
            redactor.add(secret);
        }
        redactor
    }

    #[test]
    fn secrets_are_replaced_also_encoded() {
        let redactor = redactor(&["SECRETTOKEN+1/=", "abc", "main", "m4in", r#"Passw\"ö€𝄞rt""#]);
        for (text, expected) in [
            (r#"{"a":"Passw\\\"ö€𝄞rt\""}"#, r#"{"a":"***"}"#),
            (r#"Passw\\\"\u00f6\u20ac\ud834\udd1ert\""#, "***"),
            ("Bearer SECRETTOKEN+1/=", "Bearer ***"),
            ("aSECRETTOKEN+1/=b", "a***b"),
            ("?t=SECRETTOKEN%2B1%2F%3D&x", "?t=***&x"),
            // Too short, an ordinary word, and a word that is part of others.
            ("abc", "abc"),
            ("main", "main"),
            ("m4in m4inframe dom4in/m4in", "*** m4inframe dom4in/***"),
        ] {
            assert_eq!(redactor.redact(text), expected);
        }
        assert_eq!(
            redactor.redact_bytes(b"\xffSECRETTOKEN+1/=\xfe").as_ref(),
            b"\xff***\xfe"
        );
        assert!(matches!(redactor.redact("nothing"), Cow::Borrowed(_)));
    }

    #[test]
    fn names_of_fields_are_not_redacted() {
        let redactor = redactor(&[
            "N4me",
            "field_Name",
            "field_name",
            "with \"quotes\"",
            "SECRETTOKEN",
        ]);
        for (document, expected) in [
            (
                r#"{"N4me":"a N4me","n":1,"x":["SECRETTOKEN","b"]}"#,
                r#"{"***":"a ***","n":1,"x":["***","b"]}"#,
            ),
            (
                r#"{"field_name":"field_name","a field_Name" :1}"#,
                r#"{"field_name":"***","a ***" :1}"#,
            ),
            (r#"{"x":"with \"quotes\" in it"}"#, r#"{"x":"*** in it"}"#),
            (
                r#"{"x":"\\","N4me" : "N4me"}"#,
                r#"{"x":"\\","***" : "***"}"#,
            ),
            // Characters that were escaped stay so.
            (
                r#"{"x":"\u202e\u009b\u001bSECRETTOKEN"}"#,
                r#"{"x":"\u202e\u009b\u001b***"}"#,
            ),
            (r#"{"x":"y"}"#, r#"{"x":"y"}"#),
        ] {
            assert_eq!(redactor.redact_json(document), expected);
        }
    }
}
