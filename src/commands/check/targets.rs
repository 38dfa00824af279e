//! Which connections are checked, and with which repository.

use std::str::FromStr;

use crate::app::App;
use crate::error::{Error, ErrorSummary};
use crate::resolve::{
    Needs, RepositorySource, Request, Resolved, ResolvedRepository, SelectedConnection,
    connection_repository,
};
use crate::types::repository::RepoRef;

/// A part of the connections: the second of five is `2/5`.
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
        parts.ok_or("expected I/N, such as 1/3 for the first of three parts")
    }
}

pub(super) enum CheckTarget {
    Connection(Box<SelectedConnection>, Option<ResolvedRepository>),
    /// The entry of the connection cannot be read.
    Unreadable(String, ErrorSummary),
}

impl CheckTarget {
    fn resolved(resolved: Resolved) -> Self {
        Self::Connection(Box::new(resolved.connection), resolved.repository)
    }

    fn name(&self) -> String {
        match self {
            Self::Connection(selected, _) => selected.name.to_string(),
            Self::Unreadable(name, _) => name.clone(),
        }
    }
}

pub(super) fn targets(
    names: &[String],
    all: bool,
    repo: Option<&RepoRef>,
    shard: Option<Shard>,
    app: &App,
) -> Result<Vec<CheckTarget>, Error> {
    let with_repository = |selected: SelectedConnection| -> Result<CheckTarget, Error> {
        let repository = repository(repo, &selected)?;
        Ok(CheckTarget::Connection(Box::new(selected), repository))
    };
    let mut targets = if all {
        let names = app.connection_file().load()?.names();
        if names.is_empty() {
            return Err(Error::NoConnection(names));
        }
        let targets = names
            .into_iter()
            .map(|name| match app.select_by_name(&name) {
                Ok(selected) => with_repository(selected),
                Err(error) => Ok(CheckTarget::Unreadable(name, ErrorSummary::from(&error))),
            });
        targets.collect::<Result<Vec<_>, _>>()?
    } else if !names.is_empty() {
        if app.named_connection().is_some() {
            return Err(Error::usage(
                "connections are named as arguments and with --connection",
                "omit --connection",
            ));
        }
        let mut distinct: Vec<&String> = Vec::new();
        for name in names {
            if !distinct.contains(&name) {
                distinct.push(name);
            }
        }
        distinct
            .into_iter()
            .map(|name| with_repository(app.select_by_name(name)?))
            .collect::<Result<_, _>>()?
    } else {
        let resolved = app.resolve(&Request::repository(repo, Needs::Nothing))?;
        vec![CheckTarget::resolved(resolved)]
    };
    if let Some(Shard { index, count }) = shard {
        // By rank among the names, so that a part does not depend on the order of the file.
        let mut names: Vec<_> = targets.iter().map(CheckTarget::name).collect();
        names.sort();
        targets.retain(|target| {
            let rank = names.binary_search(&target.name()).unwrap_or(0);
            rank % count == index - 1
        });
    }
    Ok(targets)
}

/// The repository of `--repo`, else the connection's own.
fn repository(
    reference: Option<&RepoRef>,
    selected: &SelectedConnection,
) -> Result<Option<ResolvedRepository>, Error> {
    let connection = &selected.connection;
    let (id, source) = if let Some(reference) = reference {
        (Some(reference.resolve(connection)?), RepositorySource::Flag)
    } else {
        let source = RepositorySource::Connection(selected.name.clone());
        (connection_repository(connection), source)
    };
    Ok(id.map(|id| ResolvedRepository::new(id.normalized(connection.deployment), source)))
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
