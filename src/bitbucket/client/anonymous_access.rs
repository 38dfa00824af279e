//! A Data Center treats a request with an invalid token as anonymous, so a public resource looks like a success.

use std::time::Instant;

use reqwest::{Method, StatusCode};

use super::error::ApiError;
use super::request::{Request, WithAuth};
use super::response::Response;
use super::{Authorization, Http};

impl Http {
    /// For a server that names the authenticated user in every response (`X-AUSERNAME`), and refuses the list at
    /// `user_list` to anonymous requests.
    pub(crate) fn with_anonymous_check(self, user_list: &'static [&'static str]) -> Self {
        let has_credential = !matches!(self.authorization, Authorization::None);
        self.anonymous_check
            .set(has_credential.then_some(user_list));
        self
    }

    /// Leaves the proof of authentication to the caller.
    pub(crate) fn disable_anonymous_check(&self) {
        self.anonymous_check.set(None);
    }

    /// Returns the response if the request was authenticated. Without a user name in it, it must differ from the response
    /// to an anonymous request, or the list of users must be readable. Checked once.
    pub(super) async fn require_authenticated(
        &self,
        request: &Request,
        response: Response,
        deadline: Instant,
    ) -> Result<Response, ApiError> {
        let Some(user_list) = self.anonymous_check.get() else {
            return Ok(response);
        };
        let is_read = request.signed == WithAuth::Yes && request.method == Method::GET;
        if !is_read || !response.status().is_success() {
            return Ok(response);
        }
        if !response.is_authenticated() {
            let url = self.build_url(user_list, &[("limit", "1")])?;
            let user_request = Request::new(Method::GET, url, WithAuth::Yes);
            let users = self.send_with_retry(&user_request, deadline).await?;
            if users.status() == StatusCode::UNAUTHORIZED && !users.is_authenticated() {
                let anonymous_request = Request {
                    signed: WithAuth::No,
                    ..request.clone()
                };
                let anonymous_response = self.send_with_retry(&anonymous_request, deadline).await?;
                if anonymous_response.bytes() == response.bytes() {
                    return Err(users.error());
                }
            }
        }
        self.anonymous_check.set(None);
        Ok(response)
    }
}
