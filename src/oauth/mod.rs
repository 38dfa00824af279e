//! OAuth login with a browser: the URL to open, and the redirect that brings the authorization code back.
//!
//! Authorization code (RFC 6749, section 4.1) with PKCE (RFC 7636); the redirect goes to loopback (RFC 8252, section 7.3),
//! on a fixed port, because Bitbucket compares the whole callback URL.

mod callback_page;
mod callback_server;
mod error;

use std::time::Duration;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::Rng as _;
use url::Url;

pub(crate) use self::error::OAuthError;

use self::callback_server::{CallbackServer, PendingBrowser};
use crate::types::deployment::Deployment;
use crate::types::secret::Secret;

/// A login that was started: the callback server is listening.
#[derive(Debug)]
pub(crate) struct AuthorizationFlow {
    server: CallbackServer,
    state: String,
    verifier: Secret,
    redirect_uri: String,
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
    /// Shows the result of the login in the browser.
    pub(crate) fn show_result(self, signed_in: bool) {
        self.browser.respond(signed_in);
    }
}

impl AuthorizationFlow {
    /// Starts the callback server.
    ///
    /// # Errors
    /// [`OAuthError::Port`].
    pub(crate) fn start(port: u16) -> Result<Self, OAuthError> {
        let server = CallbackServer::bind(port);
        Ok(Self {
            server: server.map_err(|source| OAuthError::Port { port, source })?,
            state: random(),
            verifier: Secret::new(random()),
            redirect_uri: format!("http://127.0.0.1:{port}/callback"),
        })
    }

    /// The URL to open in a browser.
    ///
    /// # Errors
    /// [`OAuthError::Website`].
    pub(crate) fn authorization_url(
        &self,
        website: &Url,
        deployment: Deployment,
        client_id: &str,
        scopes: &[String],
    ) -> Result<Url, OAuthError> {
        let path: &[&str] = match deployment {
            Deployment::Cloud => &["site", "oauth2", "authorize"],
            Deployment::DataCenter | Deployment::Unknown => {
                &["rest", "oauth2", "latest", "authorize"]
            }
        };
        let mut url = website.clone();
        url.path_segments_mut()
            .map_err(|()| OAuthError::Website)?
            .pop_if_empty()
            .extend(path);
        let digest = digest::digest(&digest::SHA256, self.verifier.expose().as_bytes());
        let mut query = url.query_pairs_mut();
        query.append_pair("client_id", client_id);
        query.append_pair("response_type", "code");
        query.append_pair("redirect_uri", &self.redirect_uri);
        query.append_pair("state", &self.state);
        query.append_pair("code_challenge", &URL_SAFE_NO_PAD.encode(digest));
        query.append_pair("code_challenge_method", "S256");
        if !scopes.is_empty() {
            query.append_pair("scope", &scopes.join(" "));
        }
        drop(query);
        Ok(url)
    }

    /// Waits for the redirect, in a browser or pasted on standard input. Redirects of other logins are rejected.
    ///
    /// # Errors
    /// [`OAuthError`].
    pub(crate) fn wait(
        self,
        timeout: Duration,
        accepts_paste: bool,
    ) -> Result<AuthorizationCode, OAuthError> {
        let (code, browser) = self.server.wait(&self.state, timeout, accepts_paste)?;
        Ok(AuthorizationCode {
            browser,
            code,
            redirect_uri: self.redirect_uri,
            verifier: self.verifier,
        })
    }
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
        let flow = AuthorizationFlow::start(0).unwrap();
        let website: Url = "https://git.example.com/ctx".parse().unwrap();
        let scopes = ["repository:write".to_owned(), "account".to_owned()];
        let url = flow
            .authorization_url(&website, Deployment::DataCenter, "id", &scopes)
            .unwrap();
        assert!(
            url.as_str().starts_with(
                "https://git.example.com/ctx/rest/oauth2/latest/authorize?client_id=id&"
            )
        );
        let query: std::collections::HashMap<_, _> = url.query_pairs().into_owned().collect();
        assert_eq!(query["scope"], "repository:write account");
        assert_eq!(query["code_challenge"].len(), 43);
        assert_eq!(query["state"], flow.state);
        assert_ne!(flow.state, AuthorizationFlow::start(0).unwrap().state);
    }
}
