//! What a server's refusal means for the connection that was used, and what to ask for.

use super::Chosen;
use super::environment_connection::EnvironmentConnection;
use crate::bitbucket::ApiError;
use crate::error::Error;
use crate::model::connection::{Connection, TokenShape};
use crate::model::right::Right;

impl Chosen {
    /// What the server said, with what may be behind a refusal.
    #[must_use]
    pub fn explained(&self, error: ApiError) -> Error {
        let environment = self.environment.as_ref();
        let shape = environment.map_or(TokenShape::Unknown, EnvironmentConnection::shape);
        Error::refused_by(error, self.connection.auth, shape)
    }

    /// As [`Chosen::explained`]; where a right is missing, with what to ask for.
    #[must_use]
    pub fn explained_for(&self, error: ApiError, right: Right) -> Error {
        let ApiError::Forbidden { required, .. } = &error else {
            return self.explained(error);
        };
        let Connection {
            deployment, auth, ..
        } = self.connection;
        let ask_for = right.ask_for(deployment, auth);
        let causes = if required.is_empty() {
            ask_for
        } else {
            format!("it lacks {}; {ask_for}", required.join(", "))
        };
        Error::Api {
            error,
            causes: Some(causes),
        }
    }
}
