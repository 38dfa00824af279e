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
    use crate::types::test_rows;

    fn describe(redirect: &Result<Redirect, NotRedirect>) -> String {
        match redirect {
            Ok(Redirect::Code(_)) => "code".to_owned(),
            Ok(Redirect::Denied(_)) => "denied".to_owned(),
            Err(reason) => format!("{reason:?}"),
        }
    }

    #[test]
    fn only_the_redirect_of_this_sign_in_counts() {
        let rows = test_rows(
            "
            /callback?code=c&state=s => code
            /callback?error=access_denied&state=s => denied
            /callback?code=c&state=other => OtherSignIn
            /callback?code=c => Incomplete
            /callback?code=&state=s => Incomplete
            /callback?code=c&state=s&state=s => Incomplete
            /callback?code=c&error=x&state=s => Incomplete
            /favicon.ico => OtherUrl
            /?code=c&state=s => OtherUrl
            ",
        );
        for (target, expected) in rows.chain([("", "OtherUrl")]) {
            let found = describe(&Redirect::from_target(target, "s"));
            assert_eq!(found, expected, "{target}");
        }
    }

    #[test]
    fn every_pasted_line_is_recognized() {
        let rows = test_rows(
            "
            http://127.0.0.1:47617/callback?state=s&code=c => code
            <http://127.0.0.1:47617/callback?state=s &code=c> => code
            127.0.0.1:47617/callback?state=s&code=c => code
            /callback?state=s&code=c => code
            code=c&state=s => code
            http://127.0.0.1:47617/callback?error=access_denied&state=s => denied
            http://127.0.0.1:47617/callback?state=t&code=c => OtherSignIn
            http://127.0.0.1:47617/callback => Incomplete
            hello => NotAUrl
            https://bitbucket.org/site/oauth2/authorize?client_id=x&state=s => SignInPage
            https://bitbucket.org/callback?state=s&code=c => OtherUrl
            ",
        );
        let quoted = " 'http://127.0.0.1:47617/callback?state=s&code=c' \r";
        let spaced = [(quoted, "code"), ("", "Empty"), (" \"\" ", "Empty")];
        for (line, expected) in rows.chain(spaced) {
            let found = Redirect::from_pasted(line, "s");
            assert_eq!(describe(&found), expected, "{line}");
            if let Err(reason) = found {
                let text = reason.explain("http://127.0.0.1:1/callback");
                assert!(text.contains(":1/callback?code="), "{text}");
            }
        }
    }
}
