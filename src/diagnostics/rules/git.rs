//! Git: whether it is installed, and whether it reaches the server with the same settings as bbconnect.

use url::Url;

use crate::diagnostics::finding::{Finding, FindingId};
use crate::diagnostics::route_facts::{HttpRoute, RouteFacts};
use crate::git::{EffectiveConfig, Setting};
use crate::probe::TlsError;
use crate::ssh;
use crate::sys::tls::TlsFailure;
use crate::types::git_url::GitUrl;
use crate::types::shell::quote;
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
            other_way(git, facts)
                .or_else(|| route.and_then(|route| difference(git, route)))
                .unwrap_or_else(|| same_settings(git))
        }
    };
    finding.with_elapsed(facts.git.elapsed)
}

fn same_settings(git: &EffectiveConfig) -> Finding {
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

/// A setting by which git reaches another server, by another program, or none at all.
fn other_way(git: &EffectiveConfig, facts: &RouteFacts) -> Option<Finding> {
    let warn = |message: String, origin: &str| {
        Finding::warn(ID, message).with_evidence(format!("git {}, {origin}", git.version))
    };
    let from = |setting: &Setting| setting.origin.trim_start_matches("file:").to_owned();
    if let Some((url, rewritten)) = git.rewritten.first() {
        let message = format!(
            "git uses {} in place of {}",
            without_user(rewritten),
            without_user(url)
        );
        let next = "run `git config --show-origin --get-regexp insteadOf` to see the rule";
        return Some(warn(message, "url.<base>.insteadOf").with_next(next));
    }
    let variable = |name: &str| {
        let mut all = facts.git_environment.iter();
        all.find(|(other, _)| *other == name)
            .map(|(_, value)| value.as_str())
    };
    let schemes = facts.ssh.iter().map(|_| "ssh").chain(
        facts
            .http
            .iter()
            .filter(|route| !route.is_guess)
            .map(|route| route.base.url().scheme()),
    );
    for scheme in schemes {
        let allowed = variable("GIT_ALLOW_PROTOCOL");
        if allowed.is_some_and(|allowed| !allowed.split(':').any(|other| other == scheme)) {
            let message = format!("git does not use {scheme}: GIT_ALLOW_PROTOCOL leaves it out");
            return Some(warn(message, "environment"));
        }
        let own = git.setting(&format!("protocol.{scheme}.allow"));
        let setting = own.or_else(|| git.setting("protocol.allow"));
        if let Some(setting) = setting.filter(|setting| setting.value != "always") {
            let message = format!(
                "git does not use {scheme} everywhere: {} is {}",
                setting.key, setting.value
            );
            return Some(warn(message, &from(setting)));
        }
    }
    facts.ssh.as_ref().filter(|_| facts.wants_ssh)?;
    let is_foreign = |command: &str| !ssh::is_managed_ssh_command(command);
    if let Some(command) = variable("GIT_SSH_COMMAND") {
        return is_foreign(command).then(|| {
            let message = "git runs the command of GIT_SSH_COMMAND in place of ssh".to_owned();
            warn(message, "environment").with_next("unset GIT_SSH_COMMAND")
        });
    }
    if let Some(setting) = git.setting("core.sshCommand") {
        return is_foreign(&setting.value).then(|| {
            let message = "git runs the command of core.sshCommand in place of ssh".to_owned();
            warn(message, &from(setting))
                .with_next("run `bbconnect connect CLONE_URL` in the checkout to use a key there")
        });
    }
    if variable("GIT_SSH").is_some() {
        let message = "git runs the program of GIT_SSH in place of ssh".to_owned();
        return Some(warn(message, "environment").with_next("unset GIT_SSH"));
    }
    let variant = git.setting("ssh.variant");
    let variant = variant.filter(|setting| !matches!(setting.value.as_str(), "ssh" | "auto"))?;
    let message = format!(
        "git passes the options of {} to ssh: ssh.variant",
        variant.value
    );
    Some(warn(message, &from(variant)))
}

/// A URL without user name and password.
fn without_user(url: &str) -> String {
    let parsed = GitUrl::parse(url).ok();
    let span = parsed.and_then(|parsed| parsed.scheme().and(parsed.userinfo_span()));
    let around = span.and_then(|span| Some((url.get(..span.start)?, url.get(span.end..)?)));
    around.map_or_else(
        || url.to_owned(),
        |(before, after)| format!("{before}{}", after.trim_start_matches('@')),
    )
}

/// A setting that makes one succeed where the other fails.
fn difference(git: &EffectiveConfig, route: &HttpRoute) -> Option<Finding> {
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
            .with_next(format!("--ca-cert {}", quote(theirs))),
        ),
        (Some(_), None) => Some(
            Finding::warn(
                ID,
                "bbconnect has a CA certificate that git is not configured to use",
            )
            .with_evidence(version)
            .with_next("run `bbconnect git setup`"),
        ),
        _ if route.client_cert.is_some() && git.ssl_cert.is_none() => Some(
            Finding::warn(
                ID,
                "bbconnect has a client certificate that git is not configured to use",
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
    fn a_url_is_shown_without_its_user() {
        for (url, expected) in [
            ("https://jane:marker@host/a.git", "https://host/a.git"),
            ("ssh://git@[::1]:22/a.git", "ssh://[::1]:22/a.git"),
            ("git@host:a/b@c.git", "git@host:a/b@c.git"),
            ("/srv/a.git", "/srv/a.git"),
        ] {
            assert_eq!(without_user(url), expected);
        }
    }

    #[test]
    fn booleans_are_read_as_git_does() {
        assert!(is_false("False") && is_false("0") && !is_false("true") && !is_false(""));
    }
}
