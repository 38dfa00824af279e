//! Requests of git to its credential helpers, and the responses.
#![no_main]

#[path = "../../tests/it/support/invariants.rs"]
mod invariants;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    invariants::credential_protocol(text);
});
