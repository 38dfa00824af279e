//! The facts of `doctor` about this machine.

use super::route_facts::Timed;
use crate::error::ErrorSummary;
use crate::types::connection::StoreKind;

#[derive(Debug)]
pub(crate) struct MachineFacts {
    /// The number of saved connections, or why the configuration cannot be read.
    pub(crate) connections: Timed<Result<usize, ErrorSummary>>,
    /// The default store for secrets, or why it cannot be used.
    pub(crate) store: Timed<Result<StoreKind, ErrorSummary>>,
    /// The version of `ssh`.
    pub(crate) ssh: Timed<Result<String, ErrorSummary>>,
    /// The version of `git`.
    pub(crate) git: Timed<Result<String, ErrorSummary>>,
}
