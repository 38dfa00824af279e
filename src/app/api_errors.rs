//! What a server's refusal means for the connection that was used, and what to ask for.

use crate::bitbucket::ApiError;
use crate::error::Error;
use crate::resolve::SelectedConnection;
use crate::types::operation::Operation;

impl SelectedConnection {
    /// What the server said, with what may be behind a refusal.
    #[must_use]
    pub(crate) fn describe_api_error(&self, error: ApiError) -> Error {
        Error::from_api(error, self.connection.auth(), self.token_prefix)
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
