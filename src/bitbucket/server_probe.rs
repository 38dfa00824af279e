//! The response to an unauthenticated request: whether the server is Bitbucket, and its state.

use serde::Deserialize;

use super::client::Response;

/// The first response of a server of any kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ServerProbe {
    pub status: u16,
    pub media_type: Option<String>,
    /// The target of a redirect.
    pub location: Option<String>,
    /// The `Date` header.
    pub date: Option<String>,
    /// The state of a Data Center: `RUNNING`, `STARTING`, `MAINTENANCE`, …
    pub state: Option<String>,
    /// The version of a Data Center, from a second request.
    pub version: Option<String>,
    /// A Data Center refuses to report its version to anonymous requests.
    pub hides_version: bool,
    /// The response proves that the server is Bitbucket.
    pub is_bitbucket: bool,
    /// It is a login page.
    pub is_login: bool,
}

#[derive(Debug, Default, Deserialize)]
struct State {
    state: Option<String>,
}

/// Login pages contain one of these.
const LOGIN_PAGE_MARKERS: [&str; 5] = [
    "type=\"password\"",
    "type='password'",
    "samlrequest",
    "sign in",
    "log in",
];

impl ServerProbe {
    pub(super) fn from_response(response: &Response) -> Self {
        let text = |name: &str| response.header(name).map(str::to_owned);
        let state = response
            .is_json()
            .then(|| response.error_json::<State>().unwrap_or_default().state)
            .flatten();
        let page = response.text().to_lowercase();
        let realm = text("www-authenticate").unwrap_or_default();
        Self {
            status: response.status().as_u16(),
            media_type: text("content-type"),
            location: text("location").filter(|_| response.status().is_redirection()),
            date: text("date"),
            is_bitbucket: response.is_from_bitbucket()
                || state.is_some()
                || response.header("x-arequestid").is_some()
                || realm.to_lowercase().contains("bitbucket"),
            is_login: !response.is_json()
                && LOGIN_PAGE_MARKERS
                    .iter()
                    .any(|marker| page.contains(marker)),
            state,
            version: None,
            hides_version: false,
        }
    }

    /// Whether the body is HTML.
    pub(crate) fn is_page(&self) -> bool {
        let kind = self.media_type.as_deref().unwrap_or_default();
        kind.to_ascii_lowercase().contains("html")
    }
}
