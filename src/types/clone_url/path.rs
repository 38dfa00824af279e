//! The path of a clone URL: its decoded segments, and the characters that names of workspaces, projects, users and
//! repositories may have.

use percent_encoding::percent_decode_str;

use super::error::CloneUrlError;
use crate::types::escape::needs_escape;

/// Replaces a segment that cannot be decoded. No name is valid with it, so only a URL that needs the segment fails.
const UNREADABLE: &str = "\0";

/// The segments of a path. In a web link, those after the repository may be anything.
#[derive(Debug, Default)]
pub(super) struct Path {
    segments: Vec<String>,
    error: Option<CloneUrlError>,
}

impl Path {
    /// The path of a URL, percent-decoded.
    pub(super) fn decode(path: &str) -> Result<Self, CloneUrlError> {
        Self::split(path, decode)
    }

    /// The path of the scp-like form, which git does not decode. Only `%7E` is read as `~`, since browsers write it.
    pub(super) fn literal(path: &str) -> Result<Self, CloneUrlError> {
        Self::split(path, |segment| {
            Ok(match segment.get(..3) {
                Some(tilde) if tilde.eq_ignore_ascii_case("%7E") => format!("~{}", &segment[3..]),
                _ => segment.to_owned(),
            })
        })
    }

    fn split(
        path: &str,
        decode: impl Fn(&str) -> Result<String, CloneUrlError>,
    ) -> Result<Self, CloneUrlError> {
        let path = path.strip_prefix('/').unwrap_or(path);
        let path = path.strip_suffix('/').unwrap_or(path);
        let mut split = Self::default();
        if path.is_empty() {
            return Ok(split);
        }
        if path.ends_with('/') {
            return Err(CloneUrlError::EmptyPart);
        }
        for segment in path.split('/') {
            match decode(segment).and_then(checked) {
                Ok(segment) => split.segments.push(segment),
                // Browsers and servers resolve them, which leads elsewhere.
                Err(CloneUrlError::DotPart) => return Err(CloneUrlError::DotPart),
                Err(error) => {
                    split.error.get_or_insert(error);
                    split.segments.push(UNREADABLE.to_owned());
                }
            }
        }
        Ok(split)
    }

    pub(super) fn segments(&self) -> Vec<&str> {
        self.segments.iter().map(String::as_str).collect()
    }

    /// The error of a segment that cannot be decoded, otherwise the given one.
    pub(super) fn into_error(self, reason: CloneUrlError) -> CloneUrlError {
        self.error.unwrap_or(reason)
    }
}

fn checked(segment: String) -> Result<String, CloneUrlError> {
    match segment.as_str() {
        "" => Err(CloneUrlError::EmptyPart),
        "." | ".." => Err(CloneUrlError::DotPart),
        _ => match segment
            .chars()
            .find(|&c| needs_escape(c) || matches!(c, '/' | '\\'))
        {
            Some(c) if needs_escape(c) => Err(CloneUrlError::InvisibleCharacter(c)),
            Some(c) => Err(CloneUrlError::Character(c)),
            None => Ok(segment),
        },
    }
}

/// Percent-decodes once (RFC 3986, section 2.1).
pub(super) fn decode(text: &str) -> Result<String, CloneUrlError> {
    let is_escape = |rest: &str| {
        let digits = rest.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    if !text.split('%').skip(1).all(is_escape) {
        return Err(CloneUrlError::Encoding);
    }
    match percent_decode_str(text).decode_utf8() {
        Ok(decoded) => Ok(decoded.into_owned()),
        Err(_) => Err(CloneUrlError::Encoding),
    }
}

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
