//! Which connection applies, which repository a command acts on, and why. [`resolve`] is the only function that chooses;
//! [`precedence`] is the table of the order in which it looks.

mod matching;
pub(crate) mod precedence;
mod repository;
mod request;
mod resolver;
mod selected;
mod server;
mod sources;
mod ssh_connection;

pub(crate) use matching::git_username;
pub(crate) use repository::{RepositorySource, ResolvedRepository, connection_repository};
pub(crate) use request::{Needs, Request, Target};
pub(crate) use resolver::{Resolved, resolve};
pub(crate) use selected::{SelectedConnection, SelectionReason};
pub(crate) use server::{git_base_urls, git_http_url};
pub(crate) use sources::Sources;
pub(crate) use ssh_connection::{SshConnection, is_clone_url_of};
