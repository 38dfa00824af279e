//! Requests of `bbconnect api`: with the credential, below the API's base URL or on its origin.

use reqwest::Method;
use serde_json::Value;
use url::Url;

use super::client::{Http, RawList, Request, Response, WithAuth};
use super::{ApiError, Bitbucket};
use crate::types::connection::Origin;

#[derive(Debug, Clone)]
pub(crate) struct RawRequest {
    pub method: Method,
    /// Below the base, or an absolute URL on the same origin. `#` is part of the path, not the start of a fragment.
    pub path: String,
    /// Added to the query of the path.
    pub query: Vec<(String, String)>,
    /// Media type and bytes.
    pub body: Option<(&'static str, Vec<u8>)>,
}

#[derive(Debug)]
pub(crate) struct RawResponse {
    pub status: u16,
    pub body: Vec<u8>,
    /// By the media type.
    pub is_json: bool,
    /// The error that an error status stands for.
    pub failure: Option<ApiError>,
}

impl From<Response> for RawResponse {
    fn from(response: Response) -> Self {
        Self {
            status: response.status().as_u16(),
            body: response.bytes().to_vec(),
            is_json: response.is_json(),
            failure: response.success().err(),
        }
    }
}

/// The result of following pages.
#[derive(Debug)]
pub(crate) enum RawPages {
    /// The entries of all pages.
    List(Vec<Value>),
    /// The first response, which is not a page of a list.
    Single(RawResponse),
}

impl Bitbucket {
    /// The URL that a request is sent to.
    pub(crate) fn resolve_url(&self, request: &RawRequest) -> Result<Url, ApiError> {
        let path = request.path.trim_start_matches('/');
        let (prefix, path) = match self {
            // As pasted from the documents: the base has this part already.
            Self::Cloud(_) => ("", path.strip_prefix("2.0/").unwrap_or(&request.path)),
            Self::DataCenter(_) if path.starts_with("rest/") => ("", request.path.as_str()),
            Self::DataCenter(_) => ("rest/api/latest/", request.path.as_str()),
        };
        let mut url = self.http().join_url(prefix, path)?;
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&request.query);
        }
        Ok(url)
    }

    /// Sends a request. An error status is a response with its failure.
    pub(crate) async fn send(&self, request: &RawRequest) -> Result<RawResponse, ApiError> {
        let url = self.resolve_url(request)?;
        let mut signed =
            Request::new(request.method.clone(), url, WithAuth::Yes).with_literal_url();
        if let Some((kind, bytes)) = &request.body {
            signed = signed.with_body(kind, bytes.clone());
        }
        Ok(self.http().send(&signed).await?.into())
    }

    /// Sends a request and follows its pages, each requested once.
    pub(crate) async fn all_pages(&self, request: &RawRequest) -> Result<RawPages, ApiError> {
        let url = self.resolve_url(request)?;
        Ok(match self.http().raw_pages(url).await? {
            RawList::Entries(values) => RawPages::List(values),
            RawList::NotAList(response) => RawPages::Single(response.into()),
        })
    }
}

impl Http {
    /// A URL as it was typed: absolute and on this origin, or below the base.
    fn join_url(&self, prefix: &str, path: &str) -> Result<Url, ApiError> {
        let refused = || ApiError::InvalidPathSegment(path.to_owned());
        // A request has no fragment: `#` belongs to a name. What is encoded already stays as it is.
        let path = &path.replace('#', "%23");
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
            if !url.as_str().starts_with(&format!("{start}/")) {
                return Err(refused());
            }
            url
        };
        let has_userinfo = !url.username().is_empty() || url.password().is_some();
        if has_userinfo {
            Err(ApiError::InvalidPathSegment("user@".to_owned()))
        } else if Origin::from_url(&url) == self.base().origin() {
            Ok(url)
        } else {
            Err(ApiError::ForeignOrigin(Origin::from_url(&url).to_string()))
        }
    }
}
