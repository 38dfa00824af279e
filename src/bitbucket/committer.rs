//! The identity that commits of the account carry.

use super::Bitbucket;
use crate::types::commit::Signature;

impl Bitbucket {
    /// Name and address of the account, where the server reports them.
    pub(crate) async fn committer(&self) -> Option<Signature> {
        match self {
            Self::Cloud(_) => None,
            Self::DataCenter(datacenter) => datacenter.committer().await,
        }
    }
}
