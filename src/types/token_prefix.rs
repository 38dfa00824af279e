//! Tokens of Bitbucket, told from passwords and from each other by how they begin and whom they are sent as.

/// Whom tokens of Bitbucket Cloud are sent as.
const USERS: [&str; 2] = ["x-token-auth", "x-bitbucket-api-token-auth"];

/// What the beginning of a token tells about its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenPrefix {
    /// `ATATT…`: an Atlassian API token.
    ApiToken,
    /// `ATCTT…`: an access token of a repository, project or workspace.
    AccessToken,
    /// `ATBB…`: an app password.
    AppPassword,
    /// `BBDC-…`: a Data Center HTTP access token.
    HttpAccessToken,
    /// Nothing.
    Unknown,
}

impl TokenPrefix {
    /// What each kind begins with.
    pub(crate) const PREFIXES: [(&str, Self); 4] = [
        ("ATATT", Self::ApiToken),
        ("ATCTT", Self::AccessToken),
        ("ATBB", Self::AppPassword),
        ("BBDC-", Self::HttpAccessToken),
    ];

    /// The shape of a token. Only its beginning is looked at.
    #[must_use]
    pub(crate) fn of(token: &str) -> Self {
        Self::PREFIXES
            .into_iter()
            .find_map(|(beginning, shape)| token.starts_with(beginning).then_some(shape))
            .unwrap_or(Self::Unknown)
    }
}

/// Whether a password, sent as this user to Bitbucket Cloud, is a token; then it is no app password.
#[must_use]
pub(crate) fn is_token(user: &str, password: &str) -> bool {
    let is = |text| {
        let shape = TokenPrefix::of(text);
        matches!(shape, TokenPrefix::ApiToken | TokenPrefix::AccessToken)
    };
    let is_app_password = TokenPrefix::of(password) == TokenPrefix::AppPassword;
    is(user) || is(password) || (USERS.contains(&user) && !is_app_password)
}
