//! `includeIf "hasconfig:remote.*.url:PATTERN"`: whether a condition still holds for remotes that move to the new host.

use super::url_glob::{UrlGlob, example};
use crate::types::cloud_hosts::{RETIRED_SSH, SSH};
use crate::types::retired_url::with_new_host;

/// The start of a condition on a remote's URL (git-config(1), "Conditional includes").
const REMOTE_URL: &str = "hasconfig:remote.*.url:";

/// What happens to a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum MovedCondition {
    /// The condition that holds for the moved remotes.
    Added(String),
    /// It no longer matches, and its replacement is unknown.
    Unknown,
}

/// The condition that must be added; `None` for one that is not about a URL, or still holds.
pub(super) fn moved_condition(condition: &str) -> Option<MovedCondition> {
    let pattern = condition.strip_prefix(REMOTE_URL)?;
    let Some(glob) = UrlGlob::parse(pattern) else {
        let names_old_host = pattern.contains(RETIRED_SSH) && !pattern.contains(SSH);
        return names_old_host.then_some(MovedCondition::Unknown);
    };
    let moved: Vec<String> = old_urls(pattern)
        .into_iter()
        .filter(|old| glob.matches(old))
        .filter_map(|old| with_new_host(&old))
        .filter(|new| !glob.matches(new))
        .collect();
    if moved.is_empty() {
        return None;
    }
    let matches_all = |candidate: &String| {
        UrlGlob::parse(candidate).is_some_and(|glob| moved.iter().all(|new| glob.matches(new)))
    };
    let found = candidates(pattern).into_iter().find(matches_all);
    Some(found.map_or(MovedCondition::Unknown, |pattern| {
        MovedCondition::Added(format!("{REMOTE_URL}{pattern}"))
    }))
}

/// Whether a condition holds for the remotes that another one was added for.
pub(super) fn covers(condition: &str, added: &str) -> bool {
    let patterns = (
        condition.strip_prefix(REMOTE_URL),
        added.strip_prefix(REMOTE_URL),
    );
    let (Some(pattern), Some(added)) = patterns else {
        return false;
    };
    pattern == added || UrlGlob::parse(pattern).is_some_and(|glob| glob.matches(&example(added)))
}

/// URLs at the retired host that a pattern could match.
fn old_urls(pattern: &str) -> Vec<String> {
    const STARTS: [&str; 7] = [
        "git@bitbucket.org:",
        "ssh://git@bitbucket.org/",
        "bitbucket.org:",
        "ssh://bitbucket.org/",
        "ssh://git@bitbucket.org:22/",
        "git+ssh://git@bitbucket.org/",
        "git@bitbucket.org:/",
    ];
    /// Repositories in a pattern begin behind one of its first separators.
    const MAX_SEPARATORS: usize = 8;
    let mut paths = vec!["acme/site.git".to_owned(), "acme/site".to_owned()];
    let separators = pattern.match_indices([':', '/']).take(MAX_SEPARATORS);
    paths.extend(
        separators.map(|(at, _)| example(pattern.get(at + 1..).unwrap_or_default()).into_owned()),
    );
    let mut urls: Vec<String> = STARTS
        .iter()
        .flat_map(|start| paths.iter().map(move |path| format!("{start}{path}")))
        .collect();
    urls.push(example(pattern).into_owned());
    urls
}

/// Patterns for the new host.
fn candidates(pattern: &str) -> Vec<String> {
    let in_url = with_new_host(pattern);
    let as_text = pattern
        .contains(RETIRED_SSH)
        .then(|| pattern.replacen(RETIRED_SSH, SSH, 1));
    // The host has wildcards: `git@bitbucket.*:acme/**`.
    let host_at = pattern
        .find('@')
        .map(|at| at + 1)
        .or_else(|| pattern.find("://").map(|at| at + "://".len()))
        .unwrap_or(0);
    let (before, after) = pattern.split_at(host_at);
    let inserted = Some(format!("{before}ssh.{after}"));
    [in_url, as_text, inserted].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::test_rows;

    #[test]
    fn conditions_that_stop_to_hold_get_another() {
        for (pattern, expected) in test_rows(
            "
            git@bitbucket.org:acme/** => git@ssh.bitbucket.org:acme/**
            git@bitbucket.org:*/** => git@ssh.bitbucket.org:*/**
            ssh://git@bitbucket.org/** => ssh://git@ssh.bitbucket.org/**
            ssh://**@bitbucket.org/acme/* => ssh://**@ssh.bitbucket.org/acme/*
            git@bitbucket.org:acme/site.git => git@ssh.bitbucket.org:acme/site.git
            git@bitbucket.*:acme/** => git@ssh.bitbucket.*:acme/**
            git@[b]itbucket.org:acme/** => git@ssh.[b]itbucket.org:acme/**
            bitbucket.org:*/* => ssh.bitbucket.org:*/*
            git@*bitbucket.org:acme/** => -
            git@*:acme/** => -
            **/acme/** => -
            *:acme/** => -
            git@ssh.bitbucket.org:acme/** => -
            https://bitbucket.org/** => -
            git@github.com:acme/** => -
            jane@git.example.com:** => -
            ",
        ) {
            let found = moved_condition(&format!("{REMOTE_URL}{pattern}"));
            let added = || MovedCondition::Added(format!("{REMOTE_URL}{expected}"));
            let expected = (expected != "-").then(added);
            assert_eq!(found, expected, "{pattern}");
        }
        let long = format!("{REMOTE_URL}git@bitbucket.org:{}", "a".repeat(2000));
        assert_eq!(moved_condition(&long), Some(MovedCondition::Unknown));
        assert_eq!(moved_condition("gitdir:~/bitbucket.org/"), None);
    }
}
