//! Signing in with a browser: the address to open, and the answer that comes back to this machine.
//!
//! Authorization code (RFC 6749, section 4.1) with PKCE (RFC 7636), the answer taken on loopback alone (RFC 8252, section
//! 7.3), on a fixed port: Bitbucket compares the whole callback address.

mod callback;
mod callback_page;
mod callback_server;

use std::io;
use std::time::Duration;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::Rng as _;
use thiserror::Error;
use url::Url;

use crate::types::deployment::Deployment;
use crate::types::secret::Secret;

use self::callback_server::{Listener, PendingBrowser};

/// Why nobody signed in.
#[derive(Debug, Error)]
pub(crate) enum OAuthError {
    /// The port for the answer cannot be had.
    #[error("port {port} of this machine cannot be listened on: {source}")]
    Port {
        /// The port.
        port: u16,
        /// What the system says.
        source: io::Error,
    },
    /// The person said no, or the server did.
    #[error("the access was not granted: {0}")]
    Denied(String),
    /// Nobody answered.
    #[error("nobody signed in within {} seconds", patience.as_secs())]
    TimedOut {
        /// How long was waited.
        patience: Duration,
        /// No browser was opened here: the address could be pasted.
        takes_paste: bool,
    },
    /// The website's address cannot be one for signing in.
    #[error("the website's address cannot be used for signing in")]
    Website,
}

/// A sign-in that has begun: the port is open.
#[derive(Debug)]
pub(crate) struct AuthorizationFlow {
    listener: Listener,
    state: String,
    verifier: Secret,
    redirect_uri: String,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct AuthorizationCode {
    /// The code.
    pub code: Secret,
    /// Where it came back to.
    pub redirect_uri: String,
    /// What its challenge was made of.
    pub verifier: Secret,
    browser: PendingBrowser,
}

impl AuthorizationCode {
    /// Tells the browser that brought it what became of it.
    pub(crate) fn tell(self, signed_in: bool) {
        self.browser.respond(signed_in);
    }
}

impl AuthorizationFlow {
    /// Opens the port for the answer.
    ///
    /// # Errors
    /// [`OAuthError::Port`].
    pub(crate) fn start(port: u16) -> Result<Self, OAuthError> {
        Ok(Self {
            listener: Listener::open(port).map_err(|source| OAuthError::Port { port, source })?,
            state: random(),
            verifier: Secret::new(random()),
            redirect_uri: format!("http://127.0.0.1:{port}/callback"),
        })
    }

    /// The address that a browser is to open.
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
        let below: &[&str] = match deployment {
            Deployment::Cloud => &["site", "oauth2", "authorize"],
            Deployment::DataCenter | Deployment::Unknown => {
                &["rest", "oauth2", "latest", "authorize"]
            }
        };
        let mut url = website.clone();
        url.path_segments_mut()
            .map_err(|()| OAuthError::Website)?
            .pop_if_empty()
            .extend(below);
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

    /// Waits until a browser brings the answer, or a person pastes the address that the browser was sent to. Answers to
    /// other questions are turned away and waited past.
    ///
    /// # Errors
    /// [`OAuthError`].
    pub(crate) fn wait(
        self,
        patience: Duration,
        takes_paste: bool,
    ) -> Result<AuthorizationCode, OAuthError> {
        let (code, browser) = self.listener.wait(&self.state, patience, takes_paste)?;
        Ok(AuthorizationCode {
            browser,
            code,
            redirect_uri: self.redirect_uri,
            verifier: self.verifier,
        })
    }
}

/// 256 bits that nobody can guess.
fn random() -> String {
    let mut bytes = [0_u8; 32];
    rand::rng().fill_bytes(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_has_all_that_a_server_wants() {
        let sign_in = AuthorizationFlow::start(0).unwrap();
        let website: Url = "https://git.example.com/ctx".parse().unwrap();
        let scopes = ["repository:write".to_owned(), "account".to_owned()];
        let url = sign_in
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
        assert_eq!(query["state"], sign_in.state);
        assert_ne!(sign_in.state, AuthorizationFlow::start(0).unwrap().state);
    }
}
