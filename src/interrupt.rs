//! Ctrl-C: the program ends with status 130, but never between the two halves of a write.

use std::process;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::exit::Exit;

/// Held while something is written that must not be left half done.
static WRITING: Mutex<()> = Mutex::new(());

/// Makes Ctrl-C end the program with [`Exit::Interrupted`]. To be called once, by `main`.
///
/// Where no handler can be installed the system's own remains, which ends the program at once.
pub fn install() {
    let ended = ctrlc::set_handler(|| {
        let _finished = shield();
        end();
    });
    drop(ended);
}

#[expect(
    clippy::exit,
    reason = "the one place that ends the program from another thread"
)]
fn end() {
    process::exit(i32::from(Exit::Interrupted.code()));
}

/// Puts an interruption off until the guard is dropped. Keep it short: no waiting, no network.
#[must_use = "the interruption is put off while the guard lives"]
pub fn shield() -> MutexGuard<'static, ()> {
    WRITING.lock().unwrap_or_else(PoisonError::into_inner)
}
