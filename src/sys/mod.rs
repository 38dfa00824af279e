//! The operating system: signals, child processes, memory, atomic file replacement, bounded reads, ownership of files,
//! bounded parallelism, TLS settings, proxies.

#[cfg(windows)]
mod access_control;
pub(crate) mod atomic_file;
pub(crate) mod backup_file;
#[cfg(windows)]
mod console_events;
#[cfg(windows)]
mod job_object;
pub(crate) mod memory;
pub(crate) mod ownership;
#[cfg(target_os = "linux")]
mod parent_death;
pub(crate) mod proxy;
pub(crate) mod regular_file;
pub(crate) mod signals;
pub(crate) mod subprocess;
pub(crate) mod tls;
pub(crate) mod worker_pool;
