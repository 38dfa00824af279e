//! Files that `migrate` updates.
#![no_main]

#[path = "../../tests/it/support/invariants.rs"]
mod invariants;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    invariants::third_party_files(text);
});
