//! The key of a connection: the one that is there, or a new one.

use super::plan::Plan;
use super::step::StepLog;
use crate::app::App;
use crate::error::{Error, RejectionKind};
use crate::ssh::{self, KeyFiles, KeyPair, PrivateKeyFile};
use crate::types::hint::Hint;

/// The key that is there, if one is.
pub(super) fn existing(plan: &Plan) -> Result<Option<PrivateKeyFile>, Error> {
    if !plan.key_path.exists() {
        return Ok(None);
    }
    let key = PrivateKeyFile::read(&plan.key_path)?;
    if let Some(wanted) = plan.wanted_type
        && key.public.kind() != wanted.name()
    {
        return Err(Error::rejected(
            RejectionKind::Conflict,
            format!(
                "{} is of the kind {}, not {}",
                plan.key_path.display(),
                key.public.kind(),
                wanted.name()
            ),
            Hint::command("key rotate").with_text(format!(
                " --type {} replaces it without a gap",
                wanted.name()
            )),
        ));
    }
    Ok(Some(key))
}

/// The key that is there, or a new one; and whether it is new.
pub(super) fn existing_or_generate(
    existing: Option<PrivateKeyFile>,
    plan: &Plan,
    app: &App,
    steps: &mut StepLog<'_>,
) -> Result<(PrivateKeyFile, bool), Error> {
    if let Some(key) = existing {
        let path = key.path.display();
        steps.pass(
            "key",
            format!("{path} is there, {}", key.public.fingerprint()),
        );
        return Ok((key, false));
    }
    let files = KeyFiles::new(&plan.key_path)?;
    files.require_absent(false)?;
    let key_type = plan.key_type();
    let _progress = app.ui.progress(&format!("making an {key_type} key"));
    let pair = KeyPair::generate(key_type, &ssh::comment(Some(&plan.url)))?;
    KeyFiles::write_all(
        &[(&files, &pair.private_pem(None)?, &pair.public_line()?)],
        false,
    )?;
    let key = PrivateKeyFile::read(&plan.key_path)?;
    steps.pass(
        "key",
        format!("made {}, {}", key.path.display(), key.public.fingerprint()),
    );
    Ok((key, true))
}

/// Takes a key back that was made for nothing.
pub(super) fn delete_new_key(key: &PrivateKeyFile) {
    // On the way out of an error, which is what is reported.
    drop(std::fs::remove_file(&key.path));
    drop(std::fs::remove_file(ssh::public_path(&key.path)));
}
