//! `publish`: what differs becomes one commit and one pull request; through REST on Cloud, through real git on Data
//! Center.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::bitbucket::repo_store::{RepoStore, Tree};
use crate::support::bitbucket::{Credential, Fault, Server, ServerState};
use crate::support::{
    CommandExt as _, RunOutput, Sandbox, check_output, is_installed, program, write_script,
};

const TOKEN: &str = "ATATT-publish-marker";

fn state(store: RepoStore) -> ServerState {
    ServerState {
        credentials: Credential::of_jane(TOKEN, &["write:repository:bitbucket"]),
        store,
        ..ServerState::default()
    }
}

/// A sandbox with a folder to publish.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    fs::create_dir_all(sandbox.path("site/pages")).unwrap();
    for (name, text) in [
        ("README.md", "# site\n"),
        ("pages/a b.html", "<p>\u{e9}\n"),
        ("run.sh", "#!/bin/sh\n"),
        (".gitignore", "*.log\n"),
        ("debug.log", "no"),
        ("message", "a file that is called like a field"),
    ] {
        fs::write(sandbox.path("site").join(name), text).unwrap();
    }
    fs::set_permissions(
        sandbox.path("site/run.sh"),
        fs::Permissions::from_mode(0o755),
    )
    .unwrap();
    symlink("README.md", sandbox.path("site/link")).unwrap();
    sandbox
}

const FIRST: [&str; 5] = [".gitignore", "link", "message", "pages/a b.html", "run.sh"];

fn run(server: &Server, sandbox: &Sandbox, is_cloud: bool, more: &[&str]) -> RunOutput {
    let mut command = sandbox.command(["publish", "site", "--json"]);
    command.args(more).env("BBCONNECT_TOKEN", TOKEN);
    if is_cloud {
        command
            .env("BBCONNECT_URL", server.cloud())
            .env("BBCONNECT_EMAIL", "jane@acme.example")
            .env("BBCONNECT_REPO", "acme/site");
    } else {
        command
            .env("BBCONNECT_URL", server.datacenter())
            .env("BBCONNECT_REPO", "WEB/site");
    }
    let ran = command.finish();
    assert!(!ran.stdout.contains(TOKEN) && !ran.stderr.contains(TOKEN));
    ran
}

/// Cloud with its repository, or Data Center with one behind real git; `None` where there is no git.
fn server(is_cloud: bool, root: &Path) -> Option<Server> {
    if is_cloud {
        return Some(Server::start(state(RepoStore::with(&["acme/site+"]))));
    }
    if !is_installed("git", "--version") {
        return None;
    }
    let bare = root.join("web/site.git");
    check_output(
        program("git")
            .args(["init", "--quiet", "--bare", "--initial-branch=main"])
            .arg(&bare),
    );
    check_output(
        program("git")
            .arg("-C")
            .arg(&bare)
            .args(["config", "http.receivepack", "true"]),
    );
    push(&bare, "main", "First", ("README.md", "# site\n"));
    let mut store = RepoStore::with(&["WEB/site"]);
    store.git = Some(root.to_owned());
    Some(Server::start(state(store)))
}

/// Commits to a bare repository, as somebody does who is not the program.
fn push(bare: &Path, branch: &str, message: &str, file: (&str, &str)) {
    let reference = format!("refs/heads/{branch}");
    let from = if check_output(
        program("git")
            .arg("-C")
            .arg(bare)
            .args(["for-each-ref", &reference]),
    )
    .is_empty()
    {
        String::new()
    } else {
        format!("from {reference}^0\n")
    };
    let text = format!(
        "commit {reference}\ncommitter Bob <bob@acme.example> now\ndata {}\n{message}\n{from}M 644 inline {}\ndata {}\n{}\n",
        message.len(),
        file.0,
        file.1.len(),
        file.1
    );
    let mut import = program("git");
    import
        .arg("-C")
        .arg(bare)
        .args(["fast-import", "--quiet", "--date-format=now"]);
    let mut child = import.stdin(std::process::Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), text.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

struct Target {
    is_cloud: bool,
    server: Server,
    sandbox: Sandbox,
    root: PathBuf,
    _folder: tempfile::TempDir,
}

/// What is tested for each product.
fn targets() -> Vec<Target> {
    [true, false]
        .into_iter()
        .filter_map(|is_cloud| {
            let folder = tempfile::tempdir().unwrap();
            let server = server(is_cloud, folder.path())?;
            Some(Target {
                is_cloud,
                server,
                sandbox: sandbox(),
                root: folder.path().to_owned(),
                _folder: folder,
            })
        })
        .collect()
}

impl Target {
    fn run(&self, more: &[&str]) -> RunOutput {
        run(&self.server, &self.sandbox, self.is_cloud, more)
    }

    fn git(&self, arguments: &[&str]) -> String {
        check_output(
            program("git")
                .arg("-C")
                .arg(self.root.join("web/site.git"))
                .args(arguments),
        )
    }

    /// The files of a branch with their modes; nothing where it is not there.
    fn files(&self, branch: &str) -> Vec<(String, String)> {
        if self.is_cloud {
            let mut tree = Tree::new();
            self.server.update(|state| {
                let repo = state.store.repo("acme", "site").unwrap();
                if let Some(tip) = repo.branches.get(branch) {
                    tree = repo.commits[tip].tree.clone();
                }
            });
            let mode = |attributes: &[String]| match attributes.first().map(String::as_str) {
                Some("executable") => "100755",
                Some("link") => "120000",
                _ => "100644",
            };
            return tree
                .into_iter()
                .map(|(path, (_, attributes))| (path, mode(&attributes).to_owned()))
                .collect();
        }
        let listed = self.git(&["ls-tree", "-r", "-z", &format!("refs/heads/{branch}")]);
        let entry = |line: &str| {
            let (facts, path) = line.split_once('\t')?;
            Some((path.to_owned(), facts[..6].to_owned()))
        };
        listed.split('\0').filter_map(entry).collect()
    }

    fn requests(&self) -> Vec<Value> {
        let mut requests = Vec::new();
        let namespace = if self.is_cloud { "acme" } else { "WEB" };
        self.server.update(|state| {
            requests.clone_from(&state.store.repo(namespace, "site").unwrap().pull_requests);
        });
        requests
    }

    fn push(&self, branch: &str, message: &str, file: (&str, &str)) {
        if self.is_cloud {
            self.server.update(|state| {
                state
                    .store
                    .push("acme/site", branch, message, (file.0, file.1.as_bytes()));
            });
        } else {
            push(&self.root.join("web/site.git"), branch, message, file);
        }
    }

    /// Puts a file into the last commit of a branch, whose message stays, as `git commit --amend --no-edit` does.
    fn amend(&self, branch: &str, file: (&str, &str)) {
        if self.is_cloud {
            self.server.update(|state| {
                let hash = state.store.hash();
                let repo = state.store.repo("acme", "site").unwrap();
                let mut commit = repo.commits[&repo.branches[branch]].clone();
                let content = (file.1.as_bytes().to_vec(), Vec::new());
                commit.tree.insert(file.0.to_owned(), content);
                repo.commits.insert(hash.clone(), commit);
                repo.branches.insert(branch.to_owned(), hash);
            });
            return;
        }
        let tip = self.tip(branch);
        let message = self.git(&["log", "-1", "--format=%B", &tip]);
        push(&self.root.join("web/site.git"), branch, &message, file);
        let tree = format!("{branch}^{{tree}}");
        let parent = format!("{tip}^");
        let mut commit = program("git");
        commit
            .arg("-C")
            .arg(self.root.join("web/site.git"))
            .args(["-c", "user.name=Bob", "-c", "user.email=bob@acme.example"])
            .args(["commit-tree", &tree, "-p", &parent, "-m", &message]);
        let amended = check_output(&mut commit);
        self.git(&[
            "update-ref",
            &format!("refs/heads/{branch}"),
            amended.trim(),
        ]);
    }

    fn tip(&self, branch: &str) -> String {
        if !self.is_cloud {
            let hash = self.git(&["rev-parse", &format!("refs/heads/{branch}")]);
            return hash.trim().to_owned();
        }
        let mut tip = String::new();
        self.server.update(|state| {
            let repo = state.store.repo("acme", "site").unwrap();
            tip.clone_from(&repo.branches[branch]);
        });
        tip
    }

    fn message(&self, branch: &str) -> String {
        let tip = self.tip(branch);
        if !self.is_cloud {
            return self.git(&["log", "-1", "--format=%B", &tip]);
        }
        let mut message = String::new();
        self.server.update(|state| {
            let repo = state.store.repo("acme", "site").unwrap();
            message.clone_from(&repo.commits[&tip].message);
        });
        message
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.sandbox.path("site").join(name), text).unwrap();
    }
}

#[test]
fn a_directory_becomes_a_commit_and_a_pull_request() {
    for target in targets() {
        let planned = target.run(&["--dry-run"]).exits_with(0).json();
        assert_eq!(
            (
                planned["action"].as_str(),
                planned["pull_request"]["action"].as_str()
            ),
            (Some("would-create"), Some("would-create"))
        );
        assert!(planned["commit"].is_null());
        assert_eq!(planned["added"], json!(FIRST));
        assert_eq!(target.files("main").len(), 1);
        let done = target.run(&["--message", "Build 1"]).exits_with(0).json();
        assert_eq!(
            (done["schema"].as_str(), done["action"].as_str()),
            (Some("bbconnect/publish@1"), Some("created"))
        );
        assert_eq!(
            (done["branch"].as_str(), done["base"].as_str()),
            (Some("bbconnect"), Some("main"))
        );
        assert_eq!(
            (&done["added"], &done["changed"], &done["removed"]),
            (&json!(FIRST), &json!([]), &json!([]))
        );
        assert_eq!(done["commit"].as_str().unwrap().len(), 40);
        assert_eq!(done["pull_request"]["action"], "created");
        assert!(done["pull_request"]["id"].is_u64() && done["pull_request"]["url"].is_string());
        assert_eq!(target.requests()[0]["title"], "Build 1");
        let expected = [
            (".gitignore", "100644"),
            ("README.md", "100644"),
            ("link", "120000"),
            ("message", "100644"),
            ("pages/a b.html", "100644"),
            ("run.sh", "100755"),
        ];
        assert_eq!(
            target.files("bbconnect"),
            expected.map(|(path, mode)| (path.to_owned(), mode.to_owned()))
        );
        let again = target.run(&["--message", "Build 1"]).exits_with(0).json();
        assert_eq!(
            (again["action"].as_str(), &again["commit"]),
            (Some("unchanged"), &done["commit"])
        );
        assert_eq!(again["pull_request"]["action"], "unchanged");
        assert_eq!(again["pull_request"]["id"], done["pull_request"]["id"]);
        assert_eq!(again["pull_request"]["differs"], json!([]));
        let other = ["--title", "Another", "--draft"];
        let other = target.run(&other).exits_with(0).json();
        assert_eq!(other["pull_request"]["differs"], json!(["title", "draft"]));
        assert_eq!(target.requests().len(), 1);
    }
}

#[test]
fn only_differences_are_committed() {
    for target in targets() {
        target.run(&[]).exits_with(0);
        target.write("README.md", "# Site\n");
        target.write("new", "");
        fs::remove_file(target.sandbox.path("site/message")).unwrap();
        fs::set_permissions(
            target.sandbox.path("site/run.sh"),
            fs::Permissions::from_mode(0o644),
        )
        .unwrap();
        let planned = target.run(&["--dry-run"]).exits_with(0).json();
        assert_eq!(planned["action"], "would-update");
        let done = target.run(&[]).exits_with(0).json();
        assert_eq!(done["action"], "updated");
        assert_eq!(
            (&done["added"], &done["changed"]),
            (&json!(["new"]), &json!(["README.md", "run.sh"]))
        );
        assert_eq!(
            (&done["removed"], &done["pull_request"]["action"]),
            (&json!([]), &json!("unchanged"))
        );
        let done = target.run(&["--delete-removed"]).exits_with(0).json();
        assert_eq!(
            (&done["added"], &done["removed"]),
            (&json!([]), &json!(["message"]))
        );
        assert!(
            target
                .files("bbconnect")
                .iter()
                .all(|(path, _)| path != "message")
        );
        assert_eq!(
            target.run(&["--delete-removed"]).exits_with(0).json()["action"],
            "unchanged"
        );
        assert!(
            target
                .files("bbconnect")
                .contains(&("run.sh".to_owned(), "100644".to_owned()))
        );
    }
}

#[test]
fn publishing_below_a_path_keeps_other_files() {
    for target in targets() {
        let into = [
            "--into",
            "docs/site/",
            "--branch",
            "docs/next",
            "--delete-removed",
            "--no-pr",
        ];
        let done = target.run(&into).exits_with(0).json();
        assert_eq!(
            (done["branch"].as_str(), &done["pull_request"]),
            (Some("docs/next"), &Value::Null)
        );
        assert_eq!(done["added"].as_array().unwrap().len(), 6);
        assert_eq!(done["removed"], json!([]));
        let files: Vec<_> = target
            .files("docs/next")
            .into_iter()
            .map(|(path, _)| path)
            .collect();
        assert!(
            files.contains(&"README.md".to_owned())
                && files.contains(&"docs/site/README.md".to_owned()),
            "{files:?}"
        );
        assert_eq!(
            target.run(&into).exits_with(0).json()["action"],
            "unchanged"
        );
        target.run(&["--into", "../out"]).exits_with(2);
        target.run(&["--branch", "a..b"]).exits_with(2);
    }
}

#[test]
fn commits_by_others_are_a_conflict() {
    for target in targets() {
        target.run(&[]).exits_with(0);
        target.push("bbconnect", "A fix by hand", ("by-hand", "x"));
        target.write("new", "1");
        let refused = target.run(&[]).exits_with(6).json();
        let message = refused["error"]["message"].as_str().unwrap();
        assert!(message.contains("A fix by hand"), "{message}");
        let done = target.run(&["--onto-foreign"]).exits_with(0).json();
        assert_eq!(done["added"], json!(["new"]));
        assert!(
            target
                .files("bbconnect")
                .iter()
                .any(|(path, _)| path == "by-hand")
        );
        // Nor is it, where the list of commits is not narrowed to those of the branch.
        target
            .server
            .update(|state| state.store.ignores_exclude = true);
        target.write("new", "2");
        target.run(&["--branch", "other"]).exits_with(0);
        target.write("new", "3");
        target.run(&["--branch", "other"]).exits_with(0);
        target.run(&[]).exits_with(6);
        // What happens on the base is nobody's business here.
        target.push("main", "Elsewhere", ("elsewhere", "x"));
        target.run(&["--branch", "other"]).exits_with(0);
    }
}

#[test]
fn an_amended_commit_is_a_conflict() {
    for target in targets() {
        target.run(&[]).exits_with(0);
        target.write("run.sh", "#!/bin/sh\necho 2\n");
        target.run(&[]).exits_with(0);
        // What only the commit has, and what the folder has as well, differently or alike.
        for file in [("by-hand", "x"), ("run.sh", "#!/bin/sh\necho fixed\n")] {
            target.amend("bbconnect", file);
            let before = target.tip("bbconnect");
            for more in [&[][..], &["--dry-run"], &["--delete-removed"]] {
                let refused = target.run(more).exits_with(6).json();
                let message = refused["error"]["message"].as_str().unwrap();
                assert!(message.contains("somebody has changed"), "{message}");
                assert!(message.contains(&before[..12]), "{message}");
            }
            assert_eq!(target.tip("bbconnect"), before);
        }
        target.run(&["--onto-foreign"]).exits_with(0);
        // Removed files, renamed ones and what is left alone belong to a commit as well.
        fs::rename(
            target.sandbox.path("site/message"),
            target.sandbox.path("site/words"),
        )
        .unwrap();
        let other = ["--branch", "other", "--delete-removed"];
        target.run(&["--branch", "other"]).exits_with(0);
        fs::rename(
            target.sandbox.path("site/words"),
            target.sandbox.path("site/terms"),
        )
        .unwrap();
        target.run(&other).exits_with(0);
        let again = target.run(&other).exits_with(0).json();
        assert_eq!(again["action"], "unchanged");
    }
}

#[test]
fn without_a_diffstat_the_commit_trailer_identifies_own_commits() {
    let targets = targets();
    let target = targets.iter().find(|target| target.is_cloud).unwrap();
    target
        .server
        .update(|state| state.store.hides_diffstat = true);
    target.run(&[]).exits_with(0);
    target.write("run.sh", "#!/bin/sh\necho 2\n");
    let again = target.run(&[]).exits_with(0).json();
    assert_eq!(again["action"], "updated");
    target.push("bbconnect", "by hand", ("by-hand", "x"));
    target.run(&[]).exits_with(6);
}

#[test]
fn rebased_unchanged_commits_are_recognised() {
    for target in targets().iter().filter(|target| !target.is_cloud) {
        target.run(&[]).exits_with(0);
        target.write("run.sh", "#!/bin/sh\necho 2\n");
        target.run(&[]).exits_with(0);
        target.push("main", "Elsewhere", ("elsewhere", "x"));
        let copy = target.root.join("copy");
        let mut clone = program("git");
        clone.args(["clone", "--quiet", "--branch", "bbconnect"]);
        check_output(clone.arg(target.root.join("web/site.git")).arg(&copy));
        let rebase = |more: &[&str]| {
            let mut git = program("git");
            git.arg("-C").arg(&copy);
            git.args(["-c", "user.name=Bob", "-c", "user.email=bob@acme.example"]);
            check_output(git.args(more))
        };
        rebase(&["rebase", "--quiet", "origin/main"]);
        rebase(&["push", "--quiet", "--force", "origin", "bbconnect"]);
        target.write("new", "1");
        target.run(&[]).exits_with(0);
        // But not where one of them was changed on the way, also below the last one.
        fs::write(copy.join("message"), "fixed").unwrap();
        rebase(&["commit", "--quiet", "--all", "--fixup=HEAD~1"]);
        let mut squash = program("git");
        squash
            .arg("-C")
            .arg(&copy)
            .env("GIT_SEQUENCE_EDITOR", "true");
        squash.args(["-c", "user.name=Bob", "-c", "user.email=bob@acme.example"]);
        check_output(squash.args(["rebase", "--quiet", "-i", "--autosquash", "origin/main"]));
        rebase(&["push", "--quiet", "--force", "origin", "bbconnect"]);
        target.write("new", "2");
        target.run(&[]).exits_with(6);
    }
}

#[test]
fn a_trailer_in_another_persons_commit_is_not_accepted() {
    for target in targets() {
        target.run(&[]).exits_with(0);
        let mark = target.message("bbconnect");
        target.write("new", "1");
        for (branch, message) in [
            ("quoted", format!("Squashed\n\n{mark}\nand a fix of mine\n")),
            ("copied", mark),
            ("bare", "Mine\n\nPublished-by: bbconnect\n".to_owned()),
        ] {
            target.run(&["--branch", branch]).exits_with(0);
            target.push(branch, &message, ("by-hand", "x"));
            target.write("new", &format!("{branch} 2"));
            target.run(&["--branch", branch]).exits_with(6);
            target
                .run(&["--branch", branch, "--onto-foreign"])
                .exits_with(0);
        }
    }
}

#[test]
fn a_branch_without_common_base_is_compared_completely() {
    for target in targets() {
        if target.is_cloud {
            target.server.update(|state| {
                let repo = state.store.repo("acme", "site").unwrap();
                let tip = repo.branches.remove("main").unwrap();
                repo.branches.insert("develop".to_owned(), tip);
            });
        } else {
            target.git(&["branch", "-m", "main", "develop"]);
        }
        let before = target.tip("develop");
        let develop = ["--branch", "develop", "--no-pr"];
        let refused = target.run(&develop).exits_with(6).json();
        let message = refused["error"]["message"].as_str().unwrap();
        assert!(message.contains("did not make"), "{message}");
        assert_eq!(target.tip("develop"), before);
        target
            .run(&[&develop[..], &["--onto-foreign"]].concat())
            .exits_with(0);
        // Said in as many words, the branch is its own base.
        target.write("new", "1");
        target
            .run(&[&develop[..], &["--base", "develop"]].concat())
            .exits_with(0);
    }
}

#[test]
fn a_branch_that_moves_during_the_run_is_exit_6() {
    for target in targets() {
        target.run(&[]).exits_with(0);
        target.write("new", "1");
        if target.is_cloud {
            // Between the look at the branch and the commit, somebody pushes.
            let moved = Fault {
                status: 409,
                headers: vec![("content-type", "application/json".to_owned())],
                body: b"{\"type\":\"error\",\"error\":{\"message\":\"moved\"}}".to_vec(),
                delay: Duration::ZERO,
            };
            target
                .server
                .update(|state| state.targeted_faults.push(("POST", "/src", moved)));
        } else {
            // The server tells of a commit that is no longer the branch's.
            let old = target.git(&["rev-parse", "refs/heads/bbconnect"]);
            target.push("bbconnect", "Faster", ("faster", "x"));
            let told = json!({"values": [{"id": "refs/heads/bbconnect", "displayId": "bbconnect", "latestCommit": old.trim()}], "isLastPage": true});
            let told = Fault {
                status: 200,
                headers: vec![("content-type", "application/json".to_owned())],
                body: told.to_string().into_bytes(),
                delay: Duration::ZERO,
            };
            target.server.update(|state| {
                state
                    .targeted_faults
                    .push(("GET", "filterText=bbconnect", told));
            });
        }
        let before = target.files("bbconnect");
        let refused = target.run(&[]).exits_with(6).json();
        assert!(
            refused["error"]["message"]
                .as_str()
                .unwrap()
                .contains("meanwhile"),
            "{refused}"
        );
        assert_eq!(target.files("bbconnect"), before);
    }
}

#[test]
fn a_branch_name_below_an_existing_branch_is_explained() {
    for target in targets().iter().filter(|target| !target.is_cloud) {
        target.run(&["--branch", "t1"]).exits_with(0);
        target.run(&["--branch", "t2/x"]).exits_with(0);
        for (branch, other) in [("t1/x", "refs/heads/t1'"), ("t2", "refs/heads/t2/x'")] {
            let refused = target.run(&["--branch", branch]).exits_with(6).json();
            let error = &refused["error"];
            let message = error["message"].as_str().unwrap();
            assert!(message.contains(other), "{message}");
            assert!(error["hint"].as_str().unwrap().contains("--branch"));
        }
    }
}

#[test]
fn a_protected_branch_is_exit_4() {
    for target in targets() {
        if target.is_cloud {
            target.server.update(|state| {
                state.store.repo("acme", "site").unwrap().protected = vec!["bbconnect".to_owned()];
            });
        } else {
            let hook = target.root.join("web/site.git/hooks/pre-receive");
            fs::create_dir_all(hook.parent().unwrap()).unwrap();
            write_script(
                &hook,
                "#!/bin/sh\necho 'Branch refs/heads/bbconnect can only be modified through pull requests.' >&2\nexit 1\n",
            );
        }
        let refused = target.run(&[]).exits_with(4).json();
        let message = refused["error"]["message"].as_str().unwrap();
        assert!(
            message.contains("ermission denied") || message.contains("only be modified"),
            "{message}"
        );
        assert_eq!(target.requests(), [Value::Null; 0]);
    }
}

#[test]
fn missing_repositories_and_branches_are_reported() {
    for target in targets() {
        target.run(&["--base", "nowhere"]).exits_with(5);
        target.run(&["--repo", "acme/none"]).exits_with(5);
        let mut missing = target.sandbox.command(["publish", "nowhere"]);
        missing
            .env("BBCONNECT_TOKEN", TOKEN)
            .env("BBCONNECT_URL", target.server.cloud());
        missing.finish().exits_with(9);
        symlink("/etc/passwd", target.sandbox.path("site/out")).unwrap();
        let refused = target.run(&[]).exits_with(1).json();
        assert!(
            refused["error"]["message"]
                .as_str()
                .unwrap()
                .contains("out of the folder"),
            "{refused}"
        );
    }
}

#[test]
fn files_are_removed_only_with_the_flag() {
    for target in targets() {
        let said = |refused: RunOutput| {
            let refused = refused.exits_with(6).json();
            let error = &refused["error"];
            let text = |key: &str| error[key].as_str().unwrap().to_owned();
            (text("message"), text("hint"))
        };
        // A file where the folder is to go, or where a folder is that it is to go into.
        for into in ["README.md", "README.md/deep"] {
            for more in [&[][..], &["--delete-removed"], &["--dry-run"]] {
                let (message, hint) = said(target.run(&[&["--into", into][..], more].concat()));
                assert!(message.contains("the file README.md,"), "{message}");
                assert!(hint.contains("--into"), "{hint}");
            }
        }
        // A folder of the branch that is a file here, and a file of the branch that is a folder here.
        target.push("main", "Elsewhere", ("docs/old.txt", "x"));
        target.push("main", "Elsewhere", ("log", "x"));
        target.write("docs", "a file");
        let (message, hint) = said(target.run(&[]));
        assert!(message.contains("docs/old.txt"), "{message}");
        assert!(hint.contains("--delete-removed"), "{hint}");
        fs::remove_file(target.sandbox.path("site/docs")).unwrap();
        fs::create_dir(target.sandbox.path("site/log")).unwrap();
        target.write("log/new", "y");
        let (message, _) = said(target.run(&[]));
        assert!(
            message.contains("the file log,") && message.contains("log/new"),
            "{message}"
        );
        target.write("docs", "a file");
        let done = target.run(&["--delete-removed"]).exits_with(0).json();
        assert_eq!(done["action"], "created");
        assert_eq!(done["removed"], json!(["docs/old.txt", "log"]));
        let again = target.run(&["--delete-removed"]).exits_with(0).json();
        assert_eq!(again["action"], "unchanged");
    }
}

#[test]
fn unusual_file_names_are_published() {
    for target in targets() {
        for name in ["a\"b", "a\\b", "a\nb"] {
            target.write(name, "x");
            if !target.is_cloud {
                target.run(&["--branch", "names"]).exits_with(0);
                let again = target.run(&["--branch", "names"]).exits_with(0).json();
                assert_eq!(again["action"], "unchanged", "{name:?}");
                continue;
            }
            for more in [&[][..], &["--dry-run"]] {
                let refused = target.run(more).exits_with(2).json();
                let error = &refused["error"];
                let message = error["message"].as_str().unwrap();
                assert!(message.contains(name), "{message}");
                assert!(error["hint"].as_str().unwrap().contains("--via git"));
            }
            fs::remove_file(target.sandbox.path("site").join(name)).unwrap();
        }
        target.run(&[]).exits_with(0);
    }
}

#[test]
fn file_names_with_tabs_and_line_breaks_are_published() {
    for target in targets() {
        target.write("a\tb", "AA");
        target.write("ab", "XX");
        // How Cloud reads a line break in the name of a form's part is not known.
        if !target.is_cloud {
            target.write("x\n.txt", "one");
        }
        target.run(&[]).exits_with(0);
        let again = target.run(&[]).exits_with(0).json();
        assert_eq!(again["action"], "unchanged", "{} {again}", target.is_cloud);
        target.write("a\tb", "XX");
        let done = target.run(&[]).exits_with(0).json();
        assert_eq!(done["changed"], json!(["a\tb"]));
    }
}

#[test]
fn file_names_that_are_not_utf8_are_reported() {
    let targets = targets();
    let Some(target) = targets.iter().find(|target| !target.is_cloud) else {
        return;
    };
    // As fast-import takes any byte.
    target.push("main", "Second", ("\"caf\\351.txt\"", "old"));
    let refused = target
        .run(&["--no-pr", "--delete-removed"])
        .exits_with(1)
        .json();
    let message = refused["error"]["message"].as_str().unwrap();
    assert!(message.contains(r"remove caf\xe9.txt"), "{message}");
    assert_eq!(target.git(&["for-each-ref", "refs/heads/bbconnect"]), "");
    // Elsewhere, or where nothing is removed, it is in nobody's way.
    target
        .run(&["--no-pr", "--delete-removed", "--into", "docs"])
        .exits_with(0);
    let done = target.run(&["--no-pr"]).exits_with(0).json();
    assert_eq!(done["removed"], json!([]));
    let listed = target.git(&["ls-tree", "-r", "bbconnect"]);
    assert!(listed.contains(r"caf\351.txt"), "{listed}");
    assert!(listed.contains("\tdocs/run.sh"), "{listed}");
}

#[test]
fn an_empty_or_missing_directory_removes_nothing() {
    for target in targets() {
        let publish = |folder: &str| {
            let mut command = target.sandbox.command([
                "publish",
                folder,
                "--repo",
                "acme/site",
                "--delete-removed",
                "--dry-run",
            ]);
            command
                .env("BBCONNECT_TOKEN", TOKEN)
                .env("BBCONNECT_URL", target.server.cloud());
            command.finish()
        };
        publish("site/README.md").exits_with(2);
        fs::create_dir(target.sandbox.path("empty")).unwrap();
        publish("empty").exits_with(2);
        assert!(target.server.requests().is_empty());
    }
}

#[test]
fn the_next_run_completes_an_interrupted_one() {
    for target in targets() {
        let path = if target.is_cloud {
            "/pullrequests"
        } else {
            "/pull-requests"
        };
        let fault = Fault {
            status: 502,
            headers: Vec::new(),
            body: Vec::new(),
            delay: Duration::ZERO,
        };
        target
            .server
            .update(|state| state.targeted_faults.push(("POST", path, fault)));
        target.run(&[]).exits_with(8);
        let done = target.run(&[]).exits_with(0).json();
        assert_eq!(
            (
                done["added"].as_array().unwrap().len(),
                done["pull_request"]["action"].as_str()
            ),
            (0, Some("created"))
        );
        assert_eq!(done["action"], "updated");
        // A merged branch that was removed is made anew.
        assert_eq!(target.run(&[]).exits_with(0).json()["action"], "unchanged");
    }
}

#[test]
fn a_commit_is_not_repeated_after_a_lost_response() {
    let server = Server::start(state(RepoStore::with(&["acme/site+"])));
    let sandbox = sandbox();
    let broken = Fault {
        status: 0,
        headers: Vec::new(),
        body: Vec::new(),
        delay: Duration::ZERO,
    };
    server.update(|state| state.targeted_faults.push(("POST", "/src", broken)));
    run(&server, &sandbox, true, &[]).exits_with(7);
    let done = run(&server, &sandbox, true, &[]).exits_with(0).json();
    assert_eq!(done["added"], json!([]));
    assert_eq!(done["pull_request"]["action"], "created");
    let commits = server
        .requests()
        .iter()
        .filter(|seen| seen.method == "POST" && seen.path.ends_with("/src"))
        .count();
    assert_eq!(commits, 1);
}

#[test]
fn an_empty_repository_gets_a_first_branch() {
    let server = Server::start(state(RepoStore::with(&["acme/site"])));
    let sandbox = sandbox();
    let done = run(&server, &sandbox, true, &["--branch", "main"])
        .exits_with(0)
        .json();
    assert_eq!(
        (
            done["action"].as_str(),
            &done["base"],
            &done["pull_request"]
        ),
        (Some("created"), &Value::Null, &Value::Null)
    );
    let folder = tempfile::tempdir().unwrap();
    if !is_installed("git", "--version") {
        return;
    }
    let bare = folder.path().join("web/site.git");
    check_output(
        program("git")
            .args(["init", "--quiet", "--bare"])
            .arg(&bare),
    );
    check_output(
        program("git")
            .arg("-C")
            .arg(&bare)
            .args(["config", "http.receivepack", "true"]),
    );
    let mut store = RepoStore::with(&["WEB/site"]);
    store.git = Some(folder.path().to_owned());
    let server = Server::start(state(store));
    let done = run(&server, &sandbox, false, &["--branch", "main"])
        .exits_with(0)
        .json();
    assert_eq!(
        (
            done["action"].as_str(),
            done["added"].as_array().unwrap().len()
        ),
        (Some("created"), 6)
    );
    let message = check_output(program("git").arg("-C").arg(&bare).args([
        "log",
        "-1",
        "--format=%an <%ae> %B",
        "main",
    ]));
    let start = "Jane Doe <jane@acme.example> Publish from bbconnect\n\nPublished-by: bbconnect\nPublished-change: ";
    assert!(message.starts_with(start), "{message}");
}

#[test]
fn cloud_accepts_publishing_through_git() {
    use base64::Engine as _;
    if !is_installed("git", "--version") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let bare = folder.path().join("acme/site.git");
    let mut init = program("git");
    init.args(["init", "--quiet", "--bare", "--initial-branch=main"]);
    check_output(init.arg(&bare));
    let git =
        |arguments: &[&str]| check_output(program("git").arg("-C").arg(&bare).args(arguments));
    git(&["config", "http.receivepack", "true"]);
    push(&bare, "main", "First", ("README.md", "# site\n"));
    let mut store = RepoStore::with(&["acme/site+"]);
    store.git = Some(folder.path().to_owned());
    let server = Server::start(state(store));
    let sandbox = sandbox();
    let via_git = ["--via", "git", "--no-pr", "--onto-foreign"];
    let done = run(&server, &sandbox, true, &via_git).exits_with(0).json();
    assert_eq!(
        (done["action"].as_str(), &done["added"]),
        (Some("created"), &json!(FIRST))
    );
    let tip = git(&["rev-parse", "refs/heads/bbconnect"]);
    assert_eq!(done["commit"], tip.trim());
    let again = run(&server, &sandbox, true, &via_git).exits_with(0).json();
    assert_eq!(again["action"], "unchanged");
    let pair = format!("x-bitbucket-api-token-auth:{TOKEN}");
    let header = format!(
        "Basic {}",
        base64::engine::general_purpose::STANDARD.encode(pair)
    );
    let signed = server.requests();
    let mut pushes = signed.iter().filter(|seen| seen.path.contains(".git/"));
    assert!(pushes.all(|seen| seen.authorization.as_deref() == Some(&header)));
    assert!(
        signed
            .iter()
            .any(|seen| seen.path.ends_with("git-receive-pack"))
    );
}

#[test]
fn the_change_is_shown_as_a_tree() {
    let target = &targets()[0];
    let mut command = target.sandbox.command(["publish", "site", "--dry-run"]);
    command
        .env("BBCONNECT_TOKEN", TOKEN)
        .env("BBCONNECT_URL", target.server.cloud())
        .env("BBCONNECT_EMAIL", "jane@acme.example")
        .env("BBCONNECT_REPO", "acme/site");
    let shown = command.finish().exits_with(0).stdout;
    assert!(shown.contains("  pages/\n+   a b.html\n"), "{shown}");
    assert!(shown.contains("5 added, 0 changed, 0 removed"), "{shown}");
}

#[test]
fn the_credential_is_not_in_arguments_or_files() {
    let targets = targets();
    let Some(target) = targets.iter().find(|target| !target.is_cloud) else {
        return;
    };
    // A git that notes its arguments before it works.
    let notes = target.sandbox.path("arguments");
    let real = check_output(program("sh").args(["-c", "command -v git"]));
    let bin = target.sandbox.path("bin");
    fs::create_dir_all(&bin).unwrap();
    let script = format!(
        "#!/bin/sh\necho \"$@\" >> '{}'\nexec {} \"$@\"\n",
        notes.display(),
        real.trim()
    );
    write_script(&bin.join("git"), &script);
    let mut command = target.sandbox.command(["publish", "site", "--no-pr"]);
    command
        .env("BBCONNECT_TOKEN", TOKEN)
        .env("BBCONNECT_URL", target.server.datacenter())
        .env("BBCONNECT_REPO", "WEB/site")
        .env(
            "PATH",
            format!("{}:/usr/local/bin:/usr/bin:/bin", bin.display()),
        );
    command.finish().exits_with(0);
    let seen = fs::read_to_string(notes).unwrap();
    assert!(
        seen.contains("push --porcelain") && !seen.contains(TOKEN),
        "{seen}"
    );
    let signed = target
        .server
        .requests()
        .iter()
        .filter(|seen| seen.path.contains("/scm/"))
        .count();
    assert!(signed >= 3);
    let header = format!("Bearer {TOKEN}");
    assert!(
        target
            .server
            .requests()
            .iter()
            .all(|seen| seen.authorization.as_deref() == Some(&header))
    );
}

#[test]
fn git_environment_variables_of_other_repositories_are_ignored() {
    let targets = targets();
    let Some(target) = targets.iter().find(|target| !target.is_cloud) else {
        return;
    };
    // As in a hook of another repository, below an alias with settings of its own, and with a trace.
    let other = target.sandbox.path("other");
    check_output(program("git").args(["init", "--quiet"]).arg(&other));
    let inner = other.join(".git");
    let listed = |folder: &Path| {
        check_output(program("find").arg(folder).args(["-type", "f"]))
            .lines()
            .map(|path| (path.to_owned(), fs::read(path).unwrap()))
            .collect::<Vec<_>>()
    };
    let before = listed(&inner);
    let trace = target.sandbox.path("trace");
    let mut command = target.sandbox.command(["publish", "site", "--no-pr"]);
    command
        .env("BBCONNECT_TOKEN", TOKEN)
        .env("BBCONNECT_URL", target.server.datacenter())
        .env("BBCONNECT_REPO", "WEB/site");
    for name in ["GIT_DIR", "GIT_COMMON_DIR", "GIT_QUARANTINE_PATH"] {
        command.env(name, &inner);
    }
    command
        .env("GIT_WORK_TREE", &other)
        .env("GIT_OBJECT_DIRECTORY", inner.join("objects"))
        .env("GIT_INDEX_FILE", inner.join("index"))
        .env("GIT_DEFAULT_HASH", "sha256")
        .env("GIT_SSL_CAINFO", "/nowhere")
        .env(
            "GIT_CONFIG_PARAMETERS",
            "'url.http://127.0.0.1:1/.insteadOf'='http://127.0.0.1'",
        )
        .env("GIT_TRACE2", &trace)
        .env(
            "GIT_TRACE2_ENV_VARS",
            "GIT_CONFIG_VALUE_0,GIT_CONFIG_VALUE_1",
        );
    command.finish().exits_with(0);
    assert!(listed(&inner) == before, "another repository was changed");
    let traced = fs::read_to_string(trace).unwrap_or_default();
    assert!(!traced.contains(TOKEN), "{traced}");
    assert_eq!(target.files("bbconnect").len(), 6);
}

#[test]
fn child_processes_end_with_the_program() {
    let targets = targets();
    let Some(target) = targets.iter().find(|target| !target.is_cloud) else {
        return;
    };
    // A git that is slow to push, and the programs that it starts.
    let real = check_output(program("sh").args(["-c", "command -v git"]));
    let (bin, temporary) = (target.sandbox.path("bin"), target.sandbox.path("tmp"));
    let (begun, left) = (target.sandbox.path("begun"), target.sandbox.path("left"));
    fs::create_dir_all(&bin).unwrap();
    fs::create_dir_all(&temporary).unwrap();
    let script = format!(
        "#!/bin/sh\nif test \"$1\" = push; then touch '{}'; (trap '' TERM; sleep 3; touch '{}') & wait; fi\nexec {} \"$@\"\n",
        begun.display(),
        left.display(),
        real.trim()
    );
    write_script(&bin.join("git"), &script);
    for (signal, status) in [
        (Some("TERM"), 143),
        (Some("HUP"), 129),
        (Some("INT"), 130),
        (None, 7),
    ] {
        let mut command = target.sandbox.command(["publish", "site", "--no-pr"]);
        command
            .env("BBCONNECT_TOKEN", TOKEN)
            .env("BBCONNECT_URL", target.server.datacenter())
            .env("BBCONNECT_REPO", "WEB/site")
            .env("TMPDIR", &temporary)
            .env(
                "PATH",
                format!("{}:/usr/local/bin:/usr/bin:/bin", bin.display()),
            );
        if signal.is_none() {
            command.args(["--timeout", "1"]);
        }
        let child = command.spawn().unwrap();
        let is_begun = || {
            std::thread::sleep(Duration::from_millis(10));
            begun.exists()
        };
        assert!((0..1000).any(|_| is_begun()));
        fs::remove_file(&begun).unwrap();
        if let Some(signal) = signal {
            check_output(program("kill").args([&format!("-{signal}"), &child.id().to_string()]));
        }
        let ran = RunOutput::from(child.wait_with_output().unwrap()).exits_with(status);
        let says_why = ran.stderr.contains("no answer within 1 seconds");
        assert_eq!(says_why, signal.is_none(), "{}", ran.stderr);
        let kept = fs::read_dir(&temporary).unwrap().count();
        assert_eq!(kept, 0, "{signal:?}");
    }
    std::thread::sleep(Duration::from_secs(3));
    assert!(!left.exists());
    let branches = target.git(&["for-each-ref", "--format=%(refname)"]);
    assert_eq!(branches, "refs/heads/main\n");
}
