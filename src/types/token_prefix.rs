//! Kinds of Bitbucket tokens, recognised by their prefixes.

/// User names with which tokens of Bitbucket Cloud are sent.
const TOKEN_USERS: [&str; 2] = ["x-token-auth", "x-bitbucket-api-token-auth"];

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
    Unknown,
}

impl TokenPrefix {
    pub(crate) const PREFIXES: [(&str, Self); 4] = [
        ("ATATT", Self::ApiToken),
        ("ATCTT", Self::AccessToken),
        ("ATBB", Self::AppPassword),
        ("BBDC-", Self::HttpAccessToken),
    ];

    #[must_use]
    pub(crate) fn of(token: &str) -> Self {
        Self::PREFIXES
            .into_iter()
            .find_map(|(prefix, kind)| token.starts_with(prefix).then_some(kind))
            .unwrap_or(Self::Unknown)
    }
}

/// Whether a user name or password, sent to Bitbucket Cloud, is a token and not an app password.
#[must_use]
pub(crate) fn is_token(user: &str, password: &str) -> bool {
    let is = |text| {
        let kind = TokenPrefix::of(text);
        matches!(kind, TokenPrefix::ApiToken | TokenPrefix::AccessToken)
    };
    let is_app_password = TokenPrefix::of(password) == TokenPrefix::AppPassword;
    is(user) || is(password) || (TOKEN_USERS.contains(&user) && !is_app_password)
}

/// Whether the user name of a URL, percent-encoded or not, is a credential: by the prefixes of Bitbucket's and other
/// sites' tokens, or by its length.
#[must_use]
pub(crate) fn is_secret_username(name: &str) -> bool {
    const OTHER_PREFIXES: [&str; 8] = [
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
        || OTHER_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        || (name.len() >= 40 && !name.contains('@') && !name.contains("%40"))
}
