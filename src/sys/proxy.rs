//! The proxy for a URL: the configured one, or the environment's.

use std::fmt;

use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use url::Url;

use crate::types::loopback;

/// The variables that name proxies, each in capital letters or else in small ones. Their URLs may contain passwords, which
/// `Debug` omits.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct ProxyVariables {
    /// `ALL_PROXY`
    pub all: String,
    /// `HTTP_PROXY`
    pub http: String,
    /// `HTTPS_PROXY`
    pub https: String,
    /// `NO_PROXY`
    pub no: String,
}

impl fmt::Debug for ProxyVariables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProxyVariables {{ no: {:?}, .. }}", self.no)
    }
}

impl ProxyVariables {
    /// The hosts of `NO_PROXY`, separated by commas: curl and git also accept spaces, the library does not.
    pub(crate) fn excluded_hosts(&self) -> String {
        let hosts = self.no.split([',', ' ', '\t']);
        let hosts: Vec<&str> = hosts.filter(|host| !host.is_empty()).collect();
        hosts.join(",")
    }

    /// Whether there is a proxy for any host: the library applies `NO_PROXY=*` to names, and not to addresses.
    fn excludes_all(&self) -> bool {
        self.excluded_hosts().split(',').any(|host| host == "*")
    }
}

/// The proxy that requests to a URL use. A proxy of the environment is never used for this machine itself.
pub(crate) fn intercept(
    url: &Url,
    configured: Option<&str>,
    variables: &ProxyVariables,
) -> Option<Intercept> {
    let matcher = match configured {
        Some(proxy) => Matcher::builder().all(proxy.to_owned()).build(),
        None if variables.excludes_all() || loopback::is_url(url) => return None,
        None if variables.has_proxy() => Matcher::builder()
            .all(variables.all.clone())
            .http(variables.http.clone())
            .https(variables.https.clone())
            .no(variables.excluded_hosts())
            .build(),
        // The settings of macOS and Windows.
        None => Matcher::from_system(),
    };
    matcher.intercept(&url.as_str().parse().ok()?)
}

impl ProxyVariables {
    fn has_proxy(&self) -> bool {
        [&self.all, &self.http, &self.https]
            .iter()
            .any(|proxy| !proxy.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_without_a_proxy_are_separated_by_commas_or_spaces() {
        let proxied = |url: &str, no: &str| {
            let variables = ProxyVariables {
                https: "http://proxy.example.com:3128".to_owned(),
                http: "http://proxy.example.com:3128".to_owned(),
                no: no.to_owned(),
                ..ProxyVariables::default()
            };
            intercept(&url.parse().unwrap(), None, &variables).is_some()
        };
        for no in [
            "git.example.com",
            "a.example.com git.example.com",
            "a.example.com, git.example.com",
            "a.example.com\t.example.com",
            "*",
            "a.example.com *",
        ] {
            assert!(!proxied("https://git.example.com/rest", no), "{no}");
        }
        assert!(proxied("https://git.example.com/", "a.example.com b"));
        assert!(!proxied("http://192.0.2.1/", "*"));
        assert!(proxied("http://192.0.2.1/", ""));
        for this_machine in [
            "http://127.0.0.1:7990",
            "http://[::1]/",
            "http://localhost",
            "http://git.localhost:7990",
        ] {
            assert!(!proxied(this_machine, ""), "{this_machine}");
        }
    }
}
