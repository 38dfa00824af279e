//! Runs other programs with a time limit and captures their output.
//!
//! No other module starts programs. Captured output is complete, or [`CommandSpec::run`] fails: after the program has
//! ended its output is read to the end of the file, because a background process may still write to it.

use std::cell::Cell;
use std::env;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::{self, Read, Write as _};
#[cfg(target_os = "linux")]
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::{self, JoinHandle, Thread};
use std::time::{Duration, Instant};

use thiserror::Error;
use zeroize::Zeroize as _;

#[cfg(windows)]
use crate::sys::job_object::JobObject;
use crate::sys::signals;
use crate::types::shell::for_git_shell;

/// Variables with secrets of bbconnect, or with the way to them. Programs do not inherit them.
const SECRET_VARIABLES: [&str; 4] = [
    "BBCONNECT_TOKEN",
    "BBCONNECT_TOKEN_FILE",
    "BBCONNECT_TOKEN_COMMAND",
    "BBCONNECT_STORE_PASSPHRASE_FILE",
];

/// Default limit for standard output and for standard error, in bytes.
const MAX_OUTPUT_BYTES: usize = 1024 * 1024;

/// How long the output may stay open after the program has ended: at least and at most. The time limit of the program
/// decides in between.
const OUTPUT_GRACE: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(5)];

/// How long a program may go on after the line that is enough.
const LINE_GRACE: Duration = Duration::from_secs(1);

/// Runs a program in a shell that ends the whole process group when it is ended itself: with bbconnect, see
/// `end_with_parent`. The signal would reach the program alone, and not what it has started.
#[cfg(target_os = "linux")]
const SHELL: &str = "/bin/sh";
#[cfg(target_os = "linux")]
const GROUP_GUARD: [&str; 3] = [
    "-c",
    "trap 'trap - TERM; kill 0' TERM; \"$@\" & wait $!",
    "sh",
];

/// "No such file or directory", on every system.
const ENOENT: i32 = 2;

/// Shortest and longest pause between two checks of a running program.
const POLL_BACKOFF: [Duration; 2] = [Duration::from_micros(100), Duration::from_millis(5)];

/// A browser that fails does so within this time.
const BROWSER_START: Duration = Duration::from_secs(3);

/// How long a program that was sent SIGTERM may take to restore the terminal, release locks and remove partial files.
const TERMINATE_GRACE: Duration = Duration::from_secs(1);

/// The time limit that the user has set for every program.
static TIME_LIMIT: OnceLock<Duration> = OnceLock::new();

/// Sets the time limit of programs for the whole process, once.
pub(crate) fn set_time_limit(limit: Duration) {
    // A second limit would be that of the same command line.
    TIME_LIMIT.get_or_init(|| limit);
}

/// The time limit of a program: the one that the user has set, else `default`.
pub(crate) fn time_limit(default: Duration) -> Duration {
    TIME_LIMIT.get().copied().unwrap_or(default)
}

/// Why a program produced no result.
#[derive(Debug, Error)]
pub(crate) enum ProcessError {
    #[error("cannot start {program}: {source}")]
    Start { program: String, source: io::Error },
    #[error("{program} did not finish within {} seconds", limit.as_secs_f32())]
    TimedOut { program: String, limit: Duration },
    #[error("cannot wait for {program}: {source}")]
    Wait { program: String, source: io::Error },
    #[error("cannot read the output of {program}: {source}")]
    Read { program: String, source: io::Error },
    #[error("the output of {program} is too large")]
    OutputTooLarge { program: String },
    /// The program has ended, but a process that inherited its output has not closed it.
    #[error("the output of {program} is incomplete: another process keeps it open")]
    OutputHeldOpen { program: String },
    /// bbconnect received a signal to end.
    #[error("{program} was interrupted")]
    Interrupted { program: String },
}

/// Exit status and captured output of a program.
#[derive(Debug)]
pub(crate) struct ProcessOutput {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Vec<u8>,
    /// Empty unless [`Stderr::Capture`] was requested.
    pub(crate) stderr: Vec<u8>,
}

/// Where a program's standard error goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stderr {
    Null,
    Capture,
}

/// Called with what a program writes to standard error, as it comes.
pub(crate) type Listener = Box<dyn FnMut(&[u8]) + Send>;

struct StderrListener(Listener);

impl fmt::Debug for StderrListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StderrListener")
    }
}

/// A program with its arguments and environment. It is started directly, never through a shell.
#[derive(Debug)]
pub(crate) struct CommandSpec {
    program: String,
    args: Vec<OsString>,
    #[cfg(windows)]
    raw_arg: OsString,
    removed_env: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    stdin: Vec<u8>,
    stderr: Stderr,
    stderr_listener: Option<StderrListener>,
    max_output: usize,
    stdout_may_be_cut: bool,
    needs_one_line: bool,
    new_process_group: bool,
    ends_group_with_parent: bool,
    inherits_secrets: bool,
}

impl CommandSpec {
    /// A program without arguments and input, whose standard error is dropped.
    pub(crate) fn new(program: &str) -> Self {
        Self {
            program: program.to_owned(),
            args: Vec::new(),
            #[cfg(windows)]
            raw_arg: OsString::new(),
            removed_env: Vec::new(),
            env: Vec::new(),
            stdin: Vec::new(),
            stderr: Stderr::Null,
            stderr_listener: None,
            max_output: MAX_OUTPUT_BYTES,
            stdout_may_be_cut: false,
            needs_one_line: false,
            new_process_group: false,
            ends_group_with_parent: false,
            inherits_secrets: false,
        }
    }

    /// Sets the limit for standard output and for standard error, in bytes. A program that prints more is an error.
    pub(crate) fn max_output(mut self, bytes: usize) -> Self {
        self.max_output = bytes;
        self
    }

    /// Keeps the beginning of a standard output that is longer than the limit, instead of failing.
    pub(crate) fn cut_stdout(mut self) -> Self {
        self.stdout_may_be_cut = true;
        self
    }

    /// The first line of standard output is enough. A program that does not end soon after it is ended, and counts as
    /// successful.
    #[must_use]
    pub(crate) fn until_first_line(mut self) -> Self {
        self.needs_one_line = true;
        self
    }

    /// Appends arguments.
    pub(crate) fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        let args = args.into_iter().map(|arg| arg.as_ref().to_owned());
        self.args.extend(args);
        self
    }

    /// Appends text to the command line without quoting, because `cmd` has its own rules for quotes.
    #[cfg(windows)]
    pub(crate) fn raw_arg(mut self, text: impl Into<OsString>) -> Self {
        self.raw_arg = text.into();
        self
    }

    /// Removes the inherited variables whose name matches.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "only the names are read, to remove them from the program's environment"
    )]
    pub(crate) fn env_remove_matching(mut self, matches: impl Fn(&str) -> bool) -> Self {
        let names = env::vars_os().map(|(name, _)| name);
        self.removed_env
            .extend(names.filter(|name| matches(&name.to_string_lossy())));
        self
    }

    /// Sets a variable, also one that [`CommandSpec::env_remove_matching`] removes.
    pub(crate) fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        let (name, value) = (name.as_ref().to_owned(), value.as_ref().to_owned());
        self.env.push((name, value));
        self
    }

    /// Sets the standard input.
    pub(crate) fn stdin(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.stdin = input.into();
        self
    }

    /// Sets where standard error goes.
    pub(crate) fn stderr(mut self, stderr: Stderr) -> Self {
        self.stderr = stderr;
        self
    }

    /// Captures standard error, and passes it to `listener` as it comes.
    #[must_use]
    pub(crate) fn listen_to_stderr(mut self, listener: impl FnMut(&[u8]) + Send + 'static) -> Self {
        self.stderr = Stderr::Capture;
        self.stderr_listener = Some(StderrListener(Box::new(listener)));
        self
    }

    /// Starts the program in its own process group, so that everything it has started can be ended with it. Not for
    /// programs that read from the terminal: the terminal belongs to one group only.
    pub(crate) fn new_process_group(mut self) -> Self {
        self.new_process_group = true;
        self
    }

    /// Starts the program in its own process group, unless there is a terminal that it may read from. On Linux the whole
    /// group ends with bbconnect, however that ends.
    pub(crate) fn new_process_group_without_terminal(mut self) -> Self {
        self.new_process_group = !has_terminal();
        self.ends_group_with_parent = self.new_process_group;
        self
    }

    /// Lets the program inherit the variables with bbconnect's own secrets.
    pub(crate) fn inherit_secrets(mut self) -> Self {
        self.inherits_secrets = true;
        self
    }

    /// Runs the program to its end. A signal that tells bbconnect to end also ends the program.
    ///
    /// # Errors
    /// [`ProcessError`] when the program cannot be started, does not end in time, or its output is not complete. A
    /// failing exit status is not an error.
    pub(crate) fn run(mut self, limit: Duration) -> Result<ProcessOutput, ProcessError> {
        let program = self.program.clone();
        let _deferred = signals::defer();
        if signals::is_pending() {
            return Err(ProcessError::Interrupted { program });
        }
        let (max_output, stdout_may_be_cut) = (self.max_output, self.stdout_may_be_cut);
        let needs_one_line = self.needs_one_line;
        let is_guarded = self.ends_group_with_parent && program != "sh";
        let listener = self.stderr_listener.take();
        let mut process = match RunningProcess::start(self) {
            Ok(process) => process,
            Err(source) => return Err(ProcessError::Start { program, source }),
        };
        let stdout = OutputReader::start(process.child.stdout.take(), max_output, None);
        let stderr = OutputReader::start(process.child.stderr.take(), max_output, listener);
        let has_line = || needs_one_line && stdout.has_line();
        let deadline = Instant::now() + limit;
        let status = match process.wait(deadline, has_line) {
            // The shell did not find the program.
            Ok(Waited::Done(status)) if is_guarded && status.code() == Some(127) => {
                let source = io::Error::from_raw_os_error(ENOENT);
                return Err(ProcessError::Start { program, source });
            }
            Ok(Waited::Done(status)) => status,
            Ok(Waited::TimedOut) if has_line() => ExitStatus::default(),
            Ok(Waited::TimedOut) => return Err(ProcessError::TimedOut { program, limit }),
            Ok(Waited::Interrupted) => return Err(ProcessError::Interrupted { program }),
            Err(source) => return Err(ProcessError::Wait { program, source }),
        };
        match process.wait_for_output(deadline, &[&stdout, &stderr]) {
            Waited::TimedOut if has_line() => {
                return Ok(ProcessOutput {
                    status,
                    stdout: stdout.take().bytes,
                    stderr: stderr.take().bytes,
                });
            }
            Waited::Done(()) => {}
            Waited::TimedOut => return Err(ProcessError::OutputHeldOpen { program }),
            Waited::Interrupted => return Err(ProcessError::Interrupted { program }),
        }
        let stdout_may_be_cut = stdout_may_be_cut || has_line();
        match stdout.finish().and_then(|out| Ok((out, stderr.finish()?))) {
            Err(source) => Err(ProcessError::Read { program, source }),
            Ok((stdout, stderr)) if stderr.is_cut || stdout.is_cut && !stdout_may_be_cut => {
                Err(ProcessError::OutputTooLarge { program })
            }
            Ok((stdout, stderr)) => Ok(ProcessOutput {
                status,
                stdout: stdout.bytes,
                stderr: stderr.bytes,
            }),
        }
    }
}

/// Opens a page in the user's browser. Returns whether one was started and has not failed.
#[cfg(unix)]
pub(crate) fn open_in_browser(url: &str) -> bool {
    open::commands(url).into_iter().any(start_browser)
}

/// Opens a page in the user's browser without waiting for it. Returns whether a browser could be started.
#[cfg(not(unix))]
pub(crate) fn open_in_browser(url: &str) -> bool {
    open::that_detached(url).is_ok()
}

/// Opens a page in the browser that a command starts (`BROWSER`): `%s` stands for the page, which otherwise follows the
/// command. Returns whether it was started and has not failed.
pub(crate) fn open_with(browser: &str, url: &str) -> bool {
    let Ok(words) = shell_words::split(&for_git_shell(browser)) else {
        return false;
    };
    let Some((program, arguments)) = words.split_first() else {
        return false;
    };
    let mut browser = command(program);
    browser.args(arguments.iter().map(|word| word.replace("%s", url)));
    if !arguments.iter().any(|word| word.contains("%s")) {
        browser.arg(url);
    }
    start_browser(browser)
}

fn start_browser(mut browser: Command) -> bool {
    for name in SECRET_VARIABLES {
        browser.env_remove(name);
    }
    browser
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    // Ctrl-C in the terminal does not end the browser.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut browser, 0);
    let Ok(mut browser) = browser.spawn() else {
        return false;
    };
    let until = Instant::now() + BROWSER_START;
    loop {
        match browser.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) if Instant::now() < until => thread::sleep(POLL_BACKOFF[1]),
            // A browser may run until its window is closed.
            Ok(None) | Err(_) => return true,
        }
    }
}

/// Whether the process has a terminal, also where its standard streams are redirected.
#[cfg(unix)]
fn has_terminal() -> bool {
    std::fs::File::open("/dev/tty").is_ok()
}

#[cfg(not(unix))]
fn has_terminal() -> bool {
    true
}

/// Result of waiting for a program or its output.
enum Waited<T> {
    Done(T),
    TimedOut,
    /// bbconnect received a signal to end.
    Interrupted,
}

/// A program that was started.
struct RunningProcess {
    child: Child,
    leads_group: bool,
    /// With everything that the program starts; `None` where the system allows no job.
    #[cfg(windows)]
    job: Option<JobObject>,
}

impl RunningProcess {
    fn start(spec: CommandSpec) -> io::Result<Self> {
        let stdin = spec.stdin;
        #[cfg(target_os = "linux")]
        let mut command = if spec.ends_group_with_parent && Path::new(SHELL).exists() {
            let mut guard = command(SHELL);
            guard.args(GROUP_GUARD).arg(&spec.program);
            guard
        } else {
            command(&spec.program)
        };
        #[cfg(not(target_os = "linux"))]
        let mut command = command(&spec.program);
        for name in &spec.removed_env {
            command.env_remove(name);
        }
        if !spec.inherits_secrets {
            for name in SECRET_VARIABLES {
                command.env_remove(name);
            }
        }
        #[cfg(target_os = "linux")]
        super::parent_death::end_with_parent(&mut command);
        command
            .args(&spec.args)
            .envs(spec.env.iter().map(|(name, value)| (name, value)))
            .stdin(if stdin.is_empty() {
                Stdio::null()
            } else {
                Stdio::piped()
            })
            .stdout(Stdio::piped())
            .stderr(match spec.stderr {
                Stderr::Null => Stdio::null(),
                Stderr::Capture => Stdio::piped(),
            });
        #[cfg(windows)]
        std::os::windows::process::CommandExt::raw_arg(&mut command, &spec.raw_arg);
        #[cfg(unix)]
        if spec.new_process_group {
            std::os::unix::process::CommandExt::process_group(&mut command, 0);
        }
        let mut child = command.spawn()?;
        #[cfg(windows)]
        let job = JobObject::with_child(&child).ok();
        if let Some(mut pipe) = child.stdin.take() {
            // The write fails when the program closes its standard input without reading it.
            thread::spawn(move || drop(pipe.write_all(&stdin)));
        }
        Ok(Self {
            child,
            leads_group: spec.new_process_group,
            #[cfg(windows)]
            job,
        })
    }

    /// Waits for the end of the program, and ends it at the deadline, some time after `is_enough`, or when bbconnect has to
    /// end.
    fn wait(
        &mut self,
        deadline: Instant,
        is_enough: impl Fn() -> bool,
    ) -> io::Result<Waited<ExitStatus>> {
        let enough_since = Cell::new(None);
        let is_over = || {
            let now = Instant::now();
            let since = enough_since.get().or_else(|| is_enough().then_some(now));
            enough_since.set(since);
            signals::is_pending() || since.is_some_and(|since| now >= since + LINE_GRACE)
        };
        let ended = poll_until(deadline, is_over, || self.child.try_wait().transpose());
        if let Some(status) = ended {
            return status.map(Waited::Done);
        }
        if !signals::is_pending() {
            self.kill();
            return Ok(Waited::TimedOut);
        }
        self.terminate();
        poll_until(
            Instant::now() + TERMINATE_GRACE,
            || false,
            || self.child.try_wait().transpose(),
        )
        .transpose()?;
        // A program in our own process group got the signal from the terminal as well and may still be cleaning up.
        if self.leads_group {
            self.kill();
        }
        Ok(Waited::Interrupted)
    }

    /// Waits for the end of the output after the end of the program. Processes of its group that keep the output open are
    /// ended.
    fn wait_for_output(&mut self, deadline: Instant, readers: &[&OutputReader; 2]) -> Waited<()> {
        let [least, most] = OUTPUT_GRACE;
        let now = Instant::now();
        let grace = deadline.saturating_duration_since(now).clamp(least, most);
        let are_finished = || {
            let mut readers = readers.iter();
            readers.all(|reader| reader.is_finished()).then_some(())
        };
        if poll_until(now + grace, signals::is_pending, are_finished).is_some() {
            #[cfg(windows)]
            if let Some(job) = self.job.take() {
                job.release();
            }
            return Waited::Done(());
        }
        self.kill();
        if signals::is_pending() {
            Waited::Interrupted
        } else {
            Waited::TimedOut
        }
    }

    /// Sends SIGKILL to the program and its group; in our own group, on Linux, to all programs that it has started; on Windows
    /// ends its job. Errors are ignored: the program may have ended in the meantime.
    fn kill(&mut self) {
        #[cfg(windows)]
        if let Some(job) = &self.job {
            job.terminate();
        }
        #[cfg(unix)]
        if self.leads_group {
            self.signal(rustix::process::Signal::KILL);
        }
        #[cfg(target_os = "linux")]
        if !self.leads_group {
            for id in descendants(rustix::process::Pid::from_child(&self.child)) {
                let _sent = rustix::process::kill_process(id, rustix::process::Signal::KILL);
            }
        }
        let _killed = self.child.kill();
        let _status = self.child.wait();
    }

    /// Sends SIGTERM to the program and its group.
    #[cfg(unix)]
    fn terminate(&self) {
        self.signal(rustix::process::Signal::TERM);
    }

    #[cfg(windows)]
    fn terminate(&mut self) {
        self.kill();
    }

    #[cfg(unix)]
    fn signal(&self, signal: rustix::process::Signal) {
        use rustix::process::{Pid, kill_process, kill_process_group};
        let id = Pid::from_child(&self.child);
        let _sent = if self.leads_group {
            kill_process_group(id, signal)
        } else {
            kill_process(id, signal)
        };
    }
}

/// The processes that a process has started, and those that they have started (proc(5)).
#[cfg(target_os = "linux")]
fn descendants(root: rustix::process::Pid) -> Vec<rustix::process::Pid> {
    use rustix::process::Pid;
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let parents: Vec<(Pid, Pid)> = entries
        .filter_map(|entry| {
            let id: i32 = entry.file_name().to_str()?.parse().ok()?;
            let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
            // The name, in parentheses, may contain anything. The state and the parent follow it.
            let (_, fields) = stat.rsplit_once(')')?;
            let parent: i32 = fields.split_whitespace().nth(1)?.parse().ok()?;
            Some((Pid::from_raw(id)?, Pid::from_raw(parent)?))
        })
        .collect();
    let mut found = Vec::new();
    let mut next = vec![root];
    while let Some(parent) = next.pop() {
        let children = parents.iter().filter(|(_, of)| *of == parent);
        let children: Vec<Pid> = children.map(|(id, _)| *id).collect();
        next.extend(&children);
        found.extend(children);
    }
    found
}

/// Calls `poll` until it returns a value. Returns `None` at the deadline or when `is_cancelled`.
///
/// [`OutputReader`] wakes the thread at the end of an output, which is when a program usually ends.
fn poll_until<T>(
    deadline: Instant,
    is_cancelled: impl Fn() -> bool,
    mut poll: impl FnMut() -> Option<T>,
) -> Option<T> {
    let [first, last] = POLL_BACKOFF;
    let mut pause = first;
    loop {
        if let Some(value) = poll() {
            return Some(value);
        }
        if is_cancelled() || Instant::now() >= deadline {
            return None;
        }
        let started = Instant::now();
        thread::park_timeout(pause);
        pause = if started.elapsed() < pause {
            first
        } else {
            (pause * 2).min(last)
        };
    }
}

/// Output up to the limit.
#[derive(Default)]
struct Output {
    bytes: Vec<u8>,
    /// There was more than the limit.
    is_cut: bool,
    has_line: bool,
}

/// A thread that reads one output of a program, so that the program never waits for a full pipe.
struct OutputReader {
    thread: JoinHandle<io::Result<()>>,
    output: Arc<Mutex<Output>>,
}

impl OutputReader {
    fn start(
        pipe: Option<impl Read + Send + 'static>,
        max_bytes: usize,
        mut listener: Option<StderrListener>,
    ) -> Self {
        let waiting = thread::current();
        let output = Arc::default();
        let read = Arc::clone(&output);
        let thread = thread::spawn(move || {
            let _unpark = UnparkOnDrop(waiting);
            pipe.map_or(Ok(()), |pipe| {
                read_to_end(pipe, max_bytes, &read, |chunk| {
                    if let Some(StderrListener(listener)) = &mut listener {
                        listener(chunk);
                    }
                })
            })
        });
        Self { thread, output }
    }

    fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// Whether the first line is complete.
    fn has_line(&self) -> bool {
        lock(&self.output).has_line
    }

    /// What was read so far.
    fn take(&self) -> Output {
        std::mem::take(&mut lock(&self.output))
    }

    /// Waits for the end of the output.
    fn finish(self) -> io::Result<Output> {
        let joined = self.thread.join();
        joined.unwrap_or_else(|_| Err(io::Error::other("the reading thread failed")))?;
        Ok(std::mem::take(&mut lock(&self.output)))
    }
}

fn lock(output: &Mutex<Output>) -> std::sync::MutexGuard<'_, Output> {
    output.lock().unwrap_or_else(PoisonError::into_inner)
}

struct UnparkOnDrop(Thread);

impl Drop for UnparkOnDrop {
    fn drop(&mut self) {
        self.0.unpark();
    }
}

/// Reads to the end and keeps the first `max_bytes`.
fn read_to_end(
    mut pipe: impl Read,
    max_bytes: usize,
    output: &Mutex<Output>,
    mut listener: impl FnMut(&[u8]),
) -> io::Result<()> {
    let mut chunk = [0; 8 * 1024];
    let result = loop {
        match pipe.read(&mut chunk) {
            Ok(0) => break Ok(()),
            Ok(count) => {
                let chunk = &chunk[..count];
                let mut output = lock(output);
                let free = max_bytes.saturating_sub(output.bytes.len());
                output.bytes.extend_from_slice(&chunk[..count.min(free)]);
                output.is_cut |= count > free;
                output.has_line |= chunk.contains(&b'\n');
                drop(output);
                listener(chunk);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => break Err(error),
        }
    };
    // The output may be a secret.
    chunk.zeroize();
    result
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the only module that starts programs"
)]
fn command(program: &str) -> Command {
    Command::new(program)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn sh(script: &str) -> CommandSpec {
        CommandSpec::new("sh")
            .args(["-c", script])
            .stderr(Stderr::Null)
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn output_and_status_are_captured() {
        let output = sh("echo one; exit 3").run(seconds(5)).unwrap();
        assert_eq!(output.status.code(), Some(3));
        assert_eq!(output.stdout, b"one\n");
    }

    #[test]
    fn input_environment_and_stderr_are_passed() {
        let output = sh("cat; echo \"$WORD\" >&2; cat")
            .env("WORD", "odd")
            .stdin(b"in")
            .stderr(Stderr::Capture)
            .run(seconds(5))
            .unwrap();
        assert_eq!(output.stdout, b"in");
        assert_eq!(output.stderr, b"odd\n");
        let unread = CommandSpec::new("true").stdin(vec![0; 1_000_000]);
        assert!(unread.run(seconds(5)).unwrap().status.success());
    }

    #[test]
    fn output_of_a_background_process_is_part_of_the_output() {
        let late = "echo one; (sleep 1; echo two; echo three >&2) & exit 4";
        for command in [sh(late), sh(late).new_process_group()] {
            let output = command.stderr(Stderr::Capture).run(seconds(9)).unwrap();
            assert_eq!(output.status.code(), Some(4));
            assert_eq!(output.stdout, b"one\ntwo\n");
            assert_eq!(output.stderr, b"three\n");
        }
    }

    #[test]
    fn output_that_stays_open_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let left = dir.path().join("left");
        let touch = format!("sleep 3; touch '{}'", left.display());
        for held in [
            format!("echo one; ({touch}) &"),
            format!("echo one; ({touch}) >/dev/null &"),
            format!("echo one; ({touch}) 2>/dev/null &"),
        ] {
            let started = Instant::now();
            let command = sh(&held).stderr(Stderr::Capture).new_process_group();
            let error = command.run(Duration::from_millis(1500)).unwrap_err();
            assert!(
                matches!(&error, ProcessError::OutputHeldOpen { program } if program == "sh"),
                "{held}: {error}"
            );
            assert!(started.elapsed() < seconds(3), "{held}");
        }
        thread::sleep(seconds(2));
        assert!(!left.exists());
    }

    #[test]
    fn a_daemon_that_closes_the_output_is_not_waited_for() {
        let started = Instant::now();
        let daemon = "echo one; sleep 20 >/dev/null 2>&1 &";
        let output = sh(daemon).stderr(Stderr::Capture).run(seconds(9)).unwrap();
        assert_eq!(output.stdout, b"one\n");
        assert!(started.elapsed() < seconds(5));
    }

    #[test]
    fn output_beyond_the_limit_is_an_error_unless_it_may_be_cut() {
        let flood = "head -c 3000000 /dev/zero";
        for (command, stderr) in [
            (sh(flood), Stderr::Null),
            (sh(&format!("{flood} >&2")), Stderr::Capture),
        ] {
            let error = command.stderr(stderr).run(seconds(9)).unwrap_err();
            assert!(
                matches!(error, ProcessError::OutputTooLarge { .. }),
                "{error}"
            );
        }
        let output = sh(flood).cut_stdout().run(seconds(9)).unwrap();
        assert!(output.status.success());
        assert_eq!(output.stdout.len(), MAX_OUTPUT_BYTES);
        let exact = sh("head -c 9000 /dev/zero").max_output(9000);
        assert_eq!(exact.run(seconds(9)).unwrap().stdout.len(), 9000);
    }

    #[test]
    fn one_line_is_enough_where_no_more_is_needed() {
        for (script, expected) in [
            ("echo one; exit 3", Some(3)),
            ("echo one; sleep 30", Some(0)),
            ("echo one; yes", Some(0)),
            ("echo one; sleep 30 &", Some(0)),
        ] {
            let started = Instant::now();
            let command = sh(script).until_first_line().new_process_group();
            let output = command.run(seconds(20)).unwrap();
            assert_eq!(output.status.code(), expected, "{script}");
            assert!(output.stdout.starts_with(b"one\n"), "{script}");
            assert!(started.elapsed() < seconds(15), "{script}");
        }
        let unfinished = sh("printf one; sleep 30").until_first_line();
        let error = unfinished.run(Duration::from_millis(300)).unwrap_err();
        assert!(matches!(error, ProcessError::TimedOut { .. }), "{error}");
    }

    #[test]
    fn a_listener_gets_standard_error_as_it_comes() {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let listener = Arc::clone(&heard);
        let command = sh("printf 'a\\r' >&2; printf b >&2; exit 2")
            .listen_to_stderr(move |chunk| listener.lock().unwrap().extend_from_slice(chunk));
        let output = command.run(seconds(9)).unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(output.stderr, b"a\rb");
        assert_eq!(*heard.lock().unwrap(), b"a\rb");
    }

    #[test]
    fn a_program_that_hangs_is_ended() {
        let started = Instant::now();
        let error = sh("sleep 30").run(Duration::from_millis(50)).unwrap_err();
        assert!(matches!(error, ProcessError::TimedOut { .. }), "{error}");
        assert!(started.elapsed() < seconds(5));
        let missing = CommandSpec::new("no-such-program-here").run(seconds(1));
        assert!(matches!(missing, Err(ProcessError::Start { .. })));
    }

    #[test]
    fn everything_that_the_program_started_is_ended_with_it() {
        for is_group in [true, cfg!(not(target_os = "linux"))] {
            let dir = tempfile::tempdir().unwrap();
            let left = dir.path().join("left");
            let script = format!("(sleep 2; touch '{}') & wait", left.display());
            let mut command = sh(&script);
            command.new_process_group = is_group;
            let error = command.run(Duration::from_millis(300)).unwrap_err();
            assert!(matches!(error, ProcessError::TimedOut { .. }), "{error}");
            thread::sleep(Duration::from_millis(2500));
            assert!(!left.exists(), "in its own group: {is_group}");
        }
    }
}
