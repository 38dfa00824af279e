//! Checks connections concurrently: none waits for a slow one, and none is hidden by an unreachable one.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::gather;
use super::targets::CheckTarget;
use crate::app::App;
use crate::bitbucket::ConnectFailure;
use crate::diagnostics::report::{ConnectionReport, ReportOptions};
use crate::diagnostics::{CheckOptions, ConnectionFacts, CredentialFacts, judge_connection};
use crate::error::ErrorSummary;
use crate::resolve::SelectedConnection;
use crate::sys::worker_pool;
use crate::types::connection::{AuthMethod, TokenPrefix};
use crate::types::repository::RepoId;

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
    repository: Option<&RepoId>,
    options: &CheckOptions,
    reachability: &ReachabilityCache,
    app: &App,
) -> ConnectionFacts {
    let connection = &selected.connection;
    // The settings that decide whether a server is reached.
    let route = format!(
        "{} {:?} {:?} {:?}",
        connection.base_url.origin(),
        connection.network.proxy,
        connection.network.ca_cert,
        connection.network.client_identity
    );
    let with_secret = |secret| {
        ConnectionFacts::new(CredentialFacts {
            name: selected.name.clone(),
            connection: connection.clone(),
            secret,
            identity: None,
        })
    };
    let secret = if connection.auth() == AuthMethod::Ssh {
        None
    } else {
        Some(app.secret_of(selected))
    };
    let mut facts = match secret {
        None => with_secret(Ok(TokenPrefix::Unknown)),
        Some(Err(error)) => with_secret(Err(ErrorSummary::from(&error))),
        Some(Ok(secret)) => {
            let facts = with_secret(Ok(TokenPrefix::of(secret.expose())));
            if let Some(summary) = reachability.cached_failure(&route) {
                ConnectionFacts {
                    version: Some(Err(summary)),
                    ..facts
                }
            } else {
                let bitbucket = app.client_with_secret(connection, secret);
                app.block_on(gather::facts(&bitbucket, facts, repository, options))
                    .unwrap_or_else(|error| with_secret(Err(ErrorSummary::from(&error))))
            }
        }
    };
    reachability.record(route, &facts);
    facts.key = gather::key(selected, options, app);
    facts
}

/// Servers that were not reached, so that other connections to them do not wait as well.
#[derive(Default)]
struct ReachabilityCache(Mutex<HashMap<String, Reachability>>);

#[derive(Default)]
struct Reachability {
    is_reachable: bool,
    timeouts: usize,
    failure: Option<ErrorSummary>,
}

impl ReachabilityCache {
    /// Why a server is not reached. A single timeout does not count: the next request may be faster. A server that timed
    /// out twice and never responded is given up.
    fn cached_failure(&self, route: &str) -> Option<ErrorSummary> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.get(route).filter(|known| !known.is_reachable)?;
        let failure = known.failure.as_ref()?;
        let is_timeout = failure.connect_failure == Some(ConnectFailure::Timeout);
        (!is_timeout || known.timeouts > 1).then(|| failure.clone())
    }

    fn record(&self, route: String, facts: &ConnectionFacts) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.entry(route).or_default();
        match facts
            .server_error()
            .and_then(|summary| Some((summary, summary.connect_failure?)))
        {
            Some((summary, failure)) => {
                known.timeouts += usize::from(failure == ConnectFailure::Timeout);
                known.failure = Some(summary.clone());
            }
            None => known.is_reachable |= facts.version.is_some(),
        }
    }
}
