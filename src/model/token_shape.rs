//! Tokens of Bitbucket Cloud, told from passwords by how they look and whom they are sent as.

/// What API tokens and access tokens begin with.
const PREFIXES: [&str; 2] = ["ATATT", "ATCTT"];
/// Whom tokens are sent as.
const USERS: [&str; 2] = ["x-token-auth", "x-bitbucket-api-token-auth"];

/// Whether a password, sent as this user, is a token; then it is no app password.
#[must_use]
pub fn is_token(user: &str, password: &str) -> bool {
    let begins = |text: &str| PREFIXES.iter().any(|prefix| text.starts_with(prefix));
    let is_app_password = password.starts_with("ATBB");
    begins(user) || begins(password) || (USERS.contains(&user) && !is_app_password)
}
