//! Lists: the one way through pages, of either product. All of them, in the server's order, from one origin, none twice.
//!
//! Where Cloud's first page gives a total and names the second by its number, the others are fetched side by side.
//! Everything else is walked: an opaque `next`, and Data Center's `nextPageStart`, which skips what is filtered out.

use std::collections::HashSet;

use futures_util::stream::{self, StreamExt as _};
use reqwest::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use super::error::ApiError;
use super::page_collector::{PageCollector, ParsedPage};
use super::{Http, Request, WithAuth};
use crate::types::connection::Origin;

/// More pages than any list has; a server that gives more is going round in circles.
pub(super) const MAX_PAGES: usize = 10_000;
/// Pages in flight: 3,000 entries are 30 pages, which take three rounds instead of thirty.
const CONCURRENT_PAGES: usize = 16;

/// A page. Cloud names the address of the next one, Data Center where it starts.
#[derive(Debug, Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
pub(super) struct Page<T> {
    pub(super) values: Vec<T>,
    next: Option<String>,
    #[serde(rename = "isLastPage")]
    is_last: Option<bool>,
    #[serde(rename = "nextPageStart")]
    next_start: Option<u64>,
    size: Option<usize>,
    pagelen: Option<usize>,
    #[serde(rename = "page")]
    number: Option<usize>,
}

impl Http {
    /// Everything on a list, from its first page to its last.
    ///
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/intro/#pagination>,
    /// <https://developer.atlassian.com/server/bitbucket/rest/v904/intro/#paged-apis>
    pub(in crate::bitbucket) async fn pages<T: DeserializeOwned>(
        &self,
        segments: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Vec<T>, ApiError> {
        self.pages_up_to(segments, query, usize::MAX).await
    }

    /// The first entries of a list, at most so many; no page more than that takes.
    pub(in crate::bitbucket) async fn pages_up_to<T: DeserializeOwned>(
        &self,
        segments: &[&str],
        query: &[(&str, &str)],
        most: usize,
    ) -> Result<Vec<T>, ApiError> {
        self.pages_at(self.build_url(segments, query)?, most).await
    }

    /// The first entries of the list at an address that was built or checked here.
    pub(in crate::bitbucket) async fn pages_at<T: DeserializeOwned>(
        &self,
        first: Url,
        most: usize,
    ) -> Result<Vec<T>, ApiError> {
        let told = self.page(first.clone()).await?;
        let next = self.next(&first, &told.page)?;
        let rest = next.as_ref();
        let rest = rest.and_then(|next| RemainingPages::of(&told.page, next, most));
        let mut list = PageCollector::new(most);
        list.add(told)?;
        if let Some(rest) = rest {
            let before = list.mark();
            if self.fetch_concurrently(&rest, &mut list).await? {
                return Ok(list.values);
            }
            list.rollback(before);
        }
        self.fetch_sequentially(&first, next, list).await
    }

    /// One page after another.
    async fn fetch_sequentially<T: DeserializeOwned>(
        &self,
        first: &Url,
        mut next: Option<Url>,
        mut list: PageCollector<T>,
    ) -> Result<Vec<T>, ApiError> {
        let mut seen = HashSet::from([first.to_string()]);
        while let Some(url) = next.filter(|_| !list.is_full()) {
            if seen.len() >= MAX_PAGES || !seen.insert(url.to_string()) {
                return Err(ApiError::EndlessPagination);
            }
            let told = self.page(url).await?;
            next = self.next(first, &told.page)?;
            list.add(told)?;
        }
        Ok(list.values)
    }

    /// All other pages at once, and whether they fit together; where they do not, the list changes or is of another
    /// kind, and must be walked.
    async fn fetch_concurrently<T: DeserializeOwned>(
        &self,
        rest: &RemainingPages,
        list: &mut PageCollector<T>,
    ) -> Result<bool, ApiError> {
        let mut pages = stream::iter(2..=rest.last)
            .map(|number| self.page::<T>(rest.page(number)))
            .buffered(CONCURRENT_PAGES);
        let mut number = 1;
        while let Some(told) = pages.next().await {
            number += 1;
            let told = match told {
                Ok(told) => told,
                Err(
                    ApiError::NotFound(_)
                    | ApiError::NotAnApiEndpoint(_)
                    | ApiError::ClientError { .. }
                    | ApiError::Decode { .. },
                ) => return Ok(false),
                Err(error) => return Err(error),
            };
            if !rest.fits(number, &told.page) || !list.add(told)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn page<T: DeserializeOwned>(&self, url: Url) -> Result<ParsedPage<T>, ApiError> {
        let request = Request::new(Method::GET, url, WithAuth::Yes);
        ParsedPage::of(&self.send(&request).await?)
    }

    pub(super) fn next<T>(&self, first: &Url, page: &Page<T>) -> Result<Option<Url>, ApiError> {
        if let Some(next) = &page.next {
            let url = first.join(next).map_err(|_| self.redirect_error(next))?;
            // A page elsewhere would be asked for with the credential.
            let origin = Origin::of(&url);
            return if origin == self.base.origin() {
                Ok(Some(url))
            } else {
                Err(ApiError::Decode {
                    path: "next".to_owned(),
                    reason: format!("it leads to another server, {origin}"),
                })
            };
        }
        match (page.is_last, page.next_start) {
            (Some(false), Some(start)) => {
                Ok(Some(with_query_param(first, "start", &start.to_string())))
            }
            (Some(false), None) => Err(ApiError::EndlessPagination),
            (Some(true) | None, _) => Ok(None),
        }
    }
}

/// The pages behind the first one, where they have numbers.
struct RemainingPages {
    next: Url,
    size: usize,
    length: usize,
    last: usize,
    /// Whether `last` is the last page of the list, and not only the last that is needed.
    is_all: bool,
}

impl RemainingPages {
    fn of<T>(first: &Page<T>, next: &Url, most: usize) -> Option<Self> {
        let (size, length) = (first.size?, first.pagelen?);
        let is_second = next
            .query_pairs()
            .any(|(name, value)| name == "page" && value == "2");
        let is_whole = first.number == Some(1) && length > 0 && first.values.len() == length;
        let last = size.min(most).div_ceil(length.max(1));
        // With two pages there is nothing to do side by side.
        (is_second && is_whole && (3..=MAX_PAGES).contains(&last)).then(|| Self {
            next: next.clone(),
            size,
            length,
            last,
            is_all: size <= most,
        })
    }

    fn page(&self, number: usize) -> Url {
        with_query_param(&self.next, "page", &number.to_string())
    }

    fn fits<T>(&self, number: usize, page: &Page<T>) -> bool {
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

/// The same address with another value for one name of its query.
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
