//! Who a URL says one is, and the secrets that people leave in URLs.

use super::Transport;
use super::error::CloneUrlError;
use super::path;
use crate::types::token_prefix::TokenPrefix;

/// The user name in front of the `@`, and whether a secret was there, which is dropped.
pub(super) fn user(
    userinfo: &str,
    transport: Transport,
) -> Result<(Option<String>, bool), CloneUrlError> {
    let (name, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
    let name =
        path::decode(name).map_err(|_| CloneUrlError::User("its percent-encoding is wrong"))?;
    let had_password = !password.is_empty();
    if name.is_empty() && transport == Transport::Ssh {
        return Err(CloneUrlError::User("it is empty"));
    }
    if name.is_empty() || looks_like_token(&name) {
        return Ok((None, had_password || !name.is_empty()));
    }
    if name.starts_with('-') {
        return Err(CloneUrlError::OptionLike("user name"));
    }
    if !name.starts_with(|first: char| first.is_alphanumeric() || first == '_') {
        return Err(CloneUrlError::User("it begins with a mark"));
    }
    let allowed = |c: char| {
        c.is_alphanumeric() || "._-+~=".contains(c) || (c == '@' && transport != Transport::Ssh)
    };
    if !name.chars().all(allowed) {
        return Err(CloneUrlError::User(
            "it has characters that no user name has",
        ));
    }
    Ok((Some(name), had_password))
}

/// Whether a user name is a credential: how Bitbucket's and other sites' tokens begin, or sheer length.
fn looks_like_token(name: &str) -> bool {
    const OTHERS: [&str; 8] = [
        "bbdc-",
        "ghp_",
        "gho_",
        "ghs_",
        "ghu_",
        "ghr_",
        "github_pat_",
        "glpat-",
    ];
    TokenPrefix::of(name) != TokenPrefix::Unknown
        || OTHERS.iter().any(|prefix| name.starts_with(prefix))
        || (name.len() >= 40 && !name.contains('@'))
}

/// Whether a query carries something like a token. Queries are dropped either way.
pub(super) fn holds_secret(query: &str) -> bool {
    let query = query.to_ascii_lowercase();
    [
        "token=",
        "password=",
        "secret=",
        "jwt=",
        "key=",
        "sig=",
        "signature=",
        "code=",
    ]
    .iter()
    .any(|key| query.contains(key))
}
