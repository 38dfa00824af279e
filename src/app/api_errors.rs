//! What a server's refusal means for the connection that was used, and what to ask for.

use super::SelectedConnection;
use super::environment_connection::EnvConnection;
use crate::bitbucket::ApiError;
use crate::error::Error;
use crate::types::connection::TokenPrefix;
use crate::types::operation::Operation;

impl SelectedConnection {
    /// What the server said, with what may be behind a refusal.
    #[must_use]
    pub(crate) fn describe_api_error(&self, error: ApiError) -> Error {
        let environment = self.environment.as_ref();
        let shape = environment.map_or(TokenPrefix::Unknown, EnvConnection::token_prefix);
        Error::from_api(error, self.connection.auth(), shape)
    }

    /// As [`SelectedConnection::describe_api_error`]; where a right is missing, with what to ask for.
    #[must_use]
    pub(crate) fn describe_api_error_for(&self, error: ApiError, operation: Operation) -> Error {
        let ApiError::Forbidden { required, .. } = &error else {
            return self.describe_api_error(error);
        };
        let connection = &self.connection;
        let ask_for = operation.required_scopes_text(connection.deployment, connection.auth());
        let causes = if required.is_empty() {
            ask_for
        } else {
            format!("it lacks {}; {ask_for}", required.join(", "))
        };
        Error::Api {
            error,
            causes: Some(causes.into()),
        }
    }
}
