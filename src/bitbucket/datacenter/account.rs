//! Who a credential is, on Data Center.

use percent_encoding::percent_decode_str;
use reqwest::StatusCode;
use serde::Deserialize;

use super::DataCenter;
use crate::bitbucket::http::{Answer, ApiError, Signed};
use crate::bitbucket::identity::{Identity, Subject};
use crate::model::connection::{Auth, Level};

/// Every answer to somebody who is logged in has it: the user name, percent-encoded.
const USER_NAME: &str = "x-ausername";

/// A page of users; only that it is one matters.
#[derive(Debug, Deserialize)]
struct Users {
    values: Option<Vec<serde::de::IgnoredAny>>,
}

/// A project or repository.
#[derive(Debug, Deserialize)]
struct Resource {
    public: Option<bool>,
}

impl DataCenter {
    /// Asks for the list of users, which only somebody logged in may see: a bad token is otherwise served as anonymous.
    ///
    /// <https://developer.atlassian.com/server/bitbucket/rest/v904/api-group-system-maintenance/#api-api-latest-users-get>
    pub(in crate::bitbucket) async fn identify(
        &self,
        subject: &Subject,
    ) -> Result<Identity, ApiError> {
        let segments = ["rest", "api", "latest", "users"];
        let answer = self
            .http
            .get(&segments, &[("limit", "1")], Signed::Yes)
            .await?;
        let mut level = subject.level.or(Some(Level::User));
        let account = if answer.status() == StatusCode::OK {
            let page: Users = answer.json()?;
            if page.values.is_none() && user_name(&answer).is_none() {
                let reason = "it is no list of users".to_owned();
                return Err(ApiError::Decode {
                    path: "values".to_owned(),
                    reason,
                });
            }
            user_name(&answer)
        } else if answer.status() == StatusCode::UNAUTHORIZED && answer.is_to_somebody() {
            user_name(&answer)
        } else if answer.status() == StatusCode::UNAUTHORIZED && subject.level != Some(Level::User)
        {
            level = Some(Level::of(
                subject.repository.as_deref(),
                subject.project.as_deref(),
            ));
            self.identify_by_resource(subject, &answer).await?
        } else {
            return Err(answer.error());
        };
        let identity = Identity {
            account,
            level,
            ..Identity::default()
        };
        if subject.auth == Some(Auth::HttpAccessToken) && level == Some(Level::User) {
            return Ok(self.with_token_record(identity).await);
        }
        Ok(identity)
    }

    /// A token of a project or repository has no user; it is known by what it can see.
    async fn identify_by_resource(
        &self,
        subject: &Subject,
        refusal: &Answer,
    ) -> Result<Option<String>, ApiError> {
        let Some(project) = subject.project.as_deref() else {
            return Err(refusal.error());
        };
        let mut segments = vec!["rest", "api", "latest", "projects", project];
        segments.extend(
            subject
                .repository
                .as_deref()
                .into_iter()
                .flat_map(|slug| ["repos", slug]),
        );
        let answer = self.http.get(&segments, &[], Signed::Yes).await?;
        if answer.is_to_somebody() {
            return Ok(user_name(&answer));
        }
        if answer.status() != StatusCode::OK {
            return Err(answer.error());
        }
        if answer.json::<Resource>()?.public == Some(false) {
            return Ok(None);
        }
        // Shown to the token, and to nobody else: then the token is good.
        let anonymous = self.http.get(&segments, &[], Signed::No).await?;
        if anonymous.status() == StatusCode::OK {
            let reason = "what it belongs to is public, so anybody may see it";
            return Err(ApiError::Undecided(reason.to_owned()));
        }
        Ok(None)
    }
}

fn user_name(answer: &Answer) -> Option<String> {
    let name = answer.header(USER_NAME).filter(|name| !name.is_empty())?;
    Some(percent_decode_str(name).decode_utf8_lossy().into_owned())
}
