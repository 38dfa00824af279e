//! Asks the repository of a connection over SSH, with the connection's key and no other. Nothing is written: what a push
//! would begin with is asked for, and left.

use super::facts::{CheckOptions, KeyFacts};
use crate::app::App;
use crate::error::{Error, ErrorSummary};
use crate::resolve::{SelectedConnection, SshConnection};
use crate::ssh::{PrivateKeyFile, Service, SshError};

/// What the connection's key may do; `None` where it has none.
pub(super) fn key(
    selected: &SelectedConnection,
    options: &CheckOptions,
    app: &App,
) -> Option<KeyFacts> {
    let ssh_connection = SshConnection::of(selected.name.clone(), selected.connection.clone())?;
    let answered = |reads, writes| KeyFacts {
        path: ssh_connection.key.clone(),
        reads,
        writes,
    };
    let stored = match PrivateKeyFile::read(&ssh_connection.key) {
        Ok(stored) => stored,
        Err(error) => {
            return Some(answered(
                Some(Err(ErrorSummary::from(&Error::from(error)))),
                None,
            ));
        }
    };
    if stored.has_passphrase {
        return Some(answered(None, None));
    }
    if let Err(error) = app.check_access(
        &app.ssh_options(Some(&stored)),
        &ssh_connection.remote,
        Service::Read,
    ) {
        return Some(answered(Some(Err(ErrorSummary::from(&error))), None));
    }
    let push = || {
        app.check_access(
            &app.ssh_options(Some(&stored)),
            &ssh_connection.remote,
            Service::Write,
        )
    };
    let writes = options
        .wants_to_push()
        .then(push)
        .and_then(|asked| match asked {
            Ok(_) => Some(true),
            Err(Error::Ssh(SshError::RepositoryAccessDenied { .. })) => Some(false),
            Err(_) => None,
        });
    Some(answered(Some(Ok(())), writes))
}
