//! What an OAuth connection keeps as its secret: the client's own secret, and the tokens it was given (RFC 6749).

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::connection::Origin;
use super::secret::Secret;

/// A token that is used this close to its end is refreshed first, in seconds.
const REFRESH_MARGIN_SECS: i64 = 60;

/// Tokens, as a server grants them.
pub(crate) struct Tokens {
    /// What requests are signed with.
    pub access: Secret,
    /// What gets the next ones; it is good once.
    pub refresh: Option<Secret>,
    /// When the access token ends, in seconds since 1970.
    pub expires_at: Option<i64>,
    /// What it may do.
    pub scopes: Vec<String>,
}

/// All that an OAuth connection keeps, as one secret.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub(crate) struct OAuthSecret {
    /// Where the tokens come from; the client secret is sent nowhere else.
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
    /// What is kept of a grant.
    #[must_use]
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

    /// A client's secret before it has got tokens: there is none that is fresh.
    #[must_use]
    pub(crate) fn of_client(origin: Origin, client_secret: &Secret) -> Self {
        Self {
            origin,
            client_secret: client_secret.expose().to_owned(),
            access_token: String::new(),
            refresh_token: None,
            expires_at: Some(0),
        }
    }

    /// The same with newer tokens. A server that gives no new refresh token leaves the old one in force.
    #[must_use]
    pub(crate) fn renewed(&self, tokens: &Tokens) -> Self {
        let mut renewed = Self::new(self.origin.clone(), &self.client_secret(), tokens);
        if renewed.refresh_token.is_none() {
            renewed.refresh_token.clone_from(&self.refresh_token);
        }
        renewed
    }

    /// Reads what was kept; `None` for something else.
    #[must_use]
    pub(crate) fn from_secret(kept: &Secret) -> Option<Self> {
        serde_json::from_str(kept.expose()).ok()
    }

    /// What is to be kept.
    #[must_use]
    pub(crate) fn to_secret(&self) -> Secret {
        // A struct of texts and numbers can always be written.
        Secret::new(serde_json::to_string(self).unwrap_or_default())
    }

    /// The access token, where it is good for a while.
    #[must_use]
    pub(crate) fn valid_access_token(&self, now: i64) -> Option<Secret> {
        let is_fresh = self
            .expires_at
            .is_none_or(|end| end - REFRESH_MARGIN_SECS > now);
        is_fresh.then(|| Secret::new(self.access_token.clone()))
    }

    /// The secret of the client.
    #[must_use]
    pub(crate) fn client_secret(&self) -> Secret {
        Secret::new(self.client_secret.clone())
    }

    /// What gets the next tokens.
    #[must_use]
    pub(crate) fn refresh_token(&self) -> Option<Secret> {
        self.refresh_token.clone().map(Secret::new)
    }

    /// When the access token ends, in seconds since 1970.
    #[must_use]
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
    fn tokens_are_kept_and_renewed() {
        let origin = Origin::of(&"https://bitbucket.org/x".parse().unwrap());
        let client = Secret::new("client".to_owned());
        let kept = OAuthSecret::new(origin, &client, &tokens("a1", Some("r1"), Some(1000)));
        let read = OAuthSecret::from_secret(&kept.to_secret()).unwrap();
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
        assert!(!format!("{kept:?}").contains("a1"));
    }
}
