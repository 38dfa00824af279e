//! A program on a pseudo-terminal.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::Command;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use rexpect::process::{PtyProcess, WaitStatus};

/// How long a test waits for a text, or for the end.
const LIMIT: Duration = Duration::from_secs(30);

const TYPING_DELAY: Duration = Duration::from_millis(150);

pub(crate) struct Terminal {
    process: PtyProcess,
    keyboard: File,
    output: Receiver<Vec<u8>>,
    /// What the program has written and no method has returned.
    unread: Vec<u8>,
}

impl Terminal {
    pub(crate) fn start(command: Command) -> Self {
        let mut process = PtyProcess::new(command).expect("a terminal");
        process.set_kill_timeout(Some(1000));
        let handle = || process.get_file_handle().expect("a handle of the terminal");
        let (keyboard, mut screen) = (handle(), handle());
        let (sender, output) = channel();
        std::thread::spawn(move || {
            let mut block = [0; 4096];
            // Once the program has ended, Linux reports an error and macOS the end of the file.
            while let Ok(count @ 1..) = screen.read(&mut block) {
                if sender.send(block[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self {
            process,
            keyboard,
            output,
            unread: Vec::new(),
        }
    }

    /// Waits for a text, and returns what was written before it.
    #[track_caller]
    pub(crate) fn expect(&mut self, text: &str) -> String {
        let deadline = Instant::now() + LIMIT;
        loop {
            let mut windows = self.unread.windows(text.len());
            if let Some(at) = windows.position(|window| window == text.as_bytes()) {
                let after = self.unread.split_off(at + text.len());
                let mut before = std::mem::replace(&mut self.unread, after);
                before.truncate(at);
                return String::from_utf8(before).expect("output is UTF-8");
            }
            let more = self.receive(deadline);
            assert!(more, "{text:?} is not in {}", self.unread.escape_ascii());
        }
    }

    /// Waits for the end of the output, and returns what was not read.
    #[track_caller]
    pub(crate) fn rest(&mut self) -> String {
        let deadline = Instant::now() + LIMIT;
        while self.receive(deadline) {}
        String::from_utf8(std::mem::take(&mut self.unread)).expect("output is UTF-8")
    }

    /// Waits for the end of the program, and returns its status.
    pub(crate) fn status(&self) -> i32 {
        let status = self.process.wait().expect("the program ends");
        let WaitStatus::Exited(_, status) = status else {
            panic!("the program did not exit: {status:?}");
        };
        status
    }

    /// Types keys, as a person does: a moment after the prompt. What is typed before the program has prepared the terminal
    /// for the answer is discarded.
    pub(crate) fn send(&mut self, keys: &str) {
        std::thread::sleep(TYPING_DELAY);
        let written = self.keyboard.write_all(keys.as_bytes());
        written.expect("the terminal takes keys");
    }

    pub(crate) fn send_line(&mut self, line: &str) {
        self.send(&format!("{line}\n"));
    }

    pub(crate) fn press_ctrl_c(&mut self) {
        self.send("\u{3}");
    }

    /// Waits for output; false at its end.
    #[track_caller]
    fn receive(&mut self, deadline: Instant) -> bool {
        let wait = deadline.saturating_duration_since(Instant::now());
        match self.output.recv_timeout(wait) {
            Ok(block) => {
                self.unread.extend(block);
                true
            }
            Err(RecvTimeoutError::Disconnected) => false,
            Err(RecvTimeoutError::Timeout) => {
                let unread = self.unread.escape_ascii();
                panic!("nothing more within {LIMIT:?}: {unread}")
            }
        }
    }
}
