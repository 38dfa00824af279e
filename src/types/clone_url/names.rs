//! Which characters the names of workspaces, projects, users and repositories may have.

use super::error::CloneUrlError;

/// Removes one `.git` from the end; `true` if there was one.
pub(super) fn strip_dot_git(slug: &str) -> (&str, bool) {
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

/// Checks a name. UUIDs in braces are always valid.
pub(super) fn check(
    what: &'static str,
    name: &str,
    is_allowed: fn(char) -> bool,
) -> Result<String, CloneUrlError> {
    if name.is_empty() {
        return Err(CloneUrlError::EmptyPart);
    }
    if name.starts_with('-') {
        return Err(CloneUrlError::OptionLike(what));
    }
    if matches!(name, "." | "..") {
        return Err(CloneUrlError::DotPart);
    }
    let is_uuid = |uuid: &str| {
        !uuid.is_empty()
            && uuid
                .bytes()
                .all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
    };
    let in_braces = name
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'));
    if !in_braces.is_some_and(is_uuid)
        && let Some(character) = name.chars().find(|&character| !is_allowed(character))
    {
        return Err(CloneUrlError::Character(character));
    }
    Ok(name.to_owned())
}

/// Slugs and workspace ids.
pub(super) fn is_slug_char(character: char) -> bool {
    character.is_ascii_alphanumeric() || "_.-".contains(character)
}

/// Project keys of Data Center, and the slugs of users after `~`.
pub(super) fn is_project_char(character: char) -> bool {
    character.is_alphanumeric() || "_.-~+".contains(character)
}

/// Paths of other hosts in a URL, where characters can be encoded.
pub(super) fn is_path_char(character: char) -> bool {
    is_scp_path_char(character) || character == ' '
}

/// Paths of other hosts in the scp-like form: no character that needs quotes in a shell. Some hosts use `%` there.
pub(super) fn is_scp_path_char(character: char) -> bool {
    character.is_alphanumeric() || "._~-+=%".contains(character)
}
