//! A program and everything that it starts, on Windows: a job object, which ends with this process.
#![expect(unsafe_code, reason = "the standard library has no job objects")]

use std::io;
use std::os::windows::io::{AsRawHandle as _, FromRawHandle as _, OwnedHandle};
use std::process::Child;
use std::ptr;

use windows_sys::Win32::System::JobObjects::{
    AssignProcessToJobObject, CreateJobObjectW, JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE,
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION, JobObjectExtendedLimitInformation,
    SetInformationJobObject, TerminateJobObject,
};

/// The processes end when this is dropped, also where the system closes it with this process.
#[derive(Debug)]
pub(super) struct JobObject(OwnedHandle);

impl JobObject {
    /// A job with a program that was just started.
    pub(super) fn with_child(child: &Child) -> io::Result<Self> {
        // SAFETY: Both parameters are optional.
        let handle = unsafe { CreateJobObjectW(ptr::null(), ptr::null()) };
        if handle.is_null() {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: The handle is valid and has no other owner.
        let job = Self(unsafe { OwnedHandle::from_raw_handle(handle) });
        job.set_limits(JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE)?;
        // SAFETY: Both handles are valid.
        check(unsafe { AssignProcessToJobObject(job.0.as_raw_handle(), child.as_raw_handle()) })?;
        Ok(job)
    }

    /// Ends all processes of the job.
    pub(super) fn terminate(&self) {
        // SAFETY: The handle is valid.
        let _ended = unsafe { TerminateJobObject(self.0.as_raw_handle(), 1) };
    }

    /// Lets what the program has left running go on: a daemon, or maintenance of git.
    pub(super) fn release(self) {
        // Otherwise they end, which is the lesser harm.
        drop(self.set_limits(0));
    }

    fn set_limits(&self, flags: u32) -> io::Result<()> {
        let mut limits = JOBOBJECT_EXTENDED_LIMIT_INFORMATION::default();
        limits.BasicLimitInformation.LimitFlags = flags;
        let size = u32::try_from(size_of_val(&limits)).unwrap_or_default();
        // SAFETY: The handle is valid, and the structure is the one of this class.
        check(unsafe {
            SetInformationJobObject(
                self.0.as_raw_handle(),
                JobObjectExtendedLimitInformation,
                (&raw const limits).cast(),
                size,
            )
        })
    }
}

fn check(is_success: i32) -> io::Result<()> {
    if is_success == 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}
