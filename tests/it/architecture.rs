//! The house keeps its shape: who may import whom, how long a file may be, how a file begins.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The rooms, and what each may use of ours. A room that is not listed may not exist.
const MAY_USE: [(&str, &[&str]); 17] = [
    // The words and the ground.
    ("types", &[]),
    ("exit_status", &[]),
    ("sys", &["exit_status"]),
    // Adapters: each touches one part of the world, and never another adapter.
    ("ssh", &["types", "sys"]),
    ("git", &["types", "sys"]),
    ("config", &["types", "sys"]),
    ("secrets", &["types", "sys"]),
    ("bitbucket", &["types"]),
    ("oauth", &["types"]),
    ("probe", &["types"]),
    // What unites them.
    (
        "error",
        &[
            "types",
            "exit_status",
            "ssh",
            "git",
            "config",
            "secrets",
            "bitbucket",
            "oauth",
        ],
    ),
    ("ui", &["types", "exit_status", "error", "sys"]),
    (
        "app",
        &[
            "types",
            "sys",
            "error",
            "ui",
            "ssh",
            "git",
            "config",
            "secrets",
            "bitbucket",
            "oauth",
        ],
    ),
    // The commands, and what leads to them.
    (
        "commands",
        &[
            "types",
            "exit_status",
            "sys",
            "ssh",
            "git",
            "config",
            "secrets",
            "bitbucket",
            "probe",
            "error",
            "ui",
            "app",
        ],
    ),
    (
        "cli",
        &["types", "exit_status", "error", "ui", "app", "commands"],
    ),
    (
        "lib",
        &["exit_status", "error", "ui", "app", "commands", "cli"],
    ),
    ("main", &["app", "sys"]),
];

/// A file that passes this is asking to be two rooms.
const MOST_LINES: usize = 300;

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("the entry can be read").path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn room_of(file: &Path) -> String {
    let below = file.strip_prefix(root()).expect("it is below src");
    let first = below
        .iter()
        .next()
        .expect("it has a name")
        .to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

/// The rooms that a file names, in `use` lines and in paths, outside comments and its own tests.
fn used_rooms(text: &str) -> Vec<String> {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or(text);
    let mut rooms = Vec::new();
    for line in code
        .lines()
        .map(|line| line.split("//").next().unwrap_or(line))
    {
        for start in ["crate::", "bbconnect::"] {
            for behind in line.split(start).skip(1) {
                assert!(
                    !behind.starts_with('{'),
                    "one `use` line for each room: {line}"
                );
                let end = behind.find(|c: char| !(c.is_alphanumeric() || c == '_'));
                rooms.push(behind[..end.unwrap_or(behind.len())].to_owned());
            }
        }
    }
    rooms
}

#[test]
fn rooms_use_only_the_rooms_below_them() {
    let table: BTreeMap<_, _> = MAY_USE.into_iter().collect();
    let mut wrong = Vec::new();
    for file in sources(&root()) {
        let room = room_of(&file);
        let Some(allowed) = table.get(room.as_str()) else {
            wrong.push(format!("{} is in no room of the table", file.display()));
            continue;
        };
        let text = fs::read_to_string(&file).expect("it can be read");
        for used in used_rooms(&text) {
            // `bbconnect::run` is the library itself.
            let known = table.contains_key(used.as_str()) || used == "run";
            let permitted = used == room || used == "run" || allowed.contains(&used.as_str());
            if !known || !permitted {
                wrong.push(format!("{} uses {used}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn commands_never_import_each_other() {
    let commands = root().join("commands");
    for file in sources(&commands) {
        let text = fs::read_to_string(&file).expect("it can be read");
        let is_other =
            |line: &&str| line.contains("crate::commands::") || line.contains("super::super::");
        let others = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .filter(is_other);
        assert_eq!(others.collect::<Vec<_>>(), [""; 0], "{}", file.display());
    }
}

#[test]
fn files_are_short_and_say_what_they_are() {
    let mut wrong = Vec::new();
    for file in sources(&root()) {
        let text = fs::read_to_string(&file).expect("it can be read");
        let lines = text.lines().count();
        if lines > MOST_LINES {
            wrong.push(format!("{} has {lines} lines", file.display()));
        }
        if !text.starts_with("//! ") {
            wrong.push(format!("{} does not say what it is", file.display()));
        }
        let name = file.file_stem().expect("it has a name").to_string_lossy();
        if ["util", "utils", "helpers", "common", "manager", "misc"].contains(&&*name) {
            wrong.push(format!("{} is a name for anything", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn unsafe_code_is_in_one_file() {
    let unsafe_files: Vec<_> = sources(&root())
        .into_iter()
        .filter(|file| {
            fs::read_to_string(file)
                .expect("it can be read")
                .contains("unsafe {")
        })
        .collect();
    assert_eq!(unsafe_files, [root().join("ssh/rsa/fermat.rs")]);
}
