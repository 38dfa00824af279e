//! Lines that are pasted on standard input while the callback server waits.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use zeroize::Zeroizing;

/// The most that is read, in bytes.
const MAX_BYTES: usize = 256 * 1024;

/// Reads lines until it is dropped. Later prompts then get the input.
#[derive(Debug)]
pub(super) struct PastedLines {
    is_stopped: Arc<AtomicBool>,
}

impl PastedLines {
    pub(super) fn read(mut on_line: impl FnMut(&str) + Send + 'static) -> Self {
        let is_stopped = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&is_stopped);
        thread::spawn(move || {
            let mut text = Zeroizing::new(Vec::with_capacity(8 * 1024));
            while !stop.load(Ordering::SeqCst) && text.len() < MAX_BYTES {
                let mut chunk = Zeroizing::new([0; 4096]);
                match read_available(chunk.as_mut()) {
                    Ok(None) => continue,
                    Ok(Some(0)) | Err(_) => break,
                    Ok(Some(length)) => text.extend(chunk.iter().take(length)),
                }
                while let Some(end) = text.iter().position(|byte| *byte == b'\n') {
                    let line: Zeroizing<Vec<u8>> = Zeroizing::new(text.drain(..=end).collect());
                    on_line(&String::from_utf8_lossy(&line));
                }
            }
            if !text.is_empty() {
                on_line(&String::from_utf8_lossy(&text));
            }
        });
        Self { is_stopped }
    }
}

impl Drop for PastedLines {
    fn drop(&mut self) {
        self.is_stopped.store(true, Ordering::SeqCst);
    }
}

/// Reads what is there; `None` where nothing is there yet.
#[cfg(unix)]
fn read_available(buffer: &mut [u8]) -> io::Result<Option<usize>> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let stdin = io::stdin();
    // How soon the input is left to others.
    let interval = Timespec {
        tv_sec: 0,
        tv_nsec: 100_000_000,
    };
    let mut polled = [PollFd::new(&stdin, PollFlags::IN)];
    match poll(&mut polled, Some(&interval)) {
        Ok(0) | Err(rustix::io::Errno::INTR) => Ok(None),
        Ok(_) => Ok(Some(rustix::io::read(&stdin, buffer)?)),
        Err(error) => Err(error.into()),
    }
}

#[cfg(not(unix))]
fn read_available(buffer: &mut [u8]) -> io::Result<Option<usize>> {
    use std::io::Read as _;
    io::stdin().lock().read(buffer).map(Some)
}
