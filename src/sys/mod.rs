//! TODO: say what this is.

pub(crate) mod atomic_file;
pub mod backup_file;
pub mod signals;
pub mod subprocess;
pub mod worker_pool;
