//! The page that the browser shows after the redirect: small, readable without styles, loading nothing.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Page {
    /// The server exchanged the code for tokens.
    SignedIn,
    /// The server rejected the code.
    Refused,
    /// The redirect contains an error.
    Denied,
    /// The request is not the redirect of this sign-in, or comes from another browser.
    Unexpected,
    /// The page that begins the sign-in was requested before.
    Used,
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
        Page::Used => (
            "410 Gone",
            "URL already used",
            "The URL works once. Run the command again, and sign in with the browser that opens.",
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

/// The response that sends the browser elsewhere, with a cookie for the way back. The redirect of the server is a top-level
/// navigation, with which `Lax` cookies are sent.
pub(super) fn redirect(url: &str, cookie: &str) -> String {
    format!(
        "HTTP/1.1 302 Found\r\nLocation: {url}\r\nSet-Cookie: {cookie}; Path=/callback; HttpOnly; SameSite=Lax\r\n\
         Referrer-Policy: no-referrer\r\nCache-Control: no-store\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )
}
