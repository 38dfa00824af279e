//! The report of `doctor` in Markdown, with names and secrets redacted.

use std::fmt::Write as _;
use std::path::Path;

use super::firewall_rules::FirewallRule;
use super::output::DoctorReport;
use super::target::DoctorTarget;
use crate::app::App;
use crate::diagnostics::report::{markdown_cell, markdown_finding};
use crate::diagnostics::{Finding, Severity};
use crate::error::Error;
use crate::sys::atomic_file;
use crate::types::connection::TokenPrefix;

/// Refuses an existing file before anything is checked.
pub(super) fn require_absent(path: &Path, force: bool) -> Result<(), Error> {
    if path.is_dir() {
        return Err(Error::usage(
            format!("{} is a directory", path.display()),
            "pass the path of a file",
        ));
    }
    if path.exists() && !force {
        return Err(Error::conflict(
            format!("{} already exists", path.display()),
            "pass another file, or --force to overwrite",
        ));
    }
    Ok(())
}

pub(super) fn write(
    path: &Path,
    target: &DoctorTarget,
    result: &DoctorReport,
    rules: &[FirewallRule],
    account: Option<&str>,
    app: &App,
) -> Result<(), Error> {
    let redactor = redactor(target, account, app);
    let text = markdown(target, result, rules, &redactor, app);
    let text = app.ui.redactor().redact(&text);
    atomic_file::write(path, &text).map_err(|source| Error::Write {
        path: path.to_owned(),
        source,
    })
}

fn redactor(target: &DoctorTarget, account: Option<&str>, app: &App) -> Redactor {
    let ssh = target.ssh_connection.iter();
    let connections = target
        .connection
        .iter()
        .chain(ssh.map(|ssh| &ssh.connection));
    let names = connections.flat_map(|connection| {
        let credential = &connection.credential;
        let account = connection.account.as_deref();
        [account, credential.username(), credential.email()]
            .into_iter()
            .flatten()
    });
    let remote = target.remote.as_ref();
    let login = remote.and_then(|remote| remote.user.as_deref());
    let home = app.home();
    let home_name = home
        .and_then(Path::file_name)
        .and_then(|name| name.to_str());
    let others = [account, login, home_name].into_iter().flatten();
    Redactor::new(names.chain(others), home)
}

fn markdown(
    target: &DoctorTarget,
    result: &DoctorReport,
    rules: &[FirewallRule],
    redactor: &Redactor,
    app: &App,
) -> String {
    let mut text = String::from(
        "# Report of `bbconnect doctor`\n\n\
         This report was redacted: account names, e-mail addresses, home directories and secrets were removed. It \
         contains the servers' addresses, the result of each step, and the hosts and ports that a firewall must allow.\n\n",
    );
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "- Target: {}\n- Result: {}\n- Date: {} (UTC)\n- Program: bbconnect {} on {} ({})\n\n## Steps\n\n\
         | Step | Level | Result | ms |\n|---|---|---|---|\n",
        markdown_cell(&redactor.redact(&target.title())),
        result.verdict(),
        app.today(),
        env!("CARGO_PKG_VERSION"),
        std::env::consts::OS,
        std::env::consts::ARCH,
    );
    for stage in &result.stages {
        let stage = redactor.redact_finding(stage);
        let mut cell = markdown_finding(&stage);
        let next = stage.next.as_ref();
        if let Some(next) = next.filter(|_| stage.level != Severity::Pass) {
            let _ = write!(cell, "<br>Next: {}", markdown_cell(next));
        }
        let (id, level) = (stage.id.name(), stage.level.name());
        let elapsed = stage.elapsed_ms.unwrap_or_default();
        let _ = writeln!(text, "| {id} | {level} | {cell} | {elapsed} |");
    }
    text.push_str(
        "\n## Hosts and ports\n\n| Direction | Host | Port | Protocol | Why |\n|---|---|---|---|---|\n",
    );
    for rule in rules {
        let cells = rule
            .cells()
            .map(|cell| markdown_cell(&redactor.redact(&cell)));
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    text
}

#[derive(Debug, Default)]
struct Redactor {
    /// Texts and their replacements, the longest text first.
    replacements: Vec<(String, &'static str)>,
}

impl Redactor {
    /// A redactor of these account names and this home directory, and of whatever looks like an address or a token.
    fn new<'a>(names: impl IntoIterator<Item = &'a str>, home: Option<&Path>) -> Self {
        let mut replacements: Vec<(String, &'static str)> = names
            .into_iter()
            .filter(|name| name.chars().count() > 1 && *name != "git")
            .map(|name| (name.to_owned(), "<user>"))
            .collect();
        let home = home.map(|home| home.to_string_lossy().into_owned());
        replacements.extend(home.filter(|home| home.len() > 1).map(|home| (home, "~")));
        replacements.sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));
        Self { replacements }
    }

    fn redact(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (known, replacement) in &self.replacements {
            text = replace_words(&text, known, replacement);
        }
        text.split_inclusive(char::is_whitespace)
            .map(redact_word)
            .collect()
    }

    fn redact_finding(&self, finding: &Finding) -> Finding {
        let redact = |text: &Option<String>| text.as_ref().map(|text| self.redact(text));
        Finding {
            message: self.redact(&finding.message),
            evidence: redact(&finding.evidence),
            next: redact(&finding.next),
            ..finding.clone()
        }
    }
}

/// Replaces whole words: `jane`, and not the `jane` of `janet`.
fn replace_words(text: &str, known: &str, replacement: &str) -> String {
    let is_in_word = |character: Option<char>| character.is_some_and(char::is_alphanumeric);
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(known) {
        let after = &rest[start + known.len()..];
        let before = rest[..start]
            .chars()
            .next_back()
            .or(out.chars().next_back());
        out.push_str(&rest[..start]);
        let begins_in_word = is_in_word(before) && is_in_word(known.chars().next());
        let ends_in_word =
            is_in_word(after.chars().next()) && is_in_word(known.chars().next_back());
        out.push_str(if begins_in_word || ends_in_word {
            known
        } else {
            replacement
        });
        rest = after;
    }
    out.push_str(rest);
    out
}

/// One word with the white space after it. A token is known by its prefix, a user by the `@` after it.
fn redact_word(word: &str) -> String {
    let mut word = word.to_owned();
    for (prefix, _) in TokenPrefix::PREFIXES {
        if let Some(start) = word.find(prefix) {
            let length = word[start..]
                .find(|c: char| !(c.is_ascii_alphanumeric() || "-_=+/.".contains(c)))
                .unwrap_or(word.len() - start);
            word.replace_range(start..start + length, "***");
        }
    }
    let Some(at) = word.find('@') else {
        return word;
    };
    let start = word[..at]
        .rfind(|c: char| "/(<\"'`,;=".contains(c))
        .map_or(0, |start| start + 1);
    let user = &word[start..at];
    if user.is_empty() || user == "git" {
        return word;
    }
    let (before, after) = (&word[..start], &word[at + 1..]);
    if before.ends_with('/') || after.contains(':') {
        // user:password@host: the host is needed in the report.
        return format!("{before}<user>@{after}");
    }
    let end = after
        .find(|c: char| !(c.is_alphanumeric() || ".-_".contains(c)))
        .unwrap_or(after.len());
    format!("{before}<address>{}", &after[end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn personal_data_is_removed_and_hosts_stay() {
        let redactor = Redactor::new(
            ["jane", "jane.doe@acme.example"],
            Some(Path::new("/home/jane")),
        );
        for (text, expected) in [
            (
                "the server accepts it, as jane",
                "the server accepts it, as <user>",
            ),
            (
                "/home/jane/.ssh/key is not there",
                "~/.ssh/key is not there",
            ),
            ("mail jane.doe@acme.example, please", "mail <user>, please"),
            ("mail bob@acme.example, please", "mail <address>, please"),
            ("janet and mary-jane", "janet and mary-<user>"),
            ("http://bob:secret@proxy:3128/", "http://<user>@proxy:3128/"),
            (
                "ssh://git@git.example.com:7999/web/site.git",
                "ssh://git@git.example.com:7999/web/site.git",
            ),
            ("token ATATT3xFfGF0_abc=12, again", "token ***, again"),
            ("(BBDC-MTIz)", "(***)"),
            (
                "git.example.com answers [3 ms]",
                "git.example.com answers [3 ms]",
            ),
        ] {
            assert_eq!(redactor.redact(text), expected, "{text}");
        }
    }
}
