//! What is on a list so far: in the server's order, nothing twice, and no more than fits.

use std::collections::HashSet;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::ApiError;
use super::pagination::Page;
use super::response::Response;

/// More than all pages of any list have together, in bytes; a server that gives more has no last page.
const MAX_TOTAL_BYTES: usize = 128 * 1024 * 1024;
/// Pages in a row that may bring nothing new: Data Center leaves out what may not be seen, and a list may grow at its
/// beginning meanwhile.
const MAX_EMPTY_PAGES: usize = 50;

/// How far a list has come, so that it ends also where the server sees to no end.
#[derive(Debug, Default)]
pub(super) struct PaginationLimits {
    bytes: usize,
    idle: usize,
}

impl PaginationLimits {
    /// Counts a page: its size in bytes, and whether it has brought anything new.
    pub(super) fn count(&mut self, bytes: usize, is_new: bool) -> Result<(), ApiError> {
        self.bytes = self.bytes.saturating_add(bytes);
        self.idle = if is_new { 0 } else { self.idle + 1 };
        if self.bytes > MAX_TOTAL_BYTES {
            Err(ApiError::ResponseTooLarge {
                most: MAX_TOTAL_BYTES,
            })
        } else if self.idle > MAX_EMPTY_PAGES {
            Err(ApiError::EndlessPagination)
        } else {
            Ok(())
        }
    }
}

/// What makes an entry the same as another.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct ItemKey(String);

/// What entries are told apart by; cheaper to read than all of an entry.
#[derive(Debug, Deserialize)]
struct ItemKeyFields {
    uuid: Option<Value>,
    id: Option<Value>,
    slug: Option<Value>,
    key: Option<Value>,
    name: Option<Value>,
}

impl ItemKeyFields {
    fn identity(self) -> Option<ItemKey> {
        let names = [self.uuid, self.id, self.slug, self.key, self.name];
        let texts: Vec<_> = names.iter().flatten().map(ToString::to_string).collect();
        (!texts.is_empty()).then(|| ItemKey(texts.join(" ")))
    }
}

/// A page, what tells its entries apart, and its size in bytes.
pub(super) struct ParsedPage<T> {
    pub(super) page: Page<T>,
    identities: Vec<ItemKey>,
    bytes: usize,
}

impl<T: DeserializeOwned> ParsedPage<T> {
    pub(super) fn of(response: &Response) -> Result<Self, ApiError> {
        response.success()?;
        // A page without its frame would be taken for one whose fields have lost their names.
        let begins_a_list = response.bytes().trim_ascii_start().starts_with(b"[");
        if response.is_json() && begins_a_list {
            return Err(ApiError::Decode {
                path: ".".to_owned(),
                reason: "it is not a page of a list".to_owned(),
            });
        }
        Ok(Self {
            page: response.json()?,
            identities: identities(response)?,
            bytes: response.bytes().len(),
        })
    }
}

/// Entries without a name are told apart by all that they hold.
fn identities(response: &Response) -> Result<Vec<ItemKey>, ApiError> {
    let named = response
        .json::<Page<ItemKeyFields>>()
        .ok()
        .and_then(|page| {
            let names = page.values.into_iter();
            names
                .map(ItemKeyFields::identity)
                .collect::<Option<Vec<_>>>()
        });
    if let Some(identities) = named {
        return Ok(identities);
    }
    let page: Page<Value> = response.json()?;
    let texts = page.values.iter().map(ToString::to_string);
    Ok(texts.map(ItemKey).collect())
}

/// What is on a list so far.
pub(super) struct PageCollector<T> {
    pub(super) values: Vec<T>,
    known: HashSet<ItemKey>,
    most: usize,
    bounds: PaginationLimits,
}

impl<T> PageCollector<T> {
    pub(super) fn new(most: usize) -> Self {
        Self {
            values: Vec::new(),
            known: HashSet::new(),
            most,
            bounds: PaginationLimits::default(),
        }
    }

    /// Adds a page, and answers whether all of it was new.
    ///
    /// # Errors
    /// Where the list has grown too large, or comes to no end.
    pub(super) fn add(&mut self, told: ParsedPage<T>) -> Result<bool, ApiError> {
        let (mut any_new, mut all_new) = (false, true);
        for (value, identity) in told.page.values.into_iter().zip(told.identities) {
            if self.known.insert(identity) {
                self.values.push(value);
                any_new = true;
            } else {
                all_new = false;
            }
        }
        self.values.truncate(self.most);
        self.bounds.count(told.bytes, any_new)?;
        Ok(all_new)
    }

    pub(super) fn is_full(&self) -> bool {
        self.values.len() >= self.most
    }

    /// What there is now, to go back to.
    pub(super) fn mark(&self) -> Checkpoint {
        Checkpoint(self.values.len(), self.known.clone())
    }

    /// Forgets what came since.
    pub(super) fn rollback(&mut self, mark: Checkpoint) {
        self.values.truncate(mark.0);
        self.known = mark.1;
        self.bounds = PaginationLimits::default();
    }
}

/// What was on a list.
pub(super) struct Checkpoint(usize, HashSet<ItemKey>);
