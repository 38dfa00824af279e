//! JSON pointers (RFC 6901).

use std::fmt;
use std::str::FromStr;

use serde_json::Value;

/// The path of one value in a JSON document; the empty pointer is the whole document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JsonPointer(String);

impl JsonPointer {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value; `None` where there is none.
    pub(crate) fn find<'a>(&self, document: &'a Value) -> Option<&'a Value> {
        document.pointer(&self.0)
    }

    /// The longest part of the pointer that leads to a value, and that value.
    pub(crate) fn nearest<'a>(&self, document: &'a Value) -> (&str, &'a Value) {
        let mut path = self.0.as_str();
        while let Some((parent, _)) = path.rsplit_once('/') {
            path = parent;
            if let Some(value) = document.pointer(path) {
                return (path, value);
            }
        }
        ("", document)
    }
}

impl FromStr for JsonPointer {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if !text.is_empty() && !text.starts_with('/') {
            return Err("a JSON pointer begins with /, as in /connections/0/name");
        }
        let mut escapes = text.split('~').skip(1);
        if escapes.any(|after| !after.starts_with(['0', '1'])) {
            return Err("in a JSON pointer, ~ is written ~0 and a / in a key ~1");
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for JsonPointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_examples_of_the_rfc_and_indexes() {
        let document = json!({
            "foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, " ": 7, "m~n": 8, "-": 9, "00": 10
        });
        for (text, expected) in [
            ("", Some(document.clone())),
            ("/foo", Some(json!(["bar", "baz"]))),
            ("/foo/0", Some(json!("bar"))),
            ("/", Some(json!(0))),
            ("/a~1b", Some(json!(1))),
            ("/c%d", Some(json!(2))),
            ("/ ", Some(json!(7))),
            ("/m~0n", Some(json!(8))),
            ("/-", Some(json!(9))),
            ("/00", Some(json!(10))),
            ("/foo/-", None),
            ("/foo/00", None),
            ("/foo/+1", None),
            ("/foo/2", None),
            ("/foo/0/x", None),
            ("/bar", None),
        ] {
            let pointer: JsonPointer = text.parse().unwrap();
            assert_eq!(pointer.find(&document), expected.as_ref(), "{text}");
        }
        for text in ["foo", "#/foo", "/m~n", "/~", "/a~2"] {
            assert!(text.parse::<JsonPointer>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_nearest_value_is_that_of_the_longest_prefix() {
        let document = json!({"a": [{"b": 1}]});
        let nearest = |text: &str| {
            let pointer: JsonPointer = text.parse().unwrap();
            let (path, value) = pointer.nearest(&document);
            (path.to_owned(), value.clone())
        };
        assert_eq!(nearest("/a/0/c"), ("/a/0".to_owned(), json!({"b": 1})));
        assert_eq!(nearest("/a/7/c"), ("/a".to_owned(), json!([{"b": 1}])));
        assert_eq!(nearest("/x"), (String::new(), document.clone()));
    }
}
