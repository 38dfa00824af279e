//! Which server this is.

use serde::Deserialize;

use super::DataCenter;
use crate::bitbucket::http::{ApiError, Signed};

#[derive(Debug, Deserialize)]
struct Properties {
    version: Option<String>,
}

impl DataCenter {
    /// The server's version. Anybody may ask, so nothing is signed and nothing is known about the credential.
    ///
    /// <https://developer.atlassian.com/server/bitbucket/rest/v904/api-group-system-maintenance/#api-api-latest-application-properties-get>
    pub(in crate::bitbucket) async fn version(&self) -> Result<Option<String>, ApiError> {
        let segments = ["rest", "api", "latest", "application-properties"];
        let answer = self.http.get(&segments, &[], Signed::No).await?;
        let properties: Properties = answer.json()?;
        Ok(properties.version)
    }

    /// Whether the server is of this version or a later one; one that hides its version counts as such.
    pub(in crate::bitbucket) async fn is_at_least(
        &self,
        major: u32,
        minor: u32,
    ) -> Result<bool, ApiError> {
        let version = self.version().await?;
        let mut numbers = version
            .as_deref()
            .unwrap_or_default()
            .split('.')
            .map_while(|number| number.parse::<u32>().ok());
        Ok(match (numbers.next(), numbers.next()) {
            (Some(first), second) => (first, second.unwrap_or(0)) >= (major, minor),
            (None, _) => true,
        })
    }
}
