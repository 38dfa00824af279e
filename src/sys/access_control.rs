//! Access rights of files on Windows: for one user alone, explicit and not inherited, as OpenSSH for Windows requires of
//! private keys.
#![expect(
    unsafe_code,
    reason = "the standard library has no access control lists"
)]

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::windows::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::windows::io::{AsRawHandle as _, FromRawHandle as _, OwnedHandle};
use std::path::{Path, PathBuf};
use std::ptr;

use windows_sys::Win32::Foundation::{
    ERROR_SUCCESS, GENERIC_READ, GENERIC_WRITE, INVALID_HANDLE_VALUE, LocalFree,
};
use windows_sys::Win32::Security::Authorization::{
    ConvertSidToStringSidW, ConvertStringSecurityDescriptorToSecurityDescriptorW,
    GetNamedSecurityInfoW, SDDL_REVISION_1, SE_FILE_OBJECT,
};
use windows_sys::Win32::Security::{
    ACCESS_ALLOWED_ACE, ACL, DACL_SECURITY_INFORMATION, EqualSid, GetAce, GetTokenInformation,
    IsWellKnownSid, PSID, SECURITY_ATTRIBUTES, TOKEN_QUERY, TOKEN_USER, TokenUser,
    WinBuiltinAdministratorsSid, WinLocalSystemSid,
};
use windows_sys::Win32::Storage::FileSystem::{
    CREATE_NEW, CreateFileW, DELETE, FILE_ATTRIBUTE_NORMAL, FILE_SHARE_DELETE, FILE_SHARE_READ,
    FILE_SHARE_WRITE,
};
use windows_sys::Win32::System::SystemServices::ACCESS_ALLOWED_ACE_TYPE;
use windows_sys::Win32::System::Threading::{GetCurrentProcess, OpenProcessToken};

/// Creates a file for reading and writing that belongs to the current user and gives access to no one else, from the
/// beginning on.
pub(super) fn create_private(path: &Path) -> io::Result<File> {
    let user = CurrentUser::new()?.to_sid_string()?;
    let description = wide(format!("O:{user}D:P(A;;FA;;;{user})").as_ref());
    let mut descriptor = ptr::null_mut();
    // SAFETY: The text ends with a zero, and the result is freed by its owner.
    let is_parsed = unsafe {
        ConvertStringSecurityDescriptorToSecurityDescriptorW(
            description.as_ptr(),
            SDDL_REVISION_1,
            &raw mut descriptor,
            ptr::null_mut(),
        )
    };
    check(is_parsed)?;
    create(path, &LocalMemory(descriptor))
}

/// Creates a file for reading and writing with the access rights of another.
pub(super) fn create_like(original: &Path, path: &Path) -> io::Result<File> {
    create(path, &access_list(original)?.0)
}

fn create(path: &Path, descriptor: &LocalMemory) -> io::Result<File> {
    let attributes = SECURITY_ATTRIBUTES {
        nLength: u32::try_from(size_of::<SECURITY_ATTRIBUTES>()).unwrap_or_default(),
        lpSecurityDescriptor: descriptor.0,
        bInheritHandle: 0,
    };
    let path = wide(long_path(path)?.as_os_str());
    // SAFETY: The path ends with a zero; path, attributes and descriptor live until the call returns.
    let handle = unsafe {
        CreateFileW(
            path.as_ptr(),
            GENERIC_READ | GENERIC_WRITE | DELETE,
            FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
            &raw const attributes,
            CREATE_NEW,
            FILE_ATTRIBUTE_NORMAL,
            ptr::null_mut(),
        )
    };
    if handle == INVALID_HANDLE_VALUE {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: The handle is that of a file, is valid, and has no other owner.
    Ok(unsafe { File::from_raw_handle(handle) })
}

/// Whether a file gives access to anyone but the current user, administrators and the system: what OpenSSH for Windows
/// tolerates for a private key (`check_secure_file_permission`).
pub(super) fn is_open_to_others(path: &Path) -> io::Result<bool> {
    let user = CurrentUser::new()?;
    let (_descriptor, list) = access_list(path)?;
    if list.is_null() {
        // Without a list everyone has access.
        return Ok(true);
    }
    // SAFETY: The list is valid while its descriptor lives.
    let count = u32::from(unsafe { (*list).AceCount });
    for index in 0..count {
        let mut entry = ptr::null_mut();
        // SAFETY: The list is valid, and the index is one of its entries.
        check(unsafe { GetAce(list, index, &raw mut entry) })?;
        let entry = entry.cast::<ACCESS_ALLOWED_ACE>();
        // SAFETY: Every entry begins with a header.
        if u32::from(unsafe { (*entry).Header.AceType }) != ACCESS_ALLOWED_ACE_TYPE {
            continue;
        }
        // SAFETY: An entry of this type ends with an identifier, which begins at `SidStart`.
        let sid = unsafe { (&raw mut (*entry).SidStart).cast() };
        // SAFETY: All identifiers are valid.
        let is_trusted = unsafe {
            EqualSid(sid, user.sid()) != 0
                || IsWellKnownSid(sid, WinLocalSystemSid) != 0
                || IsWellKnownSid(sid, WinBuiltinAdministratorsSid) != 0
        };
        if !is_trusted {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The access control list of a file, which is a part of the descriptor; null where there is none.
fn access_list(path: &Path) -> io::Result<(LocalMemory, *const ACL)> {
    let path = wide(long_path(path)?.as_os_str());
    let mut list: *mut ACL = ptr::null_mut();
    let mut descriptor = ptr::null_mut();
    // SAFETY: The path ends with a zero; the descriptor, which the list is a part of, is freed by its owner.
    let error = unsafe {
        GetNamedSecurityInfoW(
            path.as_ptr(),
            SE_FILE_OBJECT,
            DACL_SECURITY_INFORMATION,
            ptr::null_mut(),
            ptr::null_mut(),
            &raw mut list,
            ptr::null_mut(),
            &raw mut descriptor,
        )
    };
    if error == ERROR_SUCCESS {
        Ok((LocalMemory(descriptor), list))
    } else {
        Err(io::Error::from_raw_os_error(error.cast_signed()))
    }
}

/// The identifier of the current user: `S-1-5-21-…`.
pub(super) fn current_user() -> io::Result<String> {
    CurrentUser::new()?.to_sid_string()
}

/// `TOKEN_USER` of this process, and the identifier that it points to.
struct CurrentUser(Vec<u64>);

impl CurrentUser {
    fn new() -> io::Result<Self> {
        let mut token = ptr::null_mut();
        // SAFETY: The handle of the own process is always valid.
        check(unsafe { OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &raw mut token) })?;
        // SAFETY: The handle is valid and has no other owner.
        let token = unsafe { OwnedHandle::from_raw_handle(token) };
        // The longest identifier has 68 bytes.
        let mut buffer = vec![0_u64; 32];
        let size = u32::try_from(size_of_val(&buffer[..])).unwrap_or_default();
        let mut written = 0;
        // SAFETY: The buffer has this size, and the alignment of the structure.
        check(unsafe {
            GetTokenInformation(
                token.as_raw_handle(),
                TokenUser,
                buffer.as_mut_ptr().cast(),
                size,
                &raw mut written,
            )
        })?;
        Ok(Self(buffer))
    }

    /// Valid while `self` lives.
    fn sid(&self) -> PSID {
        // SAFETY: `new` has filled the buffer with this structure.
        unsafe { (*self.0.as_ptr().cast::<TOKEN_USER>()).User.Sid }
    }

    fn to_sid_string(&self) -> io::Result<String> {
        let mut text = ptr::null_mut();
        // SAFETY: The identifier is valid, and the result is freed by its owner.
        check(unsafe { ConvertSidToStringSidW(self.sid(), &raw mut text) })?;
        let text = LocalMemory(text.cast());
        let start = text.0.cast::<u16>();
        // SAFETY: The text ends with a zero.
        let units = unsafe {
            let mut length = 0;
            while *start.add(length) != 0 {
                length += 1;
            }
            std::slice::from_raw_parts(start, length)
        };
        Ok(OsString::from_wide(units).to_string_lossy().into_owned())
    }
}

/// Memory that the system has allocated.
struct LocalMemory(*mut core::ffi::c_void);

impl Drop for LocalMemory {
    fn drop(&mut self) {
        // SAFETY: The functions whose results are stored here allocate with `LocalAlloc`, and nothing else frees them.
        unsafe { LocalFree(self.0) };
    }
}

fn check(is_success: i32) -> io::Result<()> {
    if is_success == 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// The form of a path that may be longer than 260 characters.
fn long_path(path: &Path) -> io::Result<PathBuf> {
    let path = std::path::absolute(path)?;
    let text = path.as_os_str().to_string_lossy();
    if text.starts_with(r"\\?\") || text.starts_with(r"\\.\") {
        return Ok(path);
    }
    let mut long = OsString::from(r"\\?\");
    if let Some(share) = text.strip_prefix(r"\\") {
        long.push(r"UNC\");
        long.push(share);
    } else {
        long.push(&path);
    }
    Ok(PathBuf::from(long))
}

fn wide(text: &std::ffi::OsStr) -> Vec<u16> {
    text.encode_wide().chain([0]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_file_is_open_to_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        let file = create_private(&path).unwrap();
        assert!(!is_open_to_others(&path).unwrap());
        assert_eq!(
            create_private(&path).unwrap_err().kind(),
            io::ErrorKind::AlreadyExists
        );
        drop(file);
        std::fs::write(&path, "text").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "text");
        assert!(current_user().unwrap().starts_with("S-1-5-"));
    }

    #[test]
    fn a_file_has_the_access_rights_of_another() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        drop(create_private(&at("private")).unwrap());
        std::fs::write(at("inherited"), "").unwrap();
        for original in ["private", "inherited"] {
            let copy = at(&format!("like-{original}"));
            drop(create_like(&at(original), &copy).unwrap());
            let is_open = |path: &Path| is_open_to_others(path).unwrap();
            assert_eq!(is_open(&copy), is_open(&at(original)), "{original}");
        }
    }

    #[test]
    fn long_paths_are_written_in_the_form_without_a_limit() {
        for (path, long) in [
            (r"C:\a/b\..\c", r"\\?\C:\a\c"),
            (r"\\server\share\a", r"\\?\UNC\server\share\a"),
            (r"\\?\C:\a", r"\\?\C:\a"),
        ] {
            assert_eq!(long_path(Path::new(path)).unwrap(), Path::new(long));
        }
    }
}
