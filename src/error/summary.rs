//! An error as it is kept for a report, after which work goes on.

use super::Error;
use crate::bitbucket::ConnectFailure;
use crate::exit_status::ExitStatus;
use crate::types::escape::strip_os_error_code;

/// Why something is not known.
#[derive(Debug, Clone)]
pub(crate) struct ErrorSummary {
    /// The status that a command would end with that needs it.
    pub exit: ExitStatus,
    /// What went wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// What was in the way, where the server was not reached.
    pub connect_failure: Option<ConnectFailure>,
}

impl From<&Error> for ErrorSummary {
    fn from(error: &Error) -> Self {
        let connect_failure = if let Error::Api { error, .. } = error {
            error.obstacle()
        } else {
            None
        };
        Self {
            exit: error.exit_status(),
            message: strip_os_error_code(&error.to_string()),
            hint: error.hint().map(|hint| hint.to_string()),
            connect_failure,
        }
    }
}
