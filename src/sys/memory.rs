//! Keeps secrets in memory from other processes and from the disk.

/// Disables core dumps, and on Linux the access of other processes of the user to the memory of this one (ptrace,
/// `/proc/PID/mem`). To be called once, by `main`, before a secret is read. What the system refuses is not an error.
pub fn protect_memory() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        // The hard limit stays, for programs that are started.
        let limit = Rlimit {
            current: Some(0),
            ..getrlimit(Resource::Core)
        };
        let _set = setrlimit(Resource::Core, limit);
    }
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        let _set = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}
