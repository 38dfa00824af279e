//! Whether this is Bitbucket Cloud.

use super::Cloud;
use crate::bitbucket::greeting::Greeting;
use crate::bitbucket::http::ApiError;

impl Cloud {
    /// Asks for nobody's user: Cloud refuses that in its own words.
    ///
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-users/#api-user-get>
    pub(in crate::bitbucket) async fn greet(&self) -> Result<Greeting, ApiError> {
        let url = self.http.address(&["user"], &[])?;
        Ok(Greeting::of(&self.http.look(url).await?))
    }
}
