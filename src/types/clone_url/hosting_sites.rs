//! Hosting sites that never run Bitbucket.

use super::host::Host;

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
