//! The edits of `~/.ssh/config` (`ssh_config`(5)): settings for `bitbucket.org` must apply to the new host as well, and
//! aliases of the retired host must resolve to the new one.

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
            "match" if !is_covered => fixes.extend(line.extended_match()),
            _ => {}
        }
    }
    fixes
}

/// A setting: the keyword in lower case, and the words with their positions.
struct Line<'a> {
    keyword: String,
    words: Vec<(&'a str, Range<usize>)>,
}

impl<'a> Line<'a> {
    fn patterns(&self) -> impl Iterator<Item = &'a str> + Clone {
        self.words.iter().map(|(word, _)| *word)
    }

    /// The lists of patterns after `host` and `originalhost`.
    fn lists(&self) -> impl Iterator<Item = &(&'a str, Range<usize>)> {
        self.words.windows(2).filter_map(|pair| match pair {
            [(word, _), list]
                if word.eq_ignore_ascii_case("host")
                    || word.eq_ignore_ascii_case("originalhost") =>
            {
                Some(list)
            }
            _ => None,
        })
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
            "match" => self.lists().any(|(list, _)| list.split(',').any(is_meant)),
            _ => false,
        }
    }

    fn moved_host_name(&self) -> Option<Fix> {
        let (name, at) = self.words.first()?;
        let is_old = name
            .strip_suffix('.')
            .unwrap_or(name)
            .eq_ignore_ascii_case(OLD_SSH_HOST);
        let edit = TextEdit {
            at: at.clone(),
            with: NEW_SSH_HOST.to_owned(),
        };
        is_old.then(|| fix("HostName", name, NEW_SSH_HOST, edit))
    }

    fn extended_host(&self) -> Option<Fix> {
        if !matches_only_old_host(self.patterns()) {
            return None;
        }
        let end = self.words.last()?.1.end;
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
        let (list, at) = self
            .lists()
            .find(|(list, _)| matches_only_old_host(list.split(',')))?;
        let after = format!("{list},{NEW_SSH_HOST}");
        let edit = TextEdit {
            at: at.clone(),
            with: after.clone(),
        };
        Some(fix("Match", list, &after, edit))
    }
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

fn lines(text: &str) -> Vec<Line<'_>> {
    let mut lines = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let mut words = words(line, start);
        if !words.is_empty() {
            let (keyword, _) = words.remove(0);
            lines.push(Line {
                keyword: keyword.to_ascii_lowercase(),
                words,
            });
        }
        start += line.len();
    }
    lines
}

/// The words of a line without their quotes, and their positions; `=` may follow the first.
fn words(line: &str, start: usize) -> Vec<(&str, Range<usize>)> {
    let mut words = Vec::new();
    let mut at = 0;
    loop {
        let rest = line.get(at..).unwrap_or_default();
        let is_between =
            |c: char| c.is_ascii_whitespace() || (c == '=' && words.len() == 1 && !rest.is_empty());
        let Some(skipped) = rest.find(|c: char| !is_between(c)) else {
            return words;
        };
        let rest = rest.get(skipped..).unwrap_or_default();
        at += skipped;
        if rest.starts_with('#') {
            return words;
        }
        if let Some(quoted) = rest.strip_prefix('"') {
            // `ssh` reports a quote that is not closed.
            let Some(length) = quoted.find('"') else {
                return Vec::new();
            };
            let word = quoted.get(..length).unwrap_or_default();
            // The position includes the quotes, so that nothing is inserted between them.
            let end = at + length + 2;
            words.push((word, start + at..start + end));
            at = end;
        } else {
            let is_first = words.is_empty();
            let ends = |c: char| c.is_ascii_whitespace() || (c == '=' && is_first);
            let length = rest.find(ends).unwrap_or(rest.len());
            let word = rest.get(..length).unwrap_or_default();
            words.push((word, start + at..start + at + length));
            at += length;
        }
        if at >= line.len() {
            return words;
        }
    }
}

/// The files that a user's configuration includes, in the order in which `ssh` reads them. Paths with variables or tokens
/// of `ssh` are skipped.
#[must_use]
pub(crate) fn client_includes(text: &str, ssh_dir: &Path) -> Vec<PathBuf> {
    let lines = lines(text);
    let included = lines.iter().filter(|line| line.keyword == "include");
    let patterns = included.flat_map(|line| line.words.iter().map(|(word, _)| *word));
    patterns
        .filter(|pattern| !pattern.contains('%') && !pattern.contains("${"))
        .flat_map(|pattern| glob(&from_home(pattern, ssh_dir)))
        .collect()
}

/// A pattern as an absolute path.
fn from_home(pattern: &str, ssh_dir: &Path) -> PathBuf {
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
        for (before, after) in [
            (
                "# mine\nHost bitbucket.org # work\n  HostName bitbucket.org\n  IdentityFile ~/.ssh/bb\n\nHost *\n  User x\n",
                "# mine\nHost bitbucket.org ssh.bitbucket.org # work\n  HostName ssh.bitbucket.org\n  IdentityFile ~/.ssh/bb\n\nHost *\n  User x\n",
            ),
            (
                "host = \"bitbucket.org\"\r\n\tUser git\r\n",
                "host = \"bitbucket.org\" ssh.bitbucket.org\r\n\tUser git\r\n",
            ),
            (
                "Host bb-work bb-home\nHostName=bitbucket.org",
                "Host bb-work bb-home\nHostName=ssh.bitbucket.org",
            ),
            (
                "Host github.com bitbucket.org\n  IdentityFile a\n",
                "Host github.com bitbucket.org ssh.bitbucket.org\n  IdentityFile a\n",
            ),
            (
                "Host *.org\n  User git\nHost bitbucket.org\n  IdentityFile a\nHost ssh.*\n  Port 22\n",
                "Host *.org\n  User git\nHost bitbucket.org ssh.bitbucket.org\n  IdentityFile a\nHost ssh.*\n  Port 22\n",
            ),
            (
                "Match host github.com,bitbucket.org user git\n  IdentityFile a\n",
                "Match host github.com,bitbucket.org,ssh.bitbucket.org user git\n  IdentityFile a\n",
            ),
            (
                "Host bitbucket.org\n  IdentityFile a\nHost bitbucket.org\n  Port 22\n",
                "Host bitbucket.org ssh.bitbucket.org\n  IdentityFile a\nHost bitbucket.org ssh.bitbucket.org\n  Port 22\n",
            ),
        ] {
            let fixes = fixes_of(before);
            assert_eq!(apply_fixes(before, &fixes), after);
            assert_eq!(fixes_of(after), [], "{after}");
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
        ] {
            assert_eq!(fixes_of(text), [], "{text}");
        }
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
