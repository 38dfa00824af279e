//! Patterns of remote URLs in `includeIf "hasconfig:remote.*.url:…"`, matched as git does (wildmatch.c with
//! `WM_PATHNAME`): `*` and `?` stop at a slash, `**` between slashes does not.

use std::borrow::Cow;

/// Longer patterns are not matched: the work is the product of the lengths of pattern and text.
const MAX_BYTES: usize = 1024;

#[derive(Debug, PartialEq, Eq)]
enum Token {
    Byte(u8),
    /// `?`
    Any,
    /// `*`, and `**` that is not between slashes.
    Star,
    /// `**/`: any number of directories.
    Dirs,
    /// `**` at the end, after a slash.
    Rest,
    /// `[…]`
    Class {
        bytes: Box<[bool; 256]>,
    },
}

#[derive(Debug)]
pub(super) struct UrlGlob {
    tokens: Vec<Token>,
}

impl UrlGlob {
    /// `None` for a pattern that is too long or has an unclosed bracket, which matches nothing.
    pub(super) fn parse(pattern: &str) -> Option<Self> {
        let text = pattern.as_bytes();
        if text.len() > MAX_BYTES {
            return None;
        }
        let mut tokens = Vec::new();
        let mut at = 0;
        while let Some(&byte) = text.get(at) {
            let rest = text.get(at..).unwrap_or_default();
            let is_behind_slash = at == 0 || text.get(at - 1) == Some(&b'/');
            match byte {
                b'\\' => {
                    tokens.push(Token::Byte(*text.get(at + 1)?));
                    at += 2;
                }
                b'?' => {
                    tokens.push(Token::Any);
                    at += 1;
                }
                b'*' if is_behind_slash && rest.starts_with(b"**/") => {
                    tokens.push(Token::Dirs);
                    at += 3;
                }
                b'*' if is_behind_slash && rest == b"**" => {
                    tokens.push(Token::Rest);
                    at += 2;
                }
                b'*' => {
                    tokens.push(Token::Star);
                    at += rest.iter().take_while(|byte| **byte == b'*').count();
                }
                b'[' => {
                    let (class, length) = class(rest)?;
                    tokens.push(class);
                    at += length;
                }
                byte => {
                    tokens.push(Token::Byte(byte));
                    at += 1;
                }
            }
        }
        Some(Self { tokens })
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        let end = self.tokens.len();
        // One flag for each token that may come next; `inside` is within a directory that `**/` skips.
        let mut next = vec![false; end + 1];
        let mut inside = vec![false; end + 1];
        self.reach(&mut next, 0);
        for &byte in text.as_bytes() {
            let (mut after, mut after_inside) = (vec![false; end + 1], vec![false; end + 1]);
            for (at, token) in self.tokens.iter().enumerate() {
                let is_inside = inside.get(at) == Some(&true);
                if next.get(at) != Some(&true) && !is_inside {
                    continue;
                }
                match token {
                    Token::Dirs if byte == b'/' => self.reach(&mut after, at),
                    Token::Dirs => set(&mut after_inside, at),
                    Token::Rest => self.reach(&mut after, at),
                    Token::Star if byte != b'/' => self.reach(&mut after, at),
                    Token::Any if byte != b'/' => self.reach(&mut after, at + 1),
                    Token::Byte(expected) if *expected == byte => self.reach(&mut after, at + 1),
                    Token::Class { bytes } if bytes.get(usize::from(byte)) == Some(&true) => {
                        self.reach(&mut after, at + 1);
                    }
                    Token::Star | Token::Any | Token::Byte(_) | Token::Class { .. } => {}
                }
            }
            (next, inside) = (after, after_inside);
        }
        next.get(end) == Some(&true)
    }

    /// Sets a token, and those behind it that may match nothing.
    fn reach(&self, next: &mut [bool], mut at: usize) {
        loop {
            set(next, at);
            match self.tokens.get(at) {
                Some(Token::Star | Token::Dirs | Token::Rest) => at += 1,
                Some(_) | None => return,
            }
        }
    }
}

fn set(flags: &mut [bool], at: usize) {
    if let Some(flag) = flags.get_mut(at) {
        *flag = true;
    }
}

/// A bracket expression and its length. A slash is never in it.
fn class(text: &[u8]) -> Option<(Token, usize)> {
    let mut at = 1;
    let is_negated = matches!(text.get(at), Some(b'!' | b'^'));
    at += usize::from(is_negated);
    let mut bytes = Box::new([false; 256]);
    let start = at;
    loop {
        let mut first = *text.get(at)?;
        if first == b']' && at > start {
            break;
        }
        if first == b'\\' {
            at += 1;
            first = *text.get(at)?;
        }
        at += 1;
        let is_range =
            text.get(at) == Some(&b'-') && text.get(at + 1).is_some_and(|byte| *byte != b']');
        let mut last = first;
        if is_range {
            at += 1;
            if text.get(at) == Some(&b'\\') {
                at += 1;
            }
            last = *text.get(at)?;
            at += 1;
        }
        for byte in first..=last {
            set(bytes.as_mut_slice(), usize::from(byte));
        }
    }
    if is_negated {
        for byte in bytes.iter_mut() {
            *byte = !*byte;
        }
    }
    if let Some(slash) = bytes.get_mut(usize::from(b'/')) {
        *slash = false;
    }
    Some((Token::Class { bytes }, at + 1))
}

/// A text that a pattern matches: wildcards are replaced by letters.
pub(super) fn example(pattern: &str) -> Cow<'_, str> {
    if !pattern.contains(['*', '?', '[', '\\']) {
        return Cow::Borrowed(pattern);
    }
    let mut text = String::new();
    let mut rest = pattern.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '\\' => text.extend(rest.next()),
            '*' => {
                while rest.next_if_eq(&'*').is_some() {}
                text.push('x');
            }
            '?' => text.push('x'),
            '[' => {
                rest.next_if(|c| matches!(c, '!' | '^'));
                text.extend(rest.next());
                while rest.next().is_some_and(|c| c != ']') {}
            }
            plain => text.push(plain),
        }
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::test_rows;

    #[test]
    fn patterns_match_as_in_git() {
        let matches = |pattern: &str, text: &str| {
            UrlGlob::parse(pattern).is_some_and(|glob| glob.matches(text))
        };
        for (case, expected) in test_rows(
            r"
            git@bitbucket.org:acme/** git@bitbucket.org:acme/site.git => true
            git@bitbucket.org:acme/** git@bitbucket.org:acme/a/b => true
            git@bitbucket.org:acme/** git@bitbucket.org:acm/site => false
            git@bitbucket.org:acme/* git@bitbucket.org:acme/a/b => false
            git@bitbucket.org:*/** git@bitbucket.org:acme/site => true
            git@bitbucket.org:** git@bitbucket.org:acme/site => false
            **/acme/** ssh://git@bitbucket.org/acme/site => true
            **/bitbucket.org/** ssh://bitbucket.org/a/b => true
            **/bitbucket.org/** ssh://git@bitbucket.org/a/b => false
            ssh://*/acme/**/site ssh://h/acme/site => true
            ssh://*/acme/**/site ssh://h/acme/x/y/site => true
            ssh://*/acme/**/site ssh://h/acme/xsite => false
            *bitbucket.org:a/b git@ssh.bitbucket.org:a/b => true
            git@[a-c]itbucket.org:?/b git@bitbucket.org:a/b => true
            git@[!a-c]itbucket.org:a/b git@bitbucket.org:a/b => false
            git@bitbucket.org:a\*b git@bitbucket.org:a*b => true
            ",
        ) {
            let (pattern, text) = case.split_once(' ').unwrap();
            assert_eq!(matches(pattern, text).to_string(), expected, "{case}");
        }
        assert!(matches("", "") && matches("*", ""));
        assert!(UrlGlob::parse("[a").is_none());
        assert!(UrlGlob::parse(&"*a".repeat(1000)).is_none());
        assert_eq!(example(r"git@h:a[bc]/**\*?"), "git@h:ab/x*x");
    }
}
