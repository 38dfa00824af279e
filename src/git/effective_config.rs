//! Git's own configuration for a server: version, proxy, trusted certificates, and what leads it another way.

use super::command::{GitError, config_get, entries, git, run_required};
use super::remotes::Rewrites;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct EffectiveConfig {
    /// Such as `2.47.3`.
    pub version: String,
    /// `http.proxy`
    pub proxy: Option<String>,
    /// `http.sslCAInfo`
    pub ca_info: Option<String>,
    /// `http.sslCert`
    pub ssl_cert: Option<String>,
    /// `http.sslVerify`
    pub ssl_verify: Option<String>,
    /// `core.sshCommand`, `ssh.variant` and `protocol.*`, with the file or command line that sets them.
    settings: Vec<Setting>,
    /// The URLs that `url.<base>.insteadOf` rewrites, with the rewritten ones.
    pub rewritten: Vec<(String, String)>,
}

/// A setting, and where it comes from: `file:/home/jane/.gitconfig`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Setting {
    pub(crate) key: String,
    pub(crate) value: String,
    pub(crate) origin: String,
}

impl EffectiveConfig {
    /// The value of a setting that counts.
    pub(crate) fn setting(&self, key: &str) -> Option<&Setting> {
        let mut settings = self.settings.iter().rev();
        settings.find(|setting| setting.key.eq_ignore_ascii_case(key))
    }
}

/// Reads the version of git, and its configuration for URLs: of the server over HTTP, and of a repository.
pub(crate) fn view(
    url: Option<&str>,
    repository: Option<&str>,
) -> Result<EffectiveConfig, GitError> {
    const OTHERS: &str = r"^(core\.sshcommand|ssh\.variant|protocol\..*|url\..*\.insteadof)$";
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
    let others = if url.is_some() || repository.is_some() {
        let all = ["config", "--null", "--show-origin", "--get-regexp", OTHERS];
        config_get(git().args(all))?
    } else {
        String::new()
    };
    let others = with_origins(&others);
    let pairs: Vec<(String, String)> = others
        .iter()
        .map(|setting| (setting.key.clone(), setting.value.clone()))
        .collect();
    let rewrites = Rewrites::new(&pairs);
    let urls = [url, repository].into_iter().flatten();
    let rewritten = urls.filter_map(|url| {
        let rewritten = rewrites.apply(url);
        (rewritten != url).then(|| (url.to_owned(), rewritten))
    });
    Ok(EffectiveConfig {
        version: version.to_owned(),
        proxy: get("http.proxy").filter(|proxy| !proxy.is_empty()),
        ca_info: get("http.sslcainfo"),
        ssl_cert: get("http.sslcert"),
        ssl_verify: get("http.sslverify"),
        rewritten: rewritten.collect(),
        settings: others,
    })
}

/// `origin\0key\nvalue\0` for each entry (git-config(1), `--show-origin --null`).
fn with_origins(listing: &str) -> Vec<Setting> {
    let mut parts = listing.split('\0');
    let mut settings = Vec::new();
    while let (Some(origin), Some(entry)) = (parts.next(), parts.next()) {
        if let Some((key, value)) = entry.split_once('\n') {
            settings.push(Setting {
                key: key.to_owned(),
                value: value.to_owned(),
                origin: origin.to_owned(),
            });
        }
    }
    settings
}
