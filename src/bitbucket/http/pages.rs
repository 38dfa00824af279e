//! Lists: the one way through pages, of either product. All of them, in the server's order, from one origin.

use std::collections::HashSet;

use reqwest::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use super::error::ApiError;
use super::{Http, Question, Signed};
use crate::model::connection::Origin;

/// More pages than any list has; a server that gives more is going round in circles.
const MOST_PAGES: usize = 10_000;

/// A page. Cloud names the address of the next one, Data Center where it starts.
#[derive(Debug, Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
struct Page<T> {
    #[serde(default = "Vec::new")]
    values: Vec<T>,
    next: Option<String>,
    #[serde(rename = "isLastPage")]
    is_last: Option<bool>,
    #[serde(rename = "nextPageStart")]
    next_start: Option<u64>,
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
        let first = self.address(segments, query)?;
        let mut values = Vec::new();
        let mut seen = HashSet::new();
        let mut next = Some(first.clone());
        while let Some(url) = next {
            if seen.len() >= MOST_PAGES || !seen.insert(url.to_string()) {
                return Err(ApiError::Endless);
            }
            let page: Page<T> = self
                .ask(&Question::new(Method::GET, url, Signed::Yes))
                .await?
                .json()?;
            next = self.next(&first, &page)?;
            values.extend(page.values);
        }
        Ok(values)
    }

    fn next<T>(&self, first: &Url, page: &Page<T>) -> Result<Option<Url>, ApiError> {
        if let Some(next) = &page.next {
            let url = first.join(next).map_err(|_| self.elsewhere(next))?;
            // A page elsewhere would be asked for with the credential.
            let origin = Origin::of(&url);
            return if origin == self.base.origin() {
                Ok(Some(url))
            } else {
                Err(self.elsewhere(&origin.to_string()))
            };
        }
        match (page.is_last, page.next_start) {
            (Some(false), Some(start)) => {
                let mut url = first.clone();
                let others: Vec<(String, String)> = url
                    .query_pairs()
                    .filter(|(name, _)| name != "start")
                    .map(|(name, value)| (name.into(), value.into()))
                    .collect();
                url.query_pairs_mut()
                    .clear()
                    .extend_pairs(others)
                    .append_pair("start", &start.to_string());
                Ok(Some(url))
            }
            (Some(false), None) => Err(ApiError::Endless),
            (Some(true) | None, _) => Ok(None),
        }
    }
}
