//! Where git pushes, as whom, and that nothing else of the user's settings gets in between.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::types::secret::Secret;

/// Where to push, and as whom.
#[derive(Debug)]
pub(crate) struct PushTarget {
    /// The repository's address over HTTP, without a user.
    pub url: String,
    /// The value of the `Authorization` header.
    pub authorization: Secret,
    /// Certificates to trust instead of the system's: git takes one file.
    pub ca_cert: Option<PathBuf>,
    /// A client certificate and its key.
    pub client_cert: Option<(PathBuf, PathBuf)>,
    /// A proxy instead of the environment's.
    pub proxy: Option<String>,
    /// How long each step may take.
    pub limit: Duration,
}

impl PushTarget {
    /// Settings for git, for this one address; git-config(1), `GIT_CONFIG_COUNT`, since git 2.31.
    pub(super) fn environment(&self, folder: &Path) -> Vec<(String, OsString)> {
        let header = format!("Authorization: {}", self.authorization.expose());
        let mut settings: Vec<(String, OsString)> = vec![
            // An empty one takes away those before it: a server might take another's.
            (format!("http.{}.extraHeader", self.url), OsString::new()),
            (format!("http.{}.extraHeader", self.url), header.into()),
            // The first is empty: it takes those away that the user has set up.
            ("credential.helper".to_owned(), OsString::new()),
            ("core.askPass".to_owned(), OsString::new()),
            ("core.hooksPath".to_owned(), folder.join("no-hooks").into()),
            // A header would go along.
            ("http.followRedirects".to_owned(), "false".into()),
        ];
        let mut set = |key: &str, value: Option<OsString>| {
            settings.extend(value.map(|value| (key.to_owned(), value)));
        };
        set("http.sslCAInfo", self.ca_cert.clone().map(Into::into));
        set("http.proxy", self.proxy.clone().map(Into::into));
        let (cert, key) = self.client_cert.clone().unzip();
        set("http.sslCert", cert.map(Into::into));
        set("http.sslKey", key.map(Into::into));
        let mut environment = vec![
            ("GIT_DIR".to_owned(), folder.into()),
            // The user's rewritten addresses, signatures and object formats are for other pushes.
            (
                "GIT_CONFIG_GLOBAL".to_owned(),
                folder.join("no-config").into(),
            ),
            (
                "GIT_CONFIG_SYSTEM".to_owned(),
                folder.join("no-config").into(),
            ),
            ("GIT_CONFIG_NOSYSTEM".to_owned(), "1".into()),
            // Empty is nobody: the credential is here, or there is none.
            ("GIT_ASKPASS".to_owned(), OsString::new()),
            ("GIT_TERMINAL_PROMPT".to_owned(), "0".into()),
            ("LC_ALL".to_owned(), "C".into()),
            (
                "GIT_CONFIG_COUNT".to_owned(),
                settings.len().to_string().into(),
            ),
        ];
        for (number, (key, value)) in settings.into_iter().enumerate() {
            environment.push((format!("GIT_CONFIG_KEY_{number}"), key.into()));
            environment.push((format!("GIT_CONFIG_VALUE_{number}"), value));
        }
        environment
    }
}
