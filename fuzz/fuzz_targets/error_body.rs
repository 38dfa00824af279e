//! Bodies of answers that are errors: the first byte chooses the status, the second what the body claims to be.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|answer: (u8, u8, &[u8])| {
    let (status, kind, body) = answer;
    bbconnect::internals::check_error_response(status, kind, body);
});
