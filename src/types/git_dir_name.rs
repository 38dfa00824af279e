//! Names that some git takes for `.git`: a file of that name would be read as configuration, so git refuses to check it out
//! (`core.protectNTFS`, `core.protectHFS`; path.c and utf8.c in git).

/// Whether any git takes a name for `.git`, whatever the file system.
pub(crate) fn is_git_dir_name(name: &str) -> bool {
    // NTFS reads `\` as a separator.
    name.split('\\').any(is_ntfs_git_dir) || is_hfs_git_dir(name)
}

/// NTFS ignores letter case, spaces and dots at the end and the name of a stream, and knows a short name.
fn is_ntfs_git_dir(name: &str) -> bool {
    let name = name.split(':').next().unwrap_or(name);
    let name = name.trim_end_matches([' ', '.']);
    name.eq_ignore_ascii_case(".git") || name.eq_ignore_ascii_case("git~1")
}

/// HFS+ ignores letter case and characters without width.
fn is_hfs_git_dir(name: &str) -> bool {
    let is_ignored = |character: &char| {
        matches!(character,
            '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}')
    };
    let visible = name.chars().filter(|character| !is_ignored(character));
    visible
        .map(|character| character.to_ascii_lowercase())
        .eq(".git".chars())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_the_git_directory_is_found() {
        for name in [
            ".git",
            ".GIT",
            ".Git ",
            ".git. .",
            "git~1",
            "GIT~1.",
            ".git::$INDEX_ALLOCATION",
            ".git:stream",
            "a\\.git",
            ".git\\config",
            ".g\u{200c}it",
            "\u{feff}.git",
            ".gi\u{206f}T",
        ] {
            assert!(is_git_dir_name(name), "{name:?}");
        }
        for name in [
            ".gitignore",
            ".gitattributes",
            "git",
            "git~2",
            ".github",
            "x.git",
            "..git",
            " .git",
            ".g\u{e9}t",
        ] {
            assert!(!is_git_dir_name(name), "{name:?}");
        }
    }
}
