//! A line on the terminal while something takes its time.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget};

use crate::model::printable::escaped;

/// What is over sooner needs no line.
const PATIENCE: Duration = Duration::from_millis(500);
const TICK: Duration = Duration::from_millis(100);

/// Work in progress. Dropping it takes the line away again.
#[derive(Debug)]
pub struct Progress {
    shown: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Progress {
    pub(super) fn start(message: &str, visible: bool) -> Self {
        let message = escaped(message).into_owned();
        let shown = visible.then_some(()).and_then(|()| {
            let (done, ended) = mpsc::channel();
            let thread = thread::Builder::new().spawn(move || {
                if ended.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                    let line = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
                    line.set_message(message);
                    line.enable_steady_tick(TICK);
                    // Returns, with an error, as soon as the other side is dropped.
                    let _ended = ended.recv();
                    line.finish_and_clear();
                }
            });
            // Without a thread there is no line, and no harm.
            thread.ok().map(|thread| (done, thread))
        });
        Self { shown }
    }
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
