//! The edits of `~/.ssh/config` (`ssh_config`(5)): settings for `bitbucket.org` must apply to the new host as well, and
//! aliases of the retired host must resolve to the new one.

use std::borrow::Cow;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::migrate::fix::{Fix, FixKind, TextEdit};
use crate::types::cloud_hosts::{RETIRED_SSH as OLD_SSH_HOST, SSH as NEW_SSH_HOST};
use crate::types::host_pattern::{matches, matches_any, matches_exactly};

/// Whether a configuration has a section for the new host.
#[must_use]
pub fn mentions_new_host(text: &str) -> bool {
    lines(text).iter().any(Line::is_for_the_new_host)
}

/// The edits of one file. `is_covered` is whether any file of the configuration has a section for the new host.
#[must_use]
pub fn ssh_config_fixes(text: &str, is_covered: bool) -> Vec<Fix> {
    let mut fixes = Vec::new();
    for line in &lines(text) {
        match line.keyword.as_str() {
            "hostname" => fixes.extend(line.moved_host_name()),
            "host" if !is_covered => fixes.extend(line.extended_host()),
            "match" => {
                let extended = (!is_covered).then(|| line.extended_match()).flatten();
                fixes.extend(extended);
                let has_command = |word: &Word<'_>| word.text.eq_ignore_ascii_case("exec");
                if line.words.iter().any(has_command) {
                    let in_list =
                        |list: &Word<'_>| list.text.to_ascii_lowercase().contains(OLD_SSH_HOST);
                    if !line.lists().any(in_list) {
                        fixes.extend(line.moved_in_command());
                    }
                }
            }
            "proxycommand" | "proxyjump" | "knownhostscommand" | "localcommand"
            | "remotecommand" => {
                fixes.extend(line.moved_in_command());
            }
            _ => {}
        }
    }
    fixes
}

/// A word without its quotes, and its position with them.
#[derive(Debug)]
pub(super) struct Word<'a> {
    text: Cow<'a, str>,
    at: Range<usize>,
}

#[derive(Debug)]
pub(super) struct Line<'a> {
    pub(super) number: usize,
    /// In lower case.
    pub(super) keyword: String,
    pub(super) written_keyword: &'a str,
    words: Vec<Word<'a>>,
    /// All that follows the keyword, and its position.
    value: (&'a str, usize),
}

impl<'a> Line<'a> {
    /// `KEYWORD VALUE…` or `KEYWORD=VALUE…`; `None` for an empty line, a comment, or one that `ssh` rejects.
    fn parse(line: &'a str, start: usize, number: usize) -> Option<Self> {
        let trimmed = line.trim_end_matches([' ', '\t', '\r', '\n', '\u{c}']);
        let indentation = trimmed.len() - trimmed.trim_start_matches([' ', '\t']).len();
        let rest = trimmed.get(indentation..)?;
        let is_end = |c: char| c.is_ascii_whitespace() || c == '=' || c == '"';
        let keyword_end = rest.find(is_end).unwrap_or(rest.len());
        let keyword = rest.get(..keyword_end)?;
        if keyword.is_empty() || keyword.starts_with('#') {
            return None;
        }
        let value = rest.get(keyword_end..)?;
        let blanks = |text: &str| text.len() - text.trim_start_matches([' ', '\t']).len();
        let mut skipped = blanks(value);
        if value.get(skipped..)?.starts_with('=') {
            skipped += 1;
            skipped += blanks(value.get(skipped..)?);
        }
        let value = value.get(skipped..)?;
        let value_start = start + indentation + keyword_end + skipped;
        let lower = keyword.to_ascii_lowercase();
        let words = words(value, value_start, lower == "match")?;
        Some(Self {
            number,
            keyword: lower,
            written_keyword: keyword,
            words,
            value: (value, value_start),
        })
    }

    pub(super) fn patterns(&self) -> impl Iterator<Item = &str> + Clone {
        self.words.iter().map(|word| word.text.as_ref())
    }

    /// The lists of patterns after `host` and `originalhost`.
    fn lists(&self) -> impl Iterator<Item = &Word<'a>> {
        self.words.windows(2).filter_map(|pair| match pair {
            [word, list]
                if word.text.eq_ignore_ascii_case("host")
                    || word.text.eq_ignore_ascii_case("originalhost") =>
            {
                Some(list)
            }
            _ => None,
        })
    }

    /// The word as written, quotes included.
    fn raw(&self, word: &Word<'_>) -> &'a str {
        let (value, start) = self.value;
        value
            .get(word.at.start - start..word.at.end - start)
            .unwrap_or_default()
    }

    /// Whether a pattern is meant for the new host: one for all hosts, or for the retired host as well (`*.org`), is not.
    fn is_for_the_new_host(&self) -> bool {
        let is_meant = |pattern: &str| {
            matches(pattern, NEW_SSH_HOST)
                && !matches(pattern, OLD_SSH_HOST)
                && !matches(pattern, "ssh.elsewhere.invalid")
        };
        match self.keyword.as_str() {
            "host" => self.patterns().any(is_meant) && matches_any(self.patterns(), NEW_SSH_HOST),
            "match" => self.lists().any(|list| list.text.split(',').any(is_meant)),
            _ => false,
        }
    }

    fn moved_host_name(&self) -> Option<Fix> {
        let word = self.words.first()?;
        let name = word.text.as_ref();
        if !is_old_host(name.strip_suffix('.').unwrap_or(name)) {
            return None;
        }
        // The quotes stay.
        let raw = self.raw(word);
        let edit = match raw.find(name) {
            Some(at) => TextEdit {
                at: word.at.start + at..word.at.start + at + name.len(),
                with: NEW_SSH_HOST.to_owned(),
            },
            None => TextEdit {
                at: word.at.clone(),
                with: NEW_SSH_HOST.to_owned(),
            },
        };
        Some(fix("HostName", name, NEW_SSH_HOST, edit))
    }

    fn extended_host(&self) -> Option<Fix> {
        if !matches_only_old_host(self.patterns()) {
            return None;
        }
        let end = self.words.last()?.at.end;
        let before: Vec<&str> = self.patterns().collect();
        let before = before.join(" ");
        let edit = TextEdit {
            at: end..end,
            with: format!(" {NEW_SSH_HOST}"),
        };
        Some(fix(
            "Host",
            &before,
            &format!("{before} {NEW_SSH_HOST}"),
            edit,
        ))
    }

    fn extended_match(&self) -> Option<Fix> {
        let list = self
            .lists()
            .find(|list| matches_only_old_host(list.text.split(',')))?;
        let after = format!("{},{NEW_SSH_HOST}", list.text);
        let raw = self.raw(list);
        let end = list.at.end - usize::from(raw.ends_with(['"', '\'']));
        let edit = TextEdit {
            at: end..end,
            with: format!(",{NEW_SSH_HOST}"),
        };
        Some(fix("Match", &list.text, &after, edit))
    }

    /// The retired host in a command: replaced where it is a word of its own, otherwise a manual step.
    fn moved_in_command(&self) -> Vec<Fix> {
        let (value, start) = self.value;
        let is_exec = self.keyword == "match";
        let lower = value.to_ascii_lowercase();
        let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b".-_".contains(byte);
        let (mut edits, mut is_manual) = (Vec::new(), false);
        for (at, found) in lower.match_indices(OLD_SSH_HOST) {
            let before = lower.as_bytes().get(..at).and_then(<[u8]>::last);
            let after = lower.as_bytes().get(at + found.len());
            if before.is_some_and(is_name) || after.is_some_and(is_name) {
                // A part of another name, such as the new host.
                continue;
            }
            let prefix = lower.get(..at).unwrap_or_default();
            if prefix.ends_with("https://") || prefix.ends_with("http://") {
                continue;
            }
            let is_word_start = before.is_none_or(|byte| b" \t'\"".contains(byte));
            let is_word_end = after.is_none_or(|byte| b" \t'\":".contains(byte));
            if is_word_start && is_word_end && !is_exec {
                edits.push(TextEdit {
                    at: start + at..start + at + found.len(),
                    with: NEW_SSH_HOST.to_owned(),
                });
            } else {
                is_manual = true;
            }
        }
        let mut fixes = Vec::new();
        let location = format!("line {}: {}", self.number, self.written_keyword);
        if !edits.is_empty() {
            let mut after = value.to_owned();
            for edit in edits.iter().rev() {
                after.replace_range(edit.at.start - start..edit.at.end - start, &edit.with);
            }
            fixes.push(Fix {
                edits,
                ..fix(
                    &location,
                    value,
                    &after,
                    TextEdit {
                        at: start..start,
                        with: String::new(),
                    },
                )
            });
        }
        if is_manual {
            fixes.push(Fix {
                kind: FixKind::SshConfig,
                location,
                before: Some(value.to_owned()),
                after: None,
                edits: Vec::new(),
                manual_step: Some(format!(
                    "replace {OLD_SSH_HOST} with {NEW_SSH_HOST} in the command of line {}",
                    self.number
                )),
            });
        }
        fixes
    }
}

fn is_old_host(name: &str) -> bool {
    name.eq_ignore_ascii_case(OLD_SSH_HOST)
}

/// Whether patterns match the retired host and not the new one, without excluding it.
fn matches_only_old_host<'a>(patterns: impl Iterator<Item = &'a str> + Clone) -> bool {
    let with_it = patterns.clone().chain([NEW_SSH_HOST]);
    matches_any(patterns.clone(), OLD_SSH_HOST)
        && !matches_any(patterns, NEW_SSH_HOST)
        && matches_any(with_it, NEW_SSH_HOST)
}

fn fix(location: &str, before: &str, after: &str, edit: TextEdit) -> Fix {
    Fix {
        kind: FixKind::SshConfig,
        location: location.to_owned(),
        before: Some(before.to_owned()),
        after: Some(after.to_owned()),
        edits: vec![edit],
        manual_step: None,
    }
}

pub(super) fn lines(text: &str) -> Vec<Line<'_>> {
    let mut lines = Vec::new();
    let mut start = 0;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        lines.extend(Line::parse(line, start, index + 1));
        start += line.len();
    }
    lines
}

/// The words of a line and their positions, quotes included, as OpenSSH splits them (misc.c, `argv_split`); `None` where a
/// quote is not closed, which `ssh` reports. `=` separates words where `splits_at_equals` is set.
fn words(line: &str, start: usize, splits_at_equals: bool) -> Option<Vec<Word<'_>>> {
    let is_blank = |c: char| matches!(c, ' ' | '\t');
    let mut words = Vec::new();
    let mut rest = line.char_indices().peekable();
    loop {
        while rest
            .next_if(|(_, c)| is_blank(*c) || splits_at_equals && *c == '=')
            .is_some()
        {}
        let Some(&(word_start, first)) = rest.peek() else {
            return Some(words);
        };
        if first == '#' {
            return Some(words);
        }
        let mut quote = None;
        let mut text = String::new();
        let mut end = line.len();
        while let Some((at, c)) = rest.next() {
            match c {
                '\\' => {
                    let is_escaped = |next: char| {
                        matches!(next, '\'' | '"' | '\\') || (quote.is_none() && next == ' ')
                    };
                    match rest.next_if(|(_, next)| is_escaped(*next)) {
                        Some((_, next)) => text.push(next),
                        None => text.push(c),
                    }
                }
                _ if quote == Some(c) => quote = None,
                '\'' | '"' if quote.is_none() => quote = Some(c),
                _ if quote.is_none() && (is_blank(c) || splits_at_equals && c == '=') => {
                    end = at;
                    break;
                }
                _ => text.push(c),
            }
        }
        if quote.is_some() {
            return None;
        }
        let raw = line.get(word_start..end).unwrap_or_default();
        let text = if raw == text {
            Cow::Borrowed(raw)
        } else {
            Cow::Owned(text)
        };
        words.push(Word {
            text,
            at: start + word_start..start + end,
        });
    }
}

/// The files that a user's configuration includes, in the order in which `ssh` reads them. Paths with variables or tokens
/// of `ssh` are skipped.
pub(crate) fn client_includes(text: &str, ssh_dir: &Path) -> Vec<PathBuf> {
    let lines = lines(text);
    let included = lines.iter().filter(|line| line.keyword == "include");
    included
        .flat_map(|line| client_includes_of(line, ssh_dir))
        .collect()
}

/// The files of one `Include`.
pub(super) fn client_includes_of(line: &Line<'_>, ssh_dir: &Path) -> Vec<PathBuf> {
    let patterns = line.patterns();
    patterns
        .filter(|pattern| !pattern.contains('%') && !pattern.contains("${"))
        .flat_map(|pattern| glob(&from_home(pattern, ssh_dir)))
        .collect()
}

/// A pattern as an absolute path.
pub(super) fn from_home(pattern: &str, ssh_dir: &Path) -> PathBuf {
    match (pattern.strip_prefix("~/"), ssh_dir.parent()) {
        (Some(below), Some(home)) => home.join(below),
        _ => ssh_dir.join(pattern),
    }
}

/// The paths that match a pattern, sorted as by glob(3). Like `ssh`, it ignores directories that cannot be read.
fn glob(pattern: &Path) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::new()];
    for part in pattern {
        let is_pattern = part.to_str().filter(|part| part.contains(['*', '?']));
        let Some(names) = is_pattern else {
            for path in &mut found {
                path.push(part);
            }
            continue;
        };
        found = found
            .iter()
            .flat_map(|dir| matching_entries(dir, names))
            .collect();
    }
    // `ssh` skips directories as well. Backups are not changed.
    found.retain(|path| path.exists() && !path.is_dir() && !is_backup(path));
    found
}

/// Whether a file is a backup of `migrate`.
fn is_backup(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().contains(".bbconnect-")
}

/// The entries of a directory whose names match. A pattern does not match a leading dot.
fn matching_entries(dir: &Path, pattern: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let is_match = |entry: &fs::DirEntry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        name.starts_with('.') == pattern.starts_with('.') && matches_exactly(pattern, &name)
    };
    let mut paths: Vec<_> = entries.filter(is_match).map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migrate::fix::apply_fixes;

    fn fixes_of(text: &str) -> Vec<Fix> {
        ssh_config_fixes(text, mentions_new_host(text))
    }

    #[test]
    fn sections_and_aliases_of_the_retired_host_are_extended() {
        let extended = [
            "# mine\nHost bitbucket.org« ssh.bitbucket.org» # work\n  HostName «ssh.»bitbucket.org\n  IdentityFile ~/.ssh/bb\n\nHost *\n  User x\n",
            "host = \"bitbucket.org\"« ssh.bitbucket.org»\r\n\tUser git\r\n",
            "Host 'bitbucket.org'« ssh.bitbucket.org»\n  HostName '«ssh.»bitbucket.org' # x\n",
            "Match host='bitbucket.org«,ssh.bitbucket.org»' exec \"true\"\n",
            "Host bitbucket.org« ssh.bitbucket.org»\n  ProxyCommand nc -X connect -x proxy:3128 «ssh.»bitbucket.org 22\n",
            "Host bb-work bb-home\nHostName=«ssh.»bitbucket.org",
            "Host github.com bitbucket.org« ssh.bitbucket.org»\n  IdentityFile a\n",
            "Host *.org\n  User git\nHost bitbucket.org« ssh.bitbucket.org»\n  IdentityFile a\nHost ssh.*\n  Port 22\n",
            "Match host github.com,bitbucket.org«,ssh.bitbucket.org» user git\n  IdentityFile a\n",
            "Host bitbucket.org« ssh.bitbucket.org»\n  IdentityFile a\nHost bitbucket.org« ssh.bitbucket.org»\n  Port 22\n",
        ];
        let extended = extended.map(|text| {
            let before: String = text.split(['«', '»']).step_by(2).collect();
            (before, text.replace(['«', '»'], ""))
        });
        let replaced = [
            (
                "Host bit'bucket'.org \"a b\"\n  HostName bit\"bucket.org\"\n",
                "Host bit'bucket'.org \"a b\" ssh.bitbucket.org\n  HostName ssh.bitbucket.org\n",
            ),
            (
                "ProxyCommand=connect -S s 'bitbucket.org':22 %p\nKnownHostsCommand keys BitBucket.org x.bitbucket.org\n",
                "ProxyCommand=connect -S s 'ssh.bitbucket.org':22 %p\nKnownHostsCommand keys ssh.bitbucket.org x.bitbucket.org\n",
            ),
        ];
        let replaced = replaced.map(|(before, after)| (before.to_owned(), after.to_owned()));
        for (before, after) in extended.into_iter().chain(replaced) {
            let fixes = fixes_of(&before);
            assert_eq!(apply_fixes(&before, &fixes), after);
            assert_eq!(fixes_of(&after), [], "{after}");
        }
    }

    #[test]
    fn correct_configurations_are_kept() {
        for text in [
            "",
            "Host *\n  IdentityFile a\n",
            "Host *.bitbucket.org bitbucket.org\n  IdentityFile a\n",
            "Host bitbucket.org\n  IdentityFile a\nHost ssh.bitbucket.org\n  IdentityFile b\n",
            "Host bitbucket.org !ssh.bitbucket.org\n  IdentityFile a\n",
            "Host altssh.bitbucket.org\n  HostName altssh.bitbucket.org\n  Port 443\n",
            "Host bitbucket.example.com\n  HostName git.example.com\n",
            "# Host bitbucket.org\n",
            "Host x\n  ProxyCommand nc \"bitbucket.org 22\n",
            "Match all\n  HostKeyAlias bitbucket.org\n",
            "Host\nHostName\n=\n\"\n\"\"\n",
            "Host 'bitbucket.org\n",
            "ProxyCommand nc %h %p\n",
            "LocalCommand log https://bitbucket.org/acme\n",
        ] {
            assert_eq!(fixes_of(text), [], "{text}");
        }
    }

    #[test]
    fn hosts_inside_of_words_of_a_command_are_listed() {
        for text in [
            "ProxyCommand proxy --host=bitbucket.org %p\n",
            "Match exec \"test %h = bitbucket.org\"\n",
            "LocalCommand log git+ssh://git@bitbucket.org/acme\n",
        ] {
            let fixes = fixes_of(text);
            let is_manual = |fix: &Fix| fix.edits.is_empty() && fix.manual_step.is_some();
            assert!(
                matches!(&fixes[..], [fix] if is_manual(fix)),
                "{text}: {fixes:?}"
            );
        }
    }

    #[test]
    fn words_are_split_as_in_openssh() {
        for (line, expected) in [
            ("a  b\tc", &["a", "b", "c"][..]),
            ("'a b' \"c d\"", &["a b", "c d"]),
            ("a'b'c\"d\"", &["abcd"]),
            (r"a\ b \x '\'' \\", &["a b", r"\x", "'", r"\"]),
            ("a#b #c", &["a#b"]),
            ("\"it's\"", &["it's"]),
            ("", &[]),
        ] {
            let found = words(line, 0, false).unwrap();
            let found: Vec<_> = found.iter().map(|word| word.text.as_ref()).collect();
            assert_eq!(found, expected, "{line}");
        }
        assert!(words("'a", 0, false).is_none());
        assert!(words("a \"b'", 0, false).is_none());
    }

    #[test]
    fn included_files() {
        let home = tempfile::tempdir().unwrap();
        let ssh = home.path().join(".ssh");
        for dir in ["config.d/5.conf", "more/a", "more/b"] {
            fs::create_dir_all(ssh.join(dir)).unwrap();
        }
        for file in [
            "config.d/2.conf",
            "config.d/1.conf",
            "config.d/.3.conf",
            "config.d/1.conf.bbconnect-20260101",
            "config.d/4.CONF",
            "more/b/c",
            "x y",
        ] {
            fs::write(ssh.join(file), "").unwrap();
        }
        let absolute = ssh.join("more/?/c");
        for (text, expected) in [
            (
                "Include config.d/*.conf",
                &["config.d/1.conf", "config.d/2.conf"][..],
            ),
            ("include=~/.ssh/config.d/[", &[]),
            (
                "Include config.d/*",
                &["config.d/1.conf", "config.d/2.conf", "config.d/4.CONF"],
            ),
            (
                "Include ~/.ssh/config.d/1.conf \"x y\"",
                &["config.d/1.conf", "x y"],
            ),
            (
                &format!("Host a\n  Include {}", absolute.display()),
                &["more/b/c"],
            ),
            (
                "Include config.d/.* nothing/* %d/x ${HOME}/x # more/b/c",
                &["config.d/.3.conf"],
            ),
            ("IncludeNot x", &[]),
        ] {
            let expected: Vec<_> = expected.iter().map(|path| ssh.join(path)).collect();
            assert_eq!(client_includes(text, &ssh), expected, "{text}");
        }
    }
}
