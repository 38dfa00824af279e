//! The redirect that ends a sign-in in the browser: what its URL contains, and what a pasted line is instead.

use url::Url;

use crate::types::secret::Secret;

pub(super) const CALLBACK_PATH: &str = "/callback";

/// The result of the sign-in, as the redirect URL contains it.
#[derive(Debug)]
pub(super) enum Redirect {
    Code(Secret),
    Denied(String),
}

/// What a URL is that is not the redirect of this sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotRedirect {
    Empty,
    NotAUrl,
    /// The page on which the user signs in.
    SignInPage,
    OtherUrl,
    Incomplete,
    OtherSignIn,
}

impl NotRedirect {
    /// What was pasted, and what is expected.
    pub(super) fn explain(self, redirect_uri: &str) -> String {
        let what = match self {
            Self::Empty => "the line is empty",
            Self::NotAUrl => "this is not a URL",
            Self::SignInPage => "this is the sign-in URL: open it in a browser and sign in there",
            Self::OtherUrl => "this is another URL",
            Self::Incomplete => "the URL is incomplete: `code` or `state` is missing",
            Self::OtherSignIn => "this URL belongs to another sign-in (`state` differs)",
        };
        format!(
            "{what}; expected the URL that the browser is sent to after signing in, {redirect_uri}?code=…&state=…"
        )
    }
}

impl Redirect {
    /// Parses the target of a request to the callback server.
    pub(super) fn from_target(target: &str, state: &str) -> Result<Self, NotRedirect> {
        let base = "http://127.0.0.1/".parse::<Url>();
        let url = base.and_then(|base| base.join(target));
        Self::from_url(&url.map_err(|_| NotRedirect::NotAUrl)?, state)
    }

    /// Parses a pasted line: the redirect URL, whole or from its path or query on, with quotes and spaces around and in it.
    pub(super) fn from_pasted(line: &str, state: &str) -> Result<Self, NotRedirect> {
        let text: String = line.split_whitespace().collect();
        let text = text.trim_matches(['"', '\'', '`', '<', '>']);
        if text.is_empty() {
            return Err(NotRedirect::Empty);
        }
        let base: Url = format!("http://127.0.0.1{CALLBACK_PATH}")
            .parse()
            .map_err(|_| NotRedirect::NotAUrl)?;
        let completed = if text.starts_with("code=") || text.starts_with("state=") {
            format!("?{text}")
        } else if text.starts_with("127.0.0.1") || text.starts_with("localhost") {
            format!("http://{text}")
        } else {
            text.to_owned()
        };
        let is_url = completed.starts_with(['/', '?']) || completed.contains("://");
        if !is_url {
            return Err(NotRedirect::NotAUrl);
        }
        let url = base.join(&completed).map_err(|_| NotRedirect::NotAUrl)?;
        if url.path().ends_with("/authorize") {
            return Err(NotRedirect::SignInPage);
        }
        if !matches!(url.host_str(), Some("127.0.0.1" | "localhost")) {
            return Err(NotRedirect::OtherUrl);
        }
        Self::from_url(&url, state)
    }

    fn from_url(url: &Url, state: &str) -> Result<Self, NotRedirect> {
        if url.path() != CALLBACK_PATH {
            return Err(NotRedirect::OtherUrl);
        }
        let parameter = |name: &str| {
            let mut values = url.query_pairs().filter(|(key, _)| key == name);
            // A parameter must not be repeated (RFC 6749, section 3.1).
            let value = values.next().filter(|_| values.next().is_none())?;
            Some(value.1.into_owned()).filter(|value| !value.is_empty())
        };
        if parameter("state").ok_or(NotRedirect::Incomplete)? != state {
            return Err(NotRedirect::OtherSignIn);
        }
        match (parameter("code"), parameter("error")) {
            (Some(code), None) => Ok(Self::Code(Secret::new(code))),
            (None, Some(error)) => Ok(Self::Denied(match parameter("error_description") {
                Some(description) => format!("{error}: {description}"),
                None => error,
            })),
            _ => Err(NotRedirect::Incomplete),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(redirect: Result<Redirect, NotRedirect>) -> Result<&'static str, NotRedirect> {
        redirect.map(|redirect| match redirect {
            Redirect::Code(_) => "code",
            Redirect::Denied(_) => "denied",
        })
    }

    #[test]
    fn only_the_redirect_of_this_sign_in_counts() {
        for (target, expected) in [
            ("/callback?code=c&state=s", Ok("code")),
            ("/callback?error=access_denied&state=s", Ok("denied")),
            (
                "/callback?code=c&state=other",
                Err(NotRedirect::OtherSignIn),
            ),
            ("/callback?code=c", Err(NotRedirect::Incomplete)),
            ("/callback?code=&state=s", Err(NotRedirect::Incomplete)),
            (
                "/callback?code=c&state=s&state=s",
                Err(NotRedirect::Incomplete),
            ),
            (
                "/callback?code=c&error=x&state=s",
                Err(NotRedirect::Incomplete),
            ),
            ("/favicon.ico", Err(NotRedirect::OtherUrl)),
            ("/?code=c&state=s", Err(NotRedirect::OtherUrl)),
            ("", Err(NotRedirect::OtherUrl)),
        ] {
            assert_eq!(
                result(Redirect::from_target(target, "s")),
                expected,
                "{target}"
            );
        }
    }

    #[test]
    fn every_pasted_line_is_recognized() {
        for (line, expected) in [
            ("http://127.0.0.1:47617/callback?state=s&code=c", Ok("code")),
            (
                " 'http://127.0.0.1:47617/callback?state=s&code=c' \r",
                Ok("code"),
            ),
            (
                "<http://127.0.0.1:47617/callback?state=s &code=c>",
                Ok("code"),
            ),
            ("127.0.0.1:47617/callback?state=s&code=c", Ok("code")),
            ("/callback?state=s&code=c", Ok("code")),
            ("code=c&state=s", Ok("code")),
            (
                "http://127.0.0.1:47617/callback?error=access_denied&state=s",
                Ok("denied"),
            ),
            (
                "http://127.0.0.1:47617/callback?state=t&code=c",
                Err(NotRedirect::OtherSignIn),
            ),
            (
                "http://127.0.0.1:47617/callback",
                Err(NotRedirect::Incomplete),
            ),
            ("hello", Err(NotRedirect::NotAUrl)),
            ("", Err(NotRedirect::Empty)),
            (" \"\" ", Err(NotRedirect::Empty)),
            (
                "https://bitbucket.org/site/oauth2/authorize?client_id=x&state=s",
                Err(NotRedirect::SignInPage),
            ),
            (
                "https://bitbucket.org/callback?state=s&code=c",
                Err(NotRedirect::OtherUrl),
            ),
        ] {
            let found = result(Redirect::from_pasted(line, "s"));
            assert_eq!(found, expected, "{line}");
            if let Err(reason) = found {
                assert!(
                    reason
                        .explain("http://127.0.0.1:1/callback")
                        .contains(":1/callback?code=")
                );
            }
        }
    }
}
