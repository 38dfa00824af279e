//! The account of a credential, on Cloud.

use serde::Deserialize;

use crate::bitbucket::client::ApiError;

/// The current user. `username` is absent from the documentation, and sometimes there.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct User {
    nickname: Option<String>,
    username: Option<String>,
    display_name: Option<String>,
    account_id: Option<String>,
    uuid: Option<String>,
}

impl User {
    /// Some proxies respond to every request with an empty success.
    pub(super) fn name(self) -> Result<String, ApiError> {
        let names = [
            self.nickname,
            self.username,
            self.display_name,
            self.account_id,
        ];
        let name = names.into_iter().flatten().next();
        name.ok_or_else(|| ApiError::decode("nickname", "no user"))
    }

    /// The id of the account in URLs: Cloud removed user names from them.
    pub(super) fn id(&self) -> Option<&str> {
        self.uuid.as_deref().or(self.account_id.as_deref())
    }
}
