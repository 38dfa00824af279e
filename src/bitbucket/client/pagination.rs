//! Pagination of both products: all entries in the server's order, from one origin, without duplicates.
//!
//! Where Cloud's first page gives a total and names the second by its number, the others are fetched concurrently.
//! Everything else is fetched in sequence: an opaque `next`, and Data Center's `nextPageStart`, which skips what is filtered out.

use std::cell::Cell;
use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use reqwest::Method;
use serde::de::{DeserializeOwned, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use url::Url;

use super::error::ApiError;
use super::response::Response;
use super::send::has_userinfo;
use super::{Http, Request, TraceEvent, WithAuth};
use crate::types::connection::Origin;

/// More pages than any list has; a server that sends more repeats them.
const MAX_PAGES: usize = 10_000;
/// A list as a whole takes at most as long as so many requests.
const LIST_TIMEOUT_FACTOR: u32 = 20;
/// Concurrent requests: 3,000 entries are 30 pages, which take three rounds instead of thirty.
const CONCURRENT_PAGES: usize = 16;
/// More than all pages of any list have together, in bytes: Cloud describes a repository in about 5 kB, so that 40,000 fit.
const MAX_TOTAL_BYTES: usize = 192 * 1024 * 1024;
/// The same for a list whose JSON values are all kept; they take several times as much memory.
const MAX_TOTAL_BYTES_KEPT: usize = 128 * 1024 * 1024;
/// Consecutive pages without a new entry: Data Center omits entries that are not visible, and a list may grow at its
/// start meanwhile.
const MAX_EMPTY_PAGES: usize = 50;

/// A page. Cloud sends the URL of the next one, Data Center its offset; lists of organizations have other names.
#[derive(Debug, Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
struct Page<T> {
    #[serde(alias = "data")]
    values: Vec<T>,
    next: Option<String>,
    #[serde(default)]
    links: Value,
    #[serde(rename = "isLastPage")]
    is_last: Option<bool>,
    #[serde(rename = "nextPageStart")]
    next_start: Option<u64>,
    size: Option<usize>,
    pagelen: Option<usize>,
    #[serde(rename = "page")]
    number: Option<usize>,
}

impl<T> Page<T> {
    /// The number of entries of the whole list. On Data Center `size` is that of the page.
    fn total(&self) -> Option<usize> {
        let is_data_center = self.is_last.is_some() || self.next_start.is_some();
        self.size.filter(|_| !is_data_center)
    }

    /// The number of the next page, where the total says that there is one. Cloud omits `next` from lists of Pipelines
    /// (<https://jira.atlassian.com/browse/BCLOUD-20639>).
    fn next_number(&self) -> Option<usize> {
        let (number, length, total) = (self.number?, self.pagelen?, self.size?);
        let is_full = length > 0 && self.values.len() >= length;
        (is_full && number.checked_mul(length)? < total).then(|| number + 1)
    }
}

/// What a URL returned whose pages were followed.
pub(crate) enum RawList {
    Entries(Vec<Value>),
    /// The first response is not a page of a list.
    NotAList(Response),
}

impl Http {
    /// All entries of a list.
    ///
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/intro/#pagination>,
    /// <https://developer.atlassian.com/server/bitbucket/rest/v904/intro/#paged-apis>
    pub(crate) async fn pages<T: DeserializeOwned>(
        &self,
        segments: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Vec<T>, ApiError> {
        self.pages_up_to(segments, query, usize::MAX).await
    }

    /// At most `max` entries from the start of a list, with no more pages than necessary.
    pub(crate) async fn pages_up_to<T: DeserializeOwned>(
        &self,
        segments: &[&str],
        query: &[(&str, &str)],
        max: usize,
    ) -> Result<Vec<T>, ApiError> {
        self.pages_at(self.build_url(segments, query)?, max).await
    }

    /// All entries of a list whose first page has been received.
    pub(crate) async fn pages_from<T: DeserializeOwned>(
        &self,
        response: &Response,
    ) -> Result<Vec<T>, ApiError> {
        let parsed = ParsedPage::from_response(response)?;
        let first = Url::parse(response.url()).map_err(|_| ApiError::EndlessPagination)?;
        let progress = ListProgress::default();
        let next = self.next(&first, &parsed.page)?;
        let mut list = PageCollector::new(usize::MAX);
        list.add(parsed)?;
        let rest = self.fetch_sequentially(&first, next, list, &progress);
        self.within_list_timeout(&progress, rest).await
    }

    /// At most `max` entries of the list at a URL that was built or checked here.
    pub(crate) async fn pages_at<T: DeserializeOwned>(
        &self,
        first: Url,
        max: usize,
    ) -> Result<Vec<T>, ApiError> {
        let progress = ListProgress::default();
        let values = self
            .within_list_timeout(&progress, self.fetch_pages(first, max, &progress))
            .await?;
        let total = progress.total.get().unwrap_or_default();
        if max == usize::MAX {
            self.warn_of_missing(values.len(), total);
        }
        Ok(values)
    }

    /// Limits the time of a list as a whole: the limit of a request counts for each page.
    async fn within_list_timeout<T>(
        &self,
        progress: &ListProgress,
        list: impl Future<Output = Result<T, ApiError>>,
    ) -> Result<T, ApiError> {
        let limit = self.list_timeout();
        let within = tokio::time::timeout(limit, list).await;
        within.unwrap_or_else(|_| {
            Err(ApiError::ListTimeout {
                pages: progress.pages.get(),
                limit,
            })
        })
    }

    /// The time limit of a list, whatever its number of pages.
    pub(crate) fn list_timeout(&self) -> Duration {
        self.settings.timeout * LIST_TIMEOUT_FACTOR
    }

    async fn fetch_pages<T: DeserializeOwned>(
        &self,
        first: Url,
        max: usize,
        progress: &ListProgress,
    ) -> Result<Vec<T>, ApiError> {
        let parsed = self.page(first.clone(), progress).await?;
        // On Data Center it is the size of the page.
        progress.total.set(parsed.page.total());
        let next = self.next(&first, &parsed.page)?;
        let rest = next.as_ref();
        let rest = rest.and_then(|next| RemainingPages::after(&parsed.page, next, max));
        let mut list = PageCollector::new(max);
        list.add(parsed)?;
        if let Some(rest) = rest {
            let before = list.checkpoint();
            if self.fetch_concurrently(&rest, &mut list, progress).await? {
                return Ok(list.values);
            }
            list.rollback(before);
        }
        self.fetch_sequentially(&first, next, list, progress).await
    }

    async fn fetch_sequentially<T: DeserializeOwned>(
        &self,
        first: &Url,
        mut next: Option<Url>,
        mut list: PageCollector<T>,
        progress: &ListProgress,
    ) -> Result<Vec<T>, ApiError> {
        let mut seen = HashSet::from([first.to_string()]);
        while let Some(url) = next.filter(|_| !list.is_full()) {
            if seen.len() >= MAX_PAGES || !seen.insert(url.to_string()) {
                return Err(ApiError::EndlessPagination);
            }
            let parsed = self.page(url, progress).await?;
            next = self.next(first, &parsed.page)?;
            list.add(parsed)?;
        }
        Ok(list.values)
    }

    /// Fetches all other pages concurrently, and returns whether they are consistent. Otherwise the list changed meanwhile
    /// or its pages are not numbered, and it must be fetched in sequence.
    async fn fetch_concurrently<T: DeserializeOwned>(
        &self,
        rest: &RemainingPages,
        list: &mut PageCollector<T>,
        progress: &ListProgress,
    ) -> Result<bool, ApiError> {
        let mut pages = stream::iter(2..=rest.last)
            .map(|number| self.page::<T>(rest.page(number), progress))
            .buffered(CONCURRENT_PAGES);
        let mut number = 1;
        while let Some(parsed) = pages.next().await {
            number += 1;
            let parsed = match parsed {
                Ok(parsed) => parsed,
                Err(
                    ApiError::NotFound(_)
                    | ApiError::NotAnApiEndpoint(_)
                    | ApiError::ClientError { .. }
                    | ApiError::Decode { .. },
                ) => return Ok(false),
                Err(error) => return Err(error),
            };
            if !rest.matches(number, &parsed.page) || !list.add(parsed)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// All entries of a list of unknown structure, duplicates included.
    pub(crate) async fn raw_pages(&self, first: Url) -> Result<RawList, ApiError> {
        let progress = ListProgress::default();
        self.within_list_timeout(&progress, self.fetch_raw_pages(first, &progress))
            .await
    }

    async fn fetch_raw_pages(
        &self,
        first: Url,
        progress: &ListProgress,
    ) -> Result<RawList, ApiError> {
        let mut values = Vec::new();
        let mut bounds = PaginationLimits::new(MAX_TOTAL_BYTES_KEPT);
        let mut seen = HashSet::new();
        let mut next = Some(first.clone());
        while let Some(url) = next {
            if seen.len() >= MAX_PAGES || !seen.insert(url.to_string()) {
                return Err(ApiError::EndlessPagination);
            }
            let request = Request::new(Method::GET, url, WithAuth::Yes);
            let response = self.send(&request).await?;
            progress.add_page();
            let is_first = seen.len() == 1;
            if is_first && (response.success().is_err() || !response.is_json()) {
                return Ok(RawList::NotAList(response));
            }
            let body: Value = response.json()?;
            if let Value::Array(all) = body {
                values.extend(all);
                return Ok(RawList::Entries(values));
            }
            if is_first && body.get("values").is_none_or(|values| !values.is_array()) {
                return Ok(RawList::NotAList(response));
            }
            let page: Page<Value> = response.json()?;
            if is_first {
                progress.total.set(page.total());
            }
            next = self.next(&first, &page)?;
            let is_new = !page.values.is_empty() && !values.ends_with(&page.values);
            bounds.count(response.bytes().len(), is_new)?;
            values.extend(page.values);
        }
        self.warn_of_missing(values.len(), progress.total.get().unwrap_or_default());
        Ok(RawList::Entries(values))
    }

    fn warn_of_missing(&self, listed: usize, total: usize) {
        if listed < total {
            let warning = format!(
                "the server counts {total} entries, but listed {listed}; the list may have changed meanwhile"
            );
            (self.trace)(TraceEvent::Warning(&warning));
        }
    }

    async fn page<T: DeserializeOwned>(
        &self,
        url: Url,
        progress: &ListProgress,
    ) -> Result<ParsedPage<T>, ApiError> {
        let request = Request::new(Method::GET, url, WithAuth::Yes);
        let parsed = ParsedPage::from_response(&self.send(&request).await?)?;
        (self.trace)(TraceEvent::Listed(parsed.page.values.len()));
        progress.add_page();
        Ok(parsed)
    }

    fn next<T>(&self, first: &Url, page: &Page<T>) -> Result<Option<Url>, ApiError> {
        let next = page.next.as_deref();
        let next = next.or_else(|| page.links.get("next")?.as_str());
        if let Some(next) = next.filter(|next| !next.is_empty()) {
            let invalid = |reason: String| ApiError::decode("next", reason);
            let url = first
                .join(next)
                .map_err(|_| invalid("next page without a valid URL".to_owned()))?;
            // The credential must not be sent to another server, nor be replaced by another one.
            let origin = Origin::from_url(&url);
            return if origin != self.base.origin() {
                Err(invalid(format!("next page on another server, {origin}")))
            } else if has_userinfo(&url) {
                Err(invalid("next page with a user name or password".to_owned()))
            } else {
                Ok(Some(url))
            };
        }
        if page.is_last.is_none()
            && let Some(number) = page.next_number()
        {
            return Ok(Some(with_query_param(first, "page", &number.to_string())));
        }
        match (page.is_last, page.next_start) {
            (Some(false) | None, Some(start)) => {
                Ok(Some(with_query_param(first, "start", &start.to_string())))
            }
            (Some(false), None) => Err(ApiError::EndlessPagination),
            (Some(true), _) | (None, None) => Ok(None),
        }
    }
}

/// How far a list has come.
#[derive(Debug, Default)]
struct ListProgress {
    pages: Cell<usize>,
    /// The number of entries, where the first page gives it.
    total: Cell<Option<usize>>,
}

impl ListProgress {
    fn add_page(&self) {
        self.pages.update(|pages| pages + 1);
    }
}

/// Limits for lists that never end.
#[derive(Debug)]
struct PaginationLimits {
    max_bytes: usize,
    bytes: usize,
    idle_pages: usize,
}

impl PaginationLimits {
    fn new(max_bytes: usize) -> Self {
        Self {
            max_bytes,
            bytes: 0,
            idle_pages: 0,
        }
    }

    /// Counts a page: its size in bytes, and whether it has a new entry.
    fn count(&mut self, bytes: usize, is_new: bool) -> Result<(), ApiError> {
        self.bytes = self.bytes.saturating_add(bytes);
        self.idle_pages = if is_new { 0 } else { self.idle_pages + 1 };
        if self.bytes > self.max_bytes {
            Err(ApiError::ResponseTooLarge {
                max: self.max_bytes,
            })
        } else if self.idle_pages > MAX_EMPTY_PAGES {
            Err(ApiError::EndlessPagination)
        } else {
            Ok(())
        }
    }
}

/// The identity of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct ItemKey(String);

/// The fields that identify an entry.
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

/// A JSON object with any fields.
struct ObjectOnly;

impl<'de> Deserialize<'de> for ObjectOnly {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyFields;
        impl<'de> Visitor<'de> for AnyFields {
            type Value = ObjectOnly;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ObjectOnly, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(ObjectOnly)
            }
        }
        deserializer.deserialize_map(AnyFields)
    }
}

/// A page, the identities of its entries, and its size in bytes.
struct ParsedPage<T> {
    page: Page<T>,
    identities: Vec<ItemKey>,
    bytes: usize,
}

impl<T: DeserializeOwned> ParsedPage<T> {
    fn from_response(response: &Response) -> Result<Self, ApiError> {
        // serde would read an array as the fields of an entry.
        let entries: Page<ObjectOnly> = response.json()?;
        drop(entries);
        Ok(Self {
            page: response.json()?,
            identities: identities(response)?,
            bytes: response.bytes().len(),
        })
    }
}

/// Entries without an identifying field are compared as a whole.
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

/// The entries of a list so far.
struct PageCollector<T> {
    values: Vec<T>,
    known: HashSet<ItemKey>,
    max: usize,
    bounds: PaginationLimits,
}

impl<T> PageCollector<T> {
    fn new(max: usize) -> Self {
        Self {
            values: Vec::new(),
            known: HashSet::new(),
            max,
            bounds: PaginationLimits::new(MAX_TOTAL_BYTES),
        }
    }

    /// Adds a page, and returns whether all of its entries were new.
    fn add(&mut self, parsed: ParsedPage<T>) -> Result<bool, ApiError> {
        let (mut any_new, mut all_new) = (false, true);
        for (value, identity) in parsed.page.values.into_iter().zip(parsed.identities) {
            if self.known.insert(identity) {
                self.values.push(value);
                any_new = true;
            } else {
                all_new = false;
            }
        }
        self.values.truncate(self.max);
        self.bounds.count(parsed.bytes, any_new)?;
        Ok(all_new)
    }

    fn is_full(&self) -> bool {
        self.values.len() >= self.max
    }

    fn checkpoint(&self) -> Checkpoint {
        Checkpoint(self.values.len(), self.known.clone())
    }

    fn rollback(&mut self, checkpoint: Checkpoint) {
        self.values.truncate(checkpoint.0);
        self.known = checkpoint.1;
        self.bounds = PaginationLimits::new(MAX_TOTAL_BYTES);
    }
}

/// A state of a list to return to.
struct Checkpoint(usize, HashSet<ItemKey>);

/// The pages after the first one, where they are numbered.
struct RemainingPages {
    next: Url,
    size: usize,
    length: usize,
    last: usize,
    /// Whether `last` is the last page of the list, and not only the last that is needed.
    is_all: bool,
}

impl RemainingPages {
    fn after<T>(first: &Page<T>, next: &Url, max: usize) -> Option<Self> {
        let (size, length) = (first.size?, first.pagelen?);
        let is_second = next
            .query_pairs()
            .any(|(name, value)| name == "page" && value == "2");
        let is_whole = first.number == Some(1) && length > 0 && first.values.len() == length;
        let last = size.min(max).div_ceil(length.max(1));
        // A single remaining page needs no concurrency.
        (is_second && is_whole && (3..=MAX_PAGES).contains(&last)).then(|| Self {
            next: next.clone(),
            size,
            length,
            last,
            is_all: size <= max,
        })
    }

    fn page(&self, number: usize) -> Url {
        with_query_param(&self.next, "page", &number.to_string())
    }

    fn matches<T>(&self, number: usize, page: &Page<T>) -> bool {
        let is_end = number == self.last && self.is_all;
        let length = if is_end {
            self.size - (self.last - 1) * self.length
        } else {
            self.length
        };
        page.number.is_none_or(|own| own == number)
            && page.size == Some(self.size)
            && page.values.len() == length
            && page.next.is_some() != is_end
    }
}

/// The same URL with another value for one query parameter.
fn with_query_param(url: &Url, name: &str, value: &str) -> Url {
    let others: Vec<(String, String)> = url
        .query_pairs()
        .filter(|(other, _)| other != name)
        .map(|(name, value)| (name.into(), value.into()))
        .collect();
    let mut url = url.clone();
    url.query_pairs_mut()
        .clear()
        .extend_pairs(others)
        .append_pair(name, value);
    url
}
