//! Patterns of host names as in `ssh_config`(5) and sshd(8): `*`, `?`, and `!` for exclusion.

/// Whether a list of patterns matches a host: one pattern matches and none excludes it.
pub(crate) fn matches_any<'a>(patterns: impl IntoIterator<Item = &'a str>, host: &str) -> bool {
    let mut is_match = false;
    for pattern in patterns {
        match pattern.strip_prefix('!') {
            Some(pattern) if matches(pattern, host) => return false,
            Some(_) => {}
            None => is_match |= matches(pattern, host),
        }
    }
    is_match
}

/// Whether a pattern matches a whole name, ignoring case.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    matches_exactly(&pattern.to_lowercase(), &name.to_lowercase())
}

/// Whether a pattern matches a whole name, with its case.
pub(crate) fn matches_exactly(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    let (mut at, mut read) = (0, 0);
    // Position of the last star, and the end of what it matched in the name.
    let mut star = None;
    while read < name.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, read));
                at += 1;
            }
            Some(c) if *c == '?' || name.get(read) == Some(c) => {
                at += 1;
                read += 1;
            }
            _ => match &mut star {
                Some((star_at, end)) => {
                    *end += 1;
                    (at, read) = (*star_at + 1, *end);
                }
                None => return false,
            },
        }
    }
    pattern
        .get(at..)
        .is_some_and(|rest| rest.iter().all(|c| *c == '*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_ssh() {
        for (pattern, expected) in [
            ("bitbucket.org", true),
            ("BitBucket.org", true),
            ("*", true),
            ("*.org", true),
            ("bit*.o?g", true),
            ("*b*t*", true),
            ("bitbucket.org*", true),
            ("*.bitbucket.org", false),
            ("bitbucket.or", false),
            ("?bitbucket.org", false),
            ("", false),
        ] {
            assert_eq!(matches(pattern, "bitbucket.org"), expected, "{pattern}");
        }
        assert!(matches_any(["a", "b*"], "bitbucket.org"));
        assert!(!matches_any(["*", "!bitbucket.org"], "bitbucket.org"));
        assert!(!matches_any(["!other"], "bitbucket.org"));
        assert!(!matches_any([], "bitbucket.org"));
    }
}
