//! Bodies of error responses: the first byte selects the status, the second the content type.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|answer: (u8, u8, &[u8])| {
    let (status, kind, body) = answer;
    bbconnect::internals::check_error_response(status, kind, body);
});
