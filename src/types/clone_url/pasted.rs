//! Finds the one URL in pasted text: in quotes, after a shell prompt, in a `git clone` line, in the output of
//! `git remote -v`, in a line of a configuration file, in the link of a Git client.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

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
    /// Whether it was taken out of other text than a `git clone` command.
    pub(super) is_from_line: bool,
}

impl<'a> PastedUrl<'a> {
    fn new(url: impl Into<Cow<'a, str>>) -> Self {
        Self {
            url: url.into(),
            git_clone: false,
            secret_option: false,
            is_from_line: false,
        }
    }

    fn from_line(url: impl Into<Cow<'a, str>>) -> Self {
        Self {
            is_from_line: true,
            ..Self::new(url)
        }
    }
}

/// Finds the URL. Text with invisible characters is rejected.
pub(super) fn find_url(text: &str) -> Result<PastedUrl<'_>, CloneUrlError> {
    if text.len() > MAX_INPUT_BYTES {
        return Err(CloneUrlError::TooLong);
    }
    let mut text = trim(text);
    let is_deceptive = |&character: &char| needs_escape(character);
    if let Some(url) = url_in_lines(text).filter(|url| !url.contains(needs_escape)) {
        return Ok(PastedUrl::from_line(url));
    }
    if let Some(deceptive) = text.chars().find(is_deceptive) {
        return Err(CloneUrlError::InvisibleCharacter(deceptive));
    }
    while let Some(inner) = unwrapped(text) {
        text = trim(inner);
    }
    if text.is_empty() {
        return Err(CloneUrlError::Empty);
    }
    if !text.contains(char::is_whitespace) {
        return match url_in_client_link(text) {
            Some(url) => match url.chars().find(is_deceptive) {
                Some(deceptive) => Err(CloneUrlError::InvisibleCharacter(deceptive)),
                None => Ok(PastedUrl::from_line(url)),
            },
            None => Ok(PastedUrl::new(text)),
        };
    }
    let Some(words) = git_arguments(text)? else {
        return Err(remote_helper(text).unwrap_or(CloneUrlError::ContainsWhitespace));
    };
    let secret_option = words
        .iter()
        .any(|word| word.to_ascii_lowercase().contains("authorization:"));
    Ok(PastedUrl {
        git_clone: true,
        secret_option,
        ..PastedUrl::new(url_of_git_clone(&words)?)
    })
}

/// The one URL in lines of a known form; `None` for other text, also where a line without that form may contain a URL.
fn url_in_lines(text: &str) -> Option<&str> {
    let mut found = None;
    for line in text.lines().map(trim).filter(|line| !line.is_empty()) {
        match url_in_line(line) {
            Some(url) if found.is_none_or(|found| found == url) => found = Some(url),
            Some(_) => return None,
            None if line.contains("://") || line.contains('@') => return None,
            None => {}
        }
    }
    found
}

/// The URL in a line of `git remote -v`, of a configuration file (`url = URL`, `"url": "URL"`), or of pip's requirements.
fn url_in_line(line: &str) -> Option<&str> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let url = match words.as_slice() {
        [_name, url, "(fetch)" | "(push)"] => url,
        [_name, url, "(fetch)" | "(push)", filter] if filter.starts_with('[') => url,
        ["-e" | "--editable", url] => url,
        [name, "@", url] if is_key(name) => url,
        _ => value_of_setting(line)?,
    };
    looks_like_url(url).then_some(url)
}

/// The value of `KEY = VALUE` or `KEY: VALUE`, quotes and a comma removed, where the key tells that it is a URL.
fn value_of_setting(line: &str) -> Option<&str> {
    let line = line.strip_prefix("- ").unwrap_or(line);
    let at = line.find(['=', ':'])?;
    let (key, value) = (line.get(..at)?, line.get(at + 1..)?);
    let key = key.trim().trim_matches(['"', '\'']);
    let is_separated = line.get(at..)?.starts_with('=')
        || value.starts_with(char::is_whitespace)
        || value.starts_with('"');
    let value = value.trim().trim_end_matches([',', ';']);
    let value = QUOTE_PAIRS
        .iter()
        .find_map(|&(open, close)| value.strip_prefix(open)?.strip_suffix(close))
        .unwrap_or(value);
    (is_separated && is_key(key) && names_url(key) && !value.contains(char::is_whitespace))
        .then_some(value)
}

fn is_key(text: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "._- []".contains(c);
    !text.is_empty() && text.chars().all(is_allowed)
}

/// Whether a setting has a URL as its value, by the last word of its name.
fn names_url(key: &str) -> bool {
    const NAMES: [&str; 14] = [
        "clone",
        "from",
        "git",
        "href",
        "http",
        "https",
        "origin",
        "remote",
        "repo",
        "repository",
        "resolved",
        "source",
        "ssh",
        "uri",
    ];
    let last = key.rsplit(['.', ' ', '-', '_']).next().unwrap_or(key);
    let last = last.to_ascii_lowercase();
    NAMES.contains(&last.as_str()) || last.ends_with("url")
}

fn looks_like_url(text: &str) -> bool {
    text.contains("://") || (text.contains('@') && text.contains(':'))
}

/// The clone URL in a link that opens a Git client: `sourcetree://cloneRepo?cloneUrl=…`, `vscode://vscode.git/clone?url=…`.
fn url_in_client_link(text: &str) -> Option<String> {
    const SCHEMES: [&str; 12] = [
        "cursor",
        "fork",
        "git-client",
        "github-mac",
        "github-windows",
        "gitkraken",
        "jetbrains",
        "smartgit",
        "sourcetree",
        "vscode",
        "vscode-insiders",
        "x-github-client",
    ];
    const PARAMETERS: [&str; 5] = ["checkout.repo", "cloneurl", "repo", "repourl", "url"];
    let (scheme, rest) = text.split_once("://")?;
    if !SCHEMES.contains(&scheme.to_ascii_lowercase().as_str()) {
        return None;
    }
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let in_query = query.split('&').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        PARAMETERS
            .contains(&name.to_ascii_lowercase().as_str())
            .then_some(value)
    });
    // `sourcetree://cloneRepo/https://…`
    let in_path = || path.split_once('/').map(|(_, url)| url);
    let url = percent_decode_str(in_query.or_else(in_path)?)
        .decode_utf8()
        .ok()?;
    looks_like_url(&url).then(|| url.into_owned())
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
    // The prompt of root, which a shell takes for a comment.
    let text = text.strip_prefix("# ").unwrap_or(text);
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
        // A password with a space.
        [url, dir] if dir.contains('@') && url.strip_suffix(".git").is_none() => {
            Err(CloneUrlError::ContainsWhitespace)
        }
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
