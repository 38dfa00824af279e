//! Git: whether it is installed, and whether it reaches the server with the same settings as bbconnect.

use url::Url;

use crate::diagnostics::finding::{Finding, FindingId};
use crate::diagnostics::route_facts::{HttpRoute, RouteFacts};
use crate::git::GitHttpConfig;
use crate::probe::TlsError;
use crate::sys::tls::TlsFailure;
use crate::types::version::Version;

const ID: FindingId = FindingId::Git;

/// The first version of git that sends a token as Bearer.
///
/// <https://github.com/git/git/blob/master/Documentation/RelNotes/2.46.0.txt>
const SENDS_BEARER: Version = Version::new(2, 46, 0);

pub(crate) fn settings(facts: &RouteFacts) -> Finding {
    let finding = match &facts.git.value {
        // `machine.git` says why.
        Err(_) => Finding::unknown(ID, "not tested: the settings of git cannot be read"),
        Ok(git) => {
            let route = facts.http.as_ref().filter(|route| !route.is_guess);
            route
                .and_then(|route| difference(git, route))
                .unwrap_or_else(|| same_settings(git))
        }
    };
    finding.with_elapsed(facts.git.elapsed)
}

fn same_settings(git: &GitHttpConfig) -> Finding {
    let is_older = git
        .version
        .parse::<Version>()
        .is_ok_and(|version| version < SENDS_BEARER);
    let note = if is_older {
        "; since 2.46 git can send Bearer tokens, which project and repository tokens of a Data Center require"
    } else {
        ""
    };
    Finding::pass(ID, "git uses the same proxy and CA settings")
        .with_evidence(format!("git {}{note}", git.version))
}

/// A setting that makes one succeed where the other fails.
fn difference(git: &GitHttpConfig, route: &HttpRoute) -> Option<Finding> {
    let mut origin = route.base.url().clone();
    origin.set_path("/");
    let version = format!("git {}", git.version);
    if git.ssl_verify.as_deref().is_some_and(is_false) && origin.scheme() == "https" {
        let message = "git does not verify certificates here: possible man-in-the-middle attack";
        return Some(
            Finding::warn(ID, message)
                .with_evidence(format!("{version}, http.sslVerify is off"))
                .with_next(
                    "git config --global --unset http.sslVerify, and set http.sslCAInfo to the CA certificate",
                ),
        );
    }
    let ours = route.proxy.as_ref().map(|(proxy, _)| proxy);
    let theirs = git.proxy.as_deref().map(host_and_port);
    match (ours, theirs) {
        (ours, Some(theirs)) if ours.map(ToString::to_string).as_ref() != Some(&theirs) => {
            let ours = ours.map_or("no proxy".to_owned(), ToString::to_string);
            let message = format!("git uses the proxy {theirs}, bbconnect uses {ours}");
            return Some(
                Finding::warn(ID, message)
                    .with_evidence(format!("{version}, http.proxy"))
                    .with_next(format!(
                        "bbconnect connection edit NAME --proxy http://{theirs}, or git config --global \
                         http.{origin}.proxy ''"
                    )),
            );
        }
        (Some(ours), None) if ours.is_named => {
            let message =
                format!("bbconnect uses the proxy {ours}, git is not configured to use it");
            return Some(
                Finding::warn(ID, message)
                    .with_evidence(version)
                    .with_next("run `bbconnect git setup`"),
            );
        }
        _ => {}
    }
    let is_unknown_issuer = route.tls.as_ref().is_some_and(|tls| {
        let unknown = TlsFailure::UnknownIssuer;
        matches!(&tls.value, Err(TlsError::Certificate { failure, .. }) if *failure == unknown)
    });
    match (&route.ca_cert, &git.ca_info) {
        (None, Some(theirs)) if is_unknown_issuer => Some(
            Finding::warn(
                ID,
                "git has a CA certificate that bbconnect is not configured to use",
            )
            .with_evidence(format!("{version}, http.sslCAInfo={theirs}"))
            .with_next(format!("--ca-cert {}", shell_words::quote(theirs))),
        ),
        (Some(_), None) => Some(
            Finding::warn(
                ID,
                "bbconnect has a CA certificate that git is not configured to use",
            )
            .with_evidence(version)
            .with_next("run `bbconnect git setup`"),
        ),
        _ => None,
    }
}

/// As git reads a boolean (git-config(1)).
fn is_false(value: &str) -> bool {
    ["false", "no", "off", "0"]
        .iter()
        .any(|word| value.eq_ignore_ascii_case(word))
}

/// Host and port of a proxy's URL, without user name and password.
fn host_and_port(url: &str) -> String {
    let with_scheme = if url.contains("://") {
        url.to_owned()
    } else {
        format!("http://{url}")
    };
    let Ok(url) = Url::parse(&with_scheme) else {
        return "of http.proxy".to_owned();
    };
    let host = url.host_str().unwrap_or_default();
    // Git's default for a proxy is 1080 (http.proxy in git-config(1)).
    let port = url.port_or_known_default().unwrap_or(1080);
    format!("{host}:{port}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_shown_without_its_password() {
        for (url, expected) in [
            (
                "http://jane:marker@proxy.example.com:3128",
                "proxy.example.com:3128",
            ),
            ("proxy.example.com:3128", "proxy.example.com:3128"),
            ("http://proxy.example.com", "proxy.example.com:80"),
        ] {
            assert_eq!(host_and_port(url), expected);
        }
    }

    #[test]
    fn booleans_are_read_as_git_does() {
        assert!(is_false("False") && is_false("0") && !is_false("true") && !is_false(""));
    }
}
