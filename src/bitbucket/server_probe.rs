//! What a server answers to somebody who does not say who it is: whether it is a Bitbucket, and which state it is in.

use serde::Deserialize;

use super::client::Response;

/// The first answer of a server, whatever it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ServerProbe {
    /// The status.
    pub status: u16,
    /// What the body claims to be.
    pub media_type: Option<String>,
    /// Where the visitor is sent.
    pub location: Option<String>,
    /// The server's clock, as it writes it.
    pub date: Option<String>,
    /// The state of a Data Center: `RUNNING`, `STARTING`, `MAINTENANCE`, …
    pub state: Option<String>,
    /// The version of a Data Center, where it was told beside.
    pub version: Option<String>,
    /// It is in the words of a Bitbucket.
    pub is_bitbucket: bool,
    /// It is a page on which one logs in.
    pub is_login: bool,
}

#[derive(Debug, Default, Deserialize)]
struct State {
    state: Option<String>,
}

/// What pages on which one logs in have in common.
const LOGIN_PAGE_MARKERS: [&str; 5] = [
    "type=\"password\"",
    "type='password'",
    "samlrequest",
    "sign in",
    "log in",
];

impl ServerProbe {
    /// What an answer tells.
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
                && LOGIN_PAGE_MARKERS.iter().any(|word| page.contains(word)),
            state,
            version: None,
        }
    }

    /// Whether the body claims to be a page.
    #[must_use]
    pub(crate) fn is_page(&self) -> bool {
        let kind = self.media_type.as_deref().unwrap_or_default();
        kind.contains("html")
    }
}
