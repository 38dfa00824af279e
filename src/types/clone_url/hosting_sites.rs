//! Hosts that are known by name: Bitbucket Cloud's own, and other sites that are never a Bitbucket.

use super::host::Host;

/// Where Bitbucket Cloud's web pages and HTTPS clones are.
pub(super) const CLOUD_WEB: &str = "bitbucket.org";
/// Where Bitbucket Cloud answers over SSH since 2026-11-12.
pub(super) const CLOUD_SSH: &str = "ssh.bitbucket.org";
/// Where Bitbucket Cloud's REST API is.
pub(super) const CLOUD_API: &str = "api.bitbucket.org";

const CLOUD: [&str; 5] = [
    CLOUD_WEB,
    "www.bitbucket.org",
    CLOUD_SSH,
    "altssh.bitbucket.org",
    CLOUD_API,
];

/// Whether a host belongs to Bitbucket Cloud.
#[must_use]
pub(crate) fn is_cloud_host(name: &str) -> bool {
    CLOUD.contains(&name)
}

/// Another hosting site.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct HostingSite {
    /// How many parts a repository's path has: exactly, or at least that many.
    pub(super) depth: Depth,
    /// Below the repository's own page, the page where its deploy keys are registered.
    pub(super) keys_page: Option<&'static [&'static str]>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Depth {
    Exactly(usize),
    AtLeast(usize),
    /// The site hosts something else than repositories.
    None,
}

/// What is known of a host that is not Bitbucket's.
pub(super) fn other(host: &Host) -> Option<HostingSite> {
    let name = host.name()?;
    let (depth, keys_page): (_, Option<&'static [&'static str]>) = match name {
        "github.com" | "www.github.com" | "ssh.github.com" | "codeberg.org" => {
            (Depth::Exactly(2), Some(&["settings", "keys"]))
        }
        "gitlab.com" | "altssh.gitlab.com" => {
            (Depth::AtLeast(2), Some(&["-", "settings", "repository"]))
        }
        "gitee.com" | "git.sr.ht" | "framagit.org" | "gitea.com" => (Depth::Exactly(2), None),
        "gist.github.com" | "gist.gitlab.com" | "raw.githubusercontent.com" => (Depth::None, None),
        "git.kernel.org" => (Depth::AtLeast(1), None),
        "dev.azure.com" | "ssh.dev.azure.com" | "vs-ssh.visualstudio.com" => {
            (Depth::AtLeast(3), None)
        }
        _ if name.ends_with(".atlassian.com") || name.ends_with(".atlassian.net") => {
            (Depth::None, None)
        }
        _ if name.ends_with(".visualstudio.com") || name.ends_with(".amazonaws.com") => {
            (Depth::AtLeast(2), None)
        }
        _ => return None,
    };
    Some(HostingSite { depth, keys_page })
}
