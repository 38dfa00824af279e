//! Ctrl-C: the program ends with status 130, but never between the two halves of a write.

use std::io;
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use signal_hook::consts::SIGINT;
use signal_hook::flag;

use crate::exit::Exit;

/// What the signal handler looks at, and what it leaves behind.
struct State {
    /// The program may end at once.
    may_end: Arc<AtomicBool>,
    /// It was told to end while it might not.
    told: Arc<AtomicBool>,
}

static STATE: LazyLock<State> = LazyLock::new(|| State {
    may_end: Arc::new(AtomicBool::new(true)),
    told: Arc::new(AtomicBool::new(false)),
});

/// One write at a time is shielded.
static WRITING: Mutex<()> = Mutex::new(());

/// Makes Ctrl-C end the program with [`Exit::Interrupted`]. To be called once, by `main`.
///
/// Where no handler can be installed the system's own remains, which ends the program at once.
pub fn install() {
    let status = i32::from(Exit::Interrupted.code());
    let install = || -> io::Result<()> {
        flag::register_conditional_shutdown(SIGINT, status, Arc::clone(&STATE.may_end))?;
        flag::register(SIGINT, Arc::clone(&STATE.told))?;
        Ok(())
    };
    drop(install());
}

/// Puts an interruption off until the guard is dropped. Keep it short: no waiting, no network.
#[must_use = "the interruption is put off while the guard lives"]
pub fn shield() -> Shield {
    let alone = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    STATE.may_end.store(false, Ordering::SeqCst);
    Shield { _alone: alone }
}

/// An interruption that comes while this lives takes effect when it is dropped.
#[derive(Debug)]
pub struct Shield {
    _alone: MutexGuard<'static, ()>,
}

impl Drop for Shield {
    fn drop(&mut self) {
        STATE.may_end.store(true, Ordering::SeqCst);
        if STATE.told.load(Ordering::SeqCst) {
            end();
        }
    }
}

#[expect(clippy::exit, reason = "what the signal handler would have done")]
fn end() {
    process::exit(i32::from(Exit::Interrupted.code()));
}
