//! Asks the repository of a connection over SSH, with the connection's key and no other. Nothing is written: what a push
//! would begin with is asked for, and left.

use super::facts::{KeyFacts, Question};
use crate::context::{Chosen, Context, Keyed};
use crate::error::{Error, Trouble};
use crate::ssh::{Service, SshError, StoredKey};

/// What the connection's key may do; `None` where it has none.
pub(super) fn key(chosen: &Chosen, question: &Question, context: &Context) -> Option<KeyFacts> {
    let keyed = Keyed::of(chosen.name.clone(), chosen.connection.clone())?;
    let answered = |reads, writes| KeyFacts {
        path: keyed.key.clone(),
        reads,
        writes,
    };
    let stored = match StoredKey::read(&keyed.key) {
        Ok(stored) => stored,
        Err(error) => {
            return Some(answered(
                Some(Err(Trouble::from(&Error::from(error)))),
                None,
            ));
        }
    };
    if stored.is_locked {
        return Some(answered(None, None));
    }
    if let Err(error) = context.ask_over_ssh(&stored, &keyed.address, Service::Read) {
        return Some(answered(Some(Err(Trouble::from(&error))), None));
    }
    let push = || context.ask_over_ssh(&stored, &keyed.address, Service::Write);
    let writes = question
        .wants_to_push()
        .then(push)
        .and_then(|asked| match asked {
            Ok(_) => Some(true),
            Err(Error::Ssh(SshError::NoAccess { .. })) => Some(false),
            Err(_) => None,
        });
    Some(answered(Some(Ok(())), writes))
}
