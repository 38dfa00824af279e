//! The page that the browser shows after the redirect: small, readable without styles, loading nothing.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Page {
    /// The server exchanged the code for tokens.
    SignedIn,
    /// The server rejected the code.
    Refused,
    /// The redirect contains an error.
    Denied,
    /// The request is not the redirect of this login.
    Unexpected,
}

/// The whole HTTP response.
pub(super) fn response(page: Page) -> String {
    let (status, title, text) = match page {
        Page::SignedIn => (
            "200 OK",
            "Signed in",
            "You can close this page and return to the terminal.",
        ),
        Page::Refused => ("200 OK", "Sign-in failed", "See the error in the terminal."),
        Page::Denied => (
            "200 OK",
            "Access was not granted",
            "Nothing was changed. Return to the terminal to try again.",
        ),
        Page::Unexpected => (
            "400 Bad Request",
            "Unexpected request",
            "Open the URL shown in the terminal to sign in.",
        ),
    };
    let body = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title} – bbconnect</title>\n\
         <style>:root{{color-scheme:light dark}}body{{font:1.125rem/1.5 system-ui,sans-serif;max-width:36rem;\
         margin:15vh auto;padding:0 1.5rem}}</style>\n<main>\n<h1>{title}</h1>\n<p>{text}</p>\n</main>\n</html>\n"
    );
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\n\
         Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'\r\nReferrer-Policy: no-referrer\r\n\
         Cache-Control: no-store\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}
