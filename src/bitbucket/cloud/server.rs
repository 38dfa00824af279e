//! Whether this is Bitbucket Cloud.

use super::Cloud;
use crate::bitbucket::client::ApiError;
use crate::bitbucket::server_probe::ServerProbe;

impl Cloud {
    /// Asks for nobody's user: Cloud refuses that in its own words.
    ///
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-users/#api-user-get>
    pub(in crate::bitbucket) async fn probe(&self) -> Result<ServerProbe, ApiError> {
        let url = self.http.build_url(&["user"], &[])?;
        Ok(ServerProbe::from_response(
            &self.http.get_once_unauthenticated(url).await?,
        ))
    }
}
