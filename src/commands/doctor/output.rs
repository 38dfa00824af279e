//! The result of `doctor`: the steps, and the exit status of the first that fails; also as a report in Markdown, with
//! names and secrets redacted.

use std::fmt::Write as _;
use std::path::Path;

use serde::Serialize;

use super::firewall_rules::FirewallRule;
use super::target::DoctorTarget;
use crate::app::App;
use crate::diagnostics::report::{markdown_cell, markdown_finding, write_finding};
use crate::diagnostics::{Finding, FindingId, Severity, deciding_failure};
use crate::error::Error;
use crate::exit_status::ExitStatus;
use crate::resolve::ResolvedRepository;
use crate::sys::atomic_file;
use crate::types::connection::{BaseUrlError, ConnectionName, TokenPrefix};
use crate::ui::{CommandOutput, TextWriter};

#[derive(Debug, Serialize)]
pub(crate) struct DoctorReport {
    ok: bool,
    exit: u8,
    /// The failure that decides the exit status.
    failed: Option<FindingId>,
    connection: Option<ConnectionName>,
    base_url: Option<String>,
    /// The repository of the steps over SSH.
    repository: Option<ResolvedRepository>,
    pub(super) stages: Vec<Finding>,
    #[serde(skip_serializing_if = "Option::is_none")]
    allow_list: Option<Vec<FirewallRule>>,
    report: Option<String>,
    #[serde(skip)]
    title: String,
    #[serde(skip)]
    status: ExitStatus,
}

impl DoctorReport {
    pub(super) fn new(target: &DoctorTarget, stages: Vec<Finding>) -> Self {
        let base_url = target.base().filter(|_| !target.is_guess);
        Self {
            connection: target.name.clone(),
            base_url: base_url.map(ToString::to_string),
            repository: target.repository.clone(),
            ..Self::from_stages(target.title(), stages)
        }
    }

    /// An argument that cannot be parsed. It is not repeated: it may contain a password.
    pub(super) fn invalid_url(mut stages: Vec<Finding>, error: &BaseUrlError) -> Self {
        let stage = Finding::fail(FindingId::Url, ExitStatus::Usage, error.to_string())
            .with_next(error.hint())
            .with_elapsed(std::time::Duration::ZERO);
        stages.push(stage);
        Self::from_stages("the URL".to_owned(), stages)
    }

    /// The findings about this machine, without a target.
    pub(super) fn machine(stages: Vec<Finding>) -> Self {
        Self::from_stages("this machine".to_owned(), stages)
    }

    /// Only the hosts and ports.
    pub(super) fn allow_list(target: &DoctorTarget, rules: Vec<FirewallRule>) -> Self {
        Self {
            allow_list: Some(rules),
            ..Self::new(target, Vec::new())
        }
    }

    fn from_stages(title: String, stages: Vec<Finding>) -> Self {
        let failed = deciding_failure(&stages);
        let status = failed.map_or(ExitStatus::Success, |stage| stage.exit);
        Self {
            ok: status == ExitStatus::Success,
            exit: status.code(),
            failed: failed.map(|stage| stage.id),
            connection: None,
            base_url: None,
            repository: None,
            stages,
            allow_list: None,
            report: None,
            title,
            status,
        }
    }

    pub(super) fn written_to(&mut self, path: &Path) {
        self.report = Some(path.to_string_lossy().into_owned());
    }

    pub(super) fn verdict(&self) -> String {
        let warnings = self.stages.iter();
        let warnings = warnings.filter(|stage| stage.level == Severity::Warn);
        match (self.failed, warnings.count()) {
            (Some(stage), _) => format!("failed at: {}", stage.name()),
            (None, 0) => "no problems found".to_owned(),
            (None, 1) => "no problems found, 1 warning".to_owned(),
            (None, count) => format!("no problems found, {count} warnings"),
        }
    }
}

impl CommandOutput for DoctorReport {
    const SCHEMA: &'static str = "bbconnect/doctor@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        if let Some(rules) = &self.allow_list {
            FirewallRule::table(rules, out);
            return;
        }
        out.heading(&format!("{}: {}", self.title, self.verdict()));
        if let Some(repository) = &self.repository {
            out.key_value("repository", 10, &repository.to_string());
        }
        for stage in &self.stages {
            write_finding(out, stage);
        }
    }

    fn write_stderr(&self, out: &mut TextWriter) {
        if let Some(report) = &self.report {
            out.note(&format!(
                "report written to {report}; read it before you send it"
            ));
        }
    }

    fn exit_status(&self) -> ExitStatus {
        self.status
    }
}

/// Refuses an existing file before anything is checked.
pub(super) fn require_no_report(path: &Path, force: bool) -> Result<(), Error> {
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

pub(super) fn write_report(
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
    atomic_file::write(path, &text).map_err(Error::writing(path))
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
