//! The server: whether it is Bitbucket Cloud.

use super::Cloud;
use crate::bitbucket::client::ApiError;
use crate::bitbucket::server_probe::ServerProbe;

impl Cloud {
    /// Requests the current user without a credential: Cloud refuses that with an error of its own.
    ///
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-users/#api-user-get>
    pub(crate) async fn probe(&self) -> Result<ServerProbe, ApiError> {
        let url = self.http.build_url(&["user"], &[])?;
        Ok(ServerProbe::from_response(
            &self.http.get_once_unauthenticated(url).await?,
        ))
    }
}
