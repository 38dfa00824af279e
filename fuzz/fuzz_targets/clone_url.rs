//! Clone URLs, as pasted.
#![no_main]

#[path = "../../tests/it/support/invariants.rs"]
mod invariants;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _either = invariants::clone_url(text);
});
