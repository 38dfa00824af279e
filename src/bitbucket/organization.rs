//! Atlassian's API for organizations: the API tokens of their users. It is not Bitbucket's, and has a key of its own.

use serde::Deserialize;

use super::client::{ApiError, Authorization, Http, HttpClients, HttpSettings, Trace};
use crate::types::connection::BaseUrl;
use crate::types::date::{Timestamp, deserialize_lenient};
use crate::types::secret::Secret;

/// An API token of a user of an organization.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UserToken {
    pub id: Option<String>,
    pub label: Option<String>,
    #[serde(default, deserialize_with = "deserialize_lenient")]
    pub created_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "deserialize_lenient")]
    pub expires_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "deserialize_lenient")]
    pub last_active_at: Option<Timestamp>,
    pub user: Option<TokenUser>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct TokenUser {
    pub id: Option<String>,
    pub name: Option<String>,
    pub email: Option<String>,
}

/// The API of organizations, with the key of one.
#[derive(Debug)]
pub(crate) struct OrganizationClient {
    http: Http,
}

impl OrganizationClient {
    pub(crate) fn new(
        base: BaseUrl,
        key: Secret,
        settings: HttpSettings,
        trace: Trace,
        clients: HttpClients,
    ) -> Self {
        let authorization = Authorization::Bearer(key);
        Self {
            http: Http::new(base, authorization, settings, trace, clients),
        }
    }

    /// <https://developer.atlassian.com/cloud/admin/api-access/rest/api-group-api-token/>
    pub(crate) async fn api_tokens(&self, organization: &str) -> Result<Vec<UserToken>, ApiError> {
        let path = [
            "admin",
            "api-access",
            "v1",
            "orgs",
            organization,
            "api-tokens",
        ];
        self.http.pages(&path, &[]).await
    }

    pub(crate) fn requests_sent(&self) -> usize {
        self.http.requests_sent()
    }
}
