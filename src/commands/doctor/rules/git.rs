//! Git: whether it is there, and whether it goes the same way as we do.

use url::Url;

use super::StageResult;
use super::facts::{DoctorData, HttpPath};
use crate::git::GitHttpConfig;
use crate::probe::TlsError;
use crate::types::version::Version;

const ID: &str = "git";

/// From this version on git can send a token as what it is.
///
/// <https://github.com/git/git/blob/master/Documentation/RelNotes/2.46.0.txt>
const SENDS_TOKENS: Version = Version::new(2, 46, 0);

pub(super) fn judge(facts: &DoctorData) -> StageResult {
    let looked = &facts.git;
    match &looked.value {
        Err(summary) => StageResult::from_error(ID, summary)
            .with_remedy("install git, and see that it is on the PATH"),
        Ok(view) => {
            let http_path = facts
                .http_path
                .as_ref()
                .filter(|http_path| !http_path.is_guess);
            http_path
                .and_then(|http_path| differs(view, http_path))
                .unwrap_or_else(|| agrees(view))
        }
    }
    .with_elapsed(looked)
}

fn agrees(view: &GitHttpConfig) -> StageResult {
    let stage = StageResult::pass(ID, "git is there, and goes the same way");
    let is_older = view
        .version
        .parse::<Version>()
        .is_ok_and(|version| version < SENDS_TOKENS);
    let note = if is_older {
        "; from 2.46 on it can send a token as Bearer, as project and repository tokens of a Data Center need it"
    } else {
        ""
    };
    stage.with_evidence(format!("git {}{note}", view.version))
}

/// Where git goes another way: then one works and the other does not.
fn differs(view: &GitHttpConfig, http_path: &HttpPath) -> Option<StageResult> {
    let mut origin = http_path.base.url().clone();
    origin.set_path("/");
    let git = format!("git {}", view.version);
    if view.ssl_verify.as_deref().is_some_and(is_off) && origin.scheme() == "https" {
        return Some(
            StageResult::warn(ID, "git does not look at certificates here, so anybody may stand in between")
                .with_evidence(format!("{git}, http.sslVerify is off"))
                .with_remedy("git config --global --unset http.sslVerify, and name the authority with http.sslCAInfo"),
        );
    }
    let ours = http_path.proxy.as_ref().map(|(proxy, _)| proxy);
    let theirs = view.proxy.as_deref().map(place);
    match (ours, theirs) {
        (ours, Some(theirs)) if ours.map(ToString::to_string).as_ref() != Some(&theirs) => {
            let ours = ours.map_or("straight".to_owned(), |proxy| format!("through {proxy}"));
            return Some(
                StageResult::warn(ID, format!("git goes through the proxy {theirs}, and bbconnect {ours}"))
                    .with_evidence(format!("{git}, http.proxy"))
                    .with_remedy(format!(
                        "bbconnect connection edit NAME --proxy http://{theirs}, or git config --global http.{origin}.proxy ''"
                    )),
            );
        }
        (Some(ours), None) if ours.is_named => {
            return Some(
                StageResult::warn(
                    ID,
                    format!("bbconnect goes through the proxy {ours}, which git is not told of"),
                )
                .with_evidence(git)
                .with_remedy(format!(
                    "git config --global http.{origin}.proxy http://{ours}"
                )),
            );
        }
        _ => {}
    }
    let is_unknown = http_path
        .tls
        .as_ref()
        .is_some_and(|tls| matches!(tls.value, Err(TlsError::UnknownIssuer { .. })));
    match (&http_path.ca_cert, &view.ca_info) {
        (None, Some(theirs)) if is_unknown => Some(
            StageResult::warn(
                ID,
                "git trusts certificates of its own, which bbconnect is not told of",
            )
            .with_evidence(format!("{git}, http.sslCAInfo={theirs}"))
            .with_remedy(format!("--ca-cert {}", shell_words::quote(theirs))),
        ),
        (Some(ours), None) => Some(
            StageResult::warn(
                ID,
                "bbconnect trusts a private authority, which git is not told of",
            )
            .with_evidence(git)
            .with_remedy(format!(
                "git config --global http.{origin}.sslCAInfo {}",
                shell_words::quote(&ours.to_string_lossy())
            )),
        ),
        _ => None,
    }
}

/// As git reads a boolean (git-config(1)).
fn is_off(value: &str) -> bool {
    ["false", "no", "off", "0"]
        .iter()
        .any(|off| value.eq_ignore_ascii_case(off))
}

/// Host and port of a proxy's URL, without the login that may stand in it.
fn place(url: &str) -> String {
    let with_scheme = if url.contains("://") {
        url.to_owned()
    } else {
        format!("http://{url}")
    };
    let Ok(url) = Url::parse(&with_scheme) else {
        return "that is named there".to_owned();
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
    fn a_proxy_is_named_without_its_login() {
        assert_eq!(
            place("http://jane:marker@proxy.example.com:3128"),
            "proxy.example.com:3128"
        );
        assert_eq!(place("proxy.example.com:3128"), "proxy.example.com:3128");
        assert_eq!(place("http://proxy.example.com"), "proxy.example.com:80");
    }

    #[test]
    fn booleans_are_gits() {
        assert!(is_off("False") && is_off("0") && !is_off("true") && !is_off(""));
    }
}
