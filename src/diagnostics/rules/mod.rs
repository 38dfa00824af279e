//! Rules: pure functions from facts to findings. A rule that both commands use takes the identifier of its finding.

pub(super) mod credential;
#[cfg(test)]
pub(super) mod fixtures;
pub(super) mod git;
pub(super) mod host_key;
pub(super) mod http;
pub(super) mod machine;
pub(super) mod network;
pub(super) mod reach;
pub(super) mod repository;
pub(super) mod scopes;
pub(super) mod server;
pub(super) mod ssh;
pub(super) mod tls;
