//! Which connections are checked, and all of them side by side: none waits for a slow one or is hidden by a dead one.

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::Args;
use super::collect::gather;
use super::facts::{CheckData, CheckOptions};
use super::output::ConnectionReport;
use super::{key, rules};
use crate::app::App;
use crate::bitbucket::ConnectFailure;
use crate::error::{Error, ErrorSummary};
use crate::resolve::{Needs, Request, Resolved, SelectedConnection, connection_repository};
use crate::sys::worker_pool;
use crate::types::connection::{AuthMethod, TokenPrefix};
use crate::types::repository::{RepoId, RepoRef};

/// A part of many: the second of five is `2/5`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shard {
    index: usize,
    count: usize,
}

impl FromStr for Shard {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split_once('/').and_then(|(index, count)| {
            let (index, count) = (index.parse().ok()?, count.parse().ok()?);
            (1..=count)
                .contains(&index)
                .then_some(Self { index, count })
        });
        parts.ok_or("it is not a part such as 1/3, which is the first of three")
    }
}

/// A connection to check.
pub(super) enum CheckTarget {
    /// With the repository that is looked at.
    Known(Box<SelectedConnection>, Option<RepoId>),
    /// One that cannot be read, among all.
    Unreadable(String, ErrorSummary),
}

impl CheckTarget {
    fn resolved(resolved: Resolved) -> Self {
        let repository = resolved.repository.map(|repository| repository.id);
        Self::Known(Box::new(resolved.connection), repository)
    }

    fn name(&self) -> String {
        match self {
            Self::Known(chosen, _) => chosen.name.to_string(),
            Self::Unreadable(name, _) => name.clone(),
        }
    }
}

/// The connections to check.
pub(super) fn targets(args: &Args, app: &App) -> Result<Vec<CheckTarget>, Error> {
    let known = |selected: SelectedConnection| -> Result<CheckTarget, Error> {
        let path = repository(args.repo.as_ref(), &selected)?;
        Ok(CheckTarget::Known(Box::new(selected), path))
    };
    let mut all = if args.all {
        let names = app.connection_file().load()?.names();
        if names.is_empty() {
            return Err(Error::NoConnection(names));
        }
        let each = names
            .into_iter()
            .map(|name| match app.select_by_name(&name) {
                Ok(selected) => known(selected),
                Err(error) => Ok(CheckTarget::Unreadable(name, ErrorSummary::from(&error))),
            });
        each.collect::<Result<Vec<_>, _>>()?
    } else if !args.names.is_empty() {
        if app.named_connection().is_some() {
            return Err(Error::Usage {
                message: "connections are named twice: as arguments and with --connection"
                    .to_owned(),
                hint: Some("leave out --connection".into()),
            });
        }
        let mut names: Vec<&String> = Vec::new();
        for name in &args.names {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let each = names.into_iter();
        each.map(|name| known(app.select_by_name(name)?))
            .collect::<Result<_, _>>()?
    } else if let Some(repo) = &args.repo {
        let request = Request::repository(Some(repo), Needs::Nothing);
        return Ok(vec![CheckTarget::resolved(app.resolve(&request)?)]);
    } else {
        let request = Request::repository(None, Needs::Nothing);
        vec![CheckTarget::resolved(app.resolve(&request)?)]
    };
    if let Some(Shard { index, count }) = args.shard {
        // By rank among the names, so that it does not depend on the order of the file.
        let mut names: Vec<_> = all.iter().map(CheckTarget::name).collect();
        names.sort();
        all.retain(|subject| {
            let rank = names.binary_search(&subject.name()).unwrap_or(0);
            rank % count == index - 1
        });
    }
    Ok(all)
}

/// The repository that is named, else the connection's own.
fn repository(
    named: Option<&RepoRef>,
    selected: &SelectedConnection,
) -> Result<Option<RepoId>, Error> {
    match named {
        Some(named) => Ok(named.resolve(&selected.connection).map(Some)?),
        None => Ok(connection_repository(&selected.connection)),
    }
}

/// Checks them all, in the order in which they are given.
pub(super) fn check(
    all: &[CheckTarget],
    options: &CheckOptions,
    strict: bool,
    app: &App,
) -> Vec<ConnectionReport> {
    let progress = app.ui.progress(&match all {
        [CheckTarget::Known(chosen, _)] => format!("asking {}", chosen.connection.base_url),
        all => format!("checking {} connections", all.len()),
    });
    let done = AtomicUsize::new(0);
    let ways = ReachabilityCache::default();
    worker_pool::map_bounded(
        all,
        |subject| match subject {
            CheckTarget::Known(chosen, _) => chosen.connection.base_url.origin().to_string(),
            CheckTarget::Unreadable(name, _) => name.clone(),
        },
        |subject| {
            let row = match subject {
                CheckTarget::Known(chosen, repository) => {
                    let repository = repository.as_ref();
                    check_one(chosen, repository, options, strict, &ways, app)
                }
                CheckTarget::Unreadable(name, trouble) => {
                    ConnectionReport::unreadable(name, trouble)
                }
            };
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            if all.len() > 1 {
                progress.set_message(&format!("checked {done} of {} connections", all.len()));
            }
            row
        },
    )
}

fn check_one(
    selected: &SelectedConnection,
    repository: Option<&RepoId>,
    options: &CheckOptions,
    strict: bool,
    ways: &ReachabilityCache,
    app: &App,
) -> ConnectionReport {
    let started = Instant::now();
    let connection = &selected.connection;
    let alone = |secret| CheckData::of(&selected.name, connection, secret);
    // What was not reached once is not waited for again by every other connection to it.
    let way = format!(
        "{} {:?} {:?} {:?}",
        connection.base_url.origin(),
        connection.network.proxy,
        connection.network.ca_cert,
        connection.network.client_identity
    );
    let known = ways.cached_failure(&way);
    let mut data = if connection.auth() == AuthMethod::Ssh {
        alone(Ok(TokenPrefix::Unknown))
    } else {
        match app.secret_of(selected) {
            Err(error) => alone(Err(ErrorSummary::from(&error))),
            Ok(secret) => {
                let shape = TokenPrefix::of(secret.expose());
                if let Some(summary) = known {
                    CheckData {
                        version: Some(Err(summary)),
                        ..alone(Ok(shape))
                    }
                } else {
                    let bitbucket = app.client_with_secret(connection, secret);
                    let facts = gather(&bitbucket, alone(Ok(shape)), repository, options);
                    app.block_on(facts)
                        .unwrap_or_else(|error| alone(Err(ErrorSummary::from(&error))))
                }
            }
        }
    };
    ways.record(way, &data);
    data.key = key::key(selected, options, app);
    let findings = rules::judge(&data, options);
    ConnectionReport::of(
        &data,
        findings,
        rules::is_asked(options),
        strict,
        started.elapsed(),
    )
}

/// What is known of the ways to servers, so that one that leads nowhere is not waited for again and again.
#[derive(Default)]
struct ReachabilityCache(Mutex<HashMap<String, HostReachability>>);

#[derive(Default)]
struct HostReachability {
    /// Somebody got through.
    reachable: bool,
    timeouts: usize,
    summary: Option<ErrorSummary>,
}

impl ReachabilityCache {
    /// Why a way leads nowhere. One that is slow once may be quick for the next; one that is slow twice, and was never
    /// quick, is given up.
    fn cached_failure(&self, way: &str) -> Option<ErrorSummary> {
        let ways = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let way = ways.get(way).filter(|way| !way.reachable)?;
        let summary = way.summary.as_ref()?;
        let is_slow = summary.connect_failure == Some(ConnectFailure::Timeout);
        (!is_slow || way.timeouts > 1).then(|| summary.clone())
    }

    fn record(&self, way: String, data: &CheckData) {
        let was_asked = data.version.is_some();
        let mut ways = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let way = ways.entry(way).or_default();
        match data
            .server_error()
            .and_then(|summary| Some((summary, summary.connect_failure?)))
        {
            Some((trouble, obstacle)) => {
                way.timeouts += usize::from(obstacle == ConnectFailure::Timeout);
                way.summary = Some(trouble.clone());
            }
            None => way.reachable |= was_asked,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_counted_from_one() {
        assert_eq!("2/5".parse(), Ok(Shard { index: 2, count: 5 }));
        for text in ["0/3", "4/3", "1/0", "1", "a/b", "-1/3", "1/3/5", ""] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
    }
}
