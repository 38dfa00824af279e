//! The operating system: signals, child processes, atomic file replacement, bounded parallelism.

pub(crate) mod atomic_file;
pub(crate) mod backup_file;
pub(crate) mod signals;
pub(crate) mod subprocess;
pub(crate) mod worker_pool;
