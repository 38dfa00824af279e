//! The checks of the pipeline, in its order: `cargo ci`. A program, so that they are the same on every system.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a task runner starts programs and says which"
)]

use std::process::{Command, ExitCode};
use std::time::Instant;

/// The steps: format, lints, tests (the command of the README), documentation.
const STEPS: [&[&str]; 4] = [
    &["fmt", "--check"],
    &["lint"],
    &["test", "--locked"],
    &["docs"],
];

fn main() -> ExitCode {
    for step in STEPS {
        eprintln!("==> cargo {}", step.join(" "));
        let started = Instant::now();
        let mut command = Command::new("cargo");
        // Broken links in the documentation are errors, like warnings of the compiler.
        if step == ["docs"] {
            command.env(
                "RUSTDOCFLAGS",
                "-D warnings -A rustdoc::private-intra-doc-links",
            );
        }
        match command.args(step).status() {
            Ok(status) if status.success() => eprintln!("    {} s", started.elapsed().as_secs()),
            Ok(status) => {
                eprintln!("cargo {} failed: {status}", step.join(" "));
                return ExitCode::FAILURE;
            }
            Err(error) => {
                eprintln!("cargo cannot be started: {error}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}
