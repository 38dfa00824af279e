//! The program of the system that shows web pages.

/// Has it show a page, without waiting for it, and answers whether it could be started.
#[must_use]
pub(crate) fn open_in_browser(address: &str) -> bool {
    open::that_detached(address).is_ok()
}
