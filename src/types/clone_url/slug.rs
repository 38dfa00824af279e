//! The names of workspaces, projects, users and repositories: which characters they have.

use super::error::CloneUrlError;

/// One `.git` at the end is spelling, not name.
pub(super) fn without_dot_git(slug: &str) -> (&str, bool) {
    slug.strip_suffix(".git")
        .map_or((slug, false), |slug| (slug, true))
}

/// `~user`, the personal project of a Data Center user.
pub(super) fn is_personal(namespace: &str) -> bool {
    namespace.len() > 1 && namespace.starts_with('~')
}

/// A project key as Data Center's pages write it: capital letters, digits, underscores.
pub(super) fn is_project_key(namespace: &str) -> bool {
    namespace.starts_with(|first: char| first.is_ascii_uppercase())
        && namespace
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

/// Checks the name of a namespace or a repository, character by character.
pub(super) fn name(
    what: &'static str,
    part: &str,
    allowed: fn(char) -> bool,
) -> Result<String, CloneUrlError> {
    if part.is_empty() {
        return Err(CloneUrlError::EmptyPart);
    }
    if part.starts_with('-') {
        return Err(CloneUrlError::OptionLike(what));
    }
    if matches!(part, "." | "..") {
        return Err(CloneUrlError::DotPart);
    }
    let in_braces = part
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'));
    match in_braces {
        Some(uuid)
            if !uuid.is_empty()
                && uuid
                    .bytes()
                    .all(|byte| byte.is_ascii_hexdigit() || byte == b'-') =>
        {
            Ok(part.to_owned())
        }
        _ => match part.chars().find(|&character| !allowed(character)) {
            Some(character) => Err(CloneUrlError::Character(character)),
            None => Ok(part.to_owned()),
        },
    }
}

/// Slugs and workspace ids.
pub(super) fn is_slug_char(character: char) -> bool {
    character.is_ascii_alphanumeric() || "_.-".contains(character)
}

/// Project keys, and the slugs of users behind `~`.
pub(super) fn on_data_center(character: char) -> bool {
    character.is_alphanumeric() || "_.-~+".contains(character)
}

/// What other hosts have in the path of a URL, where it can be encoded.
pub(super) fn is_path_char(character: char) -> bool {
    in_short_form(character) || character == ' '
}

/// What needs no quotes in a shell, `%` included: some hosts want it in the short form.
pub(super) fn in_short_form(character: char) -> bool {
    character.is_alphanumeric() || "._~-+=%".contains(character)
}
