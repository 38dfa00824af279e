//! Git LFS (<https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md>): the pointer that stands for a file.

use std::io::{self, Read as _};
use std::path::Path;

use aws_lc_rs::digest::{Context, SHA256};

use crate::sys::regular_file;
use crate::types::publish_trailer::{BlobHasher, hex};

const POINTER_START: &[u8] = b"version https://git-lfs.github.com/spec/";

/// The hash of the blob that has the pointer to a file; `None` where the file is a pointer itself.
pub(crate) fn pointer_hash(path: &Path) -> io::Result<Option<String>> {
    let mut file = regular_file::open(path)?;
    let mut digest = Context::new(&SHA256);
    let mut buffer = vec![0; 64 * 1024];
    let mut size = 0;
    loop {
        let read = file.read(&mut buffer)?;
        let chunk = buffer.get(..read).unwrap_or_default();
        if size == 0 && chunk.starts_with(POINTER_START) {
            return Ok(None);
        }
        if read == 0 {
            break;
        }
        size += read as u64;
        digest.update(chunk);
    }
    let oid = hex(digest.finish().as_ref());
    let pointer =
        format!("version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {size}\n");
    let mut hasher = BlobHasher::new(pointer.len() as u64);
    hasher.update(pointer.as_bytes());
    Ok(Some(hasher.finish()))
}
