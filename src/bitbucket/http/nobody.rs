//! A Data Center serves a bad token as nobody's: what everybody may see looks like an answer then.

use std::time::Instant;

use reqwest::{Method, StatusCode};

use super::answer::Answer;
use super::error::ApiError;
use super::question::{Question, Signed};
use super::{Authorization, Http};

impl Http {
    /// For a server that names whoever is logged in, in every answer (`X-AUSERNAME`), and shows `people` to none else.
    #[must_use]
    pub(in crate::bitbucket) fn naming_people(self, people: &'static [&'static str]) -> Self {
        let is_somebody = !matches!(self.authorization, Authorization::None);
        self.may_be_nobody.set(is_somebody.then_some(people));
        self
    }

    /// Leaves the proof that the credential is somebody's to what follows.
    pub(in crate::bitbucket) fn leave_the_proof(&self) {
        self.may_be_nobody.set(None);
    }

    /// Lets an answer pass that is to somebody. One that names nobody must be more than everybody is answered, or the
    /// list of users must be open, which only somebody who is logged in may see. Asked once.
    pub(super) async fn to_somebody(
        &self,
        question: &Question,
        answer: Answer,
        deadline: Instant,
    ) -> Result<Answer, ApiError> {
        let Some(people) = self.may_be_nobody.get() else {
            return Ok(answer);
        };
        let is_read = question.signed == Signed::Yes && question.method == Method::GET;
        if !is_read || !answer.status().is_success() {
            return Ok(answer);
        }
        if !answer.is_to_somebody() {
            let url = self.address(people, &[("limit", "1")])?;
            let people = Question::new(Method::GET, url, Signed::Yes);
            let people = self.retry(&people, deadline).await?;
            if people.status() == StatusCode::UNAUTHORIZED && !people.is_to_somebody() {
                let same = Question {
                    signed: Signed::No,
                    ..question.clone()
                };
                let for_everybody = self.retry(&same, deadline).await?;
                if for_everybody.bytes() == answer.bytes() {
                    return Err(people.error());
                }
            }
        }
        self.may_be_nobody.set(None);
        Ok(answer)
    }
}
