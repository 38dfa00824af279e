//! Which connections are checked, and all of them side by side: none waits for a slow one or is hidden by a dead one.

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::Args;
use super::facts::{Facts, Question};
use super::gather::gather;
use super::outcome::Row;
use super::{judge, key};
use crate::bitbucket::Obstacle;
use crate::context::{Chosen, Context};
use crate::error::{Error, Trouble};
use crate::model::connection::{Auth, TokenShape};
use crate::model::repository::{RepoPath, RepoRef};
use crate::parallel;

/// A part of many: the second of five is `2/5`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
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
pub(super) enum Subject {
    /// With the repository that is looked at.
    Known(Box<Chosen>, Option<RepoPath>),
    /// One that cannot be read, among all.
    Unreadable(String, Trouble),
}

impl Subject {
    fn name(&self) -> String {
        match self {
            Self::Known(chosen, _) => chosen.name.to_string(),
            Self::Unreadable(name, _) => name.clone(),
        }
    }
}

/// The connections to check.
pub(super) fn chosen(args: &Args, context: &Context) -> Result<Vec<Subject>, Error> {
    let known = |chosen: Chosen| -> Result<Subject, Error> {
        let path = repository(args.repo.as_ref(), &chosen)?;
        Ok(Subject::Known(Box::new(chosen), path))
    };
    let mut all = if args.all {
        let names = context.connections().load()?.names();
        if names.is_empty() {
            return Err(Error::NoConnection(names));
        }
        let each = names
            .into_iter()
            .map(|name| match context.choose_named(&name) {
                Ok(chosen) => known(chosen),
                Err(error) => Ok(Subject::Unreadable(name, Trouble::from(&error))),
            });
        each.collect::<Result<Vec<_>, _>>()?
    } else if !args.names.is_empty() {
        if context.named_connection().is_some() {
            return Err(Error::Usage {
                message: "connections are named twice: as arguments and with --connection"
                    .to_owned(),
                hint: Some("leave out --connection".to_owned()),
            });
        }
        let mut names: Vec<&String> = Vec::new();
        for name in &args.names {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let each = names.into_iter();
        each.map(|name| known(context.choose_named(name)?))
            .collect::<Result<_, _>>()?
    } else if let Some(repo) = &args.repo {
        let (chosen, path) = context.choose_for(repo)?;
        return Ok(vec![Subject::Known(Box::new(chosen), Some(path))]);
    } else {
        vec![known(context.choose()?)?]
    };
    if let Some(Shard { index, count }) = args.shard {
        // By rank among the names, so that it does not depend on the order of the file.
        let mut names: Vec<_> = all.iter().map(Subject::name).collect();
        names.sort();
        all.retain(|subject| {
            let rank = names.binary_search(&subject.name()).unwrap_or(0);
            rank % count == index - 1
        });
    }
    Ok(all)
}

/// The repository that is named, else the connection's own.
fn repository(named: Option<&RepoRef>, chosen: &Chosen) -> Result<Option<RepoPath>, Error> {
    match named {
        Some(named) => Ok(named.at(&chosen.connection).map(Some)?),
        None => Ok(Context::repository_of(&chosen.connection)),
    }
}

/// Checks them all, in the order in which they are given.
pub(super) fn check(
    all: &[Subject],
    question: &Question,
    strict: bool,
    context: &Context,
) -> Vec<Row> {
    let progress = context.output.progress(&match all {
        [Subject::Known(chosen, _)] => format!("asking {}", chosen.connection.base_url),
        all => format!("checking {} connections", all.len()),
    });
    let done = AtomicUsize::new(0);
    let ways = Ways::default();
    parallel::each(
        all,
        |subject| match subject {
            Subject::Known(chosen, _) => chosen.connection.base_url.origin().to_string(),
            Subject::Unreadable(name, _) => name.clone(),
        },
        |subject| {
            let row = match subject {
                Subject::Known(chosen, repository) => {
                    let repository = repository.as_ref();
                    one(chosen, repository, question, strict, &ways, context)
                }
                Subject::Unreadable(name, trouble) => Row::unreadable(name, trouble),
            };
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            if all.len() > 1 {
                progress.say(&format!("checked {done} of {} connections", all.len()));
            }
            row
        },
    )
}

fn one(
    chosen: &Chosen,
    repository: Option<&RepoPath>,
    question: &Question,
    strict: bool,
    ways: &Ways,
    context: &Context,
) -> Row {
    let started = Instant::now();
    let connection = &chosen.connection;
    let alone = |secret| Facts::of(&chosen.name, connection, secret);
    // What was not reached once is not waited for again by every other connection to it.
    let way = format!(
        "{} {:?} {:?} {:?}",
        connection.base_url.origin(),
        connection.proxy,
        connection.ca_cert,
        connection.client_cert
    );
    let known = ways.dead_end(&way);
    let mut facts = if connection.auth == Auth::Ssh {
        alone(Ok(TokenShape::Unknown))
    } else {
        match context.secret_of(chosen) {
            Err(error) => alone(Err(Trouble::from(&error))),
            Ok(secret) => {
                let shape = TokenShape::of(secret.expose());
                if let Some(trouble) = known {
                    Facts {
                        version: Some(Err(trouble)),
                        ..alone(Ok(shape))
                    }
                } else {
                    let bitbucket = context.bitbucket(connection, secret);
                    let facts = gather(&bitbucket, alone(Ok(shape)), repository, question);
                    context
                        .wait(facts)
                        .unwrap_or_else(|error| alone(Err(Trouble::from(&error))))
                }
            }
        }
    };
    ways.learn(way, &facts);
    facts.key = key::key(chosen, question, context);
    let findings = judge::judge(&facts, question);
    Row::of(
        &facts,
        findings,
        judge::is_asked(question),
        strict,
        started.elapsed(),
    )
}

/// What is known of the ways to servers, so that one that leads nowhere is not waited for again and again.
#[derive(Default)]
struct Ways(Mutex<HashMap<String, Way>>);

#[derive(Default)]
struct Way {
    /// Somebody got through.
    leads_there: bool,
    timeouts: usize,
    trouble: Option<Trouble>,
}

impl Ways {
    /// Why a way leads nowhere. One that is slow once may be quick for the next; one that is slow twice, and was never
    /// quick, is given up.
    fn dead_end(&self, way: &str) -> Option<Trouble> {
        let ways = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let way = ways.get(way).filter(|way| !way.leads_there)?;
        let trouble = way.trouble.as_ref()?;
        let is_slow = trouble.obstacle == Some(Obstacle::Timeout);
        (!is_slow || way.timeouts > 1).then(|| trouble.clone())
    }

    fn learn(&self, way: String, facts: &Facts) {
        let was_asked = facts.version.is_some();
        let mut ways = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let way = ways.entry(way).or_default();
        match facts
            .in_the_way()
            .and_then(|trouble| Some((trouble, trouble.obstacle?)))
        {
            Some((trouble, obstacle)) => {
                way.timeouts += usize::from(obstacle == Obstacle::Timeout);
                way.trouble = Some(trouble.clone());
            }
            None => way.leads_there |= was_asked,
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
