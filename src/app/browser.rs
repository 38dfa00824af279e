//! Opens pages in the user's browser.

use super::App;
use crate::sys::subprocess;

impl App {
    /// Opens a page in one of the browsers that `BROWSER` names, else in that of the system. Returns whether one was started.
    /// Nothing but a page is opened, whatever a server calls its address.
    pub(crate) fn open_in_browser(&self, url: &str) -> bool {
        if !url.starts_with("https://") && !url.starts_with("http://") {
            return false;
        }
        match self.environment.variables.get("BROWSER") {
            Some(browsers) => browsers
                .split(if cfg!(windows) { ';' } else { ':' })
                .any(|browser| subprocess::open_with(browser, url)),
            None => subprocess::open_in_browser(url),
        }
    }
}
