//! Checks connections concurrently: none waits for a slow one, and none is hidden by an unreachable one.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use super::gather;
use super::targets::CheckTarget;
use crate::app::{App, ReachabilityCache, VerifiedCredential};
use crate::diagnostics::report::{ConnectionReport, ReportOptions};
use crate::diagnostics::{CheckOptions, ConnectionFacts, judge_connection};
use crate::error::ErrorSummary;
use crate::resolve::{ResolvedRepository, SelectedConnection};
use crate::sys::worker_pool;

/// Checks connections, and returns their reports in the same order.
pub(super) fn check_all(
    targets: &[CheckTarget],
    options: &CheckOptions,
    report: ReportOptions,
    app: &App,
) -> Vec<ConnectionReport> {
    let total = targets.len();
    let progress = app.ui.progress(&match targets {
        [CheckTarget::Connection(selected, _)] => {
            format!("checking {}", selected.connection.base_url)
        }
        _ => format!("checking {total} connections"),
    });
    let done = AtomicUsize::new(0);
    let reachability = ReachabilityCache::default();
    worker_pool::map_bounded(
        targets,
        |target| match target {
            CheckTarget::Connection(selected, _) => {
                selected.connection.base_url.origin().to_string()
            }
            CheckTarget::Unreadable(name, _) => name.clone(),
        },
        |target| {
            let checked = match target {
                CheckTarget::Connection(selected, repository) => {
                    let started = Instant::now();
                    let facts =
                        gather_one(selected, repository.as_ref(), options, &reachability, app);
                    let findings = judge_connection(&facts, options);
                    ConnectionReport::new(facts, findings, report, started.elapsed())
                }
                CheckTarget::Unreadable(name, summary) => {
                    ConnectionReport::unreadable(name, summary)
                }
            };
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            if total > 1 {
                progress.set_message(&format!("checked {done} of {total} connections"));
            }
            checked
        },
    )
}

fn gather_one(
    selected: &SelectedConnection,
    repository: Option<&ResolvedRepository>,
    options: &CheckOptions,
    reachability: &ReachabilityCache,
    app: &App,
) -> ConnectionFacts {
    let id = repository.map(|repository| &repository.id);
    let context = gather::credential_context(&selected.connection, id);
    let VerifiedCredential {
        mut facts,
        bitbucket,
    } = app.verify_credential(selected, &context, reachability);
    if let Some(bitbucket) = bitbucket {
        let gathering = gather::add_facts(&bitbucket, &mut facts, context, repository, options);
        if let Err(error) = app.block_on(gathering) {
            facts.credential.secret = Err(ErrorSummary::from(&error));
        }
    }
    facts.key = gather::key(selected, options, app);
    facts
}
