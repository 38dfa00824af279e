//! Ctrl-C: the program ends with status 130, but never between the two halves of a write.

use std::io;
use std::process;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

#[cfg(unix)]
use signal_hook::consts::SIGHUP;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::exit::Exit;

/// What ends the program.
#[cfg(unix)]
const SIGNALS: [i32; 3] = [SIGINT, SIGTERM, SIGHUP];
#[cfg(not(unix))]
const SIGNALS: [i32; 2] = [SIGINT, SIGTERM];

/// How often a signal is looked for while somebody is asked.
const GLANCE: Duration = Duration::from_millis(20);

/// What the signal handlers look at, and what they leave behind.
struct State {
    /// The program may end at once.
    may_end: Arc<AtomicBool>,
    /// The signal that told it to end while it might not.
    told: Arc<AtomicUsize>,
}

static STATE: LazyLock<State> = LazyLock::new(|| State {
    may_end: Arc::new(AtomicBool::new(true)),
    told: Arc::new(AtomicUsize::new(0)),
});

/// One write at a time is shielded.
static WRITING: Mutex<()> = Mutex::new(());

/// Makes Ctrl-C end the program with [`Exit::Interrupted`], and other signals as shells know it. To be called once, by
/// `main`.
///
/// Where no handler can be installed the system's own remains, which ends the program at once.
pub fn install() {
    for signal in SIGNALS {
        let install = || -> io::Result<()> {
            flag::register_conditional_shutdown(
                signal,
                status_of(signal),
                Arc::clone(&STATE.may_end),
            )?;
            let number = usize::try_from(signal).unwrap_or_default();
            flag::register_usize(signal, Arc::clone(&STATE.told), number)?;
            Ok(())
        };
        drop(install());
    }
}

/// 128 and the number of the signal, as shells have it: 130 for Ctrl-C.
fn status_of(signal: i32) -> i32 {
    if signal == SIGINT {
        i32::from(Exit::Interrupted.code())
    } else {
        128 + signal
    }
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
        end_if_told(|| ());
    }
}

/// Asks somebody something at the terminal. When a signal comes meanwhile, `restore` puts the terminal right (its echo
/// may be off) before the program ends.
pub fn while_asking<T>(restore: impl Fn() + Send + Sync, ask: impl FnOnce() -> T) -> T {
    STATE.may_end.store(false, Ordering::SeqCst);
    let answered = AtomicBool::new(false);
    let answer = thread::scope(|scope| {
        let watch = || {
            while !answered.load(Ordering::SeqCst) {
                end_if_told(&restore);
                thread::sleep(GLANCE);
            }
        };
        // Without the watcher a signal waits for the answer.
        drop(thread::Builder::new().spawn_scoped(scope, watch));
        let answer = ask();
        answered.store(true, Ordering::SeqCst);
        answer
    });
    STATE.may_end.store(true, Ordering::SeqCst);
    end_if_told(|| ());
    answer
}

#[expect(clippy::exit, reason = "what the signal handler would have done")]
fn end_if_told(before: impl Fn()) {
    let told = STATE.told.load(Ordering::SeqCst);
    if let Ok(signal @ 1..) = i32::try_from(told) {
        before();
        process::exit(status_of(signal));
    }
}
