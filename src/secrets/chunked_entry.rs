//! Secrets that are too long for one entry of a keyring: pieces in entries of their own, and a first entry that tells
//! which. A change writes other pieces than those that are read, and the first entry last: until then the old secret is
//! there.

use std::str;

use zeroize::Zeroizing;

use super::store::StoreError;

/// Windows keeps at most 2,560 bytes in an entry.
const MAX_CHUNK_BYTES: usize = 2_400;

/// Stands in the first entry of a secret that is spread, before the row and the number of its pieces.
const MANIFEST_PREFIX: &str = "bbconnect-pieces:";

/// How often somebody else may change a secret while it is read.
const ATTEMPTS: usize = 3;

/// The entries of a keyring.
pub(super) trait KeyringBackend {
    /// What an entry holds; `None` where there is no such entry.
    fn read(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError>;
    /// Gives an entry other bytes.
    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError>;
    /// Removes an entry. One that is not there is no error.
    fn remove(&self, name: &str) -> Result<(), StoreError>;
}

/// A row of pieces. Changes take turns with two of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ChunkSet {
    /// Of versions that had one row.
    First,
    A,
    B,
}

impl ChunkSet {
    const ALL: [Self; 3] = [Self::First, Self::A, Self::B];

    fn letter(self) -> &'static str {
        match self {
            Self::First => "",
            Self::A => "a",
            Self::B => "b",
        }
    }

    fn chunk_name(self, name: &str, number: usize) -> String {
        format!("{name}#{}{number}", self.letter())
    }
}

/// Which pieces a secret has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ChunkManifest {
    row: ChunkSet,
    count: usize,
}

impl ChunkManifest {
    /// What a first entry tells; `None` where it is the secret itself.
    fn of(first: &[u8]) -> Option<Self> {
        let told = str::from_utf8(first).ok()?.strip_prefix(MANIFEST_PREFIX)?;
        let of_row = |row: ChunkSet| {
            let count = told.strip_prefix(row.letter())?.parse().ok()?;
            Some(Self { row, count })
        };
        ChunkSet::ALL.into_iter().find_map(of_row)
    }

    fn first_entry(self) -> String {
        format!("{MANIFEST_PREFIX}{}{}", self.row.letter(), self.count)
    }
}

/// The secret of a name.
pub(super) fn get(
    entries: &impl KeyringBackend,
    name: &str,
) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
    let mut first = entries.read(name)?;
    for _ in 0..ATTEMPTS {
        let Some(bytes) = first else { return Ok(None) };
        let Some(spread) = ChunkManifest::of(&bytes) else {
            return Ok(Some(bytes));
        };
        if let Some(whole) = read_chunks(entries, name, spread)? {
            return Ok(Some(whole));
        }
        // Somebody changes it just now, or a piece is lost.
        first = entries.read(name)?;
        if first.as_ref() == Some(&bytes) {
            break;
        }
    }
    Ok(None)
}

fn read_chunks(
    entries: &impl KeyringBackend,
    name: &str,
    spread: ChunkManifest,
) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
    let mut whole = Zeroizing::new(Vec::with_capacity(spread.count.min(8) * MAX_CHUNK_BYTES));
    for number in 1..=spread.count {
        let Some(part) = entries.read(&spread.row.chunk_name(name, number))? else {
            return Ok(None);
        };
        whole.extend_from_slice(&part);
    }
    Ok(Some(whole))
}

/// Keeps a secret, and makes sure that it can be read again.
pub(super) fn set(
    entries: &impl KeyringBackend,
    name: &str,
    bytes: &[u8],
) -> Result<(), StoreError> {
    let row_before = entries
        .read(name)?
        .and_then(|first| ChunkManifest::of(&first))
        .map(|before| before.row);
    let row = if bytes.len() <= MAX_CHUNK_BYTES {
        entries.write(name, bytes)?;
        None
    } else {
        let row = if row_before == Some(ChunkSet::A) {
            ChunkSet::B
        } else {
            ChunkSet::A
        };
        let mut count = 0;
        for part in bytes.chunks(MAX_CHUNK_BYTES) {
            count += 1;
            entries.write(&row.chunk_name(name, count), part)?;
        }
        entries.write(name, ChunkManifest { row, count }.first_entry().as_bytes())?;
        Some(row)
    };
    // Some keyrings say yes and keep nothing.
    match get(entries, name)? {
        Some(kept) if *kept == bytes => {}
        Some(_) | None => return Err(StoreError::VerifyFailed),
    }
    // The secret is kept. What could not be removed is in nobody's way, and goes with the next change.
    drop(delete_stale_chunks(entries, name, row));
    Ok(())
}

/// Forgets a secret and all its pieces.
pub(super) fn delete(entries: &impl KeyringBackend, name: &str) -> Result<(), StoreError> {
    delete_stale_chunks(entries, name, None)?;
    entries.remove(name)
}

/// Removes the pieces of all rows but one, the last piece first, so that a sweep that was cut off can be finished.
fn delete_stale_chunks(
    entries: &impl KeyringBackend,
    name: &str,
    but: Option<ChunkSet>,
) -> Result<(), StoreError> {
    for row in ChunkSet::ALL.into_iter().filter(|row| Some(*row) != but) {
        let mut count = 0;
        while entries.read(&row.chunk_name(name, count + 1))?.is_some() {
            count += 1;
        }
        for number in (1..=count).rev() {
            entries.remove(&row.chunk_name(name, number))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::collections::BTreeMap;

    use super::*;

    /// A keyring that fails from a certain question on.
    #[derive(Debug, Clone, Default)]
    struct Failing {
        entries: RefCell<BTreeMap<String, Vec<u8>>>,
        left: Cell<Option<usize>>,
    }

    impl Failing {
        fn asked(&self) -> Result<(), StoreError> {
            if let Some(left) = self.left.get() {
                let left = left.checked_sub(1);
                self.left.set(Some(left.ok_or(StoreError::VerifyFailed)?));
            }
            Ok(())
        }

        fn kept(&self) -> Option<Vec<u8>> {
            self.left.set(None);
            get(self, "work").unwrap().map(|bytes| bytes.to_vec())
        }
    }

    impl KeyringBackend for Failing {
        fn read(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
            self.asked()?;
            Ok(self.entries.borrow().get(name).cloned().map(Zeroizing::new))
        }

        fn write(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
            self.asked()?;
            let mut entries = self.entries.borrow_mut();
            entries.insert(name.to_owned(), bytes.to_vec());
            Ok(())
        }

        fn remove(&self, name: &str) -> Result<(), StoreError> {
            self.asked()?;
            self.entries.borrow_mut().remove(name);
            Ok(())
        }
    }

    /// As earlier versions have written it.
    fn of_earlier_versions(text: &[u8]) -> Failing {
        let keyring = Failing::default();
        let mut count = 0;
        for part in text.chunks(MAX_CHUNK_BYTES) {
            count += 1;
            keyring.write(&format!("work#{count}"), part).unwrap();
        }
        let first = format!("bbconnect-pieces:{count}");
        keyring.write("work", first.as_bytes()).unwrap();
        keyring
    }

    #[test]
    fn whatever_fails_the_secret_is_the_old_or_the_new_one() {
        let (old, new) = (vec![b'o'; 7_000], vec![b'n'; 6_000]);
        let short = b"short".to_vec();
        let spread = |bytes: &[u8], times: usize| {
            let keyring = Failing::default();
            (0..times).for_each(|_| set(&keyring, "work", bytes).unwrap());
            keyring
        };
        for (before, old) in [
            (of_earlier_versions(&old), &old),
            (spread(&old, 1), &old),
            (spread(&old, 2), &old),
            (spread(&short, 1), &short),
        ] {
            for (new, most) in [(&new, 4), (&short, 1)] {
                for questions in 0..40 {
                    let keyring = before.clone();
                    keyring.left.set(Some(questions));
                    let done = set(&keyring, "work", new);
                    let kept = keyring.kept();
                    // Where only the proof fails it is the new one already.
                    let is_old = done.is_err() && kept.as_ref() == Some(old);
                    assert!(is_old || kept.as_ref() == Some(new), "{questions}");
                    // The next change leaves nothing of it behind.
                    set(&keyring, "work", new).unwrap();
                    assert_eq!(keyring.kept().as_ref(), Some(new));
                    assert_eq!(keyring.entries.borrow().len(), most);
                    keyring.left.set(Some(questions));
                    drop(delete(&keyring, "work"));
                    keyring.left.set(None);
                    delete(&keyring, "work").unwrap();
                    assert_eq!(keyring.entries.borrow().len(), 0);
                }
            }
        }
    }

    #[test]
    fn a_secret_without_a_piece_is_none() {
        let keyring = of_earlier_versions(&[b'x'; 5_000]);
        assert_eq!(keyring.kept().unwrap().len(), 5_000);
        keyring.remove("work#2").unwrap();
        assert_eq!(keyring.kept(), None);
    }
}
