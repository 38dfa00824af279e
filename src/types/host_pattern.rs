//! Patterns of host names, as `ssh_config`(5) and sshd(8) have them: `*`, `?`, and `!` for what is not meant.

/// Whether a list of patterns is for a host: one of them is, and none excludes it.
pub(crate) fn matches_any<'a>(patterns: impl IntoIterator<Item = &'a str>, host: &str) -> bool {
    let mut is_for = false;
    for pattern in patterns {
        match pattern.strip_prefix('!') {
            Some(pattern) if matches(pattern, host) => return false,
            Some(_) => {}
            None => is_for |= matches(pattern, host),
        }
    }
    is_for
}

/// Whether one pattern matches all of a name, in whatever case.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    matches_exactly(&pattern.to_lowercase(), &name.to_lowercase())
}

/// Whether one pattern matches all of a name, in the same case.
pub(crate) fn matches_exactly(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    let (mut at, mut read) = (0, 0);
    // Where the last star stood, and how much of the name it took.
    let mut star = None;
    while read < name.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, read));
                at += 1;
            }
            Some(mark) if *mark == '?' || name.get(read) == Some(mark) => {
                at += 1;
                read += 1;
            }
            _ => match &mut star {
                Some((star_at, taken)) => {
                    *taken += 1;
                    (at, read) = (*star_at + 1, *taken);
                }
                None => return false,
            },
        }
    }
    pattern
        .get(at..)
        .is_some_and(|rest| rest.iter().all(|mark| *mark == '*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_ssh() {
        for (pattern, matched) in [
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
            assert_eq!(matches(pattern, "bitbucket.org"), matched, "{pattern}");
        }
        assert!(matches_any(["a", "b*"], "bitbucket.org"));
        assert!(!matches_any(["*", "!bitbucket.org"], "bitbucket.org"));
        assert!(!matches_any(["!other"], "bitbucket.org"));
        assert!(!matches_any([], "bitbucket.org"));
    }
}
