//! Finds the one URL in pasted text: in quotes, after a shell prompt, in a `git clone` line.

use std::borrow::Cow;

use super::address::remote_helper;
use super::error::CloneUrlError;
use crate::types::escape::needs_escape;

/// No hosting site has URLs of nearly this length.
const MAX_INPUT_BYTES: usize = 4096;

/// Options of `git clone` whose value is the next argument (git 2.52, `git help clone`).
const LONG_WITH_VALUE: [&str; 17] = [
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
];
const SHORT_WITH_VALUE: &str = "obucj";

/// Options of `git` itself whose value is the next argument.
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

/// Quotes that users and programs put around a URL.
const QUOTE_PAIRS: [(char, char); 7] = [
    ('"', '"'),
    ('\'', '\''),
    ('`', '`'),
    ('<', '>'),
    ('“', '”'),
    ('‘', '’'),
    ('«', '»'),
];

pub(super) struct PastedUrl<'a> {
    pub(super) url: Cow<'a, str>,
    /// Whether the text was a `git clone` command.
    pub(super) git_clone: bool,
    /// Whether the options of `git clone` contained a credential.
    pub(super) secret_option: bool,
}

/// Finds the URL. Text with invisible characters is rejected.
pub(super) fn find_url(text: &str) -> Result<PastedUrl<'_>, CloneUrlError> {
    if text.len() > MAX_INPUT_BYTES {
        return Err(CloneUrlError::TooLong);
    }
    let mut text = trim(text);
    if let Some(deceptive) = text.chars().find(|&character| needs_escape(character)) {
        return Err(CloneUrlError::InvisibleCharacter(deceptive));
    }
    while let Some(inner) = unwrapped(text) {
        text = trim(inner);
    }
    if text.is_empty() {
        return Err(CloneUrlError::Empty);
    }
    if !text.contains(char::is_whitespace) {
        return Ok(PastedUrl {
            url: Cow::Borrowed(text),
            git_clone: false,
            secret_option: false,
        });
    }
    let Some(words) = git_arguments(text)? else {
        let helper = text.split_whitespace().next().and_then(remote_helper);
        return Err(helper.map_or(
            CloneUrlError::ContainsWhitespace,
            CloneUrlError::RemoteHelper,
        ));
    };
    let secret_option = words
        .iter()
        .any(|word| word.to_ascii_lowercase().contains("authorization:"));
    Ok(PastedUrl {
        url: Cow::Owned(url_of_git_clone(&words)?),
        git_clone: true,
        secret_option,
    })
}

/// Removes whitespace from both ends, invisible characters included.
fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '\u{200b}' | '\u{feff}'))
}

/// The text inside a pair of quotes that enclose the whole text.
fn unwrapped(text: &str) -> Option<&str> {
    QUOTE_PAIRS.iter().find_map(|&(open, close)| {
        let inner = text.strip_prefix(open)?.strip_suffix(close)?;
        (!inner.contains([open, close])).then_some(inner)
    })
}

/// The arguments of `git`, split as a POSIX shell does; `None` if the text is not a git command. A prompt, assignments
/// and `sudo` may precede it.
fn git_arguments(text: &str) -> Result<Option<Vec<String>>, CloneUrlError> {
    let is_git = |word: &str| {
        let name = word
            .rsplit(['/', '\\'])
            .next()
            .unwrap_or(word)
            .to_ascii_lowercase();
        matches!(name.as_str(), "git" | "git.exe")
    };
    let may_precede = |word: &str| {
        word.ends_with(['$', '#', '%', '>'])
            || word.contains('=')
            || matches!(word, "sudo" | "env" | "PS")
    };
    // Only to find the command; quotes before it do not matter.
    let front: Vec<&str> = text
        .split_whitespace()
        .take_while(|word| !is_git(word))
        .collect();
    let has_git = text.split_whitespace().nth(front.len()).is_some();
    if !has_git
        || !(front.iter().all(|word| may_precede(word))
            || text.contains("=\"")
            || text.contains("='"))
    {
        return Ok(None);
    }
    let words = shell_words::split(text).map_err(|_| CloneUrlError::UnclosedQuote)?;
    match words.iter().position(|word| is_git(word)) {
        Some(at) if words[..at].iter().all(|word| may_precede(word)) => {
            Ok(Some(words[at + 1..].to_vec()))
        }
        Some(_) | None => Ok(None),
    }
}

/// The URL of `git … clone … URL [directory]`, from the arguments of `git`.
fn url_of_git_clone(words: &[String]) -> Result<String, CloneUrlError> {
    let mut words = words.iter().map(String::as_str);
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
        [url] | [url, _] => Ok(trim(url).to_owned()),
        [_, _, _, ..] => Err(CloneUrlError::TooManyWords),
    }
}

/// Whether the value of a `git clone` option is the next argument. Long options may be abbreviated, short ones combined.
fn takes_next_word(option: &str) -> bool {
    if option.starts_with("--") {
        return option.len() > 3 && LONG_WITH_VALUE.iter().any(|long| long.starts_with(option));
    }
    // In `-qb main`, the option with the value is the last letter; in `-bmain`, the value is attached to it.
    let letters = &option[1..];
    letters
        .find(|letter| SHORT_WITH_VALUE.contains(letter))
        .is_some_and(|at| at + 1 == letters.len())
}
