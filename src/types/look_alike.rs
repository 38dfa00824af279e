//! Hosts that look like another: `https://bitbucket.org@evil.example/…`, `bitbucket.org.evil.example`.

use super::cloud_hosts;

/// Hosts that users know.
const KNOWN: [&str; 3] = [cloud_hosts::WEB, "github.com", "gitlab.com"];

/// Domains that are taken for Bitbucket Cloud's.
const OTHER_DOMAINS: [&str; 5] = [
    "bitbucket.com",
    "bitbucket.net",
    "bitbucket.io",
    "bitbucket.co",
    "bitbucket.dev",
];

/// Top-level domains with which a user name looks like a host. User names (`jane.doe`) do not end like this.
const TOP_LEVEL: [&str; 24] = [
    "app", "cloud", "co", "com", "corp", "de", "dev", "edu", "eu", "example", "gov", "internal",
    "intra", "intranet", "invalid", "io", "lan", "local", "net", "org", "test", "tech", "uk", "us",
];

/// The host that a user name or a part of the host looks like. `saved` are the hosts of saved connections.
pub(crate) fn find(user: Option<&str>, host: &str, saved: &[&str]) -> Option<String> {
    let host = host.to_ascii_lowercase();
    let is_same = |known: &str| host == known || host.ends_with(&format!(".{known}"));
    let known = || {
        KNOWN
            .iter()
            .chain(saved)
            .filter(|known| known.contains('.'))
    };
    if let Some(user) = user.map(str::to_ascii_lowercase) {
        // Of two user parts, the last is next to the host; `jane@bitbucket.org` is also an email address.
        let name = user.rsplit('@').next().unwrap_or(&user);
        let is_known = known().any(|known| name == *known || is_inside(known, name));
        let ends_like_host = name
            .rsplit_once('.')
            .is_some_and(|(_, last)| TOP_LEVEL.contains(&last));
        let is_email = user.contains('@');
        if name != host && !is_same(name) && (is_known || (ends_like_host && !is_email)) {
            return Some(name.to_owned());
        }
    }
    known()
        .find(|known| !is_same(known) && is_inside(known, &host))
        .map(|known| (*known).to_owned())
}

/// What a user must know about such a host.
pub(crate) fn warning(host: &str, imitated: &str) -> String {
    format!("the host of this URL is {host}, not {imitated}")
}

/// Whether a host contains another as text. `my-git.acme.example` belongs to the owner of `git.acme.example`, but
/// `my-acme.example` does not belong to that of `acme.example`.
fn is_inside(known: &str, host: &str) -> bool {
    let is_registered_name = known.matches('.').count() == 1;
    host.match_indices(known).any(|(at, _)| {
        let is_suffix = at + known.len() == host.len();
        host.len() > known.len() && (!is_suffix || is_registered_name)
    })
}

/// Whether a host is a domain that is taken for Bitbucket Cloud's.
pub(crate) fn is_other_domain(host: &str) -> bool {
    let domain = |name: &str| host == name || host.ends_with(&format!(".{name}"));
    OTHER_DOMAINS.into_iter().any(domain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::test_rows;

    #[test]
    fn look_alikes_are_found() {
        for (case, expected) in test_rows(
            "
            bitbucket.org evil.test - => bitbucket.org
            Bitbucket.org evil.test - => bitbucket.org
            jane@bitbucket.org evil.test - => bitbucket.org
            git.acme.com evil.test - => git.acme.com
            git.acme evil.test git.acme => git.acme
            - bitbucket.org.evil.test - => bitbucket.org
            - evil-bitbucket.org - => bitbucket.org
            - bitbucket.organic.test - => bitbucket.org
            - git.acme.example.evil.test git.acme.example => git.acme.example
            jane.doe git.acme.example - => -
            jane@acme.example bitbucket.org - => -
            jane@bitbucket.org bitbucket.org - => -
            git bitbucket.org - => -
            - ssh.bitbucket.org - => -
            - www.bitbucket.org bitbucket.org => -
            - my-git.acme.example git.acme.example => -
            - my-acme.example acme.example => acme.example
            - bitbucket.example.com - => -
            - stash stash => -
            - stash.acme.example stash => -
            ",
        ) {
            let columns: Vec<_> = case.split(' ').collect();
            let [user, host, saved] =
                [0, 1, 2].map(|at| Some(columns[at]).filter(|name| *name != "-"));
            let found = find(user, host.unwrap(), saved.as_slice());
            assert_eq!(found.as_deref().unwrap_or("-"), expected, "{case}");
        }
    }

    #[test]
    fn other_domains() {
        for (host, expected) in [
            ("bitbucket.com", true),
            ("www.bitbucket.com", true),
            ("bitbucket.org", false),
            ("bitbucket.example.com", false),
            ("notbitbucket.com", false),
        ] {
            assert_eq!(is_other_domain(host), expected, "{host}");
        }
    }
}
