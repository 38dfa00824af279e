//! URLs that a server sends. They are printed and passed on to git and browsers, so only those that are what they should be
//! are kept.

use url::Url;

use super::clone_url::{CloneUrl, Transport};

/// A web page: http or https, with a host and without a user name.
pub(crate) fn web(link: &str) -> Option<String> {
    let url = Url::parse(link).ok()?;
    let is_web = matches!(url.scheme(), "http" | "https") && url.host_str().is_some();
    let has_userinfo = !url.username().is_empty() || url.password().is_some();
    (is_web && !has_userinfo).then(|| url.to_string())
}

/// A clone URL over SSH.
pub(crate) fn ssh(link: &str) -> Option<String> {
    let url: CloneUrl = link.parse().ok()?;
    (url.transport() == Transport::Ssh).then(|| url.ssh())?
}

/// A clone URL over HTTP, without the user name that some servers put into it.
pub(crate) fn https(link: &str) -> Option<String> {
    let url: CloneUrl = link.parse().ok()?;
    (url.transport() != Transport::Ssh).then(|| url.https())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_links_of_their_kind_are_kept() {
        let own = "ssh://git@git.example.com:7999/prj/web-app.git";
        assert_eq!(ssh(own).as_deref(), Some(own));
        assert_eq!(
            https("https://jane@git.example.com/scm/prj/web-app.git").as_deref(),
            Some("https://git.example.com/scm/prj/web-app.git")
        );
        let page = "https://git.example.com/projects/PRJ/repos/web-app/browse";
        assert_eq!(web(page).as_deref(), Some(page));
        for link in [
            "ssh://git@-oProxyCommand=touch%20x/prj/web-app.git",
            "ext::sh -c touch% x",
            "javascript:alert(1)",
            "file:///etc/passwd",
            "--upload-pack=touch x",
            "data:text/html,x",
            "",
        ] {
            assert_eq!(
                [ssh(link), https(link), web(link)],
                [None, None, None],
                "{link}"
            );
        }
        assert_eq!(ssh("https://git.example.com/scm/prj/web-app.git"), None);
        assert_eq!(https(own), None);
        assert_eq!(web("https://jane:pw@git.example.com/"), None);
    }
}
