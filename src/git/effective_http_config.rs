//! Git's own HTTP configuration for a server: version, proxy, trusted certificates.

use super::command::{config_get, entries, git, run_required};
use super::error::GitError;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct GitHttpConfig {
    /// Such as `2.47.3`.
    pub version: String,
    /// `http.proxy`
    pub proxy: Option<String>,
    /// `http.sslCAInfo`
    pub ca_info: Option<String>,
    /// `http.sslVerify`
    pub ssl_verify: Option<String>,
}

/// Reads the version of git, and its configuration for a URL.
pub(crate) fn view(url: Option<&str>) -> Result<GitHttpConfig, GitError> {
    let version = run_required(git().args(["--version"]))?;
    let version = version.split(' ').nth(2).unwrap_or_default().trim();
    let settings = match url {
        Some(url) => {
            let matching = ["config", "--null", "--get-urlmatch", "http", url];
            config_get(git().args(matching))?
        }
        None => String::new(),
    };
    let settings = entries(&settings);
    let get = |key: &str| {
        let mut settings = settings.iter();
        let found = settings.find(|(name, _)| name.eq_ignore_ascii_case(key));
        found.map(|(_, value)| value.clone())
    };
    Ok(GitHttpConfig {
        version: version.to_owned(),
        proxy: get("http.proxy").filter(|proxy| !proxy.is_empty()),
        ca_info: get("http.sslcainfo"),
        ssl_verify: get("http.sslverify"),
    })
}
