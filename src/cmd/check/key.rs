//! Asks the repository of a connection over SSH, with the connection's key and no other. Nothing is written: what a push
//! would begin with is asked for, and left.

use super::facts::{CheckOptions, KeyFacts};
use crate::context::{App, SelectedConnection, SshConnection};
use crate::error::{Error, ErrorSummary};
use crate::ssh::{PrivateKeyFile, Service, SshError};

/// What the connection's key may do; `None` where it has none.
pub(super) fn key(
    chosen: &SelectedConnection,
    question: &CheckOptions,
    context: &App,
) -> Option<KeyFacts> {
    let keyed = SshConnection::of(chosen.name.clone(), chosen.connection.clone())?;
    let answered = |reads, writes| KeyFacts {
        path: keyed.key.clone(),
        reads,
        writes,
    };
    let stored = match PrivateKeyFile::read(&keyed.key) {
        Ok(stored) => stored,
        Err(error) => {
            return Some(answered(
                Some(Err(ErrorSummary::from(&Error::from(error)))),
                None,
            ));
        }
    };
    if stored.is_locked {
        return Some(answered(None, None));
    }
    if let Err(error) = context.check_access(&stored, &keyed.address, Service::Read) {
        return Some(answered(Some(Err(ErrorSummary::from(&error))), None));
    }
    let push = || context.check_access(&stored, &keyed.address, Service::Write);
    let writes = question
        .wants_to_push()
        .then(push)
        .and_then(|asked| match asked {
            Ok(_) => Some(true),
            Err(Error::Ssh(SshError::RepositoryAccessDenied { .. })) => Some(false),
            Err(_) => None,
        });
    Some(answered(Some(Ok(())), writes))
}
