//! A secret with what it is bound to, as an entry of a keyring.

use serde::{Deserialize, Serialize};

use super::error::StoreError;
use crate::types::connection::Binding;
use crate::types::secret::Secret;

const VERSION: u32 = 1;

#[derive(Debug)]
pub(crate) struct BoundSecret {
    pub secret: Secret,
    /// `None` for a secret of the earlier format, which was stored without its binding.
    pub binding: Option<Binding>,
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

/// The secret of an entry. What is no entry of ours is a secret of the earlier format.
pub(super) fn from_entry(text: &str) -> BoundSecret {
    match serde_json::from_str::<Entry>(text) {
        Ok(entry) if entry.version == VERSION => BoundSecret {
            secret: Secret::new(entry.secret),
            binding: Some(entry.binding),
        },
        Ok(_) | Err(_) => BoundSecret {
            secret: Secret::new(text.to_owned()),
            binding: None,
        },
    }
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
    fn an_entry_has_its_binding_and_an_earlier_one_has_none() {
        let bound = binding("https://git.example.com");
        let entry = to_entry(&bound, &Secret::new("s3\"cret".to_owned())).unwrap();
        let read = from_entry(entry.expose());
        assert_eq!(read.secret.expose(), "s3\"cret");
        assert_eq!(read.binding, Some(bound));
        for earlier in ["s3cret", "{\"origin\":\"https://bitbucket.org\"}", "1"] {
            let read = from_entry(earlier);
            assert_eq!(read.secret.expose(), earlier);
            assert_eq!(read.binding, None);
        }
    }
}
