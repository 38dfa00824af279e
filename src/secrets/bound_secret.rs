//! A secret with what it is bound to, as an entry of a keyring.

use serde::{Deserialize, Serialize};

use super::error::StoreError;
use crate::types::connection::Binding;
use crate::types::secret::Secret;

const VERSION: u32 = 1;

#[derive(Debug)]
pub(crate) struct BoundSecret {
    pub secret: Secret,
    pub binding: Binding,
}

#[derive(Serialize)]
struct NewEntry<'a> {
    version: u32,
    binding: &'a Binding,
    secret: &'a str,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    version: u32,
    binding: Binding,
    secret: String,
}

pub(super) fn to_entry(binding: &Binding, secret: &Secret) -> Result<Secret, StoreError> {
    // Large enough not to grow, which would leave a copy behind.
    let mut text = Vec::with_capacity(secret.expose().len() * 2 + 4096);
    let entry = NewEntry {
        version: VERSION,
        binding,
        secret: secret.expose(),
    };
    serde_json::to_writer(&mut text, &entry).map_err(|_| StoreError::EntryNotText)?;
    let text = String::from_utf8(text).map_err(|_| StoreError::EntryNotText)?;
    Ok(Secret::new(text))
}

/// The secret of an entry; `None` where it is not one of ours.
pub(super) fn from_entry(text: &str) -> Option<BoundSecret> {
    let entry: Entry = serde_json::from_str(text).ok()?;
    (entry.version == VERSION).then(|| BoundSecret {
        secret: Secret::new(entry.secret),
        binding: entry.binding,
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::types::connection::{BaseUrl, Connection, Credential};
    use crate::types::deployment::Deployment;

    pub(in crate::secrets) fn binding(url: &str) -> Binding {
        let credential = Credential::HttpAccessToken {
            level: None,
            username: None,
        };
        let base_url = BaseUrl::parse(url).unwrap();
        let connection = Connection::new(Deployment::DataCenter, base_url, credential);
        Binding::new(&connection, None)
    }

    #[test]
    fn an_entry_has_its_binding() {
        let bound = binding("https://git.example.com");
        let entry = to_entry(&bound, &Secret::new("s3\"cret".to_owned())).unwrap();
        let read = from_entry(entry.expose()).unwrap();
        assert_eq!(read.secret.expose(), "s3\"cret");
        assert_eq!(read.binding, bound);
        for other in ["s3cret", "{\"origin\":\"https://bitbucket.org\"}", "1"] {
            assert!(from_entry(other).is_none(), "{other}");
        }
    }
}
