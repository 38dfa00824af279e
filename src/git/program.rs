//! How git is started: whatever has started us, as a hook or an alias does, must not lead it into another repository.

use crate::process::Task;

/// Git for a repository that lasts as long as a task: nothing that the user's git is told by its environment counts,
/// neither another repository nor settings, certificates or files for a trace, which would get the credential.
pub(super) fn git_alone() -> Task {
    // Where git has its own parts is no setting.
    let is_gits = |name: &str| name.starts_with("GIT_") && name != "GIT_EXEC_PATH";
    Task::new("git").without(is_gits)
}
