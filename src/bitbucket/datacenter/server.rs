//! The server: version, state, context path and SSH settings.

use serde::Deserialize;

use super::DataCenter;
use crate::bitbucket::client::{ApiError, Response};
use crate::bitbucket::server_probe::ServerProbe;
use crate::types::connection::{BaseUrl, DetectedServer};
use crate::types::ssh_address::SshSettings;
use crate::types::version::Version;

const PROPERTIES: [&str; 4] = ["rest", "api", "latest", "application-properties"];

const COMMON_CONTEXT_PATHS: [&str; 4] = ["", "bitbucket", "stash", "git"];

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Properties {
    version: Option<String>,
    display_name: Option<String>,
}

impl Properties {
    /// Whether they name the product and its version: other programs have versions as well.
    fn are_bitbuckets(&self) -> bool {
        let is_version = |text: &str| text.parse::<Version>().is_ok();
        self.display_name.as_deref() == Some(PRODUCT)
            && self.version.as_deref().is_some_and(is_version)
    }
}

/// The display name of the product.
const PRODUCT: &str = "Bitbucket";

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
    /// The server's version, requested without the credential; `None` where the server refuses anonymous requests.
    ///
    /// <https://developer.atlassian.com/server/bitbucket/rest/v904/api-group-system-maintenance/#api-api-latest-application-properties-get>
    pub(crate) async fn version(&self) -> Result<Option<String>, ApiError> {
        let response = self.http.get_anonymous(&PROPERTIES).await?;
        if response.is_refused_by_data_center() {
            return Ok(None);
        }
        self.version_in(&response)
    }

    /// The server's version, requested with the credential; `None` where the credential may not read it.
    pub(crate) async fn version_with_credential(&self) -> Result<Option<String>, ApiError> {
        let response = self.http.get(&PROPERTIES, &[]).await?;
        match self.version_in(&response) {
            Err(ApiError::Forbidden { .. }) => Ok(None),
            version => version,
        }
    }

    fn version_in(&self, response: &Response) -> Result<Option<String>, ApiError> {
        let properties: Properties = response.json()?;
        match (&properties.version, &properties.display_name) {
            (_, Some(name)) if name != PRODUCT => Err(ApiError::NotBitbucket {
                url: self.http.base().to_string(),
                name: name.clone(),
            }),
            (None, None) => Err(ApiError::decode(
                "version",
                "neither a product nor a version is named",
            )),
            _ => Ok(properties.version),
        }
    }

    /// Whether the server has at least this version; a hidden version counts as new enough.
    pub(crate) async fn is_at_least(&self, major: u32, minor: u32) -> Result<bool, ApiError> {
        let version = match self.version().await? {
            Some(version) => Some(version),
            None => self.version_with_credential().await?,
        };
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

    /// The state of the server, and its version, because other products of Atlassian report the same states. Both work
    /// without a login, and the state also while the server starts.
    ///
    /// <https://confluence.atlassian.com/bitbucketserver/monitor-your-bitbucket-instance-776640075.html>
    pub(crate) async fn probe(&self) -> Result<ServerProbe, ApiError> {
        let url = self.http.build_url(&["status"], &[])?;
        let mut probe = ServerProbe::from_response(&self.http.get_once_unauthenticated(url).await?);
        let is_ready = probe
            .state
            .as_deref()
            .is_none_or(|state| state == "RUNNING");
        if is_ready {
            let url = self.http.build_url(&PROPERTIES, &[])?;
            let properties = match self.http.get_once_unauthenticated(url).await {
                Err(error) if error.obstacle().is_some() => return Err(error),
                response => response.ok(),
            };
            probe.hides_version = properties
                .as_ref()
                .is_some_and(Response::is_refused_by_data_center);
            probe.version = properties
                .and_then(|response| response.json::<Properties>().ok())
                .filter(Properties::are_bitbuckets)
                .and_then(|properties| properties.version);
        }
        probe.is_bitbucket = probe.version.is_some() || probe.hides_version || !is_ready;
        Ok(probe)
    }

    /// Tries the target of the root's redirect, and common context paths.
    pub(crate) async fn find_context_path(&self) -> Option<BaseUrl> {
        let base = self.http.base().url();
        let mut paths: Vec<String> = Vec::new();
        let mut root = base.clone();
        root.set_path("/");
        if let Ok(response) = self.http.get_once_unauthenticated(root.clone()).await
            && let Some(location) = ServerProbe::from_response(&response).location
            && let Ok(to) = root.join(&location)
            && to.origin() == root.origin()
            && let Ok(detected) = to.as_str().parse::<DetectedServer>()
        {
            paths.push(detected.base_url.url().path().trim_matches('/').to_owned());
        }
        paths.extend(COMMON_CONTEXT_PATHS.map(str::to_owned));
        paths.retain(|path| path != base.path().trim_matches('/'));
        paths.dedup();
        for path in paths {
            let mut candidate = base.clone();
            candidate.set_path(&path);
            let mut properties = candidate.clone();
            properties
                .path_segments_mut()
                .ok()?
                .pop_if_empty()
                .extend(PROPERTIES);
            let response = self.http.get_once_unauthenticated(properties).await.ok()?;
            let properties = response.json::<Properties>();
            if properties.is_ok_and(|properties| properties.are_bitbuckets())
                || response.is_refused_by_data_center()
            {
                return BaseUrl::parse(candidate.as_str()).ok();
            }
        }
        None
    }

    /// The SSH settings. They require a login.
    ///
    /// <https://developer.atlassian.com/server/bitbucket/rest/v904/api-group-authentication/#api-ssh-latest-settings-get>
    pub(crate) async fn ssh_settings(&self) -> Result<SshSettings, ApiError> {
        let segments = ["rest", "ssh", "latest", "settings"];
        let settings: Settings = self.http.get_json(&segments, &[]).await?;
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
