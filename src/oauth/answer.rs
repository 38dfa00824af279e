//! What a browser is sent back with: a code or a refusal, for the question that was asked.

use url::Url;

use crate::model::secret::Secret;

/// What an address says.
#[derive(Debug)]
pub(super) enum Answer {
    /// The code.
    Code(Secret),
    /// The person or the server said no.
    Denied(String),
    /// It is no answer to this question.
    Other,
}

/// Reads the address of a redirect, whole or from its path on.
pub(super) fn read(address: &str, state: &str) -> Answer {
    let Ok(base) = Url::parse("http://127.0.0.1/") else {
        return Answer::Other;
    };
    let Ok(url) = base.join(address.trim()) else {
        return Answer::Other;
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
        return Answer::Other;
    }
    match (
        value("code").filter(|code| !code.is_empty()),
        value("error"),
    ) {
        (Some(code), None) => Answer::Code(Secret::new(code)),
        (None, Some(error)) => {
            let description = value("error_description").map(|text| format!(": {text}"));
            Answer::Denied(format!("{error}{}", description.unwrap_or_default()))
        }
        _ => Answer::Other,
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
                Answer::Code(_) => "code",
                Answer::Denied(_) => "denied",
                Answer::Other => "other",
            };
            assert_eq!(read, expected, "{address}");
        }
    }
}
