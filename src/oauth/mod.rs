//! OAuth login with a browser: the URL to open, and the redirect that brings the authorization code back.
//!
//! Authorization code (RFC 6749, section 4.1) with PKCE (RFC 7636); the redirect goes to loopback (RFC 8252, section 7.3),
//! on a fixed port, because Bitbucket compares the whole callback URL.

mod callback_server;
mod redirect;

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::Rng as _;
use url::Url;

pub(crate) use self::callback_server::OAuthError;

use self::callback_server::{CallbackServer, Page, PendingBrowser, SignIn, StartPage, WaitOptions};
use self::redirect::CALLBACK_PATH;
use crate::types::deployment::Deployment;
use crate::types::secret::Secret;

/// A sign-in that was started: the callback server is listening.
#[derive(Debug)]
pub(crate) struct AuthorizationFlow {
    server: CallbackServer,
    port: u16,
    sign_in: SignIn,
    authorization_url: Url,
    verifier: Secret,
}

/// The client and the server of a sign-in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AuthorizationRequest<'a> {
    pub website: &'a Url,
    pub deployment: Deployment,
    pub client_id: &'a str,
    pub scopes: &'a [String],
}

/// What the token request needs.
#[derive(Debug)]
pub(crate) struct AuthorizationCode {
    pub code: Secret,
    pub redirect_uri: String,
    /// The PKCE code verifier.
    pub verifier: Secret,
    browser: PendingBrowser,
}

impl AuthorizationCode {
    /// Shows the result of the sign-in in the browser.
    pub(crate) async fn show_result(self, signed_in: bool) {
        let page = if signed_in {
            Page::SignedIn
        } else {
            Page::Refused
        };
        self.browser.respond(page).await;
    }
}

impl AuthorizationFlow {
    /// Starts the callback server; on any free port where `port` is 0.
    pub(crate) fn start(port: u16, request: &AuthorizationRequest<'_>) -> Result<Self, OAuthError> {
        let failed = |source| OAuthError::Port { port, source };
        let server = CallbackServer::bind(port).map_err(failed)?;
        let port = server.port().map_err(failed)?;
        let (state, verifier) = (random(), Secret::new(random()));
        let authorization_url = authorization_url(request, &redirect_uri(port), &state, &verifier)?;
        let start = StartPage {
            path: format!("/{}", random()),
            // Cookies of 127.0.0.1 are those of all ports.
            cookie: format!("bbconnect-{port}={}", random()),
            authorization_url: authorization_url.clone(),
            is_used: AtomicBool::new(false),
        };
        Ok(Self {
            server,
            port,
            sign_in: SignIn {
                state,
                start: Some(start),
            },
            authorization_url,
            verifier,
        })
    }

    /// The URL for a browser on this machine. It works once, and contains nothing that could be used elsewhere.
    pub(crate) fn start_url(&self) -> Option<String> {
        let start = self.sign_in.start.as_ref()?;
        Some(format!("http://127.0.0.1:{}{}", self.port, start.path))
    }

    /// For a browser on any machine: the URL of the sign-in page. The redirect is then recognized by its `state` alone.
    pub(crate) fn use_any_browser(&mut self) -> &Url {
        self.sign_in.start = None;
        &self.authorization_url
    }

    /// The callback URL.
    pub(crate) fn redirect_uri(&self) -> String {
        redirect_uri(self.port)
    }

    /// Waits for the redirect, in a browser or pasted on standard input. Redirects of other sign-ins are rejected;
    /// `reply` gets the response to any other line.
    pub(crate) async fn wait(
        self,
        timeout: Duration,
        reply: Option<&dyn Fn(&str)>,
    ) -> Result<AuthorizationCode, OAuthError> {
        let redirect_uri = self.redirect_uri();
        let explain = |reason: redirect::NotRedirect| {
            if let Some(reply) = reply {
                reply(&reason.explain(&redirect_uri));
            }
        };
        let options = WaitOptions {
            timeout,
            on_wrong_line: reply.map(|_| &explain as &dyn Fn(redirect::NotRedirect)),
        };
        let (code, browser) = self.server.wait(self.sign_in, options).await?;
        Ok(AuthorizationCode {
            browser,
            code,
            redirect_uri,
            verifier: self.verifier,
        })
    }
}

/// Bitbucket compares the whole callback URL with the registered one.
fn redirect_uri(port: u16) -> String {
    format!("http://127.0.0.1:{port}{CALLBACK_PATH}")
}

/// The URL of the sign-in page.
fn authorization_url(
    request: &AuthorizationRequest<'_>,
    redirect_uri: &str,
    state: &str,
    verifier: &Secret,
) -> Result<Url, OAuthError> {
    let path: &[&str] = match request.deployment {
        Deployment::Cloud => &["site", "oauth2", "authorize"],
        Deployment::DataCenter | Deployment::Unknown => &["rest", "oauth2", "latest", "authorize"],
    };
    let mut url = request.website.clone();
    url.path_segments_mut()
        .map_err(|()| OAuthError::Website)?
        .pop_if_empty()
        .extend(path);
    let digest = digest::digest(&digest::SHA256, verifier.expose().as_bytes());
    let mut query = url.query_pairs_mut();
    query.append_pair("client_id", request.client_id);
    query.append_pair("response_type", "code");
    query.append_pair("redirect_uri", redirect_uri);
    query.append_pair("state", state);
    query.append_pair("code_challenge", &URL_SAFE_NO_PAD.encode(digest));
    query.append_pair("code_challenge_method", "S256");
    if !request.scopes.is_empty() {
        query.append_pair("scope", &request.scopes.join(" "));
    }
    drop(query);
    Ok(url)
}

/// 256 random bits in Base64.
fn random() -> String {
    let mut bytes = [0_u8; 32];
    rand::rng().fill_bytes(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_authorization_url_has_all_parameters() {
        let website: Url = "https://git.example.com/ctx".parse().unwrap();
        let scopes = ["repository:write".to_owned(), "account".to_owned()];
        let request = AuthorizationRequest {
            website: &website,
            deployment: Deployment::DataCenter,
            client_id: "id",
            scopes: &scopes,
        };
        let mut flow = AuthorizationFlow::start(0, &request).unwrap();
        let start = flow.start_url().unwrap();
        let url = flow.use_any_browser().clone();
        assert_eq!(flow.start_url(), None);
        assert!(
            url.as_str().starts_with(
                "https://git.example.com/ctx/rest/oauth2/latest/authorize?client_id=id&"
            )
        );
        let query: std::collections::HashMap<_, _> = url.query_pairs().into_owned().collect();
        assert_eq!(query["scope"], "repository:write account");
        assert_eq!(query["code_challenge"].len(), 43);
        assert_eq!(query["redirect_uri"], flow.redirect_uri());
        assert_eq!(query["state"], flow.sign_in.state);
        for secret in ["state", "code_challenge"] {
            assert!(!start.contains(&query[secret]));
        }
        let other = AuthorizationFlow::start(0, &request).unwrap();
        assert_ne!(flow.sign_in.state, other.sign_in.state);
    }
}
