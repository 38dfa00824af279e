//! One question and its answer: redirects, retries, the signature, the trace.

use std::time::Instant;

use reqwest::Method;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, LOCATION};
use url::Url;
use zeroize::Zeroizing;

use super::answer::Answer;
use super::authorization::Authorization;
use super::error::{self, ApiError, Obstacle};
use super::question::{Question, Signed};
use super::{Http, client, proxy, retry};
use crate::model::connection::Origin;
use crate::model::webhook::without_password;

/// Redirects on the same origin that are followed.
const MOST_REDIRECTS: usize = 5;

impl Http {
    /// Puts a question, within the time that it may take. Any status is an answer.
    pub(in crate::bitbucket) async fn ask(&self, question: &Question) -> Result<Answer, ApiError> {
        let deadline = Instant::now() + self.settings.timeout + question.way_up();
        let answer = Box::pin(self.follow(question, deadline)).await?;
        Box::pin(self.to_somebody(question, answer, deadline)).await
    }

    /// Looks at an address of this server once, without showing who asks, so that it may also be plain http: no redirect
    /// is followed, nothing is repeated.
    pub(in crate::bitbucket) async fn look(&self, url: Url) -> Result<Answer, ApiError> {
        let question = Question::new(Method::GET, url, Signed::No);
        let within = tokio::time::timeout(self.settings.timeout, self.deliver(&question)).await;
        within.unwrap_or_else(|_| Err(self.late()))
    }

    /// Follows redirects on the same origin; another origin is told, never asked.
    async fn follow(&self, question: &Question, deadline: Instant) -> Result<Answer, ApiError> {
        let mut question = question.clone();
        for _ in 0..=MOST_REDIRECTS {
            let answer = self.retry(&question, deadline).await?;
            let Some(location) = answer
                .header(LOCATION)
                .filter(|_| answer.status().is_redirection())
            else {
                return Ok(answer);
            };
            let next = question
                .url
                .join(location)
                .map_err(|_| self.elsewhere(location))?;
            let is_login = next
                .path()
                .split('/')
                .any(|part| ["login", "login.action", "saml", "samlsso"].contains(&part));
            // What writes would be sent twice, or lose its body.
            if Origin::of(&next) != self.base.origin() || is_login || !question.only_reads() {
                return Err(self.elsewhere(&self.told(&next)));
            }
            question.url = next;
        }
        Err(self.elsewhere(question.url.as_str()))
    }

    /// Sends it, and again where that may help, until the deadline.
    pub(super) async fn retry(
        &self,
        question: &Question,
        deadline: Instant,
    ) -> Result<Answer, ApiError> {
        let mut attempt = 0;
        let mut before: Option<Answer> = None;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let sent = tokio::time::timeout(left, Box::pin(self.send(question))).await;
            let sent = match (sent.unwrap_or_else(|_| Err(self.late())), before) {
                // What it answered before says more than that it was silent at last.
                (
                    Err(ApiError::Unreachable {
                        obstacle: Obstacle::Timeout,
                        ..
                    }),
                    Some(answer),
                ) => return Ok(answer),
                (sent, _) => sent,
            };
            let left = deadline.saturating_duration_since(Instant::now());
            let again = retry::pause(attempt, question.may_repeat, &sent);
            let Some(pause) = again.filter(|pause| *pause < left) else {
                // What was removed by a request whose answer was lost is not there for the next one.
                let is_removed = attempt > 0 && question.method == Method::DELETE;
                return sent.map(|answer| if is_removed { answer.or_gone() } else { answer });
            };
            self.tell(&format!("trying again in {} ms", pause.as_millis()));
            tokio::time::sleep(pause).await;
            attempt += 1;
            before = sent.ok();
        }
    }

    async fn send(&self, question: &Question) -> Result<Answer, ApiError> {
        if self.base.is_unprotected() && !self.settings.allow_http {
            return Err(ApiError::Unprotected(self.base.to_string()));
        }
        self.deliver(question).await
    }

    async fn deliver(&self, question: &Question) -> Result<Answer, ApiError> {
        let Question { method, url, .. } = question;
        let started = Instant::now();
        let mut request = self.client()?.request(method.clone(), url.clone());
        request = request.timeout(self.settings.timeout + question.way_up());
        request = request.header(ACCEPT, "application/json, */*;q=0.1");
        if question.signed == Signed::Yes {
            request = self.sign(request)?;
        }
        if !question.only_reads() {
            // Data Center takes a write without it for a forged one (XSRF).
            request = request.header("x-atlassian-token", "no-check");
        }
        match &question.body {
            Some(body) => {
                request = request
                    .header(CONTENT_TYPE, &body.media_type)
                    .body(body.bytes.clone());
            }
            // Cloud answers 411 to what names no length.
            None if !question.only_reads() && *method != Method::DELETE => {
                request = request.header(CONTENT_LENGTH, 0);
            }
            None => {}
        }
        let response = request.send().await.map_err(|error| self.explained(&error));
        let answer = match response {
            Ok(response) => Answer::read(response, question.most, |error| self.explained(error))
                .await
                .map(|answer| self.masked(answer)),
            Err(error) => Err(error),
        };
        let told = match &answer {
            Ok(answer) => answer.status().as_u16().to_string(),
            Err(error) => error.to_string(),
        };
        self.tell(&format!(
            "{method} {} -> {told} in {} ms",
            shown(url),
            started.elapsed().as_millis()
        ));
        answer
    }

    /// An error without the secret that it may repeat. Data stays as it is: a password can be a word that is part of it.
    fn masked(&self, answer: Answer) -> Answer {
        if answer.status().is_success() {
            answer
        } else {
            answer.without(&self.authorization.secrets())
        }
    }

    /// A line for the trace, with the secret masked wherever it should have got into it.
    fn tell(&self, line: &str) {
        (self.trace)(
            &self
                .authorization
                .secrets()
                .iter()
                .fold(line.to_owned(), |line, secret| {
                    line.replace(secret.as_str(), "***")
                }),
        );
    }

    fn sign(&self, request: reqwest::RequestBuilder) -> Result<reqwest::RequestBuilder, ApiError> {
        Ok(match &self.authorization {
            Authorization::None => request,
            Authorization::Basic { user, secret } => {
                request.basic_auth(user, Some(secret.expose()))
            }
            Authorization::Bearer(secret) => {
                let value = Zeroizing::new(format!("Bearer {}", secret.expose()));
                let mut value =
                    HeaderValue::from_str(&value).map_err(|_| ApiError::SecretCharacters)?;
                value.set_sensitive(true);
                request.header(AUTHORIZATION, value)
            }
        })
    }

    fn client(&self) -> Result<&reqwest::Client, ApiError> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let client = client::with(&self.settings)?;
        Ok(self.client.get_or_init(|| client))
    }

    fn explained(&self, error: &reqwest::Error) -> ApiError {
        let (obstacle, reason) = error::obstacle(error);
        let reason = if obstacle == Obstacle::Timeout {
            self.too_slow()
        } else {
            reason
        };
        self.unreachable(obstacle, reason)
    }

    fn unreachable(&self, obstacle: Obstacle, reason: String) -> ApiError {
        ApiError::Unreachable {
            origin: self.base.origin().to_string(),
            proxy: proxy::of(self.base.url(), self.settings.proxy.as_deref()),
            obstacle,
            reason,
        }
    }

    fn late(&self) -> ApiError {
        self.unreachable(Obstacle::Timeout, self.too_slow())
    }

    fn too_slow(&self) -> String {
        format!(
            "no answer within {} seconds",
            self.settings.timeout.as_secs()
        )
    }

    /// An address that a server names: of another one the origin alone, of its own without what may be secret.
    fn told(&self, url: &Url) -> String {
        let origin = Origin::of(url);
        if origin == self.base.origin() {
            format!("{origin}{}", url.path())
        } else {
            origin.to_string()
        }
    }

    pub(super) fn elsewhere(&self, to: &str) -> ApiError {
        ApiError::Elsewhere {
            from: self.base.origin().to_string(),
            to: to.to_owned(),
        }
    }
}

/// An address for the trace: a password of an address within its query is not told.
fn shown(url: &Url) -> String {
    let is_address = |value: &str| Url::parse(value).is_ok_and(|inner| inner.password().is_some());
    if !url.query_pairs().any(|(_, value)| is_address(&value)) {
        return url.to_string();
    }
    let pairs: Vec<_> = url.query_pairs().into_owned().collect();
    let mut masked = url.clone();
    let pairs = pairs
        .iter()
        .map(|(name, value)| (name, without_password(value)));
    masked.query_pairs_mut().clear().extend_pairs(pairs);
    masked.to_string()
}
