//! What a server says in the body of an error, in the shapes that both products have for it.

use serde::Deserialize;
use serde_json::Value;

/// The most of a server's words that is repeated, in characters.
pub(super) const MAX_MESSAGE_CHARS: usize = 1000;

/// An error body: Cloud's `{"error": {…}}` or Data Center's `{"errors": […]}`; either may be anything else.
#[derive(Debug, Default, Deserialize)]
pub(in crate::bitbucket) struct ErrorBody {
    #[serde(default)]
    error: Value,
    #[serde(default)]
    errors: Value,
    /// Data Center's filters answer before its API does, in a shape of their own.
    #[serde(default)]
    message: Value,
    /// Cloud's complaints about an SSH key are in a shape of their own: `{"key": [{"message": "…"}]}`.
    #[serde(default)]
    key: Value,
}

impl ErrorBody {
    /// Whether the body has the shape of a Bitbucket's error.
    pub(super) fn is_present(&self) -> bool {
        self.error.is_object() || self.errors.is_array()
    }

    /// Every message there is, in one line.
    pub(super) fn message(&self) -> Option<String> {
        let detail = self.error.get("detail").and_then(Value::as_str);
        let cloud = self
            .error
            .get("message")
            .and_then(Value::as_str)
            .into_iter()
            .chain(detail);
        let datacenter = self
            .errors
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|error| error.get("message")?.as_str());
        let about_key = self.key.as_array().into_iter().flatten();
        let about_key = about_key.filter_map(|complaint| {
            complaint
                .as_str()
                .or_else(|| complaint.get("message")?.as_str())
        });
        let all: Vec<&str> = cloud
            .chain(datacenter)
            .chain(about_key)
            .chain(self.message.as_str())
            .collect();
        (!all.is_empty()).then(|| all.join("; ").chars().take(MAX_MESSAGE_CHARS).collect())
    }

    /// The exceptions that Data Center names.
    fn exceptions(&self) -> impl Iterator<Item = &str> {
        self.errors
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|error| error.get("exceptionName")?.as_str())
    }

    pub(super) fn asks_for_captcha(&self) -> bool {
        self.exceptions().any(|name| name.contains("Captcha"))
    }

    /// Whether somebody is logged in who lacks a permission, which Data Center answers with 401.
    pub(in crate::bitbucket) fn is_permission_error(&self) -> bool {
        self.exceptions()
            .any(|name| name.ends_with(".AuthorisationException"))
    }

    /// The scopes that Cloud says are needed.
    pub(super) fn required(&self) -> Vec<String> {
        self.scopes("required")
    }

    /// The scopes that Cloud says the credential has.
    pub(in crate::bitbucket) fn granted(&self) -> Vec<String> {
        self.scopes("granted")
    }

    fn scopes(&self, which: &str) -> Vec<String> {
        let list = self
            .error
            .get("detail")
            .and_then(|detail| detail.get(which))
            .and_then(Value::as_array);
        list.into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect()
    }
}
