//! The settings of git for the HTTP servers of connections: `http.<url>.sslCAInfo`, `sslCert`, `sslKey` and `proxy`
//! (git-config(1)). They are set and removed beside the credential helper; values of the user are kept.

use serde::{Serialize, Serializer};

use super::command::{GitError, config_get, entries, run_modifying};
use super::credential_helpers::ConfigScope;
use crate::types::connection::NetworkSettings;
use crate::types::named_enum::named_enum;

named_enum! {
    /// A setting, by its name below `http.<url>`.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
    pub(crate) enum HttpSetting {
        CaInfo = "sslCAInfo",
        Cert = "sslCert",
        Key = "sslKey",
        Proxy = "proxy",
    }
}

impl HttpSetting {
    const ALL: [Self; 4] = [Self::CaInfo, Self::Cert, Self::Key, Self::Proxy];

    fn key(self, origin: &str) -> String {
        format!("http.{origin}.{}", self.name())
    }

    /// Records the value that was set by us.
    fn mark(self, origin: &str) -> String {
        format!("bbconnect.{origin}.{}", self.name())
    }
}

/// The settings for a server. What is absent is not set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct HttpSettings(Vec<(HttpSetting, String)>);

impl Serialize for HttpSettings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(setting, value)| (setting, value)))
    }
}

impl From<&NetworkSettings> for HttpSettings {
    fn from(network: &NetworkSettings) -> Self {
        let path = |path: &std::path::PathBuf| path.to_str().map(str::to_owned);
        let (cert, key) = network
            .client_identity
            .as_ref()
            .map_or((None, None), |(cert, key)| (path(cert), path(key)));
        let values = [
            network.ca_cert.as_ref().and_then(path),
            cert,
            key,
            network.proxy.clone(),
        ];
        let all = HttpSetting::ALL.into_iter().zip(values);
        Self(
            all.filter_map(|(setting, value)| Some((setting, value?)))
                .collect(),
        )
    }
}

impl HttpSettings {
    /// What several connections to one server have in common, and the settings in which they differ.
    pub(crate) fn common(all: &[Self]) -> (Self, Vec<HttpSetting>) {
        let (mut common, mut differing) = (Vec::new(), Vec::new());
        for setting in HttpSetting::ALL {
            let mut values = all.iter().map(|settings| settings.get(setting));
            let first = values.next().flatten();
            if !values.all(|value| value == first) {
                differing.push(setting);
            } else if let Some(value) = first {
                common.push((setting, value.to_owned()));
            }
        }
        (Self(common), differing)
    }

    /// Without these settings.
    pub(crate) fn without(mut self, settings: &[HttpSetting]) -> Self {
        self.0.retain(|(setting, _)| !settings.contains(setting));
        self
    }

    fn get(&self, setting: HttpSetting) -> Option<&str> {
        let found = self.0.iter().find(|(other, _)| *other == setting);
        found.map(|(_, value)| value.as_str())
    }

    /// The entries of git's configuration for a server.
    pub(crate) fn entries(&self, origin: &str) -> Vec<(String, String)> {
        let entry = |(setting, value): &(HttpSetting, String)| (setting.key(origin), value.clone());
        self.0.iter().map(entry).collect()
    }

    /// Makes these the settings for a server in one configuration file, and removes those of ours that are not among them.
    /// Returns whether that is a change, and the settings for which the user has another value, which is kept.
    pub(crate) fn apply(
        &self,
        scope: ConfigScope,
        origin: &str,
    ) -> Result<(bool, Vec<HttpSetting>), GitError> {
        const OF_SERVERS: &str =
            r"^(http|bbconnect)\.https?://.*\.(sslcainfo|sslcert|sslkey|proxy)$";
        let listing = config_get(scope.config().args(["--null", "--get-regexp", OF_SERVERS]))?;
        let present = entries(&listing);
        let values = |key: &str| -> Vec<&str> {
            let matching = present
                .iter()
                .filter(|(other, _)| other.eq_ignore_ascii_case(key));
            matching.map(|(_, value)| value.as_str()).collect()
        };
        let set = |arguments: &[&str]| run_modifying(scope.config().args(arguments));
        let (mut is_changed, mut kept) = (false, Vec::new());
        for setting in HttpSetting::ALL {
            let (key, mark) = (setting.key(origin), setting.mark(origin));
            let (current, marked) = (values(&key), values(&mark));
            let is_ours = !current.is_empty() && current == marked;
            let wanted = self.get(setting);
            if wanted.is_some() && current.last().copied() == wanted {
                continue;
            }
            if !current.is_empty() && !is_ours {
                kept.extend(wanted.map(|_| setting));
                if !marked.is_empty() {
                    set(&["--unset-all", &mark])?;
                }
                continue;
            }
            // The value without a mark is the user's, so it is removed first and set last.
            if is_ours {
                set(&["--unset-all", &key])?;
                is_changed = true;
            }
            if let Some(value) = wanted {
                set(&["--replace-all", &mark, value])?;
                set(&["--add", &key, value])?;
                is_changed = true;
            } else if !marked.is_empty() {
                set(&["--unset-all", &mark])?;
            }
        }
        Ok((is_changed, kept))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_all_connections_agree_on_is_common() {
        let settings = |ca: Option<&str>, proxy: Option<&str>| {
            HttpSettings::from(&NetworkSettings {
                ca_cert: ca.map(Into::into),
                proxy: proxy.map(str::to_owned),
                ..NetworkSettings::default()
            })
        };
        let (ca, proxy) = (Some("/ca.pem"), Some("http://proxy.example.com:3128"));
        for (all, expected, differing) in [
            (vec![settings(ca, proxy)], settings(ca, proxy), vec![]),
            (
                vec![settings(ca, proxy), settings(ca, None)],
                settings(ca, None),
                vec![HttpSetting::Proxy],
            ),
            (
                vec![settings(ca, proxy), settings(Some("/other.pem"), proxy)],
                settings(None, proxy),
                vec![HttpSetting::CaInfo],
            ),
            (vec![], settings(None, None), vec![]),
        ] {
            assert_eq!(HttpSettings::common(&all), (expected, differing), "{all:?}");
        }
    }
}
