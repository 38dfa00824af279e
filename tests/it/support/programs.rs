//! Programs that tests and examples start, and ports they listen on.
#![allow(dead_code, reason = "every user needs a part of it")]
#![allow(clippy::expect_used, clippy::print_stderr, reason = "tests")]

#[cfg(unix)]
use std::io::Write as _;
use std::net::TcpListener;
#[cfg(unix)]
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Once};

/// Any program. Tests start programs here and nowhere else.
#[expect(
    clippy::disallowed_methods,
    reason = "tests start the program itself and the ones it is compared with"
)]
pub(crate) fn program(name: &str) -> Command {
    #[cfg(unix)]
    reset_signals();
    Command::new(name)
}

static SIGNALS: Once = Once::new();

/// A flag that Ctrl-C and SIGTERM set from now on, for a program that cleans up before it ends. To be called before any other
/// program is started.
pub(crate) fn interruption() -> Arc<AtomicBool> {
    let is_interrupted = Arc::new(AtomicBool::new(false));
    SIGNALS.call_once(|| {
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            signal_hook::flag::register(signal, Arc::clone(&is_interrupted))
                .expect("a handler can be installed");
        }
    });
    is_interrupted
}

/// Lets child processes begin with the default actions of the signals that tests send, also where this process was
/// started with them ignored, as a shell without job control does for `cargo test &`. Ignored signals are inherited by
/// child processes, handlers are not (execve(2)); the handlers installed here do what the default action does.
#[cfg(unix)]
fn reset_signals() {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
    SIGNALS.call_once(|| {
        for signal in [SIGHUP, SIGINT, SIGQUIT, SIGTERM] {
            let always = Arc::new(AtomicBool::new(true));
            signal_hook::flag::register_conditional_default(signal, always)
                .expect("a handler can be installed");
        }
    });
}

/// Writes an executable script. Another process does it: a program that a parallel test starts inherits files that this
/// process has open for writing until its own `exec`, and the script could not be started meanwhile (`ETXTBSY`).
#[cfg(unix)]
pub(crate) fn write_script(path: &Path, text: &str) {
    let mut child = program("sh")
        .args(["-c", "cat > \"$0\" && chmod 755 \"$0\""])
        .arg(path)
        .stdin(Stdio::piped())
        .spawn()
        .expect("the shell starts");
    let mut stdin = child.stdin.take().expect("its input is piped");
    stdin
        .write_all(text.as_bytes())
        .expect("its input can be written");
    drop(stdin);
    assert!(child.wait().expect("it ends").success());
}

/// A port of 127.0.0.1 on which nothing listens. It is below the ranges from which systems choose ports by themselves
/// (from 32768 on), so that no parallel test gets it in the meantime.
pub(crate) fn unused_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let next = std::process::id() * 64 + NEXT.fetch_add(1, Ordering::Relaxed);
        let port = 20_000 + u16::try_from(next % 10_000).expect("it is small");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the sandbox decides what the program sees of the environment"
)]
pub(crate) fn env_var(name: &str) -> Option<std::ffi::OsString> {
    std::env::var_os(name)
}

/// Whether a real program is installed. Otherwise a test prints that it is skipped; in CI the program is required.
pub(crate) fn is_installed(name: &str, argument: &str) -> bool {
    let found = program(name)
        .arg(argument)
        .stdin(Stdio::null())
        .output()
        .is_ok();
    assert!(
        found || env_var("CI").is_none(),
        "{name} is missing; CI installs it"
    );
    if !found {
        eprintln!("skipped: {name} is not installed");
    }
    found
}

/// Runs a real program, which must succeed, and returns its standard output.
#[track_caller]
pub(crate) fn check_output(command: &mut Command) -> String {
    let output = command
        .stdin(Stdio::null())
        .output()
        .expect("the program starts");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {stderr}");
    String::from_utf8(output.stdout).expect("its output is UTF-8")
}
