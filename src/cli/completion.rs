//! Completion of command lines: the program itself answers the shell. Names of connections come from the file of
//! connections; no request is sent and no secret is read.

use std::ffi::OsString;

use clap_complete::CompleteEnv;

use crate::app::COMPLETION_VARIABLE;

/// Completes the arguments after `--`, where a completion script runs the program. Returns whether it did; what fails is
/// silent, because the shell would print it into the command line.
#[must_use]
pub fn complete(arguments: impl IntoIterator<Item = OsString>) -> bool {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    // A variable that was set for another reason changes nothing.
    if arguments.get(1).is_none_or(|first| first != "--") {
        return false;
    }
    let current_dir = std::env::current_dir().ok();
    CompleteEnv::with_factory(super::command)
        .var(COMPLETION_VARIABLE)
        .try_complete(arguments, current_dir.as_deref())
        .unwrap_or(true)
}
