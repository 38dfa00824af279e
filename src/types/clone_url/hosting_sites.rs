//! Hosting sites other than Bitbucket.

use super::host::Host;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct HostingSite {
    pub(super) depth: Depth,
    /// The page of the deploy keys, below the page of the repository.
    pub(super) keys_page: Option<&'static [&'static str]>,
}

/// The number of segments in the path of a repository.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Depth {
    Exactly(usize),
    AtLeast(usize),
    /// The site has no repositories that can be cloned.
    None,
}

pub(super) fn find(host: &Host) -> Option<HostingSite> {
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
