//! The operating system: signals, child processes, atomic file replacement, bounded parallelism.

pub(crate) mod atomic_file;
pub mod backup_file;
pub mod signals;
pub mod subprocess;
pub mod worker_pool;
