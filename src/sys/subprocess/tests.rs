//! Programs that print, read, hang and leave others behind.

use std::time::Instant;

use super::*;

fn run<S: AsRef<OsStr>>(
    program: &str,
    arguments: impl IntoIterator<Item = S>,
    stderr: Stderr,
    limit: Duration,
) -> Result<ProcessOutput, ProcessError> {
    CommandSpec::new(program)
        .args(arguments)
        .stderr(stderr)
        .run(limit)
}

#[test]
fn output_and_status_are_caught() {
    let output = run(
        "sh",
        ["-c", "echo one; exit 3"],
        Stderr::Null,
        Duration::from_secs(5),
    )
    .unwrap();
    assert_eq!(
        (output.status.code(), output.stdout.as_slice()),
        (Some(3), b"one\n".as_slice())
    );
}

#[test]
fn input_environment_and_complaints_reach_both_sides() {
    let output = CommandSpec::new("sh")
        .args(["-c", "cat; echo \"$WORD\" >&2; cat"])
        .env("WORD", "odd")
        .stdin(b"in")
        .stderr(Stderr::Capture)
        .run(Duration::from_secs(5))
        .unwrap();
    assert_eq!(
        (output.stdout.as_slice(), output.stderr.as_slice()),
        (b"in".as_slice(), b"odd\n".as_slice())
    );
    let unread = CommandSpec::new("true").stdin(vec![0; 1_000_000]);
    assert!(unread.run(Duration::from_secs(5)).unwrap().status.success());
}

#[test]
fn neither_a_grandchild_nor_a_flood_is_in_the_way() {
    let started = Instant::now();
    let output = run(
        "sh",
        ["-c", "echo one; sleep 20 &"],
        Stderr::Null,
        Duration::from_secs(9),
    )
    .unwrap();
    assert_eq!(output.stdout, b"one\n");
    assert!(started.elapsed() < Duration::from_secs(5));
    let flood = "head -c 3000000 /dev/zero";
    let output = run("sh", ["-c", flood], Stderr::Null, Duration::from_secs(9)).unwrap();
    assert_eq!(
        (
            output.status.success(),
            output.stdout.len(),
            output.truncated
        ),
        (true, MAX_OUTPUT_BYTES, true)
    );
    assert!(matches!(
        output.ensure_not_truncated("sh"),
        Err(ProcessError::OutputTooLarge { .. })
    ));
    let all = CommandSpec::new("head").args(["-c", "9000", "/dev/zero"]);
    let output = all.max_output(9000).run(Duration::from_secs(9)).unwrap();
    assert_eq!(
        output.ensure_not_truncated("head").unwrap().stdout.len(),
        9000
    );
}

#[test]
fn a_program_that_hangs_is_ended() {
    let started = Instant::now();
    let error = run("sleep", ["30"], Stderr::Null, Duration::from_millis(50)).unwrap_err();
    assert!(matches!(error, ProcessError::TimedOut { .. }), "{error}");
    assert!(started.elapsed() < Duration::from_secs(5));
    assert!(matches!(
        run(
            "no-such-program-here",
            [""; 0],
            Stderr::Null,
            Duration::from_secs(1)
        ),
        Err(ProcessError::Start { .. })
    ));
}

#[test]
fn what_a_program_has_started_is_ended_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let left = folder.path().join("left");
    let script = format!("(sleep 1; touch '{}') & wait", left.display());
    let command = CommandSpec::new("sh")
        .args(["-c", &script])
        .new_process_group();
    let error = command.run(Duration::from_millis(100)).unwrap_err();
    assert!(matches!(error, ProcessError::TimedOut { .. }), "{error}");
    thread::sleep(Duration::from_millis(1500));
    assert!(!left.exists());
}
