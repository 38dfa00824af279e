//! What a secret is bound to: everything that decides who can read it on its way. It is stored with the secret, so that no
//! change of `connections.toml` sends the secret elsewhere.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use url::Url;

use super::{Connection, Origin};
use crate::types::shell::quote;

/// The settings with which a secret was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Binding {
    /// The origin of `base_url`. Its path may change.
    origin: Origin,
    /// The origin of `web_url`.
    website: Option<Origin>,
    proxy: Option<String>,
    ca: Option<CaFile>,
    /// Paths of the certificate and its key. Their content does not decide who reads the secret.
    client_certificate: Option<(PathBuf, PathBuf)>,
    allow_http: bool,
}

/// A file of certificate authorities.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CaFile {
    pub path: PathBuf,
    /// SHA-256 of the content; `None` for a file of the system, which only an administrator can change.
    pub sha256: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BoundSetting {
    BaseUrl,
    WebUrl,
    Proxy,
    /// The path of the file.
    CaCert,
    CaContent,
    ClientCert,
    AllowHttp,
}

impl BoundSetting {
    const ALL: [Self; 7] = [
        Self::BaseUrl,
        Self::WebUrl,
        Self::Proxy,
        Self::CaCert,
        Self::CaContent,
        Self::ClientCert,
        Self::AllowHttp,
    ];

    /// The key in `connections.toml`.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::BaseUrl => "base_url",
            Self::WebUrl => "web_url",
            Self::Proxy => "proxy",
            Self::CaCert => "ca_cert",
            Self::CaContent => "the content of ca_cert",
            Self::ClientCert => "client_cert",
            Self::AllowHttp => "allow_http",
        }
    }

    /// The flags of `connection edit` that set the present value again.
    fn flags(self, connection: &Connection) -> String {
        let network = &connection.network;
        let quoted = |text: &str| quote(text).into_owned();
        let path = |path: Option<&PathBuf>| {
            quoted(&path.map_or_else(String::new, |path| path.display().to_string()))
        };
        match self {
            Self::BaseUrl => format!("--url {}", quoted(&connection.base_url.to_string())),
            Self::WebUrl => {
                let url = connection.web_url.as_deref().unwrap_or_default();
                format!("--web-url {}", quoted(url))
            }
            Self::Proxy => {
                let proxy = network.proxy.as_deref().unwrap_or_default();
                format!("--proxy {}", quoted(proxy))
            }
            Self::CaCert | Self::CaContent => {
                format!("--ca-cert {}", path(network.ca_cert.as_ref()))
            }
            Self::ClientCert => {
                let identity = network.client_identity.as_ref();
                let (certificate, key) = identity.map(|(a, b)| (a, b)).unzip();
                format!(
                    "--client-cert {} --client-key {}",
                    path(certificate),
                    path(key)
                )
            }
            Self::AllowHttp => "--allow-http".to_owned(),
        }
    }
}

impl Binding {
    /// The present settings of a connection; `ca` is its file of authorities.
    pub(crate) fn new(connection: &Connection, ca: Option<CaFile>) -> Self {
        let website = connection.web_url.as_deref();
        let website = website.and_then(|url| Url::parse(url).ok());
        Self {
            origin: connection.base_url.origin(),
            website: website.map(|url| Origin::from_url(&url)),
            proxy: connection.network.proxy.clone(),
            ca,
            client_certificate: connection.network.client_identity.clone(),
            allow_http: connection.network.allow_http,
        }
    }

    /// The settings that differ from those with which the secret was given.
    pub(crate) fn changed_settings(&self, now: &Self) -> Vec<BoundSetting> {
        let path = |ca: &Option<CaFile>| ca.as_ref().map(|ca| ca.path.clone());
        let is_changed = |setting: &BoundSetting| match setting {
            BoundSetting::BaseUrl => self.origin != now.origin,
            BoundSetting::WebUrl => self.website != now.website,
            BoundSetting::Proxy => self.proxy != now.proxy,
            BoundSetting::CaCert => path(&self.ca) != path(&now.ca),
            BoundSetting::CaContent => self.ca != now.ca && path(&self.ca) == path(&now.ca),
            BoundSetting::ClientCert => self.client_certificate != now.client_certificate,
            // Without `allow_http` less is allowed than before.
            BoundSetting::AllowHttp => now.allow_http && !self.allow_http,
        };
        BoundSetting::ALL.into_iter().filter(is_changed).collect()
    }

    /// With the values that some settings have now. Others stay those with which the secret was given.
    pub(crate) fn with_settings(mut self, settings: &[BoundSetting], now: &Self) -> Self {
        for setting in settings {
            match setting {
                BoundSetting::BaseUrl => self.origin = now.origin.clone(),
                BoundSetting::WebUrl => self.website.clone_from(&now.website),
                BoundSetting::Proxy => self.proxy.clone_from(&now.proxy),
                BoundSetting::CaCert | BoundSetting::CaContent => self.ca.clone_from(&now.ca),
                BoundSetting::ClientCert => {
                    self.client_certificate.clone_from(&now.client_certificate);
                }
                BoundSetting::AllowHttp => self.allow_http = now.allow_http,
            }
        }
        self
    }
}

/// The flags of `connection edit` that confirm the present values of settings.
pub(crate) fn confirming_flags(settings: &[BoundSetting], connection: &Connection) -> String {
    let flags = settings.iter().map(|setting| setting.flags(connection));
    flags.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::connection::{BaseUrl, Credential};
    use crate::types::deployment::Deployment;

    fn connection() -> Connection {
        let base = BaseUrl::parse("https://git.example.com/ctx").unwrap();
        let credential = Credential::Password {
            username: "jane".to_owned(),
        };
        Connection::new(Deployment::DataCenter, base, credential)
    }

    fn ca(sha256: &str) -> CaFile {
        CaFile {
            path: "/ca.pem".into(),
            sha256: Some(sha256.to_owned()),
        }
    }

    #[test]
    fn every_setting_that_decides_who_reads_the_secret_is_bound() {
        type Change = fn(&mut Connection);
        let sealed = Binding::new(&connection(), None);
        let edit = |change: fn(&mut Connection)| {
            let mut changed = connection();
            change(&mut changed);
            changed
        };
        let table: [(Change, BoundSetting, &str); 5] = [
            (
                |to| to.base_url = BaseUrl::parse("https://evil.example").unwrap(),
                BoundSetting::BaseUrl,
                "--url https://evil.example",
            ),
            (
                |to| to.web_url = Some("https://web.example/x".to_owned()),
                BoundSetting::WebUrl,
                "--web-url https://web.example/x",
            ),
            (
                |to| to.network.proxy = Some("http://p:3128".to_owned()),
                BoundSetting::Proxy,
                "--proxy http://p:3128",
            ),
            (
                |to| to.network.client_identity = Some(("/c 1".into(), "/k".into())),
                BoundSetting::ClientCert,
                "--client-cert '/c 1' --client-key /k",
            ),
            (
                |to| to.network.allow_http = true,
                BoundSetting::AllowHttp,
                "--allow-http",
            ),
        ];
        for (change, setting, flags) in table {
            let after = edit(change);
            let now = Binding::new(&after, None);
            assert_eq!(sealed.changed_settings(&now), [setting]);
            let flags = if cfg!(windows) {
                flags.replace('\'', "\"")
            } else {
                flags.to_owned()
            };
            assert_eq!(confirming_flags(&[setting], &after), flags);
            let confirmed = sealed.clone().with_settings(&[setting], &now);
            assert_eq!(confirmed, now);
            // A setting that was taken out is a change as well, except for one that allowed more.
            let allowed_more = setting == BoundSetting::AllowHttp;
            let expected = if allowed_more { vec![] } else { vec![setting] };
            assert_eq!(now.changed_settings(&sealed), expected);
        }
        let with_ca = |sha256| Binding::new(&connection(), Some(ca(sha256)));
        assert_eq!(
            sealed.changed_settings(&with_ca("a")),
            [BoundSetting::CaCert]
        );
        assert_eq!(
            with_ca("a").changed_settings(&with_ca("b")),
            [BoundSetting::CaContent]
        );
        assert_eq!(
            confirming_flags(&[BoundSetting::CaCert], &connection()),
            format!("--ca-cert {}", quote(""))
        );
    }

    #[test]
    fn settings_that_do_not_decide_may_change() {
        let sealed = Binding::new(&connection(), None);
        let mut after = connection();
        after.base_url = BaseUrl::parse("https://git.example.com/other").unwrap();
        after.workspace = Some("acme".to_owned());
        after.expires_on = "2027-01-01".parse().ok();
        assert_eq!(sealed.changed_settings(&Binding::new(&after, None)), []);
    }

    #[test]
    fn one_confirmed_setting_confirms_no_other() {
        let sealed = Binding::new(&connection(), None);
        let mut after = connection();
        after.base_url = BaseUrl::parse("https://evil.example").unwrap();
        after.network.proxy = Some("http://p:3128".to_owned());
        let now = Binding::new(&after, None);
        let confirmed = sealed.with_settings(&[BoundSetting::Proxy], &now);
        assert_eq!(confirmed.changed_settings(&now), [BoundSetting::BaseUrl]);
    }
}
