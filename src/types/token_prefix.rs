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

    pub(crate) fn from_token(token: &str) -> Self {
        Self::PREFIXES
            .into_iter()
            .find_map(|(prefix, kind)| token.starts_with(prefix).then_some(kind))
            .unwrap_or(Self::Unknown)
    }
}

/// Whether a text, such as a command, contains a token.
pub(crate) fn contains_token(text: &str) -> bool {
    /// Shorter words are names. The shortest tokens have 36 characters.
    const MIN_LENGTH: usize = 36;
    let is_separator =
        |character: char| !character.is_ascii_alphanumeric() && !"-_=+/.".contains(character);
    let mut words = text.split(is_separator);
    words.any(|word| {
        // `--header=TOKEN`, `TOKEN=…`
        let starts = word.match_indices('=').map(|(at, _)| &word[at + 1..]);
        let mut parts = starts.chain([word]);
        parts.any(|part| {
            part.len() >= MIN_LENGTH && TokenPrefix::from_token(part) != TokenPrefix::Unknown
        })
    })
}

/// Whether a user name or password, sent to Bitbucket Cloud, is a token and not an app password.
pub(crate) fn is_token(user: &str, password: &str) -> bool {
    let is = |text| {
        let kind = TokenPrefix::from_token(text);
        matches!(kind, TokenPrefix::ApiToken | TokenPrefix::AccessToken)
    };
    let is_app_password = TokenPrefix::from_token(password) == TokenPrefix::AppPassword;
    is(user) || is(password) || (TOKEN_USERS.contains(&user) && !is_app_password)
}

/// Whether the user name of a URL, percent-encoded or not, is a credential: by the prefixes of Bitbucket's and other
/// sites' tokens, or by its length.
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
    TokenPrefix::from_token(name) != TokenPrefix::Unknown
        || OTHER_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        || (name.len() >= 40 && !name.contains('@') && !name.contains("%40"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_within_a_text_is_found() {
        const TOKEN: &str = "ATCTT3xFfGN0abcdefghijklmnopqrstuvwxyz=5E6F7A8B";
        for (text, has_token) in [
            (format!("echo {TOKEN}"), true),
            (format!("printf '%s' \"{TOKEN}\""), true),
            (format!("TOKEN={TOKEN} printenv TOKEN"), true),
            (
                "echo BBDC-NTA2OTk5OTk5OTk5Omlzb21lb3RoZXJ0ZXh0".to_owned(),
                true,
            ),
            ("pass show bitbucket/ATATT-work".to_owned(), false),
            ("cat /run/secrets/BBDC-token".to_owned(), false),
            (
                "op read op://Private/Bitbucket/ATATT3xFfGF0T3xFfGF0T3xFfGF0".to_owned(),
                false,
            ),
            (String::new(), false),
        ] {
            assert_eq!(contains_token(&text), has_token, "{text}");
        }
    }
}
