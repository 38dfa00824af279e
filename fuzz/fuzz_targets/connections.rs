//! `connections.toml`, which users edit.
#![no_main]

#[path = "../../tests/it/support/invariants.rs"]
mod invariants;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    invariants::connections_file(text);
});
