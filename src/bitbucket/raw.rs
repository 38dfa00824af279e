//! Requests of `bbconnect api`: with the credential, below the API's base URL or on its origin.

use reqwest::Method;
use serde_json::Value;
use url::Url;

use super::client::{Http, Request, WithAuth};
use super::{ApiError, Bitbucket};
use crate::types::connection::Origin;

/// A request.
#[derive(Debug, Clone)]
pub(crate) struct RawRequest {
    /// Its method.
    pub method: Method,
    /// Where: below the base, or an address on the same origin.
    pub path: String,
    /// What is added to its query.
    pub query: Vec<(String, String)>,
    /// What it carries, and of which kind that is.
    pub body: Option<(&'static str, Vec<u8>)>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct RawResponse {
    /// The status.
    pub status: u16,
    /// The body as it came.
    pub body: Vec<u8>,
    /// Whether it is JSON.
    pub is_json: bool,
    /// What an error status stands for.
    pub failure: Option<ApiError>,
}

impl Bitbucket {
    /// Where a request would go.
    ///
    /// # Errors
    /// [`ApiError::Redirected`] for another origin, [`ApiError::InvalidPathSegment`] for what is no address.
    pub(crate) fn resolve_url(&self, request: &RawRequest) -> Result<Url, ApiError> {
        let (http, prefix) = match self {
            Self::Cloud(cloud) => (cloud.http(), ""),
            Self::DataCenter(_) if request.path.trim_start_matches('/').starts_with("rest/") => {
                (self.http(), "")
            }
            Self::DataCenter(datacenter) => (datacenter.http(), "rest/api/latest/"),
        };
        let path = match self {
            // As pasted from the documents: the base has this part already.
            Self::Cloud(_) => request
                .path
                .trim_start_matches('/')
                .strip_prefix("2.0/")
                .unwrap_or(&request.path),
            Self::DataCenter(_) => &request.path,
        };
        let mut url = http.join_url(prefix, path)?;
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&request.query);
        }
        Ok(url)
    }

    /// Sends a request. Any status is a reply.
    ///
    /// # Errors
    /// [`ApiError`] where nothing came back that is the server's.
    pub(crate) async fn send(&self, request: &RawRequest) -> Result<RawResponse, ApiError> {
        let url = self.resolve_url(request)?;
        let mut signed = Request::new(request.method.clone(), url, WithAuth::Yes);
        if let Some((kind, bytes)) = &request.body {
            signed = signed.with_body(kind, bytes.clone());
        }
        let response = self.http().send(&signed).await?;
        Ok(RawResponse {
            status: response.status().as_u16(),
            body: response.bytes().to_vec(),
            is_json: response.is_json(),
            failure: response.success().err(),
        })
    }

    /// Everything on a list, from the page at an address to the last one, as it comes; `None` for what is no list.
    pub(crate) async fn all_pages(
        &self,
        request: &RawRequest,
    ) -> Result<Option<Vec<Value>>, ApiError> {
        let url = self.resolve_url(request)?;
        self.http().raw_pages(url).await
    }

    fn http(&self) -> &Http {
        match self {
            Self::Cloud(cloud) => cloud.http(),
            Self::DataCenter(datacenter) => datacenter.http(),
        }
    }
}

impl Http {
    /// An address as it was written: absolute and on this origin, or below the base.
    fn join_url(&self, prefix: &str, path: &str) -> Result<Url, ApiError> {
        let refused = || ApiError::InvalidPathSegment(path.to_owned());
        let base = self.base().url();
        let is_absolute = path.split_once("://").is_some_and(|(scheme, _)| {
            !scheme.is_empty()
                && scheme
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || c == '+')
        });
        let url = if is_absolute {
            Url::parse(path).map_err(|_| refused())?
        } else {
            let below = path.trim_start_matches('/');
            let start = base.as_str().trim_end_matches('/');
            // Parsed as a whole, so that nothing of the path can be taken for a host.
            let url = Url::parse(&format!("{start}/{prefix}{below}")).map_err(|_| refused())?;
            // The url crate resolves `..`, also when it is encoded.
            if !url.as_str().starts_with(start) {
                return Err(refused());
            }
            url
        };
        let has_userinfo = !url.username().is_empty() || url.password().is_some();
        if has_userinfo {
            Err(ApiError::InvalidPathSegment("user@".to_owned()))
        } else if Origin::of(&url) == self.base().origin() {
            Ok(url)
        } else {
            Err(ApiError::ForeignOrigin(Origin::of(&url).to_string()))
        }
    }
}
