//! Properties of every error response, for a test and for the target `error_body` of
//! `fuzz/`.
#![allow(clippy::expect_used, reason = "tests")]

use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};

use super::response::{MAX_MESSAGE_CHARS, Response};

const KINDS: [&str; 5] = [
    "application/json",
    "application/json;charset=UTF-8",
    "text/html",
    "text/plain",
    "",
];

/// Whatever the body, an error has a message, and the message is short.
#[cfg_attr(
    not(fuzzing),
    allow(unreachable_pub, reason = "the fuzzer is another crate")
)]
pub fn check_error_response(status: u8, kind: u8, body: &[u8]) {
    let status = StatusCode::from_u16(400 + u16::from(status) % 200).expect("it is a status");
    let kind = KINDS[usize::from(kind) % KINDS.len()];
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    let url = "https://git.example.com/rest/api/latest/repos".to_owned();
    let response = Response::from_parts(status, headers, body, url);
    let error = response.error();
    let message = error.to_string();
    assert!(!message.trim().is_empty());
    assert!(
        message.chars().count() < MAX_MESSAGE_CHARS + 200,
        "{}",
        message.len()
    );
    assert!(response.success().is_err());
    assert!(response.json::<serde_json::Value>().is_err());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// JSON in the shapes of both products' errors, and in none.
    fn body() -> impl Strategy<Value = Vec<u8>> {
        const PIECES: [&str; 22] = [
            "{",
            "}",
            "[",
            "]",
            ":",
            ",",
            "\"error\"",
            "\"errors\"",
            "\"message\"",
            "\"detail\"",
            "\"required\"",
            "\"granted\"",
            "\"key\"",
            "\"exceptionName\"",
            "\"x\"",
            "null",
            "1e999",
            "\"com.atlassian.AuthorisationException\"",
            "\"\\u0000\\ud800\"",
            "[[[[[[[[",
            "{\"a\":",
            "\u{1b}[31m",
        ];
        let piece = prop_oneof![
            9 => prop::sample::select(&PIECES[..]).prop_map(|text| text.as_bytes().to_vec()),
            1 => any::<Vec<u8>>(),
        ];
        prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2048, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn every_error_response_has_a_short_message(status in any::<u8>(), kind in any::<u8>(), body in body()) {
            check_error_response(status, kind, &body);
        }
    }

    #[test]
    fn a_long_message_is_truncated() {
        let text = "é".repeat(3 * MAX_MESSAGE_CHARS);
        for body in [
            format!("{{\"error\":{{\"message\":\"{text}\"}}}}"),
            format!("{{\"errors\":[{{\"message\":\"{text}\"}}]}}"),
            format!("{{\"message\":\"{text}\"}}"),
        ] {
            for status in [0, 1, 3, 4, 9, 10, 29, 100] {
                check_error_response(status, 0, body.as_bytes());
            }
        }
    }
}
