//! What a program prints, read while it runs.

use std::io::Read;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use zeroize::Zeroize as _;

/// The most that is read of a program's output, in bytes, unless more is asked for. The rest is thrown away.
pub(super) const MAX_OUTPUT_BYTES: usize = 1024 * 1024;

/// How long the last words of a program that has ended may take.
const GRACE: Duration = Duration::from_millis(200);

/// What a program prints to one of its outputs, read while it runs.
pub(super) struct OutputReader {
    printed: Arc<Mutex<Vec<u8>>>,
    is_cut: Arc<AtomicBool>,
    ended: mpsc::Receiver<()>,
}

impl OutputReader {
    pub(super) fn from(output: Option<impl Read + Send + 'static>, most: usize) -> Self {
        let printed = Arc::new(Mutex::new(Vec::new()));
        let (done, ended) = mpsc::channel();
        let into = Arc::clone(&printed);
        let is_cut = Arc::new(AtomicBool::new(false));
        let cut = Arc::clone(&is_cut);
        let waiting = thread::current();
        thread::spawn(move || {
            collect(output, &into, most, &cut);
            // Nobody waits any more after the deadline.
            let _told = done.send(());
            // Whoever has said its last word is about to end.
            waiting.unpark();
        });
        Self {
            printed,
            is_cut,
            ended,
        }
    }

    /// All of it, and whether there was more than is taken. A grandchild may hold the pipe open; what was printed until now is what counts.
    pub(super) fn finish(self) -> (Vec<u8>, bool) {
        let _all = self.ended.recv_timeout(GRACE);
        let mut printed = self.printed.lock().unwrap_or_else(PoisonError::into_inner);
        (mem::take(&mut printed), self.is_cut.load(Ordering::SeqCst))
    }
}

/// Reads all that is printed, and keeps as much of it as is taken.
fn collect(stdout: Option<impl Read>, into: &Mutex<Vec<u8>>, most: usize, is_cut: &AtomicBool) {
    let Some(mut stdout) = stdout else { return };
    let mut chunk = [0; 8 * 1024];
    while let Ok(count @ 1..) = stdout.read(&mut chunk) {
        let mut kept = into.lock().unwrap_or_else(PoisonError::into_inner);
        let room = most.saturating_sub(kept.len());
        kept.extend_from_slice(&chunk[..count.min(room)]);
        is_cut.fetch_or(count > room, Ordering::SeqCst);
    }
    chunk.zeroize();
}
