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

use crate::exit_status::ExitStatus;

/// What ends the program.
#[cfg(unix)]
const SIGNALS: [i32; 3] = [SIGINT, SIGTERM, SIGHUP];
#[cfg(not(unix))]
const SIGNALS: [i32; 2] = [SIGINT, SIGTERM];

/// How often a signal is looked for while somebody is asked.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// What the signal handlers look at, and what they leave behind.
struct State {
    /// The program may end at once.
    may_exit: Arc<AtomicBool>,
    /// The signal that told it to end while it might not.
    pending_signal: Arc<AtomicUsize>,
}

static STATE: LazyLock<State> = LazyLock::new(|| State {
    may_exit: Arc::new(AtomicBool::new(true)),
    pending_signal: Arc::new(AtomicUsize::new(0)),
});

/// How many put an interruption off at this moment.
static DEFER_COUNT: Mutex<usize> = Mutex::new(0);

/// One write at a time is shielded.
static WRITING: Mutex<()> = Mutex::new(());

/// Makes Ctrl-C end the program with [`ExitStatus::Interrupted`], and other signals as shells know it. To be called once, by
/// `main`.
///
/// Where no handler can be installed the system's own remains, which ends the program at once. A signal that whoever
/// started us has had ignored, as `nohup` does, stays ignored.
pub fn install_handlers() {
    let ignored = ignored_signals();
    for signal in SIGNALS.into_iter().filter(|signal| !has(ignored, *signal)) {
        let install = || -> io::Result<()> {
            // Noted first: whoever lets the program end again looks for it afterwards.
            let number = usize::try_from(signal).unwrap_or_default();
            flag::register_usize(signal, Arc::clone(&STATE.pending_signal), number)?;
            flag::register_conditional_shutdown(
                signal,
                status_of(signal),
                Arc::clone(&STATE.may_exit),
            )?;
            Ok(())
        };
        drop(install());
    }
}

/// The signals that are ignored, a bit for each (proc(5), `SigIgn`).
#[cfg(target_os = "linux")]
fn ignored_signals() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mut lines = status.lines();
    let mask = lines.find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or_default()
}

/// Elsewhere nothing but a system call tells, which safe code does not have.
#[cfg(not(target_os = "linux"))]
fn ignored_signals() -> u64 {
    0
}

fn has(mask: u64, signal: i32) -> bool {
    mask & (1 << (signal - 1)) != 0
}

/// 128 and the number of the signal, as shells have it: 130 for Ctrl-C.
fn status_of(signal: i32) -> i32 {
    if signal == SIGINT {
        i32::from(ExitStatus::Interrupted.code())
    } else {
        128 + signal
    }
}

/// Puts an interruption off until the guard is dropped, for whoever looks whether the program [`is_pending`] to end.
#[must_use = "the interruption is put off while the guard lives"]
pub(crate) fn defer() -> DeferGuard {
    let mut count = DEFER_COUNT.lock().unwrap_or_else(PoisonError::into_inner);
    *count += 1;
    STATE.may_exit.store(false, Ordering::SeqCst);
    DeferGuard(())
}

/// An interruption that comes while this lives takes effect when the last one is dropped.
#[derive(Debug)]
pub(crate) struct DeferGuard(());

impl Drop for DeferGuard {
    fn drop(&mut self) {
        let mut count = DEFER_COUNT.lock().unwrap_or_else(PoisonError::into_inner);
        *count -= 1;
        if *count == 0 {
            STATE.may_exit.store(true, Ordering::SeqCst);
            exit_if_pending(|| ());
        }
    }
}

/// Whether a signal has come that is put off.
#[must_use]
pub(crate) fn is_pending() -> bool {
    STATE.pending_signal.load(Ordering::SeqCst) != 0
}

/// Puts an interruption off until the guard is dropped. Keep it short: no waiting, no network.
#[must_use = "the interruption is put off while the guard lives"]
pub(crate) fn critical_section() -> CriticalSection {
    let alone = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    CriticalSection {
        _put_off: defer(),
        _alone: alone,
    }
}

/// As [`DeferGuard`], and one at a time.
#[derive(Debug)]
pub(crate) struct CriticalSection {
    _put_off: DeferGuard,
    _alone: MutexGuard<'static, ()>,
}

/// Asks somebody something at the terminal. When a signal comes meanwhile, `restore` puts the terminal right (its echo
/// may be off) before the program ends.
pub(crate) fn with_prompt<T>(restore: impl Fn() + Send + Sync, ask: impl FnOnce() -> T) -> T {
    let _put_off = defer();
    let answered = AtomicBool::new(false);
    let answer = thread::scope(|scope| {
        let watch = || {
            while !answered.load(Ordering::SeqCst) {
                let count = DEFER_COUNT.lock().unwrap_or_else(PoisonError::into_inner);
                // Others are in the middle of something, which ends soon.
                if *count == 1 {
                    exit_if_pending(&restore);
                }
                drop(count);
                thread::sleep(POLL_INTERVAL);
            }
        };
        // Without the watcher a signal waits for the answer.
        drop(thread::Builder::new().spawn_scoped(scope, watch));
        let answer = ask();
        answered.store(true, Ordering::SeqCst);
        answer
    });
    // Reading a key, the terminal is raw, and Ctrl-C an answer before it is a signal.
    if is_pending() {
        restore();
    }
    answer
}

#[expect(clippy::exit, reason = "what the signal handler would have done")]
fn exit_if_pending(before: impl Fn()) {
    let told = STATE.pending_signal.load(Ordering::SeqCst);
    if let Ok(signal @ 1..) = i32::try_from(told) {
        before();
        process::exit(status_of(signal));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_one_lets_the_program_end() {
        let may_end = || STATE.may_exit.load(Ordering::SeqCst);
        let first = defer();
        let (asked, written) = (with_prompt(|| (), || 7), critical_section());
        assert_eq!((asked, may_end()), (7, false));
        drop(written);
        assert!(!may_end());
        let second = defer();
        drop(first);
        assert!(!may_end());
        drop(second);
    }

    #[test]
    fn a_mask_has_a_bit_for_each_signal() {
        assert!(has(0x4001, SIGTERM) && has(0x4001, 1) && !has(0x4001, SIGINT));
        assert!(!has(ignored_signals(), SIGTERM));
    }
}
