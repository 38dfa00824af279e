//! How git itself would reach a server: its version, its proxy, the certificates that it trusts.

use super::command::{config_get, entries, git, run_required};
use super::error::GitError;

/// Git's view of a server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct GitHttpConfig {
    /// The version: `2.47.3`.
    pub version: String,
    /// `http.proxy`
    pub proxy: Option<String>,
    /// `http.sslCAInfo`
    pub ca_info: Option<String>,
    /// `http.sslVerify`
    pub ssl_verify: Option<String>,
}

/// Asks git how it would reach a URL over HTTP.
///
/// # Errors
/// [`GitError::Process`] where there is no git.
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
