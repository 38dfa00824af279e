//! Host names and ports of Bitbucket Cloud.
//!
//! Sources: <https://bitbucket.org/site/ssh>,
//! <https://support.atlassian.com/bitbucket-cloud/docs/configure-ssh-and-two-step-verification/>.

/// The website, and Git over HTTPS.
pub(crate) const WEB: &str = "bitbucket.org";
pub(crate) const API: &str = "api.bitbucket.org";
/// Git over SSH.
pub(crate) const SSH: &str = "ssh.bitbucket.org";
/// Git over SSH on port 443, for networks that block port 22.
pub(crate) const SSH_ON_443: &str = "altssh.bitbucket.org";
/// Git over SSH until 2026-11-12. The name remains that of the website.
pub(crate) const RETIRED_SSH: &str = WEB;

pub(crate) const WEB_URL: &str = "https://bitbucket.org";
pub(crate) const API_BASE_URL: &str = "https://api.bitbucket.org/2.0";

const HTTP: [&str; 3] = [WEB, "www.bitbucket.org", API];

/// The SSH servers and their ports, the retired one last.
pub(crate) const SSH_SERVERS: [(&str, u16); 3] = [(SSH, 22), (SSH_ON_443, 443), (RETIRED_SSH, 22)];

/// Whether a host belongs to Bitbucket Cloud. A dot at the end (a fully qualified name) makes no difference.
pub(crate) fn is_cloud(host: &str) -> bool {
    is_http(host) || is_one_of(host, [SSH, SSH_ON_443])
}

/// Whether a host is Bitbucket Cloud's website or API.
pub(crate) fn is_http(host: &str) -> bool {
    is_one_of(host, HTTP)
}

/// Whether a host is where Bitbucket Cloud served SSH until 2026-11-12.
pub(crate) fn is_retired_ssh(host: &str) -> bool {
    is_one_of(host, [RETIRED_SSH])
}

fn is_one_of<const N: usize>(host: &str, names: [&str; N]) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    names.iter().any(|name| host.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_compared_whole() {
        for host in [
            "bitbucket.org",
            "Bitbucket.ORG.",
            "www.bitbucket.org",
            "altssh.bitbucket.org",
        ] {
            assert!(is_cloud(host), "{host}");
        }
        for host in [
            "",
            ".",
            "bitbucket.com",
            "bitbucket.org..",
            "x.bitbucket.org",
            "bitbucket.org.evil.example",
            "notbitbucket.org",
        ] {
            assert!(!is_cloud(host), "{host}");
        }
        assert!(!is_http(SSH));
    }
}
