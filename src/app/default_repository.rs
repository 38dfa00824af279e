//! The repository that a command is about when none is named.

use super::{App, SelectedConnection};
use crate::bitbucket::Bitbucket;
use crate::error::Error;
use crate::git::Checkout;
use crate::types::hint::Hint;
use crate::types::repository::{RepoId, RepoRef};

impl App {
    /// The repository that was named, else the one that was selected: for the service or checkout one stands in, else
    /// for the connection. With its connection and Bitbucket; nothing is sent yet.
    ///
    /// # Errors
    /// As [`App::client_for_repo`]; [`Error::Usage`] where none is named and none was selected.
    pub(crate) fn client_for_default_repo(
        &self,
        named: Option<&RepoRef>,
    ) -> Result<(SelectedConnection, Bitbucket, RepoId), Error> {
        if let Some(named) = named {
            return self.client_for_repo(named);
        }
        let (selected, repo) = self.default_repo()?;
        let Some(repo) = repo else {
            return Err(Error::Usage {
                message: format!(
                    "no repository is named, and the connection {} is for none",
                    selected.name
                ),
                hint: Some(
                    Hint::from("add --repo NAMESPACE/SLUG, or choose one with ")
                        .with_command("repo select"),
                ),
            });
        };
        let bitbucket = self.authenticated_client(&selected)?;
        Ok((selected, bitbucket, repo))
    }

    /// The connection that applies, and the repository that was selected, where one was.
    ///
    /// # Errors
    /// As [`App::select_for_repo`].
    pub(crate) fn default_repo(&self) -> Result<(SelectedConnection, Option<RepoId>), Error> {
        let here = Checkout::discover().filter(|_| self.explicit_name().is_none());
        let selected = here.as_ref().and_then(Checkout::repository);
        if let Some(selected) = selected.and_then(|text| text.parse().ok()) {
            let (chosen, repo) = self.select_for_repo(&selected)?;
            return Ok((chosen, Some(repo)));
        }
        let chosen = self.select()?;
        let repo = Self::connection_repository(&chosen.connection);
        Ok((chosen, repo))
    }
}
