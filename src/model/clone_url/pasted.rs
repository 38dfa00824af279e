//! From what was pasted to the one URL in it: quotes, a prompt, a whole `git clone` line.

use super::address::remote_helper;
use super::error::CloneUrlError;
use crate::model::printable::is_deceptive;

/// No hosting site has URLs near this length; a longer text is something else.
const MOST_BYTES: usize = 4096;

/// Options of `git clone` whose value is a word of its own (git 2.52, `git help clone`).
const LONG_WITH_VALUE: [&str; 18] = [
    "--origin",
    "--branch",
    "--upload-pack",
    "--reference",
    "--reference-if-able",
    "--separate-git-dir",
    "--depth",
    "--shallow-since",
    "--shallow-exclude",
    "--template",
    "--config",
    "--jobs",
    "--filter",
    "--server-option",
    "--bundle-uri",
    "--ref-format",
    "--revision",
    "--object-format",
];
const SHORT_WITH_VALUE: &str = "obucj";

/// Options of `git` itself whose value is a word of its own.
const GIT_WITH_VALUE: [&str; 8] = [
    "-C",
    "-c",
    "--git-dir",
    "--work-tree",
    "--namespace",
    "--super-prefix",
    "--config-env",
    "--attr-source",
];

/// Pairs of marks that people and programs put around a URL.
const AROUND: [(char, char); 7] = [
    ('"', '"'),
    ('\'', '\''),
    ('`', '`'),
    ('<', '>'),
    ('“', '”'),
    ('‘', '’'),
    ('«', '»'),
];

/// The URL in what was pasted.
pub(super) struct Pasted<'a> {
    pub(super) url: &'a str,
    /// Whether `git clone` stood in front of it.
    pub(super) git_clone: bool,
}

/// Finds the URL, and refuses what hides something.
pub(super) fn find_url(text: &str) -> Result<Pasted<'_>, CloneUrlError> {
    if text.len() > MOST_BYTES {
        return Err(CloneUrlError::TooLong);
    }
    let mut text = trim(text);
    if let Some(deceptive) = text.chars().find(|&character| is_deceptive(character)) {
        return Err(CloneUrlError::Deceptive(deceptive));
    }
    while let Some(inner) = unwrapped(text) {
        text = trim(inner);
    }
    let words = words(text)?;
    let rest = match words.as_slice() {
        ["$" | ">" | "%" | "#", rest @ ..] if !rest.is_empty() => rest,
        all => all,
    };
    match rest {
        [] => Err(CloneUrlError::Empty),
        ["git" | "git.exe", rest @ ..] if !rest.is_empty() => Ok(Pasted {
            url: cloned(rest)?,
            git_clone: true,
        }),
        [url] => Ok(Pasted {
            url,
            git_clone: false,
        }),
        [first, ..] => {
            Err(remote_helper(first).map_or(CloneUrlError::Blank, CloneUrlError::RemoteHelper))
        }
    }
}

/// Without the blanks around it, also those that cannot be seen.
fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '\u{200b}' | '\u{feff}'))
}

/// What stands between a pair of marks that enclose the whole text.
fn unwrapped(text: &str) -> Option<&str> {
    AROUND.iter().find_map(|&(open, close)| {
        let inner = text.strip_prefix(open)?.strip_suffix(close)?;
        (!inner.contains([open, close])).then_some(inner)
    })
}

/// Splits at blanks as a shell does; a word in quotes is one word.
fn words(text: &str) -> Result<Vec<&str>, CloneUrlError> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        if matches!(first, '"' | '\'') {
            let (word, behind) = rest[1..]
                .split_once(first)
                .ok_or(CloneUrlError::UnclosedQuote)?;
            if !(behind.is_empty() || behind.starts_with(char::is_whitespace)) {
                return Err(CloneUrlError::Character(first));
            }
            words.push(word.trim());
            rest = behind.trim_start();
        } else {
            let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
            words.push(&rest[..end]);
            rest = rest[end..].trim_start();
        }
    }
    Ok(words)
}

/// The URL of a `git … clone … URL [folder]` line, given the words behind `git`.
fn cloned<'a>(words: &[&'a str]) -> Result<&'a str, CloneUrlError> {
    let mut words = words.iter().copied();
    loop {
        match words.next() {
            Some("clone") => break,
            Some(option) if GIT_WITH_VALUE.contains(&option) => drop(words.next()),
            Some(option) if option.starts_with('-') => {}
            Some(_) | None => return Err(CloneUrlError::NotGitClone),
        }
    }
    let mut operands = Vec::new();
    let mut options_end = false;
    while let Some(word) = words.next() {
        if options_end || !word.starts_with('-') || word == "-" {
            operands.push(word);
        } else if word == "--" {
            options_end = true;
        } else if takes_next_word(word) {
            words.next();
        }
    }
    match operands.as_slice() {
        [] => Err(CloneUrlError::NothingToClone),
        [url] | [url, _] => Ok(url),
        [_, _, _, ..] => Err(CloneUrlError::TooManyWords),
    }
}

/// Whether an option of `git clone` has its value in the next word. Long ones may be shortened, short ones joined.
fn takes_next_word(option: &str) -> bool {
    if option.starts_with("--") {
        return option.len() > 3 && LONG_WITH_VALUE.iter().any(|long| long.starts_with(option));
    }
    // In `-qb main` the letter with the value is the last one; in `-bmain` its value is joined to it.
    let letters = &option[1..];
    letters
        .find(|letter| SHORT_WITH_VALUE.contains(letter))
        .is_some_and(|at| at + 1 == letters.len())
}
