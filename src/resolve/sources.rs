//! What the resolver reads. Each source is read when a rule needs it, so that a named connection needs no git.

use std::sync::Arc;

use super::selected::SelectedConnection;
use crate::config::Connections;
use crate::error::Error;
use crate::git::Checkout;
use crate::types::clone_url::CloneUrl;

/// What the resolver reads.
pub(crate) trait Sources {
    /// `--connection`
    fn connection_flag(&self) -> Option<&str>;

    /// `BBCONNECT_CONNECTION`
    fn connection_variable(&self) -> Option<&str>;

    /// `BBCONNECT_REPO`
    fn repository_variable(&self) -> Option<&str>;

    /// The checkout that contains the current directory; `None` where there is none.
    fn checkout(&self) -> Result<Option<&Checkout>, Error>;

    /// The connection that the environment describes with `BBCONNECT_TOKEN*`.
    fn environment_connection(&self) -> Result<Option<SelectedConnection>, Error>;

    fn connections(&self) -> Result<Arc<Connections>, Error>;

    /// The clone URL that the user's SSH configuration makes of one whose host is an alias; `None` where it is none.
    fn resolve_ssh_alias(&self, url: &CloneUrl) -> Result<Option<CloneUrl>, Error>;
}
