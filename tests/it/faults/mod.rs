//! Every fault of the network and of servers, at every request of every command, on both products: the status is a
//! documented one, time and memory are bounded, nothing is written twice, no credential goes elsewhere or is shown.
#![cfg(unix)]

mod answer;
mod commands;
mod fault;
mod prepared;
mod proxy;
mod rules;
mod stage;
mod world;

use std::collections::VecDeque;
use std::io::Write as _;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::support;
use commands::Row;
use fault::Fault;
use proxy::Trap;
use stage::{Outcome, Stage};

/// Commands at once: most of their time they wait.
const AT_ONCE: usize = 12;
/// Faults that every request after the first meets.
const LATER: usize = 3;
/// Faults that every request of a command meets that takes long by itself.
const FEW: usize = 2;
const SLOW: Duration = Duration::from_secs(3);

#[test]
fn whatever_breaks_ends_in_a_documented_way() {
    let bomb = Arc::new(stage::bomb());
    let rows: VecDeque<_> = commands::all().into_iter().enumerate().collect();
    let progress = Progress::new(rows.len());
    let rows = Mutex::new(rows);
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let next = rows.lock().unwrap().pop_front();
                    let Some((number, row)) = next else { return };
                    let mut wrong = under_every_fault(number, row, &bomb, &progress);
                    failures.lock().unwrap().append(&mut wrong);
                    progress.rows.fetch_add(1, Ordering::Relaxed);
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

/// How far the matrix is, printed every ten seconds.
struct Progress {
    started: Instant,
    all_rows: usize,
    rows: AtomicUsize,
    runs: AtomicUsize,
    /// In seconds since the start.
    printed: AtomicU64,
}

impl Progress {
    fn new(all_rows: usize) -> Self {
        Self {
            started: Instant::now(),
            all_rows,
            rows: AtomicUsize::new(0),
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
        let (runs, rows) = (
            self.runs.load(Ordering::Relaxed),
            self.rows.load(Ordering::Relaxed),
        );
        let line = format!(
            "fault matrix: {runs} runs, {rows} of {} commands finished, {} s\n",
            self.all_rows,
            self.started.elapsed().as_secs()
        );
        drop(std::io::stderr().write_all(line.as_bytes()));
    }
}

/// Runs a command under every fault, and returns what was wrong.
fn under_every_fault(
    number: usize,
    row: Row,
    bomb: &Arc<Vec<u8>>,
    progress: &Progress,
) -> Vec<String> {
    let Some(stage) = Stage::set(row, bomb) else {
        return Vec::new();
    };
    let good = stage.run(None, 20);
    let is_usable = good.ran.status == 0 && !good.asked.is_empty();
    if !is_usable {
        return vec![told(&stage, "without a fault", &good, &[])];
    }
    let mut failures = Vec::new();
    for at in 0..good.asked.len() {
        for (turn, fault) in faults(&stage.row, number, at, good.took > SLOW) {
            let stays = !fault.passes() || (number + at + turn).is_multiple_of(2);
            let trap = Trap { fault, at, stays };
            let is_waited_for = fault.is_slow() || (stays && fault.passes());
            let timeout = if is_waited_for { 1 } else { 10 };
            let run = stage.run(Some(trap), timeout);
            progress.count_run();
            // Questions that are asked side by side may come in another order, and fewer of them.
            if run.met.is_empty() {
                continue;
            }
            let wrong = rules::broken(&stage.row, trap, timeout, &run, &good);
            if !wrong.is_empty() {
                failures.push(told(&stage, &format!("{trap:?}"), &run, &wrong));
            }
        }
    }
    failures
}

/// The faults that a request meets, numbered: the first one of a command every fault (where there is little time, each
/// on one of the products), the others some of them, which are others for each.
fn faults(row: &Row, number: usize, at: usize, is_slow: bool) -> Vec<(usize, Fault)> {
    let is_thorough = row.is_alone() || support::variable("CI").is_some();
    let is_even = row.product.is_cloud();
    let all = fault::ALL.into_iter().enumerate();
    let mut all: Vec<_> = all
        .filter(|(_, fault)| !fault.is_heavy() || row.bears_heavy_faults())
        .filter(|(turn, fault)| {
            let is_own = turn.is_multiple_of(2) == is_even;
            at > 0 || is_slow || is_thorough || fault.is_heavy() || is_own
        })
        .collect();
    let start = (number * 7 + at * LATER) % all.len();
    all.rotate_left(start);
    all.truncate(match at {
        _ if is_slow => FEW,
        0 => all.len(),
        _ => LATER,
    });
    all
}

fn told(stage: &Stage, trap: &str, run: &Outcome, wrong: &[String]) -> String {
    let asked: Vec<_> = run
        .met
        .iter()
        .map(|&at| format!("{} {}", run.asked[at].0.method, run.asked[at].0.path))
        .collect();
    let row = &stage.row;
    format!(
        "{} on {:?}, {trap}: {}\n  met: {asked:?}\n  status {}: {}\n  {}",
        row.name,
        row.product,
        wrong.join("; "),
        run.ran.status,
        run.ran.stdout.trim_end(),
        run.ran.stderr.lines().collect::<Vec<_>>().join("\n  "),
    )
}
