//! Errors of a server with what they mean for the connection that was used.

use crate::bitbucket::ApiError;
use crate::error::Error;
use crate::resolve::SelectedConnection;
use crate::types::operation::Operation;

impl SelectedConnection {
    /// An error of the server, with the likely causes of a refusal.
    pub(crate) fn describe_api_error(&self, error: ApiError) -> Error {
        Error::from_api(error, &self.connection, self.token_prefix)
    }

    /// As [`SelectedConnection::describe_api_error`]; for a missing permission with the scopes that are missing.
    pub(crate) fn describe_api_error_for(&self, error: ApiError, operation: Operation) -> Error {
        let ApiError::Forbidden {
            required, granted, ..
        } = &error
        else {
            return self.describe_api_error(error);
        };
        let connection = &self.connection;
        let hint =
            operation.refusal_hint(connection.deployment, connection.auth(), required, granted);
        Error::Api {
            error,
            causes: Some(hint.into()),
        }
    }
}
