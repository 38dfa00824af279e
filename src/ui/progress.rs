//! One line on the terminal while something takes its time: what is being done, and how far it is. The line is removed when
//! the work ends, a prompt or other text appears, or a signal ends the program.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use dialoguer::console::{Term, truncate_str};

use super::terminal_width::stderr_columns;
use crate::sys::signals::{self, DeferGuard};
use crate::types::escape::escape;

/// What is over sooner needs no line.
const SHOW_AFTER: Duration = Duration::from_millis(500);
const TICK: Duration = Duration::from_millis(100);
const FRAMES: [&str; 4] = ["|", "/", "-", "\\"];

#[derive(Debug, Clone, Default)]
pub(super) struct ProgressLine(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// Work began or ended.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// The work in progress; the last one is shown.
    work: Vec<Work>,
    next_id: u64,
    /// The entries that the work has read.
    entries: usize,
    /// When the first of the work began.
    since: Option<Instant>,
    /// The thread that draws the line is running.
    is_running: bool,
    /// Prompts and other text for which the line is hidden.
    hidden: usize,
    visible: Option<VisibleLine>,
}

#[derive(Debug)]
struct Work {
    id: u64,
    message: String,
    /// The entries of a list are counted behind the message.
    counts: bool,
}

/// A line on the terminal. Signals are deferred, so that it can be removed first.
#[derive(Debug)]
struct VisibleLine {
    frame: usize,
    deferred: DeferGuard,
}

/// Work in progress. Dropping it removes the line.
#[must_use = "the line is removed when this is dropped"]
#[derive(Debug)]
pub(crate) struct Progress(Option<(ProgressLine, u64)>);

/// The line is hidden while this lives.
#[derive(Debug)]
pub(super) struct Hidden(ProgressLine);

impl Progress {
    /// Changes the text.
    pub(crate) fn set_message(&self, message: &str) {
        if let Some((line, id)) = &self.0 {
            let mut state = line.lock();
            let mut work = state.work.iter_mut();
            if let Some(work) = work.find(|work| work.id == *id) {
                work.message = escape(message).into_owned();
            }
        }
    }
}

impl Progress {
    /// Shows the last line that git has written behind the message. What git passes on from the server is left out.
    pub(crate) fn follow_git(self, message: &str) -> impl FnMut(&[u8]) + Send + 'static {
        let message = message.to_owned();
        let mut line = String::new();
        move |chunk| {
            line.push_str(&String::from_utf8_lossy(chunk));
            let Some((complete, rest)) = line.rsplit_once(['\r', '\n']) else {
                return;
            };
            let mut lines = complete.rsplit(['\r', '\n']);
            let last = lines.find(|line| !line.trim().is_empty() && !line.starts_with("remote:"));
            if let Some(last) = last {
                self.set_message(&format!("{message}: {}", last.trim()));
            }
            line = rest.to_owned();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((line, id)) = self.0.take() {
            let mut state = line.lock();
            state.work.retain(|work| work.id != id);
            if state.work.is_empty() {
                state.since = None;
                state.entries = 0;
                state.clear();
                line.0.changed.notify_all();
            }
        }
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        self.0.lock().hidden -= 1;
    }
}

impl ProgressLine {
    /// Begins work; `None` shows nothing.
    pub(super) fn start(&self, message: Option<&str>, counts: bool) -> Progress {
        let Some(message) = message else {
            return Progress(None);
        };
        let mut state = self.lock();
        let id = state.next_id;
        state.next_id += 1;
        state.work.push(Work {
            id,
            message: escape(message).into_owned(),
            counts,
        });
        state.since.get_or_insert_with(Instant::now);
        if !state.is_running {
            let line = self.clone();
            // Without a thread there is no line, and no harm.
            state.is_running = thread::Builder::new().spawn(move || line.draw()).is_ok();
        }
        Progress(Some((self.clone(), id)))
    }

    /// Counts entries that the work has read.
    pub(super) fn count(&self, entries: usize) {
        let mut state = self.lock();
        if !state.work.is_empty() {
            state.entries += entries;
        }
    }

    /// Whether any work is in progress.
    pub(super) fn is_active(&self) -> bool {
        !self.lock().work.is_empty()
    }

    /// Removes the line until the guard is dropped.
    pub(super) fn hide(&self) -> Hidden {
        let mut state = self.lock();
        state.hidden += 1;
        state.clear();
        Hidden(self.clone())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Draws the line until no work is left.
    fn draw(&self) {
        let mut state = self.lock();
        while let Some(since) = state.since {
            if since.elapsed() >= SHOW_AFTER && state.hidden == 0 {
                state.draw();
            }
            if let Some(line) = &state.visible {
                line.deferred.exit_if_pending(clear_line);
            }
            let waited = self.0.changed.wait_timeout(state, TICK);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.is_running = false;
    }
}

impl State {
    fn draw(&mut self) {
        let Some(work) = self.work.last() else {
            return;
        };
        let line = self.visible.get_or_insert_with(|| VisibleLine {
            frame: 0,
            deferred: signals::defer(),
        });
        line.frame = (line.frame + 1) % FRAMES.len();
        let count = match self.entries {
            entries @ 1.. if work.counts => format!(": {entries}"),
            _ => String::new(),
        };
        let text = format!("{} {}{count}", FRAMES[line.frame], work.message);
        let term = Term::stderr();
        // A character in the last column would begin another line on some terminals.
        let width = stderr_columns().unwrap_or(80).saturating_sub(1);
        let text = truncate_str(&text, width, "…");
        // What cannot be drawn is no loss.
        drop(term.clear_line().and_then(|()| term.write_str(&text)));
    }

    fn clear(&mut self) {
        if self.visible.is_some() {
            clear_line();
        }
        // A deferred signal takes effect now.
        self.visible = None;
    }
}

fn clear_line() {
    drop(Term::stderr().clear_line());
}
