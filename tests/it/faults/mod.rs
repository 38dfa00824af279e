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
use std::sync::{Arc, Mutex};
use std::time::Duration;

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
    let rows = Mutex::new(rows);
    let (failures, count) = (Mutex::new(Vec::new()), Mutex::new(0));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let next = rows.lock().unwrap().pop_front();
                    let Some((number, row)) = next else { return };
                    let (runs, mut wrong) = under_every_fault(number, row, &bomb);
                    *count.lock().unwrap() += runs;
                    failures.lock().unwrap().append(&mut wrong);
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    let count = count.into_inner().unwrap();
    assert!(
        failures.is_empty(),
        "{} of {count} runs:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

/// Runs a command under every fault; answers with how often it ran, and what was wrong.
fn under_every_fault(number: usize, row: Row, bomb: &Arc<Vec<u8>>) -> (usize, Vec<String>) {
    let Some(stage) = Stage::set(row, bomb) else {
        return (0, Vec::new());
    };
    let good = stage.run(None, 20);
    let is_usable = good.ran.status == 0 && !good.asked.is_empty();
    if !is_usable {
        return (1, vec![told(&stage, "without a fault", &good, &[])]);
    }
    let (mut runs, mut failures) = (1, Vec::new());
    for at in 0..good.asked.len() {
        for (turn, fault) in faults(&stage.row, number, at, good.took > SLOW) {
            let stays = !fault.passes() || (number + at + turn).is_multiple_of(2);
            let trap = Trap { fault, at, stays };
            let is_waited_for = fault.is_slow() || (stays && fault.passes());
            let timeout = if is_waited_for { 1 } else { 10 };
            let run = stage.run(Some(trap), timeout);
            runs += 1;
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
    (runs, failures)
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
