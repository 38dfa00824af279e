//! Who asks, and what must therefore not be seen.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::types::secret::Secret;

/// Who a request is signed as.
#[derive(Debug)]
pub(crate) enum Authorization {
    /// Nobody.
    None,
    /// User and password (RFC 7617).
    Basic {
        /// The user part.
        user: String,
        /// The password or token.
        secret: Secret,
    },
    /// A token (RFC 6750).
    Bearer(Secret),
}

/// The shortest secret that is looked for in texts, in bytes.
const MIN_REDACTED_LEN: usize = 4;

impl Authorization {
    /// What must not be seen: the secret, as it is and as a header has it.
    pub(super) fn secrets(&self) -> Vec<Zeroizing<String>> {
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
            // What is shorter is part of too many words to be told from them, and no secret.
            .filter(|secret| secret.len() >= MIN_REDACTED_LEN)
            .map(Zeroizing::new)
            .collect()
    }
}
