//! The `Authorization` header of requests, and the secrets that must be redacted because of it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::types::secret::Secret;

/// How requests are authenticated.
#[derive(Debug)]
pub(crate) enum Authorization {
    /// Anonymous.
    None,
    /// RFC 7617, with a password or a token.
    Basic { user: String, secret: Secret },
    /// RFC 6750.
    Bearer(Secret),
}

/// The shortest secret that is redacted, in bytes: a shorter one is part of too many words.
const MIN_REDACTED_LEN: usize = 4;

impl Authorization {
    /// The secret, itself and encoded as in the header.
    pub(crate) fn secrets(&self) -> Vec<Zeroizing<String>> {
        let secrets = match self {
            Self::None => Vec::new(),
            Self::Bearer(secret) => vec![secret.expose().to_owned()],
            Self::Basic { user, secret } => {
                let pair = Zeroizing::new(format!("{user}:{}", secret.expose()));
                vec![secret.expose().to_owned(), STANDARD.encode(pair.as_bytes())]
            }
        };
        secrets
            .into_iter()
            .filter(|secret| secret.len() >= MIN_REDACTED_LEN)
            .map(Zeroizing::new)
            .collect()
    }
}
