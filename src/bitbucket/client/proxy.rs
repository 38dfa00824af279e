//! The proxy for a URL, chosen as the HTTP client does it. Its user name and password are never returned.

use hyper_util::client::proxy::matcher::Matcher;
use url::Url;

/// The proxy for a URL, `scheme://host:port`: the configured one, or the environment's.
pub(super) fn of(url: &Url, configured: Option<&str>) -> Option<String> {
    let matcher = match configured {
        Some(configured) => Matcher::builder().all(configured).build(),
        None if is_disabled() => return None,
        None => Matcher::from_system(),
    };
    let found = matcher.intercept(&url.as_str().parse().ok()?)?;
    let uri = found.uri();
    let scheme = uri.scheme_str().unwrap_or("http");
    let default_port = if scheme == "https" { 443 } else { 80 };
    let port = uri.port_u16().unwrap_or(default_port);
    Some(format!("{scheme}://{}:{port}", uri.host()?))
}

/// Whether the environment has no proxy for any host: there is none, or `NO_PROXY` is `*`, which the library takes for
/// every name, and not for addresses.
pub(super) fn is_disabled() -> bool {
    let matcher = Matcher::from_system();
    let mut any = ["http://any.host.invalid", "https://any.host.invalid"]
        .into_iter()
        .filter_map(|url| matcher.intercept(&url.parse().ok()?));
    any.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_named_without_its_login() {
        let url = "https://git.example.com/rest".parse().unwrap();
        for (configured, expected) in [
            (
                "http://jane:marker@proxy.example.com:3128",
                "http://proxy.example.com:3128",
            ),
            ("https://proxy.example.com", "https://proxy.example.com:443"),
            ("http://[::1]:1", "http://[::1]:1"),
        ] {
            assert_eq!(of(&url, Some(configured)).as_deref(), Some(expected));
        }
    }
}
