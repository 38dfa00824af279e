//! A Data Center serves a bad token as nobody's: what everybody may see looks like an answer then.

use std::time::Instant;

use reqwest::{Method, StatusCode};

use super::error::ApiError;
use super::request::{Request, WithAuth};
use super::response::Response;
use super::{Authorization, Http};

impl Http {
    /// For a server that names whoever is logged in, in every answer (`X-AUSERNAME`), and shows `people` to none else.
    #[must_use]
    pub(in crate::bitbucket) fn with_anonymous_check(
        self,
        people: &'static [&'static str],
    ) -> Self {
        let is_somebody = !matches!(self.authorization, Authorization::None);
        self.anonymous_check.set(is_somebody.then_some(people));
        self
    }

    /// Leaves the proof that the credential is somebody's to what follows.
    pub(in crate::bitbucket) fn disable_anonymous_check(&self) {
        self.anonymous_check.set(None);
    }

    /// Lets an answer pass that is to somebody. One that names nobody must be more than everybody is answered, or the
    /// list of users must be open, which only somebody who is logged in may see. Asked once.
    pub(super) async fn require_authenticated(
        &self,
        request: &Request,
        response: Response,
        deadline: Instant,
    ) -> Result<Response, ApiError> {
        let Some(people) = self.anonymous_check.get() else {
            return Ok(response);
        };
        let is_read = request.signed == WithAuth::Yes && request.method == Method::GET;
        if !is_read || !response.status().is_success() {
            return Ok(response);
        }
        if !response.is_authenticated() {
            let url = self.build_url(people, &[("limit", "1")])?;
            let people = Request::new(Method::GET, url, WithAuth::Yes);
            let people = self.send_with_retry(&people, deadline).await?;
            if people.status() == StatusCode::UNAUTHORIZED && !people.is_authenticated() {
                let same = Request {
                    signed: WithAuth::No,
                    ..request.clone()
                };
                let for_everybody = self.send_with_retry(&same, deadline).await?;
                if for_everybody.bytes() == response.bytes() {
                    return Err(people.error());
                }
            }
        }
        self.anonymous_check.set(None);
        Ok(response)
    }
}
