//! Values of the flags that describe a connection, read at the door.

/// Text for one line of a protocol.
pub(super) fn no_control_chars(text: &str) -> Result<String, &'static str> {
    if text.chars().any(char::is_control) {
        return Err("it contains a line break or another control character");
    }
    Ok(text.to_owned())
}

/// The address of a proxy.
pub(super) fn proxy(text: &str) -> Result<String, String> {
    address(text, "http://proxy.example.com:3128")
}

/// The address of a website.
pub(super) fn website(text: &str) -> Result<String, String> {
    address(text, "https://bitbucket.example.com")
}

/// An address that is kept in clear text, so no password may be part of it.
fn address(text: &str, example: &str) -> Result<String, String> {
    let no_url = || format!("it is not a URL such as {example}");
    let url = url::Url::parse(text).map_err(|_| no_url())?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(no_url());
    }
    if url.password().is_some() {
        return Err(
            "it contains a password; for a proxy with one, set HTTPS_PROXY in the environment"
                .to_owned(),
        );
    }
    Ok(text.to_owned())
}
