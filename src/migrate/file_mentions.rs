//! What tracked files say about the retired SSH host and its host keys: clone URLs, `ssh-keyscan`, lines of `known_hosts`
//! and of `ssh_config`, also inside of scripts, YAML and JSON. Nothing but the host or the host key is changed.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::Range;

use super::fix::{Fix, FixKind, TextEdit};
use crate::types::cloud_hosts::{RETIRED_SSH as OLD_HOST, SSH as NEW_HOST};
use crate::types::host_keys::built_in_keys;
use crate::types::public_key::PublicKey;
use crate::types::ssh_address::{SSH_PORT, SshHost};

/// The start of the retired RSA key, which no other key has.
pub(crate) const RETIRED_KEY_START: &str =
    "AAAAB3NzaC1yc2EAAAABIwAAAQEAubiN81eDcafrgMeLzaFPsw2kNvEcqTKl";

/// Longest file that is changed, in bytes.
pub(crate) const MAX_FILE_BYTES: usize = 1024 * 1024;
/// A NUL in this many first bytes makes a file binary, as for git.
const BINARY_PREFIX_BYTES: usize = 8000;

/// Lock files of package managers, and the command that renews each.
const LOCK_FILES: [(&str, &str); 22] = [
    ("package-lock.json", "npm install"),
    ("npm-shrinkwrap.json", "npm install"),
    ("yarn.lock", "yarn install"),
    ("pnpm-lock.yaml", "pnpm install"),
    ("bun.lock", "bun install"),
    ("deno.lock", "deno install"),
    ("composer.lock", "composer update --lock"),
    ("Gemfile.lock", "bundle lock"),
    ("gems.locked", "bundle lock"),
    ("Cargo.lock", "cargo update --workspace"),
    ("poetry.lock", "poetry lock"),
    ("Pipfile.lock", "pipenv lock"),
    ("pdm.lock", "pdm lock"),
    ("uv.lock", "uv lock"),
    ("mix.lock", "mix deps.get"),
    ("rebar.lock", "rebar3 upgrade --all"),
    ("pubspec.lock", "dart pub get"),
    ("Podfile.lock", "pod install"),
    ("Package.resolved", "swift package resolve"),
    ("Cartfile.resolved", "carthage update"),
    ("flake.lock", "nix flake update"),
    ("shard.lock", "shards install"),
];

/// Bytes of the word before a host that are shown, as of `git+ssh://git@`: what precedes them may be anything.
const MAX_SHOWN: usize = 16;
/// Lines of one command.
const MAX_CONTINUATIONS: usize = 20;
/// Bytes before a host key on a line of its own.
const MAX_INDENTATION: usize = 256;

const KEY_ALGORITHMS: [&str; 4] = ["ssh-rsa", "ssh-dss", "ssh-ed25519", "ecdsa-sha2-nistp256"];

/// Whether the bytes of a file are text that is scanned.
pub(crate) fn is_scanned(bytes: &[u8]) -> bool {
    let start = bytes.get(..BINARY_PREFIX_BYTES).unwrap_or(bytes);
    bytes.len() <= MAX_FILE_BYTES && !start.contains(&0)
}

/// The edits of a tracked file, one for each line; the location is the number of the line. A lock file has one manual step.
#[must_use]
pub fn file_mention_fixes(text: &str, file_name: &str) -> Vec<Fix> {
    let mentions = Scan::new(text).mentions();
    let lock_file = LOCK_FILES.iter().find(|(name, _)| *name == file_name);
    if let (Some((_, command)), Some(first)) = (lock_file, mentions.values().next()) {
        let lines = mentions.len();
        return vec![Fix {
            kind: FixKind::FileMention,
            location: mentions.keys().next().unwrap_or(&1).to_string(),
            before: Some(if lines == 1 {
                first.before.clone()
            } else {
                format!("{}, and {} more lines", first.before, lines - 1)
            }),
            after: None,
            edits: Vec::new(),
            manual_step: Some(format!(
                "run {command} once the files that name the dependencies are updated; it renews {file_name}"
            )),
        }];
    }
    let fix = |(line, mention): (usize, Mention)| Fix {
        kind: FixKind::FileMention,
        location: line.to_string(),
        before: Some(mention.before),
        after: (!mention.edits.is_empty()).then_some(mention.after),
        manual_step: Some(if mention.edits.is_empty() {
            format!(
                "replace the host key that Bitbucket Cloud revoked; bbconnect known-hosts show {NEW_HOST} prints the keys in force"
            )
        } else {
            "review and commit the changed files".to_owned()
        }),
        edits: mention.edits,
    };
    mentions.into_iter().map(fix).collect()
}

/// What one line says.
#[derive(Debug)]
struct Mention {
    before: String,
    after: String,
    edits: Vec<TextEdit>,
}

struct Scan<'a> {
    text: &'a str,
    /// In lower case, with the same positions.
    lower: String,
    line_starts: Vec<usize>,
    keys: Vec<PublicKey>,
    has_host_setting: bool,
    found: BTreeMap<usize, Mention>,
}

/// A line of `known_hosts`, or a part of a line of another file.
struct HostKeyEntry {
    names: Range<usize>,
    algorithm: Range<usize>,
    key: Range<usize>,
}

impl<'a> Scan<'a> {
    fn new(text: &'a str) -> Self {
        let ends = text.match_indices('\n').map(|(at, _)| at + 1);
        let host = SshHost::new(NEW_HOST, SSH_PORT).ok();
        let lower = text.to_ascii_lowercase();
        Self {
            text,
            has_host_setting: lower.contains(&format!("host {OLD_HOST} {NEW_HOST}")),
            lower,
            line_starts: [0].into_iter().chain(ends).collect(),
            keys: host
                .and_then(|host| built_in_keys(&host))
                .unwrap_or_default(),
            found: BTreeMap::new(),
        }
    }

    fn mentions(mut self) -> BTreeMap<usize, Mention> {
        let hosts: Vec<usize> = self
            .lower
            .match_indices(OLD_HOST)
            .map(|(at, _)| at)
            .collect();
        let keys_of_new_host = self.keys_of_new_host(&hosts);
        let retired_keys = self.text.match_indices(RETIRED_KEY_START);
        let mut retired_keys: BTreeSet<usize> = retired_keys.map(|(at, _)| at).collect();
        for at in hosts {
            let end = at + OLD_HOST.len();
            if !self.is_name_start(at) && !self.is_behind_user(at) || !self.is_name_end(end) {
                continue;
            }
            if let Some(entry) = self.host_key_entry(at) {
                retired_keys.remove(&entry.key.start);
                self.fix_host_key(&entry, &keys_of_new_host);
            } else if self.is_ssh_url(at, end)
                || self.is_keyscan(at, end)
                || self.is_host_name_setting(at, end)
            {
                let at = at..end;
                self.replace(&at, &[(at.clone(), NEW_HOST.to_owned())]);
            } else if self.is_host_setting(at, end) {
                self.replace(&(at..end), &[(end..end, format!(" {NEW_HOST}"))]);
            }
        }
        for at in retired_keys {
            let line = self.line_of(at);
            if !self.before(at).contains("revoked") {
                self.found.entry(line).or_insert_with(|| Mention {
                    before: "the host key that Bitbucket Cloud revoked on 2023-06-20".to_owned(),
                    after: String::new(),
                    edits: Vec::new(),
                });
            }
        }
        self.found
    }

    /// Adds edits to the line of a position, which is shown with what precedes it in the same word.
    fn replace(&mut self, shown: &Range<usize>, edits: &[(Range<usize>, String)]) {
        let is_word = |c: char| c.is_ascii_alphanumeric() || "@:/+.-".contains(c);
        let before = self.text.get(..shown.start).unwrap_or_default();
        let word = before.len() - before.trim_end_matches(is_word).len();
        let start = shown.start - word.min(MAX_SHOWN);
        let old = self.text.get(start..shown.end).unwrap_or_default();
        let mut new = old.to_owned();
        for (at, with) in edits.iter().rev() {
            if at.start >= start && at.end <= shown.end {
                new.replace_range(at.start - start..at.end - start, with);
            }
        }
        self.add(shown.start, old.to_owned(), new, edits);
    }

    fn add(&mut self, at: usize, before: String, after: String, edits: &[(Range<usize>, String)]) {
        let line = self.line_of(at);
        let mention = self.found.entry(line).or_insert_with(|| Mention {
            before,
            after,
            edits: Vec::new(),
        });
        mention
            .edits
            .extend(edits.iter().map(|(at, with)| TextEdit {
                at: at.clone(),
                with: with.clone(),
            }));
    }

    /// The number of the line at a position.
    fn line_of(&self, at: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= at)
    }

    fn line_range(&self, line: usize) -> (usize, usize) {
        let start = self.line_starts.get(line - 1).copied().unwrap_or_default();
        let end = self.line_starts.get(line).copied();
        (start, end.unwrap_or(self.text.len()))
    }

    /// The text of the line before a position, as far as it matters.
    fn before(&self, at: usize) -> &str {
        const MAX_BYTES: usize = 1024;
        let (start, _) = self.line_range(self.line_of(at));
        let start = start.max(self.lower.ceil_char_boundary(at.saturating_sub(MAX_BYTES)));
        self.lower.get(start..at).unwrap_or_default()
    }

    /// Whether no longer name ends here: `ssh.bitbucket.org` is another host. In strings, `\n` may precede it.
    fn is_name_start(&self, at: usize) -> bool {
        let before = self.before(at);
        !before.ends_with(|c: char| c.is_alphanumeric() || "._-@".contains(c))
            || [r"\n", r"\r", r"\t"]
                .iter()
                .any(|escape| before.ends_with(escape))
    }

    fn is_behind_user(&self, at: usize) -> bool {
        self.before(at).ends_with("git@")
    }

    fn is_name_end(&self, end: usize) -> bool {
        let mut after = self.lower.get(end..).unwrap_or_default().chars();
        match after.next() {
            Some('.') => !after.next().is_some_and(char::is_alphanumeric),
            Some(c) => !(c.is_alphanumeric() || "_-".contains(c)),
            None => true,
        }
    }

    /// `git@HOST:`, `ssh://git@HOST`, `ssh://HOST`, and `ssh … git@HOST`.
    fn is_ssh_url(&self, at: usize, end: usize) -> bool {
        let after = self.lower.get(end..).unwrap_or_default();
        let before = self.before(at);
        let (before, has_user) = match before.strip_suffix("git@") {
            Some(before) => (before, true),
            None => (before, false),
        };
        if let Some(before) = before.strip_suffix("://") {
            let is_scheme = |c: char| c.is_ascii_alphanumeric() || "+.-".contains(c);
            let scheme = before
                .get(before.trim_end_matches(is_scheme).len()..)
                .unwrap_or_default();
            return matches!(scheme, "ssh" | "git+ssh" | "ssh+git");
        }
        // Another user, or a path: `legit@`, `//git@`. A setting of git: `url.git@HOST:.insteadOf`.
        let before = before.strip_suffix("url.").unwrap_or(before);
        if !has_user || before.ends_with(|c: char| c.is_alphanumeric() || "._%+-/@".contains(c)) {
            return false;
        }
        after.starts_with(':') || (!after.starts_with('/') && before.contains("ssh"))
    }

    /// `ssh-keyscan … HOST`, on one line or continued with a backslash.
    fn is_keyscan(&self, at: usize, end: usize) -> bool {
        let before = self.before(at);
        let after = self.lower.get(end..).unwrap_or_default();
        let is_word = before.ends_with([' ', '\t', ',', '\'', '"'])
            && !after.starts_with([':', '/', '@'])
            || before.is_empty();
        if !is_word {
            return false;
        }
        // `ssh-keygen -F HOST || ssh-keyscan HOST`; `-f` names a file.
        let written = self
            .text
            .get(at - before.len()..at)
            .unwrap_or_default()
            .trim_end();
        if before.contains("ssh-keygen") && (written.ends_with(" -F") || written.ends_with(" -R")) {
            return true;
        }
        let mut line = self.line_of(at);
        let mut command = before;
        for _ in 0..MAX_CONTINUATIONS {
            if let Some((_, arguments)) = command.rsplit_once("ssh-keyscan") {
                return !arguments.contains([';', '|', '&', '>']);
            }
            if line < 2 || command.contains([';', '|', '&']) {
                return false;
            }
            line -= 1;
            let (_, end) = self.line_range(line);
            let previous = self.before(end - 1).trim_end();
            let Some(previous) = previous.strip_suffix('\\') else {
                return false;
            };
            command = previous;
        }
        false
    }

    /// `HostName HOST`, also in the string of a script.
    fn is_host_name_setting(&self, at: usize, end: usize) -> bool {
        self.is_setting(at, end, "hostname")
    }

    /// `Host HOST`, where no other setting is for the new host.
    fn is_host_setting(&self, at: usize, end: usize) -> bool {
        !self.has_host_setting && self.is_setting(at, end, "host")
    }

    fn is_setting(&self, at: usize, end: usize, keyword: &str) -> bool {
        let before = self.before(at);
        let setting = before.trim_end_matches([' ', '\t', '=']);
        let after = self.lower.get(end..).unwrap_or_default();
        let is_end = after.is_empty() || after.starts_with(['\r', '\n', '\\', '"', '\'']);
        let Some(start) = setting.strip_suffix(keyword) else {
            return false;
        };
        // `Host`, as manuals write it: prose has "the host".
        let before_start = at - before.len();
        let written = self
            .text
            .get(before_start + start.len()..before_start + setting.len());
        let is_capital = written.is_some_and(|written| written.starts_with('H'));
        let starts_line = start.trim().is_empty();
        let starts_text = start.ends_with(['"', '\'', ' ', '\t'])
            || start.ends_with(r"\n")
            || start.ends_with(r"\t");
        setting.len() < before.len() && is_end && (starts_line || (is_capital && starts_text))
    }

    /// The entry of `known_hosts` whose names are at a position.
    fn host_key_entry(&self, at: usize) -> Option<HostKeyEntry> {
        let is_name = |c: char| c.is_ascii_alphanumeric() || "._-,:*?[]!".contains(c);
        let before = self.before(at);
        let mut start = at - (before.len() - before.trim_end_matches(is_name).len());
        // `\n` in a string is no part of the names.
        let names = self.lower.get(start..at).unwrap_or_default();
        if start > 0
            && self.lower.as_bytes().get(start - 1) == Some(&b'\\')
            && names.starts_with(['n', 'r', 't'])
        {
            start += 1;
        }
        let length = |from: usize, is_part: &dyn Fn(char) -> bool| {
            let rest = self.text.get(from..).unwrap_or_default();
            rest.len() - rest.trim_start_matches(is_part).len()
        };
        let is_blank = |c: char| matches!(c, ' ' | '\t');
        let names_end = at + length(at, &is_name);
        let algorithm_start = names_end + length(names_end, &is_blank);
        let is_algorithm = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let algorithm_end = algorithm_start + length(algorithm_start, &is_algorithm);
        let key_start = algorithm_end + length(algorithm_end, &is_blank);
        let is_base64 = |c: char| c.is_ascii_alphanumeric() || "+/=".contains(c);
        let key_end = key_start + length(key_start, &is_base64);
        let algorithm = self.text.get(algorithm_start..algorithm_end)?;
        let is_entry = algorithm_start > names_end
            && key_start > algorithm_end
            && KEY_ALGORITHMS.contains(&algorithm)
            && self.text.get(key_start..key_end)?.starts_with("AAAA");
        is_entry.then_some(HostKeyEntry {
            names: start..names_end,
            algorithm: algorithm_start..algorithm_end,
            key: key_start..key_end,
        })
    }

    /// The keys that the text has for the new host.
    fn keys_of_new_host(&self, hosts: &[usize]) -> HashSet<&'a str> {
        let prefix = NEW_HOST.len() - OLD_HOST.len();
        let new = hosts.iter().filter_map(|at| {
            let start = at.checked_sub(prefix)?;
            let name = self.lower.get(start..at + OLD_HOST.len())?;
            let entry = self.host_key_entry(start).filter(|_| name == NEW_HOST)?;
            self.text.get(entry.key)
        });
        new.collect()
    }

    /// The new host is added to the names, and a retired key replaced by the one in force. A line of its own is removed
    /// where the text has that key.
    fn fix_host_key(&mut self, entry: &HostKeyEntry, keys_of_new_host: &HashSet<&str>) {
        let (start, end) = self.line_range(self.line_of(entry.names.start));
        let is_revocation = self.before(entry.names.start).contains("@revoked");
        let text =
            |range: &Range<usize>| self.text.get(range.clone()).unwrap_or_default().to_owned();
        let (names, algorithm, key) =
            (text(&entry.names), text(&entry.algorithm), text(&entry.key));
        let is_retired = key.starts_with(RETIRED_KEY_START) || algorithm == "ssh-dss";
        let has_new_host = names
            .split(',')
            .any(|name| name.eq_ignore_ascii_case(NEW_HOST));
        if is_revocation || (has_new_host && !is_retired) {
            return;
        }
        if !is_retired && keys_of_new_host.contains(key.as_str()) {
            return;
        }
        let wanted = if algorithm == "ssh-dss" {
            "ssh-ed25519"
        } else {
            algorithm.as_str()
        };
        let current = self.keys.iter().find(|key| key.algorithm() == wanted);
        let current = current
            .map(PublicKey::to_openssh_without_comment)
            .unwrap_or_default();
        let current_key = current.split(' ').nth(1).unwrap_or_default();
        let before = format!(
            "{names} {algorithm}{}",
            if is_retired { ", retired" } else { "" }
        );
        if is_retired && keys_of_new_host.contains(current_key) {
            let is_line = entry.names.start - start < MAX_INDENTATION
                && self
                    .text
                    .get(start..entry.names.start)
                    .is_some_and(|text| text.trim_start_matches(['-', ' ', '\t']).is_empty())
                && self
                    .text
                    .get(entry.key.end..end)
                    .is_some_and(|rest| !rest.contains(['"', '\'', '\\']));
            if is_line {
                return self.add(
                    start,
                    before,
                    "removed".to_owned(),
                    &[(start..end, String::new())],
                );
            }
        }
        let mut edits = Vec::new();
        let mut after = names.clone();
        if !has_new_host {
            after = format!("{names},{NEW_HOST}");
            edits.push((entry.names.end..entry.names.end, format!(",{NEW_HOST}")));
        }
        if is_retired {
            edits.push((entry.algorithm.start..entry.key.end, current.clone()));
            after = format!("{after} {wanted}, in force");
        } else {
            after = format!("{after} {algorithm}");
        }
        self.add(entry.names.start, before, after, &edits);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migrate::fix::apply_fixes;

    const OLD_RSA: &str = "AAAAB3NzaC1yc2EAAAABIwAAAQEAubiN81eDcafrgMeLzaFPsw2kNvEcqTKl/VqLat/MaB33pZy0y3rJZtnqwR2qOOvb";

    #[track_caller]
    fn check(before: &str, after: &str) {
        let fixes = file_mention_fixes(before, "x.yml");
        assert_eq!(apply_fixes(before, &fixes), after);
        assert_eq!(file_mention_fixes(after, "x.yml"), [], "{after}");
    }

    #[test]
    fn the_host_is_replaced_in_every_form_and_nothing_else() {
        for text in [
            "git clone git@«ssh.»bitbucket.org:acme/site.git\r\n",
            "\"git+ssh://git@«ssh.»bitbucket.org/acme/site.git#v1\"",
            "(git@«ssh.»bitbucket.org:a/b)[git@«ssh.»bitbucket.org:c/d]",
            "RUN ssh-keyscan -t rsa github.com «ssh.»bitbucket.org >> ~/.ssh/known_hosts",
            "ssh-keyscan -H \\\n  github.com \\\n  «ssh.»bitbucket.org\n",
            "ssh -T git@«ssh.»bitbucket.org",
            "ssh-keygen -F «ssh.»bitbucket.org || ssh-keyscan «ssh.»bitbucket.org",
            "git config --global url.git@«ssh.»bitbucket.org:.insteadOf x",
            "Host bitbucket.org« ssh.bitbucket.org»\n  HostName «ssh.»bitbucket.org\n",
            r#"echo "Host bitbucket.org« ssh.bitbucket.org»\n\tUser git""#,
        ] {
            let before: String = text.split(['«', '»']).step_by(2).collect();
            check(&before, &text.replace(['«', '»'], ""));
        }
        check(
            "git::ssh://git@BitBucket.org/a/b?ref=x, ssh://bitbucket.org:22/a",
            "git::ssh://git@ssh.bitbucket.org/a/b?ref=x, ssh://ssh.bitbucket.org:22/a",
        );
        for same in [
            "https://bitbucket.org/acme/site and https://git@bitbucket.org/acme/site",
            "jane@bitbucket.org:acme/site legit@bitbucket.org:x ssh://jane@bitbucket.org/a",
            "git@ssh.bitbucket.org:a/b git@altssh.bitbucket.org:a git@bitbucket.org.example.com:a/b",
            "git@notbitbucket.org:a git@my-bitbucket.org:a",
            "ssh-keyscan ssh.bitbucket.org; curl bitbucket.org",
            "the host bitbucket.org is down, see https://bitbucket.org:443/x",
            "write to git@bitbucket.org",
            "ssh-keygen -f bitbucket.org",
            "git://bitbucket.org/a/b",
        ] {
            check(same, same);
        }
    }

    #[test]
    fn host_keys_are_replaced_also_inside_of_yaml_and_json() {
        let keys = Scan::new("").keys;
        let key = |algorithm: &str| {
            let key = keys
                .iter()
                .find(|key| key.algorithm() == algorithm)
                .unwrap();
            key.to_openssh_without_comment()
        };
        let (rsa, ed25519) = (key("ssh-rsa"), key("ssh-ed25519"));
        for (before, after) in [
            (
                format!(
                    "bitbucket.org,104.192.143.1 ssh-rsa {OLD_RSA} old\ngithub.com {ed25519}\n"
                ),
                format!(
                    "bitbucket.org,104.192.143.1,ssh.bitbucket.org {rsa} old\ngithub.com {ed25519}\n"
                ),
            ),
            (
                format!(
                    "data:\n  known_hosts: |\n    bitbucket.org ssh-rsa {OLD_RSA}\n    x ssh-rsa AAAA\n"
                ),
                format!(
                    "data:\n  known_hosts: |\n    bitbucket.org,ssh.bitbucket.org {rsa}\n    x ssh-rsa AAAA\n"
                ),
            ),
            (
                format!(
                    r#"{{"hosts": "x\nbitbucket.org ssh-rsa {OLD_RSA}\nbitbucket.org ssh-dss AAAAB3"}}"#
                ),
                format!(
                    r#"{{"hosts": "x\nbitbucket.org,ssh.bitbucket.org {rsa}\nbitbucket.org,ssh.bitbucket.org {ed25519}"}}"#
                ),
            ),
            (
                format!("bitbucket.org {ed25519}\n"),
                format!("bitbucket.org,ssh.bitbucket.org {ed25519}\n"),
            ),
            (
                format!(
                    "- bitbucket.org ssh-rsa {OLD_RSA}\n- bitbucket.org,ssh.bitbucket.org {rsa}\n"
                ),
                format!("- bitbucket.org,ssh.bitbucket.org {rsa}\n"),
            ),
        ] {
            check(&before, &after);
        }
        for same in [
            format!("bitbucket.org {ed25519}\nssh.bitbucket.org {ed25519}\n"),
            format!("@revoked bitbucket.org ssh-rsa {OLD_RSA}\n"),
            format!("revoked: {OLD_RSA}\n"),
        ] {
            check(&same, &same);
        }
        let fixes = file_mention_fixes(&format!("a\nkey: {OLD_RSA}\n"), "x");
        assert!(
            matches!(&fixes[..], [fix] if fix.edits.is_empty() && fix.location == "2"),
            "{fixes:?}"
        );
    }

    #[test]
    fn lock_files_are_renewed_by_their_program() {
        let text = "x\n\"a\": \"git+ssh://git@bitbucket.org/a/b.git\"\n\"c\": \"git+ssh://git@bitbucket.org/c/d.git\"\n";
        let fixes = file_mention_fixes(text, "package-lock.json");
        let [fix] = &fixes[..] else {
            panic!("{fixes:?}")
        };
        assert!(fix.edits.is_empty() && fix.location == "2");
        assert!(fix.manual_step.as_ref().unwrap().contains("npm install"));
        assert_eq!(
            file_mention_fixes("https://bitbucket.org/a", "yarn.lock"),
            []
        );
    }

    #[test]
    fn binary_and_long_files_are_not_scanned() {
        assert!(is_scanned(b"") && is_scanned(&vec![b'a'; MAX_FILE_BYTES]));
        assert!(!is_scanned(&vec![b'a'; MAX_FILE_BYTES + 1]) && !is_scanned(b"a\0"));
        let mut late = vec![b'a'; BINARY_PREFIX_BYTES];
        late.push(0);
        assert!(is_scanned(&late));
    }
}
