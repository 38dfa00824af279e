//! The structure of `src/`: layers, import cycles, file names, and where `unsafe` is. `docs/architecture.md` describes it.
//!
//! Imports are found by reading tokens: `use` trees and paths in code, followed through re-exports to the file that
//! defines the item. Method calls and macros are not seen.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The layers, lowest first. A module uses only modules of lower layers, so modules of one layer never import each other.
const LAYERS: [&[&str]; 12] = [
    &["types", "exit_status"],
    &["sys"],
    // Adapters: each touches one part of the state.
    &[
        "bitbucket",
        "config",
        "git",
        "migrate",
        "oauth",
        "probe",
        "secrets",
        "ssh",
    ],
    &["error"],
    &["ui"],
    &["diagnostics"],
    &["resolve"],
    &["app"],
    &["commands"],
    &["cli"],
    &["lib"],
    &["main"],
];

/// The module whose children are commands, which never import each other.
const COMMANDS: &str = "commands";

/// What all commands share: the trait, and the groups of arguments.
const SHARED: [&str; 3] = ["mod.rs", "subcommand.rs", "args.rs"];

/// A file of the library or the program.
struct Source {
    /// Relative to `src`, with `/` on every system.
    path: String,
    module: Vec<String>,
    text: String,
    tokens: Vec<String>,
    imports: Vec<Import>,
    /// Files that exist for tests alone, by the names of their modules.
    test_children: Vec<String>,
}

/// A leaf of a `use` tree, or `*`.
#[derive(Clone)]
struct Import {
    path: Vec<String>,
    name: String,
    is_reexport: bool,
}

struct Sources(Vec<Source>);

impl Sources {
    fn read() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut paths = Vec::new();
        let mut dirs = vec![root.clone()];
        while let Some(dir) = dirs.pop() {
            for entry in fs::read_dir(dir).expect("the directory exists") {
                let path = entry.expect("the entry can be read").path();
                if path.is_dir() {
                    dirs.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    paths.push(path);
                }
            }
        }
        paths.sort();
        let sources = paths.iter().map(|path| {
            let relative = path.strip_prefix(&root).expect("it is below src");
            let parts: Vec<_> = relative.iter().map(|part| part.to_string_lossy()).collect();
            Source::parse(
                &parts.join("/"),
                &fs::read_to_string(path).expect("it is text"),
            )
        });
        let mut sources: Vec<Source> = sources.collect();
        let test_modules: Vec<Vec<String>> = sources
            .iter()
            .flat_map(|source| {
                let child =
                    |name: &String| [&source.module[..], std::slice::from_ref(name)].concat();
                source.test_children.iter().map(child)
            })
            .collect();
        sources.retain(|source| {
            !test_modules
                .iter()
                .any(|module| source.module.starts_with(module))
        });
        Self(sources)
    }

    fn module(&self, module: &[String]) -> Option<usize> {
        let is_it = |source: &Source| source.module == module && source.path != "main.rs";
        self.0.iter().position(is_it)
    }

    /// The file that defines what a path from the crate's root names; nothing for a path that ends in a module.
    fn definition(&self, path: &[String], depth: usize) -> Option<usize> {
        let mut at = self.module(&[])?;
        for (index, name) in path.iter().enumerate() {
            if let Some(child) = self.module(&path[..=index]) {
                at = child;
                continue;
            }
            let source = &self.0[at];
            if depth > 20 {
                return Some(at);
            }
            let follow = |import: &Import, rest: &[String]| {
                let path = self.absolute(source, &import.path)?;
                self.definition(&[&path[..], rest].concat(), depth + 1)
            };
            if let Some(import) = source.imports.iter().find(|import| import.name == *name) {
                return follow(import, &path[index + 1..]);
            }
            let mut globs = source.imports.iter().filter(|import| import.name == "*");
            let by_glob = globs.find_map(|import| {
                let found = follow(import, &path[index..])?;
                self.0[found].defines(name).then_some(found)
            });
            return Some(by_glob.unwrap_or(at));
        }
        None
    }

    /// A path as it is written in a file, from the crate's root; nothing for paths of other crates.
    fn absolute(&self, source: &Source, path: &[String]) -> Option<Vec<String>> {
        let (first, rest) = path.split_first()?;
        let mut module = source.module.clone();
        match first.as_str() {
            "crate" => return Some(rest.to_vec()),
            "bbconnect" if source.path == "main.rs" => return Some(rest.to_vec()),
            "self" => {}
            "super" => {
                module.pop();
            }
            name => {
                module.push(name.to_owned());
                self.module(&module)?;
            }
        }
        let mut rest = rest;
        while let Some((_, more)) = rest.split_first().filter(|(name, _)| *name == "super") {
            module.pop();
            rest = more;
        }
        module.extend_from_slice(rest);
        Some(module)
    }

    /// The files that a file uses.
    fn used_by(&self, at: usize) -> BTreeSet<usize> {
        let source = &self.0[at];
        let mut paths = Vec::new();
        for import in &source.imports {
            let uses = source
                .tokens
                .iter()
                .filter(|token| **token == import.name)
                .count();
            if !import.is_reexport || uses > 0 {
                paths.extend(self.absolute(source, &import.path));
            }
        }
        for path in source.paths() {
            let by_import = source.imports.iter().find(|import| import.name == path[0]);
            let path = match by_import {
                Some(import) => [&import.path[..], &path[1..]].concat(),
                None => path,
            };
            paths.extend(self.absolute(source, &path));
        }
        let found = paths.iter().filter_map(|path| self.definition(path, 0));
        found.filter(|used| *used != at).collect()
    }

    /// Every import between two files.
    fn edges(&self) -> Vec<(&str, &str)> {
        let name = |at: usize| self.0[at].path.as_str();
        let of = |at: usize| {
            self.used_by(at)
                .into_iter()
                .map(move |used| (name(at), name(used)))
        };
        (0..self.0.len()).flat_map(of).collect()
    }
}

impl Source {
    fn parse(path: &str, text: &str) -> Self {
        let stem = path.trim_end_matches(".rs").trim_end_matches("/mod");
        let is_root = stem == "lib" || stem == "main";
        let mut source = Self {
            path: path.to_owned(),
            module: stem
                .split('/')
                .filter(|_| !is_root)
                .map(str::to_owned)
                .collect(),
            tokens: Vec::new(),
            imports: Vec::new(),
            test_children: Vec::new(),
            text: text.to_owned(),
        };
        let all = tokens(text);
        let mut at = 0;
        while at < all.len() {
            let is_test = all[at..].starts_with(&["#", "[", "cfg", "(", "test", ")", "]"]);
            if is_test {
                let end = end_of_item(&all, at + 7);
                if let [.., "mod", name, ";"] = all[at..end] {
                    source.test_children.push(name.to_owned());
                }
                at = end;
            } else if all[at] == "use" && all.get(at + 1) != Some(&"<") {
                let is_reexport = at > 0 && matches!(all[at - 1], "pub" | ")");
                at += 1;
                source.read_tree(&all, &mut at, &mut Vec::new(), is_reexport);
            } else {
                source.tokens.push(all[at].to_owned());
                at += 1;
            }
        }
        source
    }

    /// Reads one `use` tree, and stops behind it.
    fn read_tree(
        &mut self,
        all: &[&str],
        at: &mut usize,
        path: &mut Vec<String>,
        is_reexport: bool,
    ) {
        let length = path.len();
        loop {
            let token = all[*at];
            *at += 1;
            match token {
                "::" => {}
                "{" => {
                    while all[*at] != "}" {
                        self.read_tree(all, at, path, is_reexport);
                        if all[*at] == "," {
                            *at += 1;
                        }
                    }
                    *at += 1;
                    break;
                }
                name => {
                    path.push(name.to_owned());
                    if all[*at] == "::" {
                        continue;
                    }
                    let mut name = name.to_owned();
                    if name == "self" && path.len() > 1 {
                        path.pop();
                        name.clone_from(&path[path.len() - 1]);
                    }
                    if all[*at] == "as" {
                        all[*at + 1].clone_into(&mut name);
                        *at += 2;
                    }
                    let path = path.iter().filter(|part| *part != "*").cloned().collect();
                    self.imports.push(Import {
                        path,
                        name,
                        is_reexport,
                    });
                    break;
                }
            }
        }
        path.truncate(length);
    }

    /// The paths in code that have more than one part.
    fn paths(&self) -> Vec<Vec<String>> {
        let is_name =
            |token: &String| token.starts_with(|first: char| first.is_alphabetic() || first == '_');
        let mut paths = Vec::new();
        let mut at = 0;
        while at < self.tokens.len() {
            let mut path = Vec::new();
            let is_behind = at > 0 && self.tokens[at - 1] == "::";
            while self.tokens.get(at).is_some_and(is_name) {
                path.push(self.tokens[at].clone());
                at += 1;
                if self.tokens.get(at).is_none_or(|token| token != "::") {
                    break;
                }
                at += 1;
            }
            if path.len() > 1 && !is_behind {
                paths.push(path);
            }
            at += 1;
        }
        paths
    }

    fn defines(&self, name: &str) -> bool {
        const KEYWORDS: [&str; 7] = ["struct", "enum", "trait", "type", "fn", "const", "static"];
        self.tokens
            .windows(2)
            .any(|pair| KEYWORDS.contains(&pair[0].as_str()) && pair[1] == name)
    }
}

/// The tokens of a text, without comments, lifetimes and the contents of strings and characters.
fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(hashes) = raw_string(rest) {
            let end = format!("\"{}", "#".repeat(hashes));
            let start = rest.find('"').map_or(0, |at| at + 1);
            rest[start..]
                .find(&end)
                .map_or(rest.len(), |at| start + at + end.len())
        } else if first == '"' {
            quoted(rest, '"')
        } else if rest.starts_with("'\\") {
            quoted(rest, '\'')
        } else if first == '\'' {
            // A character, or a lifetime.
            let character = rest.chars().nth(1).map_or(1, char::len_utf8);
            if rest[1 + character..].starts_with('\'') {
                character + 2
            } else {
                1
            }
        } else if first.is_alphanumeric() || first == '_' {
            let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_'));
            let length = end.unwrap_or(rest.len());
            tokens.push(&rest[..length]);
            length
        } else {
            let length = if rest.starts_with("::") {
                2
            } else {
                first.len_utf8()
            };
            if !first.is_whitespace() {
                tokens.push(&rest[..length]);
            }
            length
        };
        rest = &rest[length..];
    }
    tokens
}

/// How many `#` stand before the quote of a raw string that begins here.
fn raw_string(text: &str) -> Option<usize> {
    let rest = text.strip_prefix("br").or_else(|| text.strip_prefix('r'))?;
    let quote = rest.find(|c| c != '#')?;
    rest[quote..].starts_with('"').then_some(quote)
}

/// The length of what stands in quotes at the beginning.
fn quoted(text: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        if c == quote && !is_escaped {
            return at + 1;
        }
        is_escaped = c == '\\' && !is_escaped;
    }
    text.len()
}

/// Where the item ends that begins here: behind its semicolon or its braces.
fn end_of_item(tokens: &[&str], start: usize) -> usize {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate().skip(start) {
        match *token {
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" => depth -= 1,
            _ => {}
        }
        if depth == 0 && matches!(*token, ";" | "}") {
            return at + 1;
        }
    }
    tokens.len()
}

/// The directory that two files have in common, and the names of both in it.
fn siblings<'a>(from: &'a str, to: &'a str) -> (&'a str, &'a str, &'a str) {
    let mut common = 0;
    for (at, _) in from.match_indices('/') {
        if to.get(..=at) == Some(&from[..=at]) {
            common = at + 1;
        }
    }
    let name = |path: &'a str| path[common..].split('/').next().unwrap_or_default();
    (&from[..common], name(from), name(to))
}

#[test]
fn modules_use_only_lower_layers() {
    let layer = |path: &str| {
        let first = path.split('/').next().unwrap_or_default();
        let module = first.trim_end_matches(".rs");
        LAYERS.iter().position(|layer| layer.contains(&module))
    };
    let sources = Sources::read();
    let mut wrong = Vec::new();
    for source in &sources.0 {
        if layer(&source.path).is_none() {
            wrong.push(format!("{} is in no layer", source.path));
        }
    }
    for (from, to) in sources.edges() {
        let (dir, one, other) = siblings(from, to);
        if dir.is_empty() && one != other && layer(from) <= layer(to) {
            wrong.push(format!("{from} imports {to}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn commands_never_import_each_other() {
    let sources = Sources::read();
    let mut wrong = Vec::new();
    for (from, to) in sources.edges() {
        let (dir, one, other) = siblings(from, to);
        let is_of_both = !SHARED.contains(&one) && !SHARED.contains(&other) && one != other;
        if dir.trim_end_matches('/') == COMMANDS && is_of_both {
            wrong.push(format!("{from} imports {to}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn there_are_no_import_cycles() {
    /// For every directory: which of its files and directories imports which, and through which files.
    type Graph<'a> = BTreeMap<(&'a str, &'a str), Vec<(&'a str, &'a str)>>;
    let sources = Sources::read();
    let edges = sources.edges();
    let mut graphs: BTreeMap<&str, Graph<'_>> = BTreeMap::new();
    for (from, to) in edges {
        let (dir, one, other) = siblings(from, to);
        let graph = graphs.entry(dir.trim_end_matches('/')).or_default();
        graph.entry((one, other)).or_default().push((from, to));
    }
    let mut wrong = Vec::new();
    for (dir, graph) in &graphs {
        let reached = |start: &str| {
            let mut reached = BTreeSet::new();
            let mut next = vec![start];
            while let Some(name) = next.pop() {
                for (_, to) in graph.keys().filter(|(from, _)| *from == name) {
                    if reached.insert(*to) {
                        next.push(to);
                    }
                }
            }
            reached
        };
        let names: BTreeSet<&str> = graph.keys().map(|(from, _)| *from).collect();
        let cycles: BTreeSet<BTreeSet<&str>> = names
            .iter()
            .map(|name| {
                let mut cycle = reached(name);
                cycle.retain(|other| reached(other).contains(name));
                cycle
            })
            .filter(|cycle| !cycle.is_empty())
            .collect();
        for cycle in cycles {
            let within = |(from, to): &&(&str, &str)| cycle.contains(from) && cycle.contains(to);
            let imports = graph.keys().filter(within).flat_map(|pair| &graph[pair]);
            let imports: Vec<_> = imports
                .map(|(from, to)| format!("\n  {from} imports {to}"))
                .collect();
            wrong.push(format!("({dir:?}, &{cycle:?}),{}", imports.concat()));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} cycles:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn files_say_what_they_are() {
    let mut wrong = Vec::new();
    for source in Sources::read().0 {
        let stem = source.path.trim_end_matches(".rs").trim_end_matches("/mod");
        let name = stem.rsplit('/').next().unwrap_or_default();
        if ["util", "utils", "helpers", "common", "manager", "misc"].contains(&name) {
            wrong.push(format!("{} has a name for anything", source.path));
        }
        if !source.text.starts_with("//! ") {
            wrong.push(format!(
                "{} does not begin with its documentation",
                source.path
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn unsafe_code_is_in_few_files() {
    let sources = Sources::read();
    let is_unsafe = |source: &&Source| source.text.contains("unsafe {");
    let files = sources.0.iter().filter(is_unsafe);
    let files: Vec<_> = files.map(|source| source.path.as_str()).collect();
    let expected = [
        "ssh/rsa/fermat.rs",
        "sys/access_control.rs",
        "sys/console_events.rs",
        "sys/job_object.rs",
        "sys/parent_death.rs",
    ];
    assert_eq!(files, expected);
}
