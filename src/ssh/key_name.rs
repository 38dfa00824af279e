//! What a key for a repository is called: its file, and its comment.

use crate::types::clone_url::CloneUrl;

/// `bbconnect_<namespace>_<slug>`, safe as the name of a file on any system; without a URL `bbconnect`.
#[must_use]
pub(crate) fn file_stem(clone_url: Option<&CloneUrl>) -> String {
    let Some(url) = clone_url else {
        return "bbconnect".to_owned();
    };
    let parts = [
        Some("bbconnect".to_owned()),
        url.namespace(),
        Some(url.slug().to_owned()),
    ];
    let name = parts.into_iter().flatten().collect::<Vec<_>>().join("_");
    let safe = |c: char| {
        if c.is_alphanumeric() || "._-~".contains(c) {
            c
        } else {
            '_'
        }
    };
    name.chars().map(safe).collect()
}

/// `bbconnect:<namespace>/<slug>`; without a URL `bbconnect`.
#[must_use]
pub(crate) fn comment(clone_url: Option<&CloneUrl>) -> String {
    match clone_url {
        None => "bbconnect".to_owned(),
        Some(url) => match url.namespace() {
            None => format!("bbconnect:{}", url.slug()),
            Some(namespace) => format!("bbconnect:{namespace}/{}", url.slug()),
        },
    }
}
