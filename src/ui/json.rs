//! JSON documents: one object a run, its schema first, on failure as well.

use std::io;

use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter};
use serde_json::{Serializer, Value};
use zeroize::Zeroizing;

use super::text_writer::Buffer;
use crate::error::Error;
use crate::types::escape::{needs_escape, strip_os_error_code};
use crate::types::json_pointer::JsonPointer;

/// A result with its schema in front.
#[derive(Serialize)]
struct Envelope<'a, T> {
    schema: &'static str,
    #[serde(flatten)]
    result: &'a T,
}

#[derive(Serialize)]
struct ErrorDocument {
    schema: &'static str,
    error: ErrorBody,
}

#[derive(Serialize)]
struct ErrorBody {
    kind: &'static str,
    message: String,
    hint: Option<String>,
    exit: u8,
}

/// A longer document is handed on in parts, in bytes.
const PART_LENGTH: usize = 64 * 1024;

/// Writes the document of a result: over many lines for a terminal, on one line for a program. A long one comes in parts, of
/// which each has whole strings.
pub(super) fn write_document<T: Serialize>(
    schema: &'static str,
    result: &T,
    pretty: bool,
    write_part: impl FnMut(&str) -> io::Result<()>,
) -> Result<(), Error> {
    write_parts(&Envelope { schema, result }, pretty, write_part)
}

/// One value of the document of a result: a string without quotes, anything else as JSON.
pub(super) fn value_at<T: Serialize>(
    schema: &'static str,
    result: &T,
    pointer: &JsonPointer,
    pretty: bool,
) -> Result<Buffer, Error> {
    let envelope = Envelope { schema, result };
    if pointer.is_empty() {
        return write(&envelope, pretty);
    }
    let document = serde_json::to_value(&envelope).map_err(|error| Error::Stdout(error.into()))?;
    match pointer.find(&document) {
        Some(Value::String(text)) => Ok(plain(text)),
        Some(value) => write(value, pretty),
        None => Err(no_value(pointer, &document)),
    }
}

/// The lines of a string, with deceptive characters escaped.
fn plain(text: &str) -> Buffer {
    let mut plain = Zeroizing::new(String::with_capacity(2 * text.len() + 1));
    for character in text.chars() {
        if needs_escape(character) && !matches!(character, '\n' | '\t') {
            plain.extend(character.escape_default());
        } else {
            plain.push(character);
        }
    }
    if !plain.ends_with('\n') {
        plain.push('\n');
    }
    plain
}

fn no_value(pointer: &JsonPointer, document: &Value) -> Error {
    let (path, nearest) = pointer.nearest(document);
    let location = if path.is_empty() {
        "the document"
    } else {
        path
    };
    let hint = match nearest {
        Value::Object(members) => {
            let keys: Vec<_> = members.keys().map(String::as_str).collect();
            format!("keys of {location}: {}", keys.join(", "))
        }
        Value::Array(elements) if elements.is_empty() => format!("{location} is empty"),
        Value::Array(elements) => {
            format!("indexes of {location}: 0 to {}", elements.len() - 1)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            format!("{location} has no members")
        }
    };
    let message = format!("the JSON document has no value at {pointer}");
    Error::not_found(message, hint)
}

/// The document of a failure.
pub(super) fn error(error: &Error, hint: Option<String>, pretty: bool) -> Result<Buffer, Error> {
    let exit = error.exit_status();
    let body = ErrorBody {
        kind: exit.error_kind(),
        message: strip_os_error_code(&error.to_string()),
        hint,
        exit: exit.code(),
    };
    write(
        &ErrorDocument {
            schema: "bbconnect/error@1",
            error: body,
        },
        pretty,
    )
}

fn write<T: Serialize>(value: &T, pretty: bool) -> Result<Buffer, Error> {
    let mut document = Buffer::default();
    write_parts(value, pretty, |part| {
        document.push_str(part);
        Ok(())
    })?;
    Ok(document)
}

fn write_parts<T: Serialize>(
    value: &T,
    pretty: bool,
    write_part: impl FnMut(&str) -> io::Result<()>,
) -> Result<(), Error> {
    let mut parts = PartWriter {
        // Capacity for the largest key pair twice over, so that a secret is not left behind by a growing buffer.
        bytes: Zeroizing::new(Vec::with_capacity(16 * 1024)),
        write_part,
    };
    let written = if pretty {
        value.serialize(&mut Serializer::with_formatter(
            &mut parts,
            EscapingFormatter(PrettyFormatter::new()),
        ))
    } else {
        value.serialize(&mut Serializer::with_formatter(
            &mut parts,
            EscapingFormatter(CompactFormatter),
        ))
    };
    written.map_err(|error| Error::Stdout(error.into()))?;
    parts.bytes.push(b'\n');
    parts.finish_part().map_err(Error::Stdout)
}

/// Collects a document, and hands it on where it has become long. The formatter flushes it between two values.
struct PartWriter<F> {
    bytes: Zeroizing<Vec<u8>>,
    write_part: F,
}

impl<F: FnMut(&str) -> io::Result<()>> PartWriter<F> {
    fn finish_part(&mut self) -> io::Result<()> {
        let text = std::str::from_utf8(&self.bytes).map_err(io::Error::other)?;
        (self.write_part)(text)?;
        self.bytes.clear();
        Ok(())
    }
}

impl<F: FnMut(&str) -> io::Result<()>> io::Write for PartWriter<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.bytes.len() < PART_LENGTH {
            return Ok(());
        }
        self.finish_part()
    }
}

/// A string as it is written in a document, with its quotation marks.
pub(super) fn string(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len() + 16);
    let formatter = EscapingFormatter(CompactFormatter);
    // Writing to a Vec cannot fail.
    let _ = text.serialize(&mut Serializer::with_formatter(&mut bytes, formatter));
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Writes deceptive characters as `\u` escapes, so that a document can be looked at in a terminal.
struct EscapingFormatter<F>(F);

/// Hands a method of the formatter on to the one inside.
macro_rules! forward_formatter_methods {
    ($($method:ident($($name:ident: $type:ty),*);)*) => {$(
        fn $method<W: io::Write + ?Sized>(&mut self, writer: &mut W $(, $name: $type)*) -> io::Result<()> {
            self.0.$method(writer $(, $name)*)
        }
    )*};
}

impl<F: Formatter> Formatter for EscapingFormatter<F> {
    fn write_string_fragment<W: io::Write + ?Sized>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some((at, character)) = rest
            .char_indices()
            .find(|&(_, character)| needs_escape(character))
        {
            self.0.write_string_fragment(writer, &rest[..at])?;
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = &rest[at + character.len_utf8()..];
        }
        self.0.write_string_fragment(writer, rest)
    }

    /// No string is divided here.
    fn end_array_value<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array_value(writer)?;
        writer.flush()
    }

    forward_formatter_methods! {
        begin_array();
        end_array();
        begin_array_value(first: bool);
        begin_object();
        end_object();
        begin_object_key(first: bool);
        begin_object_value();
        end_object_value();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_comes_first_and_hidden_characters_are_escaped() {
        #[derive(Serialize)]
        struct Found {
            name: &'static str,
        }
        let found = Found {
            name: "a\u{202e}b\u{1b}\u{e0001}é",
        };
        let expected =
            "{\"schema\":\"bbconnect/test@1\",\"name\":\"a\\u202eb\\u001b\\udb40\\udc01é\"}\n";
        assert_eq!(parts_of(&found), [expected]);
    }

    fn parts_of(result: &impl Serialize) -> Vec<String> {
        let mut parts = Vec::new();
        let written = write_document("bbconnect/test@1", result, false, |part| {
            parts.push(part.to_owned());
            Ok(())
        });
        assert!(written.is_ok());
        parts
    }

    #[test]
    fn a_long_document_comes_in_parts_with_whole_strings() {
        #[derive(Serialize)]
        struct Listed {
            items: Vec<[String; 2]>,
            end: &'static str,
        }
        let item = |at| [format!("a \"{at}\" [b], "), "\\\"x\":".to_owned()];
        let listed = Listed {
            items: (0..10_000).map(item).collect(),
            end: "]",
        };
        let parts = parts_of(&listed);
        assert!(parts.len() > 3, "{}", parts.len());
        for part in &parts {
            assert!(part.len() < PART_LENGTH + 1000);
            // Not counting those in strings.
            let quotation_marks = part.matches('"').count() - part.matches("\\\"").count();
            assert_eq!(quotation_marks % 2, 0, "{part}");
        }
        let document: Value = serde_json::from_str(&parts.concat()).unwrap();
        assert_eq!(document["items"][9_999], serde_json::json!(item(9_999)));
        assert_eq!(document["end"], "]");
    }

    #[test]
    fn one_value_is_printed_without_quotes_or_as_json() {
        let listed = serde_json::json!({"key": "a\nb\n", "hidden": "\"\u{1b}[2J\"", "none": null, "items": [{"id": 7}]});
        let value = |pointer: &str| {
            let pointer = pointer.parse().unwrap();
            value_at("bbconnect/test@1", &listed, &pointer, false)
        };
        for (pointer, expected) in [("/key", "a\nb\n"), ("/hidden", "\"\\u{1b}[2J\"\n")] {
            assert_eq!(value(pointer).unwrap().as_str(), expected, "{pointer}");
        }
        for (pointer, hint) in [
            ("/items/1", "indexes of /items: 0 to 0"),
            ("/none/x", "/none has no members"),
        ] {
            let error = value(pointer).unwrap_err();
            assert_eq!(error.exit_status().code(), 5, "{pointer}");
            assert_eq!(error.hint().unwrap().to_string(), hint, "{pointer}");
        }
    }

    #[test]
    fn the_hint_of_an_error_may_be_null() {
        let document = error(&Error::usage("no", ""), None, false).unwrap();
        let end = "\"hint\":null,\"exit\":2}}\n";
        assert!(document.as_str().ends_with(end));
    }
}
