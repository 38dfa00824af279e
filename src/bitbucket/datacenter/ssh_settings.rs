//! How the server is reached over SSH.

use serde::Deserialize;

use super::DataCenter;
use crate::bitbucket::client::{ApiError, WithAuth};
use crate::types::ssh_settings::SshSettings;

/// The settings. The documentation writes `baseUrl`, servers `baseurl`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Settings {
    enabled: Option<bool>,
    access_keys_enabled: Option<bool>,
    #[serde(alias = "baseurl")]
    base_url: Option<String>,
    port: Option<u16>,
    fingerprint: Option<HostKey>,
}

#[derive(Debug, Deserialize)]
struct HostKey {
    value: Option<String>,
}

impl DataCenter {
    /// The SSH settings, for anybody who is logged in.
    ///
    /// <https://developer.atlassian.com/server/bitbucket/rest/v904/api-group-authentication/#api-ssh-latest-settings-get>
    pub(in crate::bitbucket) async fn ssh_settings(&self) -> Result<SshSettings, ApiError> {
        let segments = ["rest", "ssh", "latest", "settings"];
        let response = self.http.get(&segments, &[], WithAuth::Yes).await?;
        let settings: Settings = response.json()?;
        let fingerprint = settings.fingerprint.and_then(|key| key.value);
        Ok(SshSettings {
            enabled: settings.enabled,
            access_keys_enabled: settings.access_keys_enabled,
            base_url: settings.base_url.filter(|url| !url.is_empty()),
            port: settings.port,
            fingerprint: fingerprint.and_then(|value| value.parse().ok()),
        })
    }
}
