//! Signals: Ctrl-C ends the program with status 130, but never in the middle of a write.

#[cfg(unix)]
use std::io;
use std::process;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

#[cfg(unix)]
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
#[cfg(unix)]
use signal_hook::flag;

use crate::exit_status::ExitStatus;

/// The signals that end the program.
#[cfg(unix)]
const SIGNALS: [i32; 3] = [SIGINT, SIGTERM, SIGHUP];
#[cfg(windows)]
const SIGINT: i32 = 2;

/// Interval between two checks for a signal during a prompt.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Shared with the signal handlers.
struct State {
    /// A signal may end the program at once.
    may_exit: Arc<AtomicBool>,
    /// The last signal, or 0.
    pending_signal: Arc<AtomicUsize>,
}

static STATE: LazyLock<State> = LazyLock::new(|| State {
    may_exit: Arc::new(AtomicBool::new(true)),
    pending_signal: Arc::new(AtomicUsize::new(0)),
});

/// The number of [`DeferGuard`]s.
static DEFER_COUNT: Mutex<usize> = Mutex::new(0);

/// Held by the [`CriticalSection`].
static WRITING: Mutex<()> = Mutex::new(());

/// Installs the handlers: Ctrl-C ends the program with [`ExitStatus::Interrupted`], other signals with 128 plus their number.
/// To be called once, by `main`.
///
/// If a handler cannot be installed, the signal's default action remains, which ends the program at once. A signal that the
/// parent process had ignored, such as `nohup`, stays ignored.
#[cfg(unix)]
pub fn install_handlers() {
    let ignored = ignored_signals();
    for signal in SIGNALS.into_iter().filter(|signal| !has(ignored, *signal)) {
        let install = || -> io::Result<()> {
            // Registered first, so that the signal is recorded before the second handler checks `may_exit`.
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

/// Installs the handler: Ctrl-C, Ctrl-Break and a closed console end the program with [`ExitStatus::Interrupted`]. To be
/// called once, by `main`.
#[cfg(windows)]
pub fn install_handlers() {
    super::console_events::install_handler(interrupt);
}

/// Ends the program as [`SIGINT`] does on Unix. Called on a thread of its own, which waits while signals are deferred.
#[cfg(windows)]
fn interrupt() {
    let number = usize::try_from(SIGINT).unwrap_or_default();
    STATE.pending_signal.store(number, Ordering::SeqCst);
    loop {
        if STATE.may_exit.load(Ordering::SeqCst) {
            exit_if_pending(|| ());
        }
        thread::sleep(POLL_INTERVAL);
    }
}

/// The ignored signals, as a bit mask (proc(5), `SigIgn`).
#[cfg(target_os = "linux")]
fn ignored_signals() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mut lines = status.lines();
    let mask = lines.find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or_default()
}

/// Other systems need a system call that has no safe binding.
#[cfg(all(unix, not(target_os = "linux")))]
fn ignored_signals() -> u64 {
    0
}

#[cfg(unix)]
fn has(mask: u64, signal: i32) -> bool {
    mask & (1 << (signal - 1)) != 0
}

/// 128 plus the number of the signal, as in shells: 130 for Ctrl-C.
fn status_of(signal: i32) -> i32 {
    if signal == SIGINT {
        i32::from(ExitStatus::Interrupted.code())
    } else {
        128 + signal
    }
}

/// Defers signals until the guard is dropped. The caller checks [`is_pending`].
#[must_use = "signals are deferred while the guard lives"]
pub(crate) fn defer() -> DeferGuard {
    let mut count = DEFER_COUNT.lock().unwrap_or_else(PoisonError::into_inner);
    *count += 1;
    STATE.may_exit.store(false, Ordering::SeqCst);
    DeferGuard(())
}

/// A signal that arrives while guards exist takes effect when the last one is dropped.
#[derive(Debug)]
pub(crate) struct DeferGuard(());

impl DeferGuard {
    /// Ends the program if a signal has arrived and no other guard defers it; `restore` restores the terminal first.
    pub(crate) fn exit_if_pending(&self, restore: impl Fn()) {
        let count = DEFER_COUNT.lock().unwrap_or_else(PoisonError::into_inner);
        if *count == 1 {
            exit_if_pending(restore);
        }
    }
}

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

/// Whether a deferred signal has arrived.
pub(crate) fn is_pending() -> bool {
    STATE.pending_signal.load(Ordering::SeqCst) != 0
}

/// Defers signals until the guard is dropped, and waits for other critical sections. Keep it short: no waiting, no network.
#[must_use = "signals are deferred while the guard lives"]
pub(crate) fn critical_section() -> CriticalSection {
    let exclusive = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    CriticalSection {
        _deferred: defer(),
        _exclusive: exclusive,
    }
}

/// A [`DeferGuard`] of which only one exists at a time.
#[derive(Debug)]
pub(crate) struct CriticalSection {
    _deferred: DeferGuard,
    _exclusive: MutexGuard<'static, ()>,
}

/// Runs a prompt. If a signal arrives during the prompt, `restore` restores the terminal (its echo may be off) before the
/// program ends.
pub(crate) fn with_prompt<T>(restore: impl Fn() + Send + Sync, prompt: impl FnOnce() -> T) -> T {
    let _deferred = defer();
    let is_done = AtomicBool::new(false);
    let result = thread::scope(|scope| {
        let watch = || {
            while !is_done.load(Ordering::SeqCst) {
                let count = DEFER_COUNT.lock().unwrap_or_else(PoisonError::into_inner);
                // Other guards end soon.
                if *count == 1 {
                    exit_if_pending(&restore);
                }
                drop(count);
                thread::sleep(POLL_INTERVAL);
            }
        };
        // Without the watcher a signal takes effect after the prompt.
        drop(thread::Builder::new().spawn_scoped(scope, watch));
        let result = prompt();
        is_done.store(true, Ordering::SeqCst);
        result
    });
    // In raw mode the prompt may read Ctrl-C as a key before it becomes a signal.
    if is_pending() {
        restore();
    }
    result
}

#[expect(clippy::exit, reason = "what the signal handler would have done")]
fn exit_if_pending(before: impl Fn()) {
    let pending = STATE.pending_signal.load(Ordering::SeqCst);
    if let Ok(signal @ 1..) = i32::try_from(pending) {
        before();
        process::exit(status_of(signal));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_may_end_after_the_last_guard() {
        let may_exit = || STATE.may_exit.load(Ordering::SeqCst);
        let first = defer();
        let (prompted, section) = (with_prompt(|| (), || 7), critical_section());
        assert_eq!((prompted, may_exit()), (7, false));
        drop(section);
        assert!(!may_exit());
        let second = defer();
        drop(first);
        assert!(!may_exit());
        drop(second);
    }

    #[cfg(unix)]
    #[test]
    fn the_mask_has_a_bit_for_each_signal() {
        assert!(has(0x4001, SIGTERM) && has(0x4001, 1) && !has(0x4001, SIGINT));
        assert!(!has(ignored_signals(), SIGTERM));
    }
}
