//! An error as it is kept for a report, after which work goes on.

use super::Error;
use crate::bitbucket::Obstacle;
use crate::exit::Exit;

/// Why something is not known.
#[derive(Debug, Clone)]
pub struct Trouble {
    /// The status that a command would end with that needs it.
    pub exit: Exit,
    /// What went wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// What was in the way, where the server was not reached.
    pub obstacle: Option<Obstacle>,
}

impl From<&Error> for Trouble {
    fn from(error: &Error) -> Self {
        let obstacle = if let Error::Api { error, .. } = error {
            error.obstacle()
        } else {
            None
        };
        Self {
            exit: error.exit(),
            message: error.to_string(),
            hint: error.hint(),
            obstacle,
        }
    }
}
