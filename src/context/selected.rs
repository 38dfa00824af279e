//! The repository that a command is about when none is named.

use super::{Chosen, Context};
use crate::bitbucket::Bitbucket;
use crate::error::Error;
use crate::git::Checkout;
use crate::model::repository::{RepoPath, RepoRef};

impl Context {
    /// The repository that was named, else the one that was selected: for the service or checkout one stands in, else
    /// for the connection. With its connection and Bitbucket; nothing is sent yet.
    ///
    /// # Errors
    /// As [`Context::connect_to`]; [`Error::Usage`] where none is named and none was selected.
    pub fn connect_to_selected(
        &self,
        named: Option<&RepoRef>,
    ) -> Result<(Chosen, Bitbucket, RepoPath), Error> {
        if let Some(named) = named {
            return self.connect_to(named);
        }
        let (chosen, path) = self.selected()?;
        let Some(path) = path else {
            return Err(Error::Usage {
                message: format!(
                    "no repository is named, and the connection {} is for none",
                    chosen.name
                ),
                hint: Some(
                    "add --repo NAMESPACE/SLUG, or choose one with bbconnect repo select"
                        .to_owned(),
                ),
            });
        };
        let bitbucket = self.signed_in(&chosen)?;
        Ok((chosen, bitbucket, path))
    }

    /// The connection that applies, and the repository that was selected, where one was.
    ///
    /// # Errors
    /// As [`Context::choose_for`].
    pub fn selected(&self) -> Result<(Chosen, Option<RepoPath>), Error> {
        let here = Checkout::here().filter(|_| self.named().is_none());
        let selected = here.as_ref().and_then(Checkout::repository);
        if let Some(selected) = selected.and_then(|text| text.parse().ok()) {
            let (chosen, path) = self.choose_for(&selected)?;
            return Ok((chosen, Some(path)));
        }
        let chosen = self.choose()?;
        let path = Self::repository_of(&chosen.connection);
        Ok((chosen, path))
    }
}
