//! `migrate --undo`: restores the files of the last run that changed something.

use std::path::Path;

use super::output::{Action, Failure, Item, MigrateOutput, lines};
use super::plan::display;
use crate::app::App;
use crate::error::Error;
use crate::migrate::{ChangedFile, LastRun};
use crate::sys::backup_file::{BackedUpFile, RestoreState};
use crate::sys::signals;
use crate::types::counted::counted;
use crate::types::escape::strip_os_error_code;

pub(super) fn run(
    record: &Path,
    is_dry_run: bool,
    yes: bool,
    app: &App,
) -> Result<MigrateOutput, Error> {
    let unreadable = |source| Error::Read {
        path: record.to_owned(),
        source,
    };
    let mut output = MigrateOutput::default();
    let Some(mut run) = LastRun::load(record).map_err(unreadable)? else {
        output
            .notes
            .push("there is no run to undo; nothing was changed".to_owned());
        return Ok(output);
    };
    let stamp = run.stamp.clone();
    for file in &run.files {
        let state = backed_up(file, &stamp).state();
        add(&mut output, file, state, Action::WouldRestore);
    }
    if is_dry_run {
        return Ok(output);
    }
    if !yes {
        if !app.is_interactive() {
            return Err(Error::InputRequired {
                what: "a confirmation of the changes",
                hint: "pass --yes or --dry-run".into(),
            });
        }
        for line in lines(&output.items) {
            app.ui.eprint_line(&line);
        }
        let files = counted(run.files.len(), "file", "files");
        app.confirm(false, "migrate --undo", &format!("Restore {files}?"))?;
    }
    let mut output = MigrateOutput::default();
    let section = signals::critical_section();
    run.files.retain(|file| {
        let state = backed_up(file, &stamp).restore();
        let is_done = matches!(state, Ok(RestoreState::Done | RestoreState::Unchanged));
        add(&mut output, file, state, Action::Restored);
        !is_done
    });
    drop(section);
    run.save(record).map_err(unreadable)?;
    Ok(output)
}

fn backed_up(file: &ChangedFile, stamp: &str) -> BackedUpFile {
    BackedUpFile {
        path: file.path(),
        backup: file.backup(),
        stamp: stamp.to_owned(),
        mode: file.mode,
        before: file.before.clone(),
        after: file.after.clone(),
        lock: file.lock,
    }
}

fn add(
    output: &mut MigrateOutput,
    file: &ChangedFile,
    state: std::io::Result<RestoreState>,
    done: Action,
) {
    let path = display(&file.path());
    let (action, next) = match state {
        Ok(RestoreState::Unchanged) => return,
        Ok(RestoreState::Done) => (done, None),
        Ok(RestoreState::ChangedSince) => (
            Action::Conflict,
            Some(format!(
                "{path} was changed since; compare it with its backup {}",
                backup_pattern(file)
            )),
        ),
        Ok(RestoreState::NoBackup) => (
            Action::Conflict,
            Some(format!(
                "the backup of {path} is missing or was changed; restore the file by hand"
            )),
        ),
        Err(error) => {
            let message = strip_os_error_code(&format!("cannot be restored: {error}"));
            output.errors.push(Failure { path, message });
            (Action::Failed, None)
        }
    };
    output.items.extend(file.changes.iter().map(|change| Item {
        kind: change.kind,
        location: change.location.clone(),
        // The other way round.
        before: change.after.clone(),
        after: change.before.clone(),
        action,
        next: next.clone(),
        user_file: file.user_file,
    }));
}

fn backup_pattern(file: &ChangedFile) -> String {
    format!("{}.bbconnect-…", display(&file.backup()))
}
