//! Clone URLs, as pasted.
#![no_main]

#[path = "../../tests/it/support/doors.rs"]
mod doors;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _either = doors::clone_url(text);
});
