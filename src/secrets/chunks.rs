//! Secrets that are too long for one entry of a keyring: chunks in entries of their own, and a first entry that names
//! them. A change writes other chunks than those that are read, and the first entry last: until then the old secret is
//! intact.

use std::str;

use zeroize::Zeroizing;

use super::error::StoreError;

/// Windows limits an entry to 2,560 bytes.
const MAX_CHUNK_BYTES: usize = 2_400;

/// Begins the first entry of a secret in chunks, before their set and number.
const MANIFEST_PREFIX: &str = "bbconnect-pieces:";

/// How often another process may change a secret while it is read.
const MAX_READ_ATTEMPTS: usize = 3;

/// The entries of a keyring.
pub(super) trait Entries {
    /// `None` where there is no such entry.
    fn read(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError>;
    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError>;
    /// Removes an entry. One that does not exist is no error.
    fn remove(&self, name: &str) -> Result<(), StoreError>;
}

/// One of the two sets of chunks that changes alternate between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ChunkSet {
    A,
    B,
}

impl ChunkSet {
    const ALL: [Self; 2] = [Self::A, Self::B];

    fn letter(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
        }
    }

    fn entry_name(self, name: &str, number: usize) -> String {
        format!("{name}#{}{number}", self.letter())
    }
}

/// Which chunks a secret has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Manifest {
    set: ChunkSet,
    count: usize,
}

impl Manifest {
    /// The manifest in a first entry; `None` where the entry is the secret itself.
    fn parse(first_entry: &[u8]) -> Option<Self> {
        let text = str::from_utf8(first_entry).ok()?;
        let chunks = text.strip_prefix(MANIFEST_PREFIX)?;
        ChunkSet::ALL.into_iter().find_map(|set| {
            let count = chunks.strip_prefix(set.letter())?.parse().ok()?;
            Some(Self { set, count })
        })
    }

    fn first_entry(self) -> String {
        format!("{MANIFEST_PREFIX}{}{}", self.set.letter(), self.count)
    }
}

pub(super) fn get(
    entries: &impl Entries,
    name: &str,
) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
    let mut first = entries.read(name)?;
    for _ in 0..MAX_READ_ATTEMPTS {
        let Some(bytes) = first else { return Ok(None) };
        let Some(manifest) = Manifest::parse(&bytes) else {
            return Ok(Some(bytes));
        };
        if let Some(secret) = read_chunks(entries, name, manifest)? {
            return Ok(Some(secret));
        }
        // Another process is changing it, or a chunk is lost.
        first = entries.read(name)?;
        if first.as_ref() == Some(&bytes) {
            break;
        }
    }
    Ok(None)
}

fn read_chunks(
    entries: &impl Entries,
    name: &str,
    manifest: Manifest,
) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
    let mut secret = Zeroizing::new(Vec::with_capacity(manifest.count.min(8) * MAX_CHUNK_BYTES));
    for number in 1..=manifest.count {
        let Some(chunk) = entries.read(&manifest.set.entry_name(name, number))? else {
            return Ok(None);
        };
        secret.extend_from_slice(&chunk);
    }
    Ok(Some(secret))
}

/// Stores a secret, and checks that it can be read again.
pub(super) fn set(entries: &impl Entries, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
    let before = entries
        .read(name)?
        .and_then(|first| Manifest::parse(&first));
    let set = if bytes.len() <= MAX_CHUNK_BYTES {
        entries.write(name, bytes)?;
        None
    } else {
        let set = match before {
            Some(manifest) if manifest.set == ChunkSet::A => ChunkSet::B,
            Some(_) | None => ChunkSet::A,
        };
        let mut count = 0;
        for chunk in bytes.chunks(MAX_CHUNK_BYTES) {
            count += 1;
            entries.write(&set.entry_name(name, count), chunk)?;
        }
        entries.write(name, Manifest { set, count }.first_entry().as_bytes())?;
        Some(set)
    };
    match get(entries, name)? {
        Some(stored) if *stored == bytes => {}
        Some(_) | None => return Err(StoreError::NotStored),
    }
    // The secret is stored. Old chunks that could not be removed do no harm, and go with the next change.
    drop(delete_chunks(entries, name, set));
    Ok(())
}

/// Deletes a secret with all its chunks.
pub(super) fn delete(entries: &impl Entries, name: &str) -> Result<(), StoreError> {
    delete_chunks(entries, name, None)?;
    entries.remove(name)
}

/// Removes the chunks of all sets but one, the last chunk first, so that an interrupted removal can be finished.
fn delete_chunks(
    entries: &impl Entries,
    name: &str,
    except: Option<ChunkSet>,
) -> Result<(), StoreError> {
    for set in ChunkSet::ALL.into_iter().filter(|set| Some(*set) != except) {
        let mut count = 0;
        while entries.read(&set.entry_name(name, count + 1))?.is_some() {
            count += 1;
        }
        for number in (1..=count).rev() {
            entries.remove(&set.entry_name(name, number))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::collections::BTreeMap;

    use super::*;

    /// A keyring that fails after a number of requests.
    #[derive(Debug, Clone, Default)]
    struct FailingKeyring {
        entries: RefCell<BTreeMap<String, Vec<u8>>>,
        requests_left: Cell<Option<usize>>,
    }

    impl FailingKeyring {
        fn count_request(&self) -> Result<(), StoreError> {
            if let Some(left) = self.requests_left.get() {
                let left = left.checked_sub(1).ok_or(StoreError::NotStored)?;
                self.requests_left.set(Some(left));
            }
            Ok(())
        }

        fn stored(&self) -> Option<Vec<u8>> {
            self.requests_left.set(None);
            get(self, "work").unwrap().map(|bytes| bytes.to_vec())
        }
    }

    impl Entries for FailingKeyring {
        fn read(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
            self.count_request()?;
            Ok(self.entries.borrow().get(name).cloned().map(Zeroizing::new))
        }

        fn write(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
            self.count_request()?;
            let mut entries = self.entries.borrow_mut();
            entries.insert(name.to_owned(), bytes.to_vec());
            Ok(())
        }

        fn remove(&self, name: &str) -> Result<(), StoreError> {
            self.count_request()?;
            self.entries.borrow_mut().remove(name);
            Ok(())
        }
    }

    #[test]
    fn after_any_failure_the_secret_is_the_old_or_the_new_one() {
        let (old, new) = (vec![b'o'; 7_000], vec![b'n'; 6_000]);
        let short = b"short".to_vec();
        let stored = |bytes: &[u8], times: usize| {
            let keyring = FailingKeyring::default();
            (0..times).for_each(|_| set(&keyring, "work", bytes).unwrap());
            keyring
        };
        for (before, old) in [
            (stored(&old, 1), &old),
            (stored(&old, 2), &old),
            (stored(&short, 1), &short),
        ] {
            for (new, entries) in [(&new, 4), (&short, 1)] {
                for requests in 0..40 {
                    let keyring = before.clone();
                    keyring.requests_left.set(Some(requests));
                    let done = set(&keyring, "work", new);
                    let secret = keyring.stored();
                    // Where only the check fails it is the new one already.
                    let is_old = done.is_err() && secret.as_ref() == Some(old);
                    assert!(is_old || secret.as_ref() == Some(new), "{requests}");
                    // The next change removes what this one left.
                    set(&keyring, "work", new).unwrap();
                    assert_eq!(keyring.stored().as_ref(), Some(new));
                    assert_eq!(keyring.entries.borrow().len(), entries);
                    keyring.requests_left.set(Some(requests));
                    drop(delete(&keyring, "work"));
                    keyring.requests_left.set(None);
                    delete(&keyring, "work").unwrap();
                    assert_eq!(keyring.entries.borrow().len(), 0);
                }
            }
        }
    }

    #[test]
    fn a_secret_without_a_chunk_is_none() {
        let keyring = FailingKeyring::default();
        set(&keyring, "work", &[b'x'; 5_000]).unwrap();
        assert_eq!(keyring.stored().unwrap().len(), 5_000);
        keyring.remove("work#a2").unwrap();
        assert_eq!(keyring.stored(), None);
    }
}
