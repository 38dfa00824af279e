//! The operating system: signals, child processes, atomic file replacement, bounded parallelism, trusted certificates,
//! proxies.

pub(crate) mod atomic_file;
pub(crate) mod backup_file;
pub(crate) mod proxy;
pub(crate) mod signals;
pub(crate) mod subprocess;
pub(crate) mod tls;
pub(crate) mod worker_pool;
