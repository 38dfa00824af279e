//! Ends child processes with this process, however it ends. Only Linux has a call for it.
#![expect(
    unsafe_code,
    reason = "the call must be made in the child, between fork and exec"
)]

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use rustix::io::Errno;
use rustix::process::{Signal, getpid, getppid, set_parent_process_death_signal};

/// Has the system send SIGTERM to the child when the thread that starts it ends, which waits for the child otherwise.
pub(super) fn end_with_parent(command: &mut Command) {
    let parent = getpid();
    let in_child = move || {
        set_parent_process_death_signal(Some(Signal::TERM))?;
        // This process may have ended before the call.
        if getppid() == Some(parent) {
            Ok(())
        } else {
            Err(Errno::SRCH.into())
        }
    };
    // SAFETY: Other threads may have held locks at the fork, so only async-signal-safe functions may be called in the
    // child before exec (signal-safety(7)). The closure makes two system calls, prctl and getppid, through rustix, which
    // neither allocates nor locks; it uses a number that was copied before the fork; and its errors are numbers of the
    // system, which are no allocation either.
    unsafe {
        command.pre_exec(in_child);
    }
}
