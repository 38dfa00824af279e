//! Every fault of the network and of servers, at every request of every command, on both products: the status is a
//! documented one, time and memory are bounded, nothing is written twice, no credential goes elsewhere or is shown.
#![cfg(unix)]
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "tests")]

#[path = "faults/answer.rs"]
mod answer;
#[path = "faults/commands.rs"]
mod commands;
#[path = "faults/fault.rs"]
mod fault;
#[path = "faults/proxy.rs"]
mod proxy;
#[path = "faults/rules.rs"]
mod rules;
#[path = "faults/stage.rs"]
mod stage;
mod support;
#[path = "faults/world.rs"]
mod world;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use commands::Row;
use proxy::Trap;
use stage::Stage;

/// Commands at once: most of their time they wait.
const AT_ONCE: usize = 12;
/// Faults that every request after the first meets.
const LATER: usize = 4;
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
    println!("{} runs", count.into_inner().unwrap());
    assert!(
        failures.is_empty(),
        "{} failures:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

/// Runs a command under every fault; answers with how often it ran, and what was wrong.
fn under_every_fault(number: usize, row: Row, bomb: &Arc<Vec<u8>>) -> (usize, Vec<String>) {
    let Some(stage) = Stage::set(row, bomb) else {
        return (0, Vec::new());
    };
    let row = &stage.row;
    let good = stage.run(None, 20);
    let mut failures = Vec::new();
    if good.ran.status != 0 || good.asked.is_empty() {
        failures.push(format!(
            "{} {:?}: {} {} {}",
            row.name, row.product, good.ran.status, good.ran.stdout, good.ran.stderr
        ));
        return (1, failures);
    }
    let mut runs = 1;
    let is_slow = good.took > SLOW;
    for at in 0..good.asked.len() {
        let rotated = fault::ALL
            .into_iter()
            .cycle()
            .skip((number * 7 + at * LATER) % fault::ALL.len());
        let rotated = rotated.filter(|fault| !fault.is_heavy() || row.bears_heavy_faults());
        let faults = match at {
            _ if is_slow => FEW,
            0 => fault::ALL.len(),
            _ => LATER,
        };
        for (turn, fault) in rotated.take(faults).enumerate() {
            let stays = !fault.passes() || (number + at + turn) % 2 == 0;
            let trap = Trap { fault, at, stays };
            let timeout = if fault.is_slow() || (stays && fault.passes()) {
                1
            } else {
                10
            };
            let run = stage.run(Some(trap), timeout);
            runs += 1;
            let wrong = rules::broken(row, trap, timeout, &run, &good);
            if !wrong.is_empty() {
                let (asked, _) = &good.asked[at];
                failures.push(format!(
                    "{} ({:?}), {fault:?}{} at request {at} ({} {}): {}\n    {}\n    {}",
                    row.name,
                    row.product,
                    if stays { ", which stays," } else { "" },
                    asked.method,
                    asked.path,
                    wrong.join("; "),
                    run.ran
                        .stdout
                        .chars()
                        .take(400)
                        .collect::<String>()
                        .trim_end(),
                    run.ran
                        .stderr
                        .lines()
                        .take(6)
                        .collect::<Vec<_>>()
                        .join("\n    "),
                ));
            }
        }
    }
    (runs, failures)
}
