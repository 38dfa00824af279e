//! The width of a terminal. A terminal that was given columns and no rows has a width as well.

/// The columns of the terminal that standard output is, where it has any.
pub(crate) fn stdout_columns() -> Option<usize> {
    #[cfg(unix)]
    return columns(std::io::stdout());
    #[cfg(not(unix))]
    columns(&dialoguer::console::Term::stdout())
}

/// The columns of the terminal that standard error is, where it has any.
pub(super) fn stderr_columns() -> Option<usize> {
    #[cfg(unix)]
    return columns(std::io::stderr());
    #[cfg(not(unix))]
    columns(&dialoguer::console::Term::stderr())
}

#[cfg(unix)]
fn columns(terminal: impl std::os::fd::AsFd) -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(terminal).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

#[cfg(not(unix))]
fn columns(terminal: &dialoguer::console::Term) -> Option<usize> {
    terminal
        .size_checked()
        .map(|(_, columns)| usize::from(columns))
}
