//! The remotes of a checkout, with `url.<base>.insteadOf` applied (git-config(1)).

/// The configuration keys to read: a regular expression without anchors.
pub(super) const KEYS: &str = r"remote\..*\.url|url\..*\.insteadof";

/// The remotes with their URLs from git's configuration, `origin` first. A remote whose URL is rewritten is listed twice,
/// with the rewritten and with the configured URL: the rewritten one may contain an alias of the SSH configuration.
pub(super) fn remotes(entries: &[(String, String)]) -> Vec<(String, String)> {
    let named = entries.iter().filter_map(|(key, url)| {
        let name = key.strip_prefix("remote.")?.strip_suffix(".url")?;
        Some([apply_instead_of(url, entries), url.clone()].map(|url| (name.to_owned(), url)))
    });
    let mut remotes: Vec<_> = named.flatten().collect();
    remotes.dedup();
    remotes.sort_by_key(|(name, _)| name != "origin");
    remotes
}

/// Rewrites a URL like git: the longest matching prefix is replaced by its base, the first base of equal prefixes.
pub(super) fn apply_instead_of(url: &str, entries: &[(String, String)]) -> String {
    let mut bases: Vec<&str> = Vec::new();
    let mut best: Option<(usize, usize)> = None;
    for (key, beginning) in entries {
        let base = key.strip_prefix("url.");
        let Some(base) = base.and_then(|base| base.strip_suffix(".insteadof")) else {
            continue;
        };
        let known = bases.iter().position(|known| *known == base);
        let index = known.unwrap_or_else(|| {
            bases.push(base);
            bases.len() - 1
        });
        let is_better = best.is_none_or(|(length, before)| {
            beginning.len() > length || (beginning.len() == length && index < before)
        });
        if url.starts_with(beginning.as_str()) && is_better {
            best = Some((beginning.len(), index));
        }
    }
    let led = best.and_then(|(length, index)| {
        let rest = url.get(length..)?;
        Some(format!("{}{rest}", bases.get(index)?))
    });
    led.unwrap_or_else(|| url.to_owned())
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
            assert_eq!(apply_instead_of(url, &entries), expected, "{url}");
        }
    }
}
