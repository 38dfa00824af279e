//! What a browser is sent back with: a code or a refusal, for the question that was asked.

use url::Url;

use crate::types::secret::Secret;

/// What an address says.
#[derive(Debug)]
pub(super) enum CallbackResult {
    /// The code.
    Code(Secret),
    /// The person or the server said no.
    Denied(String),
    /// It is no answer to this question.
    Other,
}

/// Reads the address of a redirect, whole or from its path on.
pub(super) fn read(address: &str, state: &str) -> CallbackResult {
    let Ok(base) = Url::parse("http://127.0.0.1/") else {
        return CallbackResult::Other;
    };
    let Ok(url) = base.join(address.trim()) else {
        return CallbackResult::Other;
    };
    let value = |name: &str| {
        let mut found = url.query_pairs().filter(|(key, _)| key == name);
        // A parameter that is there twice is nothing that a server sends (RFC 6749, section 3.1).
        found
            .next()
            .filter(|_| found.next().is_none())
            .map(|(_, value)| value.into_owned())
    };
    if url.path() != "/callback" || value("state").as_deref() != Some(state) {
        return CallbackResult::Other;
    }
    match (
        value("code").filter(|code| !code.is_empty()),
        value("error"),
    ) {
        (Some(code), None) => CallbackResult::Code(Secret::new(code)),
        (None, Some(error)) => {
            let description = value("error_description").map(|text| format!(": {text}"));
            CallbackResult::Denied(format!("{error}{}", description.unwrap_or_default()))
        }
        _ => CallbackResult::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_answer_to_this_question_counts() {
        for (address, expected) in [
            ("/callback?code=c&state=s", "code"),
            ("http://127.0.0.1:47617/callback?state=s&code=c", "code"),
            ("/callback?error=access_denied&state=s", "denied"),
            ("/callback?code=c&state=other", "other"),
            ("/callback?code=c", "other"),
            ("/callback?code=&state=s", "other"),
            ("/callback?code=c&state=s&state=s", "other"),
            ("/callback?code=c&error=x&state=s", "other"),
            ("/favicon.ico", "other"),
            ("/?code=c&state=s", "other"),
            ("", "other"),
        ] {
            let read = match read(address, "s") {
                CallbackResult::Code(_) => "code",
                CallbackResult::Denied(_) => "denied",
                CallbackResult::Other => "other",
            };
            assert_eq!(read, expected, "{address}");
        }
    }
}
