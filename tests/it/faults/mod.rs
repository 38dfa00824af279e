//! Every fault of the network and of servers, at every request of every command, on both products: the status is a
//! documented one, time and memory are bounded, nothing is written twice, and no credential is shown or sent elsewhere.

mod commands;
mod fault;
mod fixture;
mod proxy;
mod rules;
mod setup;
mod wire;

use std::collections::VecDeque;
use std::io::Write as _;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::support;
use commands::Case;
use fault::Fault;
use fixture::{Fixture, Outcome};
use proxy::Injection;

/// Commands that run in parallel: most of their time they wait.
const WORKERS: usize = if cfg!(windows) { 3 } else { 16 };
/// How many faults each request after the first gets; outside CI, one.
const FAULTS_PER_LATER_REQUEST: usize = 3;
/// How many faults each request of a command gets that takes longer than [`SLOW`] without a fault.
const FAULTS_OF_SLOW_COMMANDS: usize = 2;
const SLOW: Duration = Duration::from_secs(3);

#[test]
fn every_fault_ends_with_a_documented_status() {
    let gzip_bomb = Arc::new(support::gzip_bomb());
    let cases: VecDeque<_> = commands::all().into_iter().enumerate().collect();
    let progress = Progress::new(cases.len());
    let cases = Mutex::new(cases);
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                loop {
                    let next = cases.lock().unwrap().pop_front();
                    let Some((number, case)) = next else { return };
                    let mut wrong = under_every_fault(number, case, &gzip_bomb, &progress);
                    failures.lock().unwrap().append(&mut wrong);
                    progress.cases.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    progress.print();
    assert!(
        failures.is_empty(),
        "{} runs failed:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

/// Progress of the matrix, printed every ten seconds.
struct Progress {
    started: Instant,
    all_rows: usize,
    cases: AtomicUsize,
    runs: AtomicUsize,
    /// In seconds since the start.
    printed: AtomicU64,
}

impl Progress {
    fn new(all_rows: usize) -> Self {
        Self {
            started: Instant::now(),
            all_rows,
            cases: AtomicUsize::new(0),
            runs: AtomicUsize::new(0),
            printed: AtomicU64::new(0),
        }
    }

    fn count_run(&self) {
        self.runs.fetch_add(1, Ordering::Relaxed);
        let now = self.started.elapsed().as_secs();
        let printed = self.printed.load(Ordering::Relaxed);
        let is_due = now >= printed + 10;
        let swap = |to| {
            let order = Ordering::Relaxed;
            self.printed.compare_exchange(printed, to, order, order)
        };
        if is_due && swap(now).is_ok() {
            self.print();
        }
    }

    /// To the real standard error: the test harness captures only what macros print.
    fn print(&self) {
        let (runs, cases) = (
            self.runs.load(Ordering::Relaxed),
            self.cases.load(Ordering::Relaxed),
        );
        let line = format!(
            "fault matrix: {runs} runs, {cases} of {} commands finished, {} s\n",
            self.all_rows,
            self.started.elapsed().as_secs()
        );
        drop(std::io::stderr().write_all(line.as_bytes()));
    }
}

/// Runs a command under every fault, and returns descriptions of the failures.
fn under_every_fault(
    number: usize,
    case: Case,
    gzip_bomb: &Arc<Vec<u8>>,
    progress: &Progress,
) -> Vec<String> {
    let Some(fixture) = Fixture::new(case, gzip_bomb) else {
        return Vec::new();
    };
    let good = fixture.run(None, 20);
    let is_usable = good.output.status == 0 && !good.requests.is_empty();
    if !is_usable {
        return vec![describe(&fixture, "without a fault", &good, &[])];
    }
    let mut failures = Vec::new();
    for at in 0..good.requests.len() {
        for (turn, fault) in faults(&fixture.case, number, at, good.took > SLOW) {
            let is_persistent = !fault.is_transient() || (number + at + turn).is_multiple_of(2);
            let injection = Injection {
                fault,
                at,
                is_persistent,
            };
            let is_waited_for = fault.is_slow() || (is_persistent && fault.is_transient());
            // The limit is for child processes as well: on a busy machine they need more than a second.
            let timeout = if is_waited_for {
                1 + good.took.as_secs()
            } else {
                10
            };
            let run = fixture.run(Some(injection), timeout);
            progress.count_run();
            // Parallel requests may come in another order, and fewer of them.
            if run.hit.is_empty() {
                continue;
            }
            let wrong = rules::violations(&fixture.case, injection, timeout, &run, &good);
            if !wrong.is_empty() {
                failures.push(describe(&fixture, &format!("{injection:?}"), &run, &wrong));
            }
        }
    }
    failures
}

/// The faults for a request, numbered. The first request of a command gets every fault (outside CI, every third of them,
/// other ones than the next command); later requests get few, different ones for each.
fn faults(case: &Case, number: usize, at: usize, is_slow: bool) -> Vec<(usize, Fault)> {
    let is_ci = support::env_var("CI").is_some();
    let all = fault::ALL.into_iter().enumerate();
    let mut all: Vec<_> = all
        .filter(|(_, fault)| !fault.is_heavy() || case.runs_heavy_faults())
        .filter(|(turn, fault)| {
            at > 0 || is_slow || is_ci || fault.is_heavy() || (number + turn).is_multiple_of(3)
        })
        .collect();
    let start = (number * 7 + at * FAULTS_PER_LATER_REQUEST) % all.len();
    all.rotate_left(start);
    all.truncate(match at {
        // Starting a process takes too long for all of them.
        _ if cfg!(windows) => 1,
        _ if is_slow => FAULTS_OF_SLOW_COMMANDS,
        0 => all.len(),
        _ if is_ci => FAULTS_PER_LATER_REQUEST,
        _ => 1,
    });
    all
}

fn describe(fixture: &Fixture, injection: &str, run: &Outcome, wrong: &[String]) -> String {
    let requests: Vec<_> = run
        .hit
        .iter()
        .map(|&at| format!("{} {}", run.requests[at].0.method, run.requests[at].0.path))
        .collect();
    let case = &fixture.case;
    format!(
        "{} on {:?}, {injection}: {}\n  hit: {requests:?}\n  status {}: {}\n  {}",
        case.name,
        case.product,
        wrong.join("; "),
        run.output.status,
        run.output.stdout.trim_end(),
        run.output.stderr.lines().collect::<Vec<_>>().join("\n  "),
    )
}
