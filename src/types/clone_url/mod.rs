//! Clone URLs, as users paste them.
//!
//! `pasted` finds the one URL in the text (quotes, a `git clone` line), `address` checks host, user and port of the
//! syntax that `types::git_url` reads, `location` decides which product's layout the path has and which repository it
//! names, `parsed` is the result and derives the other forms. Nothing is looked up: the same text has the same result
//! on every machine.
//!
//! Accepted is what git accepts (`git help clone`, section "GIT URLS") and RFC 3986, except what ssh, git or a shell
//! could take for an option or a command.

mod address;
mod error;
mod host;
mod key_pages;
mod location;
mod parsed;
mod pasted;
mod path;
mod warnings;

pub(crate) use self::address::Transport;
pub use self::error::CloneUrlError;
pub(crate) use self::host::Host;
pub(crate) use self::key_pages::{KeyAccess, KeyPage};
pub(crate) use self::location::is_workspace_page;
pub use self::parsed::CloneUrl;
pub(crate) use self::parsed::UrlForm;
pub(crate) use self::warnings::{UrlWarning, UrlWarningKind};
