//! The file of connections, which people edit.
#![no_main]

#[path = "../../tests/it/support/doors.rs"]
mod doors;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    doors::connections(text);
});
