//! The report: everything that was seen, in Markdown, without names and secrets, whole or not at all.

use std::fmt::Write as _;
use std::path::Path;

use super::firewall_rules::FirewallRule;
use super::output::DoctorReport;
use super::redact::Redactor;
use super::target::DoctorTarget;
use crate::app::App;
use crate::error::Error;
use crate::sys::atomic_file;
use crate::types::escape::escape;
use crate::types::finding::Severity;

/// Refuses a place where something is already, before anything is looked at.
pub(super) fn check_place(path: &Path, force: bool) -> Result<(), Error> {
    if path.is_dir() {
        return Err(Error::Usage {
            message: format!("{} is a folder", path.display()),
            hint: Some("name a file".into()),
        });
    }
    if path.exists() && !force {
        return Err(Error::AlreadyExists {
            what: format!("{} is there already", path.display()),
            hint: "name another file, or replace it with --force".into(),
        });
    }
    Ok(())
}

/// Writes the report.
pub(super) fn write(
    path: &Path,
    target: &DoctorTarget,
    diagnosed: &DoctorReport,
    allowed: &[FirewallRule],
    account: Option<&str>,
    app: &App,
) -> Result<(), Error> {
    let text = redactor(target, account, app).clean(&markdown(target, diagnosed, allowed, app));
    atomic_file::write(path, &text).map_err(|source| Error::Write {
        path: path.to_owned(),
        source,
    })
}

fn redactor(target: &DoctorTarget, account: Option<&str>, app: &App) -> Redactor {
    let connections = target.connection.iter();
    let keyed = target
        .ssh_connection
        .iter()
        .map(|ssh_connection| &ssh_connection.connection);
    let names = connections.chain(keyed).flat_map(|connection| {
        let credential = &connection.credential;
        let account = connection.account.as_deref();
        [account, credential.username(), credential.email()]
            .into_iter()
            .flatten()
    });
    let login = target
        .remote
        .as_ref()
        .and_then(|remote| remote.user.as_deref());
    let home = app.home();
    let of_home = home
        .and_then(Path::file_name)
        .and_then(|name| name.to_str());
    let others = [account, login, of_home].into_iter().flatten();
    let all = names.chain(others);
    Redactor::new(all, home)
}

fn markdown(
    target: &DoctorTarget,
    diagnosed: &DoctorReport,
    allowed: &[FirewallRule],
    app: &App,
) -> String {
    let mut text = String::from(
        "# Report of `bbconnect doctor`\n\n\
         This report was redacted: names of people, e-mail addresses, home folders and secrets were taken out. It holds \
         the addresses of the servers, what each stage of the way to them saw, and the hosts and ports that a firewall \
         must let through.\n\n",
    );
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "- Looked at: {}\n- Result: {}\n- Day: {} (UTC)\n- Program: bbconnect {} on {} ({})\n\n## Stages\n\n\
         | Stage | Level | What was seen | ms |\n|---|---|---|---|\n",
        cell(&target.title()),
        diagnosed.verdict(),
        app.today(),
        env!("CARGO_PKG_VERSION"),
        std::env::consts::OS,
        std::env::consts::ARCH,
    );
    for stage in &diagnosed.stages {
        let finding = &stage.finding;
        let mut seen = cell(&finding.message);
        if let Some(evidence) = &finding.evidence {
            let _ = write!(seen, " ({})", cell(evidence));
        }
        let next = finding.next.as_ref();
        if let Some(next) = next.filter(|_| finding.level != Severity::Pass) {
            let _ = write!(seen, "<br>Next: {}", cell(next));
        }
        let (id, level) = (finding.id, finding.level.name());
        let _ = writeln!(text, "| {id} | {level} | {seen} | {} |", stage.elapsed_ms);
    }
    text.push_str("\n## Hosts and ports\n\n| Direction | Host | Port | Protocol | Why |\n|---|---|---|---|---|\n");
    for allowed in allowed {
        let cells = allowed.cells().map(|it| cell(&it));
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    text
}

/// Text in a table: on one line, and nothing in it ends the cell.
fn cell(text: &str) -> String {
    escape(text).replace('|', "\\|").replace('<', "&lt;")
}
