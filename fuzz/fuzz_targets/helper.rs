//! What git sends to its credential helpers, and what it is answered.
#![no_main]

#[path = "../../tests/it/support/doors.rs"]
mod doors;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    doors::helper(text);
});
