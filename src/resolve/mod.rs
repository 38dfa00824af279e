//! Which connection applies, which repository a command acts on, and why. [`resolve`] is the only function that chooses;
//! [`precedence`] is the table of the order in which it looks.

mod matching;
pub(crate) mod precedence;
mod repository;
mod request;
mod resolver;
mod selected;
mod server;

pub(crate) use matching::git_username;
pub(crate) use repository::{RepositorySource, ResolvedRepository, connection_repository};
pub(crate) use request::{Needs, Request, SshConnection, Target, is_clone_url_of};
pub(crate) use resolver::{Resolved, resolve};
pub(crate) use selected::{SelectedConnection, SelectionReason, Sources};
pub(crate) use server::{git_base_urls, git_http_url};
