//! The commits of the remote branch: whether all are `publish`'s own, and which files earlier runs wrote.
//!
//! History is fetched only as far as it is needed: a few commits first, then more.

use std::collections::{BTreeSet, HashSet};

use crate::error::Error;
use crate::git::{FULL_DEPTH, PushError, TempRepository};
use crate::types::commit::{Branch, Commit, PublishTarget, PublishTrailer};

/// Usually enough commits to find the newest one of an earlier run.
const FIRST_DEPTH: usize = 50;
/// How far back files of earlier runs are looked for.
const SEARCH_DEPTH: usize = 1000;

/// The fetched part of the history of the target branch and its base.
pub(super) struct History<'a> {
    repository: &'a TempRepository,
    tip: Option<&'a Branch>,
    base: Option<&'a Branch>,
    depth: usize,
}

/// What the fetched commits say about foreign ones.
enum Ownership {
    Own,
    Foreign(Error),
    /// The commits that decide were not fetched.
    Unknown,
}

impl<'a> History<'a> {
    /// Fetches the last commits.
    pub(super) fn fetch(
        repository: &'a TempRepository,
        tip: Option<&'a Branch>,
        base: Option<&'a Branch>,
    ) -> Result<Self, Error> {
        let mut history = Self {
            repository,
            tip,
            base,
            depth: 0,
        };
        history.deepen(FIRST_DEPTH)?;
        Ok(history)
    }

    fn deepen(&mut self, depth: usize) -> Result<(), Error> {
        let mut branches: Vec<&Branch> = self.tip.into_iter().chain(self.base).collect();
        branches.dedup_by(|one, other| one.name == other.name);
        if branches.is_empty() || depth <= self.depth {
            return Ok(());
        }
        self.depth = depth;
        match self.repository.fetch(&branches, depth) {
            Err(PushError::NonFastForward(_)) => Err(branch_moved(&branches)),
            fetched => Ok(fetched?),
        }
    }

    /// Refuses commits on the branch that `publish` did not create, unless they are on the base as well or were
    /// accepted by an earlier run.
    ///
    /// The check ends at the newest commit that is unchanged and has the parent it was created with: that run made the
    /// same check for everything below, or accepted it by flag. Commits that were moved to another parent are checked
    /// one by one.
    pub(super) fn refuse_foreign_commits(&mut self) -> Result<(), Error> {
        let Some(tip) = self.tip else { return Ok(()) };
        if self.base.is_some_and(|base| base.hash == tip.hash) {
            return Ok(());
        }
        loop {
            let shallow = self.repository.shallow_commits()?;
            match self.ownership(tip, &shallow)? {
                Ownership::Own => return Ok(()),
                // In a part of the history that was not fetched, the commit may be on the base.
                Ownership::Foreign(error) if shallow.is_empty() || self.base.is_none() => {
                    return Err(error);
                }
                Ownership::Foreign(error) if self.depth >= FULL_DEPTH => return Err(error),
                Ownership::Unknown if self.depth >= FULL_DEPTH => return Ok(()),
                Ownership::Foreign(_) | Ownership::Unknown => self.deepen_further()?,
            }
        }
    }

    fn deepen_further(&mut self) -> Result<(), Error> {
        let depth = if self.depth < SEARCH_DEPTH {
            SEARCH_DEPTH
        } else {
            FULL_DEPTH
        };
        self.deepen(depth)
    }

    fn ownership(&self, tip: &Branch, shallow: &HashSet<String>) -> Result<Ownership, Error> {
        let base = self.base.map(|base| base.hash.as_str());
        for commit in self.repository.commits(&tip.hash, base)? {
            let Some(trailer) = commit.commit() else {
                let what = "a commit that bbconnect did not create";
                return Ok(Ownership::Foreign(foreign(&tip.name, what, &commit)));
            };
            if shallow.contains(&commit.hash) {
                return Ok(Ownership::Unknown);
            }
            let changes = self.repository.changes(&[&commit.hash])?;
            let changes = changes.get(&commit.hash).cloned().unwrap_or_default();
            if !trailer.matches_changes(&changes) {
                let what = "a commit of bbconnect that was changed";
                return Ok(Ownership::Foreign(foreign(&tip.name, what, &commit)));
            }
            if trailer.has_parent(commit.parent.as_deref()) {
                break;
            }
        }
        Ok(Ownership::Own)
    }

    /// The files that earlier runs with the same target wrote and did not remove. Their commits may have been merged,
    /// also squashed into one that quotes their trailers.
    pub(super) fn published_paths(
        &mut self,
        target: &PublishTarget,
    ) -> Result<BTreeSet<String>, Error> {
        let mut paths = BTreeSet::new();
        self.deepen(SEARCH_DEPTH)?;
        let Some(parent) = self.tip.or(self.base) else {
            return Ok(paths);
        };
        let shallow = self.repository.shallow_commits()?;
        let mut own: Vec<(Commit, Vec<PublishTrailer>)> = Vec::new();
        for commit in self.repository.commits(&parent.hash, None)? {
            let mut trailers = PublishTrailer::parse_quoted(&commit.message);
            trailers.retain(|trailer| trailer.target() == target);
            if !trailers.is_empty() && !shallow.contains(&commit.hash) {
                own.push((commit, trailers));
            }
        }
        let hashes: Vec<&str> = own.iter().map(|(commit, _)| commit.hash.as_str()).collect();
        let mut changes = self.repository.changes(&hashes)?;
        for (commit, trailers) in own.iter().rev() {
            let changes = changes.remove(&commit.hash).unwrap_or_default();
            if !trailers
                .iter()
                .any(|trailer| trailer.matches_changes(&changes))
            {
                continue;
            }
            for (path, hash) in changes {
                if hash.is_some() {
                    paths.insert(path);
                } else {
                    paths.remove(&path);
                }
            }
        }
        Ok(paths)
    }
}

fn foreign(branch: &str, what: &str, commit: &Commit) -> Error {
    let hash: String = commit.hash.chars().take(12).collect();
    let message = format!(
        "the branch {branch} has {what}: {hash} by {}: {}",
        commit.author,
        commit.title()
    );
    let hint = "pass --onto-foreign to commit on top of it, or choose another branch with --branch";
    Error::conflict(message, hint)
}

fn branch_moved(branches: &[&Branch]) -> Error {
    let names: Vec<&str> = branches.iter().map(|branch| branch.name.as_str()).collect();
    changed_meanwhile(&names.join(" or "))
}

/// The branch does not point to the commit that was compared with.
pub(super) fn changed_meanwhile(branch: &str) -> Error {
    let message = format!("the branch {branch} changed in the meantime; nothing was committed");
    Error::conflict(message, "run the command again")
}
