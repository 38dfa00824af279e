//! A Data Center serves a bad token as nobody's: what everybody may see looks like an answer then.

use std::time::Instant;

use reqwest::{Method, StatusCode};

use super::answer::Answer;
use super::error::ApiError;
use super::question::{Question, Signed};
use super::{Authorization, Http};

impl Http {
    /// The same for a server that names whoever is logged in, in every answer (`X-AUSERNAME`).
    #[must_use]
    pub(in crate::bitbucket) fn naming_people(self) -> Self {
        let is_somebody = !matches!(self.authorization, Authorization::None);
        self.may_be_nobody.set(is_somebody);
        self
    }

    /// Leaves the proof that the credential is somebody's to what follows.
    pub(in crate::bitbucket) fn leave_the_proof(&self) {
        self.may_be_nobody.set(false);
    }

    /// Lets an answer pass that is to somebody. One that names nobody must be more than everybody is answered, or the
    /// list of users must be open, which only somebody who is logged in may see. Asked once.
    pub(super) async fn to_somebody(
        &self,
        question: &Question,
        answer: Answer,
        deadline: Instant,
    ) -> Result<Answer, ApiError> {
        let is_doubtful = self.may_be_nobody.get()
            && question.signed == Signed::Yes
            && question.method == Method::GET
            && answer.status().is_success();
        if !is_doubtful {
            return Ok(answer);
        }
        if !answer.is_to_somebody() {
            let users = ["rest", "api", "latest", "users"];
            let url = self.address(&users, &[("limit", "1")])?;
            let users = Question::new(Method::GET, url, Signed::Yes);
            let users = self.retry(&users, deadline).await?;
            if users.status() == StatusCode::UNAUTHORIZED && !users.is_to_somebody() {
                let same = Question {
                    signed: Signed::No,
                    ..question.clone()
                };
                let for_everybody = self.retry(&same, deadline).await?;
                if for_everybody.bytes() == answer.bytes() {
                    return Err(users.error());
                }
            }
        }
        self.may_be_nobody.set(false);
        Ok(answer)
    }
}
