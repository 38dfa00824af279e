//! A line on the terminal while something takes its time.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget};

use crate::types::escape::escape;

/// What is over sooner needs no line.
const SHOW_AFTER: Duration = Duration::from_millis(500);
const TICK: Duration = Duration::from_millis(100);

/// Work in progress. Dropping it takes the line away again.
#[derive(Debug)]
pub(crate) struct Progress {
    message: Arc<Mutex<String>>,
    shown: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Progress {
    pub(super) fn start(message: &str, visible: bool) -> Self {
        let message = Arc::new(Mutex::new(escape(message).into_owned()));
        let said = Arc::clone(&message);
        let shown = visible.then_some(()).and_then(|()| {
            let (done, ended) = mpsc::channel();
            let thread = thread::Builder::new().spawn(move || {
                if ended.recv_timeout(SHOW_AFTER) == Err(RecvTimeoutError::Timeout) {
                    let line = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
                    loop {
                        line.set_message(locked(&said).clone());
                        line.tick();
                        if ended.recv_timeout(TICK) != Err(RecvTimeoutError::Timeout) {
                            break;
                        }
                    }
                    line.finish_and_clear();
                }
            });
            // Without a thread there is no line, and no harm.
            thread.ok().map(|thread| (done, thread))
        });
        Self { message, shown }
    }

    /// Says something else from now on.
    pub(crate) fn set_message(&self, message: &str) {
        *locked(&self.message) = escape(message).into_owned();
    }
}

fn locked(message: &Mutex<String>) -> MutexGuard<'_, String> {
    message.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((done, thread)) = self.shown.take() {
            drop(done);
            // A line that was not drawn is no loss.
            drop(thread.join());
        }
    }
}
