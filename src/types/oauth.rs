//! The stored secret of an OAuth connection: the client secret and the tokens (RFC 6749).

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::connection::Origin;
use super::secret::Secret;

/// An access token that expires sooner is refreshed before use.
const REFRESH_MARGIN_SECS: i64 = 60;

/// Tokens granted by a server.
pub(crate) struct Tokens {
    pub access: Secret,
    /// Valid for one use.
    pub refresh: Option<Secret>,
    /// When the access token expires, in seconds since 1970.
    pub expires_at: Option<i64>,
    pub scopes: Vec<String>,
}

#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub(crate) struct OAuthSecret {
    /// The origin of the tokens; the client secret is sent to no other.
    #[zeroize(skip)]
    pub origin: Origin,
    client_secret: String,
    access_token: String,
    refresh_token: Option<String>,
    expires_at: Option<i64>,
}

impl std::fmt::Debug for OAuthSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OAuthSecret")
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens")
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}

impl OAuthSecret {
    pub(crate) fn new(origin: Origin, client_secret: &Secret, tokens: &Tokens) -> Self {
        Self {
            origin,
            client_secret: client_secret.expose().to_owned(),
            access_token: tokens.access.expose().to_owned(),
            refresh_token: tokens
                .refresh
                .as_ref()
                .map(|token| token.expose().to_owned()),
            expires_at: tokens.expires_at,
        }
    }

    /// A client secret without tokens yet.
    pub(crate) fn of_client(origin: Origin, client_secret: &Secret) -> Self {
        Self {
            origin,
            client_secret: client_secret.expose().to_owned(),
            access_token: String::new(),
            refresh_token: None,
            expires_at: Some(0),
        }
    }

    /// With newer tokens. If the server sent no refresh token, the previous one remains valid.
    pub(crate) fn renewed(&self, tokens: &Tokens) -> Self {
        let mut renewed = Self::new(self.origin.clone(), &self.client_secret(), tokens);
        if renewed.refresh_token.is_none() {
            renewed.refresh_token.clone_from(&self.refresh_token);
        }
        renewed
    }

    /// `None` if the secret is not one written by [`Self::to_secret`].
    pub(crate) fn from_secret(stored: &Secret) -> Option<Self> {
        serde_json::from_str(stored.expose()).ok()
    }

    pub(crate) fn to_secret(&self) -> Secret {
        // A struct of strings and numbers can always be serialised.
        Secret::new(serde_json::to_string(self).unwrap_or_default())
    }

    /// `None` if the access token is about to expire.
    pub(crate) fn valid_access_token(&self, now: i64) -> Option<Secret> {
        let is_valid = self
            .expires_at
            .is_none_or(|expires_at| expires_at - REFRESH_MARGIN_SECS > now);
        is_valid.then(|| Secret::new(self.access_token.clone()))
    }

    pub(crate) fn client_secret(&self) -> Secret {
        Secret::new(self.client_secret.clone())
    }

    pub(crate) fn refresh_token(&self) -> Option<Secret> {
        self.refresh_token.clone().map(Secret::new)
    }

    /// When the access token expires, in seconds since 1970.
    pub(crate) fn expires_at(&self) -> Option<i64> {
        self.expires_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(access: &str, refresh: Option<&str>, expires_at: Option<i64>) -> Tokens {
        Tokens {
            access: Secret::new(access.to_owned()),
            refresh: refresh.map(|token| Secret::new(token.to_owned())),
            expires_at,
            scopes: Vec::new(),
        }
    }

    #[test]
    fn tokens_are_stored_and_renewed() {
        let origin = Origin::from_url(&"https://bitbucket.org/x".parse().unwrap());
        let client = Secret::new("client".to_owned());
        let stored = OAuthSecret::new(origin, &client, &tokens("a1", Some("r1"), Some(1000)));
        let read = OAuthSecret::from_secret(&stored.to_secret()).unwrap();
        assert_eq!(
            read.valid_access_token(900)
                .map(|token| token.expose().to_owned())
                .as_deref(),
            Some("a1")
        );
        assert!(read.valid_access_token(940).is_none());
        let renewed = read.renewed(&tokens("a2", None, None));
        assert_eq!(renewed.refresh_token().unwrap().expose(), "r1");
        assert_eq!(renewed.valid_access_token(i64::MAX).unwrap().expose(), "a2");
        assert!(OAuthSecret::from_secret(&client).is_none());
        assert!(!format!("{stored:?}").contains("a1"));
    }
}
