//! The remotes of a checkout, with `url.<base>.insteadOf` applied (git-config(1)).

use std::collections::{BTreeSet, HashMap, HashSet};

/// The configuration keys to read: a regular expression without anchors.
pub(super) const KEYS: &str = r"remote\..*\.url|url\..*\.insteadof";

/// The remotes with their URLs from git's configuration, `origin` first. A remote whose URL is rewritten is listed twice,
/// with the rewritten and with the configured URL: the rewritten one may contain an alias of the SSH configuration.
pub(super) fn remotes(entries: &[(String, String)]) -> Vec<(String, String)> {
    let rewrites = Rewrites::new(entries);
    let named = entries.iter().filter_map(|(key, url)| {
        let name = key.strip_prefix("remote.")?.strip_suffix(".url")?;
        Some([rewrites.apply(url), url.clone()].map(|url| (name.to_owned(), url)))
    });
    // Each URL counts once: a configuration that others have written may repeat it thousands of times.
    let mut seen = HashSet::new();
    let mut remotes: Vec<_> = named
        .flatten()
        .filter(|remote| seen.insert(remote.clone()))
        .collect();
    remotes.sort_by_key(|(name, _)| name != "origin");
    remotes
}

/// The prefixes that `url.<base>.insteadOf` replaces.
#[derive(Debug, Default)]
pub(super) struct Rewrites<'a> {
    /// The base of each prefix: of equal prefixes the first base.
    bases: HashMap<&'a str, &'a str>,
    /// The lengths of the prefixes, longest first.
    lengths: Vec<usize>,
}

impl<'a> Rewrites<'a> {
    pub(super) fn new(entries: &'a [(String, String)]) -> Self {
        let mut order: HashMap<&str, usize> = HashMap::new();
        let mut bases: HashMap<&str, (usize, &str)> = HashMap::new();
        for (key, prefix) in entries {
            let base = key.strip_prefix("url.");
            let Some(base) = base.and_then(|base| base.strip_suffix(".insteadof")) else {
                continue;
            };
            let next = order.len();
            let place = *order.entry(base).or_insert(next);
            let known = bases.entry(prefix).or_insert((place, base));
            *known = (*known).min((place, base));
        }
        let lengths: BTreeSet<usize> = bases.keys().map(|prefix| prefix.len()).collect();
        Self {
            bases: bases
                .into_iter()
                .map(|(prefix, (_, base))| (prefix, base))
                .collect(),
            lengths: lengths.into_iter().rev().collect(),
        }
    }

    /// Rewrites a URL like git: the longest matching prefix is replaced by its base.
    pub(super) fn apply(&self, url: &str) -> String {
        let rewritten = self.lengths.iter().find_map(|length| {
            let (prefix, rest) = url.split_at_checked(*length)?;
            Some(format!("{}{rest}", self.bases.get(prefix)?))
        });
        rewritten.unwrap_or_else(|| url.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(entries: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        entries.iter().map(owned).collect()
    }

    #[test]
    fn origin_is_the_first_remote() {
        let entries = owned(&[
            ("remote.fork.url", "git@x.y:a/b"),
            ("bbconnect.connection", "work"),
            ("remote.origin.url", "git@bitbucket.org:acme/site.git"),
        ]);
        let expected = [
            ("origin", "git@bitbucket.org:acme/site.git"),
            ("fork", "git@x.y:a/b"),
        ];
        assert_eq!(remotes(&entries), owned(&expected));
    }

    #[test]
    fn where_git_goes_comes_before_what_is_written() {
        let entries = owned(&[
            ("url.git@work:.insteadof", "git@bitbucket.org:"),
            ("remote.origin.url", "git@bitbucket.org:acme/site.git"),
        ]);
        let expected = [
            ("origin", "git@work:acme/site.git"),
            ("origin", "git@bitbucket.org:acme/site.git"),
        ];
        assert_eq!(remotes(&entries), owned(&expected));
    }

    #[test]
    fn the_longest_beginning_counts_then_the_first_base() {
        let entries = owned(&[
            ("url.one:.insteadof", "b"),
            ("url.two:.insteadof", "bb:"),
            ("url.three:.insteadof", "gh:"),
            ("url.one:.insteadof", "gh:"),
            ("url.four:.pushinsteadof", "bb:acme/"),
        ]);
        for (url, expected) in [
            ("bb:acme/site", "two:acme/site"),
            ("bitbucket", "one:itbucket"),
            ("gh:acme/site", "one:acme/site"),
            ("git@bb:acme", "git@bb:acme"),
        ] {
            assert_eq!(Rewrites::new(&entries).apply(url), expected, "{url}");
        }
    }
}
