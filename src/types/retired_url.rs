//! URLs of Bitbucket Cloud that no longer work: SSH at `bitbucket.org` (until 2026-11-12), and passwords over HTTPS (app
//! passwords ended on 2026-07-28, account passwords before). Only the host or the password is replaced; the rest of a
//! URL stays as written.

use crate::types::cloud_hosts::{self, SSH};
use crate::types::git_url::GitUrl;
use crate::types::token_prefix::{TokenPrefix, is_secret_username, is_token};

/// Replaces a secret in messages.
const MASK: &str = "***";

/// The URL, or prefix of a URL, with the current SSH host; `None` if nothing changes.
pub(crate) fn with_new_host(text: &str) -> Option<String> {
    let url = GitUrl::parse(text).ok().filter(GitUrl::is_ssh)?;
    cloud_hosts::is_retired_ssh(url.host()).then(|| {
        let mut new = text.to_owned();
        new.replace_range(url.host_span(), SSH);
        new
    })
}

/// As [`with_new_host`], for a prefix that may end before the colon: `git@bitbucket.org`.
pub(crate) fn prefix_with_new_host(prefix: &str) -> Option<String> {
    with_new_host(prefix).or_else(|| {
        let (user, host) = prefix.rsplit_once('@')?;
        let is_old = cloud_hosts::is_retired_ssh(host) && !user.contains([':', '/']);
        is_old.then(|| format!("{user}@{SSH}"))
    })
}

/// Whether two URLs, or prefixes of URLs, are the same path on the same host over SSH.
pub(crate) fn is_same_location(one: &str, other: &str) -> bool {
    let location = |text| {
        let url = GitUrl::parse(text).ok().filter(GitUrl::is_ssh)?;
        Some((
            url.host().to_ascii_lowercase(),
            url.path().trim_matches('/'),
        ))
    };
    location(one).is_some_and(|one| location(other) == Some(one))
}

/// The URL without its password, if Bitbucket Cloud no longer accepts that. Tokens are kept.
pub(crate) fn without_app_password(text: &str) -> Option<String> {
    let url = GitUrl::parse(text).ok().filter(GitUrl::is_http)?;
    if !cloud_hosts::is_http(url.host()) {
        return None;
    }
    let userinfo = url.userinfo()?;
    let (name, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
    let mut span = url.userinfo_span()?;
    let mut new = text.to_owned();
    if TokenPrefix::from_token(name) == TokenPrefix::AppPassword {
        span.end += "@".len();
        new.replace_range(span, "");
    } else if !password.is_empty() && !is_token(name, password) {
        new.replace_range(span, name);
    } else {
        return None;
    }
    Some(new)
}

/// The text for messages: a password, or a user name that is a token, is masked.
pub(crate) fn redact_url(text: &str) -> String {
    let Some(start) = text.find("://").map(|at| at + "://".len()) else {
        return text.to_owned();
    };
    let rest = &text[start..];
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    // A password may contain characters that end it unless they are encoded: `/`, `?`, `#` and `@`.
    let has_password = |at: &usize| authority.get(..*at).is_some_and(|user| user.contains(':'));
    let in_authority = authority.rfind('@').filter(|at| !has_password(at));
    let Some(at) = in_authority.or_else(|| rest.rfind('@')) else {
        return text.to_owned();
    };
    let userinfo = &rest[..at];
    let shown = match userinfo.split_once(':') {
        Some((name, "")) if !is_secret_username(name) => format!("{name}:"),
        Some((name, _)) if !is_secret_username(name) => format!("{name}:{MASK}"),
        None if !is_secret_username(userinfo) => userinfo.to_owned(),
        Some(_) | None => MASK.to_owned(),
    };
    format!("{}{shown}{}", &text[..start], &rest[at..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::test_rows;

    #[test]
    fn only_the_retired_host_is_replaced() {
        for (old, new) in test_rows(
            "
            git@bitbucket.org:acme/site.git => git@ssh.bitbucket.org:acme/site.git
            bitbucket.org:acme/site => ssh.bitbucket.org:acme/site
            jane@BitBucket.Org:acme/site.git => jane@ssh.bitbucket.org:acme/site.git
            git@bitbucket.org.:acme/site.git => git@ssh.bitbucket.org:acme/site.git
            git@bitbucket.org:/acme/site.git/ => git@ssh.bitbucket.org:/acme/site.git/
            git@[bitbucket.org]:acme/site.git => git@[ssh.bitbucket.org]:acme/site.git
            [git@bitbucket.org:22]:acme/site.git => [git@ssh.bitbucket.org:22]:acme/site.git
            ssh://git@bitbucket.org/acme/site.git => ssh://git@ssh.bitbucket.org/acme/site.git
            ssh://bitbucket.org/acme/site.git => ssh://ssh.bitbucket.org/acme/site.git
            ssh://git@bitbucket.org:22/acme/site.git => ssh://git@ssh.bitbucket.org:22/acme/site.git
            git+ssh://git@bitbucket.org/acme/site => git+ssh://git@ssh.bitbucket.org/acme/site
            git@bitbucket.org: => git@ssh.bitbucket.org:
            ssh://git@bitbucket.org => ssh://git@ssh.bitbucket.org
            git@bitbucket.org:acme/bitbucket.org => git@ssh.bitbucket.org:acme/bitbucket.org
            ",
        ) {
            assert_eq!(with_new_host(old).as_deref(), Some(new), "{old}");
            assert_eq!(with_new_host(new), None, "{new}");
        }
        for other in [
            "https://bitbucket.org/acme/site.git",
            "https://git@bitbucket.org:443/acme/site.git",
            "ssh://git@altssh.bitbucket.org:443/acme/site.git",
            "git@ssh.bitbucket.org:acme/site.git",
            "git@git.example.com:bitbucket.org/site.git",
            "ssh://git@bitbucket.org.example.com/acme/site.git",
            "ssh://git@bitbucket.example.com:7999/web/site.git",
            "git@notbitbucket.org:acme/site.git",
            "git@github.com:acme/bitbucket.org:x.git",
            "./bitbucket.org:acme/site.git",
            "/srv/git@bitbucket.org:acme",
            "git://bitbucket.org/acme/site.git",
            "git@bitbucket.org",
            "file:///bitbucket.org/acme",
            "git@bitbucket-work:acme/site.git",
            "",
            ":",
            "[",
            "@:",
            "ssh://",
        ] {
            assert_eq!(with_new_host(other), None, "{other}");
        }
        assert_eq!(
            prefix_with_new_host("git@bitbucket.org").as_deref(),
            Some("git@ssh.bitbucket.org")
        );
        assert_eq!(prefix_with_new_host("/x/git@bitbucket.org"), None);
        assert_eq!(prefix_with_new_host("bitbucket.org"), None);
    }

    #[test]
    fn both_forms_of_a_location_are_equal() {
        assert!(is_same_location(
            "git@ssh.bitbucket.org:",
            "ssh://git@ssh.bitbucket.org/"
        ));
        assert!(is_same_location(
            "git@ssh.bitbucket.org:acme/",
            "ssh://ssh.bitbucket.org/acme"
        ));
        assert!(!is_same_location(
            "git@ssh.bitbucket.org:acme/",
            "git@ssh.bitbucket.org:"
        ));
        assert!(!is_same_location(
            "https://bitbucket.org/",
            "https://bitbucket.org/"
        ));
    }

    #[test]
    fn app_passwords_are_removed_and_tokens_kept() {
        for (with, without) in test_rows(
            "
            https://jane:ATBBsecret@bitbucket.org/acme/site.git => https://jane@bitbucket.org/acme/site.git
            https://jane:hunter2@bitbucket.org/acme/site.git => https://jane@bitbucket.org/acme/site.git
            https://x-token-auth:ATBBsecret@bitbucket.org/a/b => https://x-token-auth@bitbucket.org/a/b
            https://ATBBsecret@bitbucket.org/acme/site.git => https://bitbucket.org/acme/site.git
            http://jane:p@www.bitbucket.org/a/b => http://jane@www.bitbucket.org/a/b
            ",
        ) {
            assert_eq!(
                without_app_password(with).as_deref(),
                Some(without),
                "{with}"
            );
            assert_eq!(without_app_password(without), None, "{without}");
        }
        for other in [
            "https://jane@bitbucket.org/acme/site.git",
            "https://jane:@bitbucket.org/acme/site.git",
            "https://x-token-auth:ATCTTsecret@bitbucket.org/acme/site.git",
            "https://x-bitbucket-api-token-auth:secret@bitbucket.org/acme/site.git",
            "https://jane:ATATTsecret@bitbucket.org/acme/site.git",
            "https://jane:ATBBsecret@git.example.com/scm/web/site.git",
            "https://jane:hunter2@github.com/acme/site.git",
        ] {
            assert_eq!(without_app_password(other), None, "{other}");
        }
    }

    #[test]
    fn secrets_are_redacted() {
        for (url, shown) in test_rows(
            "
            https://jane:ATBBsecret@bitbucket.org/a/b => https://jane:***@bitbucket.org/a/b
            https://ATBBsecret@bitbucket.org/a/b => https://***@bitbucket.org/a/b
            https://ATBBsecret:@bitbucket.org/a/b => https://***@bitbucket.org/a/b
            https://jane:se/cret@bitbucket.org/a/b => https://jane:***@bitbucket.org/a/b
            https://jane:Top@se#c/r?et@bitbucket.org/a/b => https://jane:***@bitbucket.org/a/b
            https://BBDC-MTIz:x@bitbucket.org/a/b => https://***@bitbucket.org/a/b
            ssh://git:secret@bitbucket.org/a/b => ssh://git:***@bitbucket.org/a/b
            git@bitbucket.org:a/b => git@bitbucket.org:a/b
            https://bitbucket.org/a/b => https://bitbucket.org/a/b
            ",
        ) {
            assert_eq!(redact_url(url), shown);
        }
    }
}
