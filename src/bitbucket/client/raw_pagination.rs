//! Lists of which nothing is known: every entry as it comes, for somebody who asks the API by hand.

use std::collections::HashSet;

use reqwest::Method;
use serde_json::Value;
use url::Url;

use super::error::ApiError;
use super::page_collector::PaginationLimits;
use super::pagination::{MAX_PAGES, Page};
use super::{Http, Request, WithAuth};

impl Http {
    /// All entries of a list whose entries are not known here: as they come, also those that look the same. `None`
    /// where the first answer is no list.
    pub(in crate::bitbucket) async fn raw_pages(
        &self,
        first: Url,
    ) -> Result<Option<Vec<Value>>, ApiError> {
        let mut values = Vec::new();
        let mut bounds = PaginationLimits::default();
        let mut seen = HashSet::new();
        let mut next = Some(first.clone());
        while let Some(url) = next {
            if seen.len() >= MAX_PAGES || !seen.insert(url.to_string()) {
                return Err(ApiError::EndlessPagination);
            }
            let request = Request::new(Method::GET, url, WithAuth::Yes);
            let response = self.send(&request).await?;
            let body: Value = response.json()?;
            if let Value::Array(all) = body {
                values.extend(all);
                return Ok(Some(values));
            }
            if body.get("values").is_none_or(|values| !values.is_array()) {
                return if values.is_empty() && seen.len() == 1 {
                    Ok(None)
                } else {
                    response.json::<Page<Value>>().map(|_| None)
                };
            }
            let page: Page<Value> = response.json()?;
            next = self.next(&first, &page)?;
            let is_new = !page.values.is_empty() && !values.ends_with(&page.values);
            bounds.count(response.bytes().len(), is_new)?;
            values.extend(page.values);
        }
        Ok(Some(values))
    }
}
