//! A commit in the language of git-fast-import(1): one program writes all files, links and removals at once.

use std::io::Write as _;

use super::push::NewCommit;
use crate::types::commit::FileMode;

/// The commit, for a reference.
pub(super) fn stream(reference: &str, new: &NewCommit<'_>) -> Vec<u8> {
    let room: usize = new.files.iter().map(|file| file.content.len() + 128).sum();
    let mut bytes = Vec::with_capacity(room + 1024);
    let name = plain(&new.person.name);
    let email = plain(&new.person.email);
    line(&mut bytes, &format!("commit {reference}"));
    line(&mut bytes, &format!("committer {name} <{email}> now"));
    data(&mut bytes, new.message.as_bytes());
    if let Some(parent) = new.parent {
        line(&mut bytes, &format!("from {parent}"));
    }
    // First what goes, so that a file can take the place of a folder.
    for path in new.removed {
        line(&mut bytes, &format!("D {}", quoted(path)));
    }
    for file in new.files {
        let mode = match file.mode {
            FileMode::Regular => "100644",
            FileMode::Executable => "100755",
            FileMode::Link => "120000",
        };
        line(
            &mut bytes,
            &format!("M {mode} inline {}", quoted(&file.path)),
        );
        data(&mut bytes, &file.content);
    }
    line(&mut bytes, "");
    bytes
}

fn line(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend_from_slice(text.as_bytes());
    bytes.push(b'\n');
}

fn data(bytes: &mut Vec<u8>, content: &[u8]) {
    // Writing to a Vec cannot fail.
    let _ = writeln!(bytes, "data {}", content.len());
    bytes.extend_from_slice(content);
    bytes.push(b'\n');
}

/// Names end where git's line has its next part.
fn plain(text: &str) -> String {
    let is_taken = |c: &char| !matches!(c, '<' | '>') && !c.is_control();
    let text: String = text.chars().filter(is_taken).collect();
    text.trim().to_owned()
}

/// A path as C has strings.
fn quoted(path: &str) -> String {
    let mut text = String::from("\"");
    for character in path.chars() {
        match character {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            other => text.push(other),
        }
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::commit::{LocalFile, Signature};

    #[test]
    fn a_commit_is_written_as_git_reads_it() {
        let person = Signature {
            name: "Jane <x>\n Doe".to_owned(),
            email: "jane@acme.example".to_owned(),
        };
        let files = [LocalFile {
            path: "a \"b\"/c".to_owned(),
            mode: FileMode::Executable,
            content: b"1\n".to_vec(),
        }];
        let new = NewCommit {
            parent: Some("abc"),
            message: "Title",
            person: &person,
            files: &[&files[0]],
            removed: &["old".to_owned()],
        };
        assert_eq!(
            String::from_utf8(stream("refs/x", &new)).unwrap(),
            "commit refs/x\ncommitter Jane x Doe <jane@acme.example> now\ndata 5\nTitle\nfrom abc\nD \"old\"\n\
             M 100755 inline \"a \\\"b\\\"/c\"\ndata 2\n1\n\n\n"
        );
    }
}
