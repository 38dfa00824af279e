//! The report of `doctor` in Markdown, with names and secrets redacted.

use std::fmt::Write as _;
use std::path::Path;

use super::firewall_rules::FirewallRule;
use super::output::DoctorReport;
use super::redact::Redactor;
use super::target::DoctorTarget;
use crate::app::App;
use crate::diagnostics::Severity;
use crate::diagnostics::report::{markdown_cell, markdown_finding};
use crate::error::Error;
use crate::sys::atomic_file;

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
