//! `publish`: the difference becomes one commit and one pull request, on both products through real git.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::support::bitbucket::repo_store::RepoStore;
use crate::support::bitbucket::{Credential, Fault, Kind, RecordedRequest, Server, ServerState};
use crate::support::{
    RunOutput, Sandbox, assert_contains, check_output, is_installed, program, words, write_script,
};
use base64::Engine as _;
use serde_json::{Value, json};

const TOKEN: &str = "ATATT-publish-marker";

fn state(store: RepoStore) -> ServerState {
    ServerState {
        credentials: Credential::for_jane(TOKEN, &["write:repository:bitbucket"]),
        store,
        ..ServerState::default()
    }
}

/// A sandbox with a directory to publish.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    fs::create_dir_all(sandbox.path("site/pages")).unwrap();
    for (name, text) in [
        ("README.md", "# site\n"),
        ("pages/a b.html", "<p>\u{e9}\n"),
        ("run.sh", "#!/bin/sh\n"),
        (".gitignore", "*.log\n"),
        ("debug.log", "no"),
        ("message", "text"),
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

/// What the first run adds to the branch.
const FIRST: [&str; 5] = [".gitignore", "link", "message", "pages/a b.html", "run.sh"];

/// A repository on one of the products, and a directory to publish.
struct Fixture {
    is_cloud: bool,
    server: Server,
    sandbox: Sandbox,
    bare: PathBuf,
    _dir: tempfile::TempDir,
}

/// An empty repository on each product; none without git.
fn empty_fixtures() -> Vec<Fixture> {
    if !is_installed("git", "--version") {
        return Vec::new();
    }
    [true, false].map(Fixture::new).into()
}

/// A repository with a commit on `main` on each product.
fn fixtures() -> Vec<Fixture> {
    let fixtures = empty_fixtures();
    for fixture in &fixtures {
        fixture.push("main", "First", ("README.md", "# site\n"));
        let namespace = fixture.namespace();
        fixture.server.update(|state| {
            let repo = state.store.repo(namespace, "site").unwrap();
            repo.default_branch = Some("main".to_owned());
        });
    }
    fixtures
}

impl Fixture {
    fn new(is_cloud: bool) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (name, path) = if is_cloud {
            ("acme/site", "acme/site.git")
        } else {
            ("WEB/site", "web/site.git")
        };
        let bare = dir.path().join(path);
        let mut init = program("git");
        init.args(["init", "--quiet", "--bare", "--initial-branch=main"]);
        check_output(init.arg(&bare));
        let mut store = RepoStore::with(&[name]);
        store.git = Some(dir.path().to_owned());
        let fixture = Self {
            is_cloud,
            server: Server::start(state(store)),
            sandbox: sandbox(),
            bare,
            _dir: dir,
        };
        fixture.git(&["config", "http.receivepack", "true"]);
        fixture
    }

    fn namespace(&self) -> &'static str {
        if self.is_cloud { "acme" } else { "WEB" }
    }

    fn command(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = self
            .sandbox
            .command([&["publish", "site"], arguments].concat());
        command.env("BBCONNECT_TOKEN", TOKEN);
        if self.is_cloud {
            command
                .env("BBCONNECT_URL", self.server.cloud())
                .env("BBCONNECT_EMAIL", "jane@acme.example")
                .env("BBCONNECT_REPO", "acme/site");
        } else {
            command
                .env("BBCONNECT_URL", self.server.datacenter())
                .env("BBCONNECT_REPO", "WEB/site");
        }
        command
    }

    fn run(&self, more: &[&str]) -> RunOutput {
        let mut command = self.command(&[&["--json"], more].concat());
        let ran = RunOutput::from(command.output().unwrap());
        assert!(!ran.stdout.contains(TOKEN) && !ran.stderr.contains(TOKEN));
        ran
    }

    fn run_json(&self, more: &[&str]) -> Value {
        self.run(more).exits_with(0).json()
    }

    /// The message of a run that is a conflict.
    fn conflict(&self, more: &[&str]) -> String {
        let refused = self.run(more).exits_with(6).json();
        refused["error"]["message"].as_str().unwrap().to_owned()
    }

    fn git(&self, arguments: &[&str]) -> String {
        check_output(program("git").arg("-C").arg(&self.bare).args(arguments))
    }

    /// The files of a branch with their modes; nothing where it does not exist.
    fn files(&self, branch: &str) -> Vec<(String, String)> {
        let reference = format!("refs/heads/{branch}");
        if self.git(&["for-each-ref", &reference]).is_empty() {
            return Vec::new();
        }
        let listed = self.git(&["ls-tree", "-r", "-z", &reference]);
        let entry = |line: &str| {
            let (facts, path) = line.split_once('\t')?;
            Some((path.to_owned(), facts[..6].to_owned()))
        };
        listed.split('\0').filter_map(entry).collect()
    }

    fn paths(&self, branch: &str) -> Vec<String> {
        let files = self.files(branch).into_iter();
        files.map(|(path, _)| path).collect()
    }

    fn pull_requests(&self) -> Vec<Value> {
        let mut requests = Vec::new();
        let namespace = self.namespace();
        self.server.update(|state| {
            requests.clone_from(&state.store.repo(namespace, "site").unwrap().pull_requests);
        });
        requests
    }

    /// Commits one file to a branch, as another program.
    fn push(&self, branch: &str, message: &str, file: (&str, &str)) {
        let reference = format!("refs/heads/{branch}");
        let from = if self.git(&["for-each-ref", &reference]).is_empty() {
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
        self.fast_import(&text);
    }

    fn fast_import(&self, text: &str) {
        let mut import = program("git");
        import
            .arg("-C")
            .arg(&self.bare)
            .args(["fast-import", "--quiet", "--date-format=now"]);
        let mut child = import.stdin(std::process::Stdio::piped()).spawn().unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), text.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
    }

    /// Creates a commit with the tree of another and moves a branch to it.
    fn commit_tree(&self, branch: &str, tree: &str, parents: &[&str], message: &str) {
        let mut commit = program("git");
        commit
            .arg("-C")
            .arg(&self.bare)
            .args(["-c", "user.name=Bob", "-c", "user.email=bob@acme.example"])
            .args(["commit-tree", &format!("{tree}^{{tree}}"), "-m", message]);
        for parent in parents {
            commit.args(["-p", parent]);
        }
        let hash = check_output(&mut commit);
        self.git(&["update-ref", &format!("refs/heads/{branch}"), hash.trim()]);
    }

    /// Puts a file into the last commit of a branch, whose message stays, as `git commit --amend --no-edit` does.
    fn amend(&self, branch: &str, file: (&str, &str)) {
        let parent = format!("{}^", self.tip(branch));
        let message = self.message(branch);
        self.push(branch, &message, file);
        self.commit_tree(branch, branch, &[&parent], &message);
    }

    fn tip(&self, branch: &str) -> String {
        let hash = self.git(&["rev-parse", &format!("refs/heads/{branch}")]);
        hash.trim().to_owned()
    }

    fn message(&self, branch: &str) -> String {
        self.git(&["log", "-1", "--format=%B", &self.tip(branch)])
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.sandbox.path("site").join(name), text).unwrap();
    }

    fn remove(&self, name: &str) {
        fs::remove_file(self.sandbox.path("site").join(name)).unwrap();
    }

    /// Has the next responses to git be this one.
    fn trap_git(&self, path: &'static str, status: u16, body: &[u8], times: usize) {
        let fault = Fault {
            status,
            headers: vec![
                ("content-type", "text/html".to_owned()),
                ("location", "https://login.example.com/".to_owned()),
            ],
            body: body.to_vec(),
            delay: Duration::ZERO,
        };
        let method = if path.starts_with("git-") {
            "POST"
        } else {
            "GET"
        };
        self.server.update(|state| {
            let traps = std::iter::repeat_n((method, path, fault), times);
            state.targeted_faults.extend(traps);
        });
    }

    /// A `PATH` with a git that runs a script before the real git.
    fn wrapped_git(&self, script: &str) -> String {
        let real = check_output(program("sh").args(["-c", "command -v git"]));
        let bin = self.sandbox.path("bin");
        fs::create_dir_all(&bin).unwrap();
        let script = format!("#!/bin/sh\n{script}\nexec {} \"$@\"\n", real.trim());
        write_script(&bin.join("git"), &script);
        format!("{}:/usr/local/bin:/usr/bin:/bin", bin.display())
    }

    /// The requests of git.
    fn git_requests(&self) -> Vec<RecordedRequest> {
        let mut seen = self.server.requests();
        seen.retain(|seen| seen.path.contains(".git/"));
        seen
    }
}

fn lists(done: &Value) -> (&Value, &Value, &Value) {
    (&done["added"], &done["changed"], &done["removed"])
}

#[test]
fn directory_becomes_a_commit_and_a_pull_request() {
    for fixture in fixtures() {
        let planned = fixture.run_json(&["--dry-run"]);
        assert_eq!(
            (
                planned["action"].as_str(),
                planned["pull_request"]["action"].as_str()
            ),
            (Some("would-create"), Some("would-create"))
        );
        assert!(planned["commit"].is_null());
        assert_eq!(planned["added"], json!(FIRST));
        assert_eq!(fixture.files("main").len(), 1);
        assert!(fixture.files("bbconnect").is_empty());
        let done = fixture.run_json(&["--message", "Build 1"]);
        assert_eq!(
            (done["schema"].as_str(), done["action"].as_str()),
            (Some("bbconnect/publish@1"), Some("created"))
        );
        assert_eq!(
            (done["branch"].as_str(), done["base"].as_str()),
            (Some("bbconnect"), Some("main"))
        );
        assert_eq!(lists(&done), (&json!(FIRST), &json!([]), &json!([])));
        assert_eq!(done["commit"], fixture.tip("bbconnect"));
        assert_eq!(done["pull_request"]["action"], "created");
        assert!(done["pull_request"]["id"].is_u64() && done["pull_request"]["url"].is_string());
        assert_eq!(fixture.pull_requests()[0]["title"], "Build 1");
        let expected = [
            (".gitignore", "100644"),
            ("README.md", "100644"),
            ("link", "120000"),
            ("message", "100644"),
            ("pages/a b.html", "100644"),
            ("run.sh", "100755"),
        ];
        assert_eq!(
            fixture.files("bbconnect"),
            expected.map(|(path, mode)| (path.to_owned(), mode.to_owned()))
        );
        let again = fixture.run_json(&["--message", "Build 1"]);
        assert_eq!(
            (again["action"].as_str(), &again["commit"]),
            (Some("unchanged"), &done["commit"])
        );
        assert_eq!(again["pull_request"]["action"], "unchanged");
        assert_eq!(again["pull_request"]["id"], done["pull_request"]["id"]);
        assert_eq!(again["pull_request"]["differs"], json!([]));
        let other = ["--title", "Another", "--draft"];
        let other = fixture.run_json(&other);
        assert_eq!(other["pull_request"]["differs"], json!(["title", "draft"]));
        assert_eq!(fixture.pull_requests().len(), 1);
    }
}

#[test]
fn commits_only_the_difference() {
    for fixture in fixtures() {
        fixture.push("main", "Elsewhere", ("theirs", "x"));
        fixture.run(&[]).exits_with(0);
        fixture.write("README.md", "# Site\n");
        fixture.write("new", "");
        fixture.remove("message");
        fs::set_permissions(
            fixture.sandbox.path("site/run.sh"),
            fs::Permissions::from_mode(0o644),
        )
        .unwrap();
        let planned = fixture.run_json(&["--dry-run"]);
        assert_eq!(planned["action"], "would-update");
        let done = fixture.run_json(&[]);
        assert_eq!(done["action"], "updated");
        let expected = (
            &json!(["new"]),
            &json!(["README.md", "run.sh"]),
            &json!(["message"]),
        );
        assert_eq!(lists(&done), expected);
        assert_eq!(lists(&planned), expected);
        assert_eq!(done["pull_request"]["action"], "unchanged");
        let done = fixture.run_json(&["--delete-removed"]);
        assert_eq!(lists(&done), (&json!([]), &json!([]), &json!(["theirs"])));
        assert!(!fixture.paths("bbconnect").contains(&"message".to_owned()));
        assert_eq!(
            fixture.run_json(&["--delete-removed"])["action"],
            "unchanged"
        );
        let mode = ("run.sh".to_owned(), "100644".to_owned());
        assert!(fixture.files("bbconnect").contains(&mode));
    }
}

#[test]
fn files_of_earlier_runs_are_removed_and_others_stay() {
    for fixture in fixtures() {
        fixture.push("main", "Elsewhere", ("theirs", "x"));
        fixture.run(&["--into", "docs"]).exits_with(0);
        fixture.run(&["--into", "more"]).exits_with(0);
        fixture.push("bbconnect", "By hand", ("docs/by-hand", "x"));
        fixture.write("later", "1");
        fixture
            .run(&["--into", "docs", "--onto-foreign"])
            .exits_with(0);
        // An earlier run of another directory, or of another branch, wrote other files.
        fixture.remove("message");
        let done = fixture.run_json(&["--no-pr"]);
        assert_eq!(done["removed"], json!([]));
        fixture.remove("later");
        let done = fixture.run_json(&["--into", "docs"]);
        assert_eq!(done["removed"], json!(["docs/later", "docs/message"]));
        // A file that was removed and added again by another process belongs to that process.
        fixture.push("bbconnect", "By hand", ("docs/later", "x"));
        let args = ["--into", "docs", "--onto-foreign"];
        let done = fixture.run_json(&args);
        assert_eq!(done["action"], "unchanged");
        let paths = fixture.paths("bbconnect");
        for kept in [
            "docs/by-hand",
            "docs/later",
            "more/message",
            "theirs",
            "later",
        ] {
            assert!(paths.contains(&kept.to_owned()), "{kept}: {paths:?}");
        }
        // An ignored file is not lacking.
        fixture.write(".gitignore", "*.log\nrun.sh\n");
        let done = fixture.run_json(&args);
        assert_eq!(done["removed"], json!([]));
    }
}

#[test]
fn files_of_merged_runs_are_removed_as_well() {
    for fixture in fixtures() {
        for (number, merge) in ["fast-forward", "merge", "squash"].iter().enumerate() {
            let name = format!("file-{number}");
            fixture.write(&name, "1");
            fixture.run(&[]).exits_with(0);
            let (main, tip) = (fixture.tip("main"), fixture.tip("bbconnect"));
            let quoted = fixture.message("bbconnect").replace('\n', "\n    ");
            match *merge {
                "fast-forward" => {
                    fixture.git(&["update-ref", "refs/heads/main", &tip]);
                }
                "merge" => fixture.commit_tree("main", &tip, &[&main, &tip], "Merged"),
                _ => {
                    let message = format!("Merged\n\n    {quoted}");
                    fixture.commit_tree("main", &tip, &[&main], &message);
                }
            }
            fixture.git(&["update-ref", "-d", "refs/heads/bbconnect"]);
            fixture.push("main", "Elsewhere", (&format!("theirs-{number}"), "x"));
            fixture.remove(&name);
            let done = fixture.run_json(&["--dry-run"]);
            assert_eq!(done["removed"], json!([name]), "{merge}");
            let other = ["--branch", "other", "--dry-run"];
            let done = fixture.run_json(&other);
            assert_eq!(done["removed"], json!([]), "{merge}");
        }
    }
}

#[test]
fn into_a_directory_leaves_the_rest_alone() {
    for fixture in fixtures() {
        let into = words("--into docs/site/ --branch docs/next --delete-removed --no-pr");
        let done = fixture.run_json(&into);
        assert_eq!(
            (done["branch"].as_str(), &done["pull_request"]),
            (Some("docs/next"), &Value::Null)
        );
        assert_eq!(done["added"].as_array().unwrap().len(), 6);
        assert_eq!(done["removed"], json!([]));
        let paths = fixture.paths("docs/next");
        for path in ["README.md", "docs/site/README.md"] {
            assert!(paths.contains(&path.to_owned()), "{paths:?}");
        }
        assert_eq!(fixture.run_json(&into)["action"], "unchanged");
        fixture.run(&["--into", "../out"]).exits_with(2);
        fixture.run(&["--branch", "a..b"]).exits_with(2);
    }
}

#[test]
fn foreign_commits_are_a_conflict_until_they_are_accepted() {
    for fixture in fixtures() {
        fixture.run(&[]).exits_with(0);
        fixture.push("bbconnect", "A fix by hand", ("by-hand", "x"));
        fixture.write("new", "1");
        let message = fixture.conflict(&[]);
        assert!(
            message.contains("A fix by hand") && message.contains("Bob"),
            "{message}"
        );
        let done = fixture.run_json(&["--onto-foreign"]);
        assert_eq!(done["added"], json!(["new"]));
        // It stays accepted, and what others added stays.
        fixture.write("new", "2");
        let done = fixture.run_json(&[]);
        assert_eq!(lists(&done), (&json!([]), &json!(["new"]), &json!([])));
        assert!(fixture.paths("bbconnect").contains(&"by-hand".to_owned()));
        // A second one is not.
        fixture.push("bbconnect", "Another fix", ("by-hand", "y"));
        let message = fixture.conflict(&["--dry-run"]);
        assert_contains(&message, "Another fix");
        // Commits on the base do not matter.
        fixture.run(&["--branch", "other"]).exits_with(0);
        fixture.push("main", "Elsewhere", ("elsewhere", "x"));
        fixture.run(&["--branch", "other"]).exits_with(0);
    }
}

#[test]
fn long_histories_are_fetched_as_far_as_needed() {
    for fixture in fixtures() {
        fixture.run(&[]).exits_with(0);
        fixture.git(&["update-ref", "refs/heads/behind", "refs/heads/main"]);
        fixture.write("new", "1");
        fixture.run(&["--branch", "published"]).exits_with(0);
        let main = fixture.tip("main");
        fixture.commit_tree("main", "bbconnect", &[&main, "bbconnect"], "Merged");
        let commits = (1..1200).fold(String::new(), |text, number| {
            let from = if number == 1 { "from refs/heads/main^0\n" } else { "" };
            format!(
                "{text}commit refs/heads/main\ncommitter Bob <bob@acme.example> now\ndata 1\nx\n{from}\
                 M 644 inline many\ndata 1\n{}\n",
                number % 10
            )
        });
        fixture.fast_import(&commits);
        // A branch without commits of its own, far behind its base.
        fixture.run(&["--branch", "behind"]).exits_with(0);
        // Its own commits are at the top, their parent is far behind.
        fixture.write("new", "2");
        fixture.run(&["--branch", "published"]).exits_with(0);
        fixture.push("behind", "By hand", ("by-hand", "x"));
        let message = fixture.conflict(&["--branch", "behind"]);
        assert_contains(&message, "By hand");
    }
}

#[test]
fn amended_commits_are_foreign() {
    for fixture in fixtures() {
        fixture.run(&[]).exits_with(0);
        fixture.write("run.sh", "#!/bin/sh\necho 2\n");
        fixture.run(&[]).exits_with(0);
        // A file that only the commit has, and one that the directory has as well.
        for file in [("by-hand", "x"), ("run.sh", "#!/bin/sh\necho fixed\n")] {
            fixture.amend("bbconnect", file);
            let before = fixture.tip("bbconnect");
            for more in [&[][..], &["--dry-run"], &["--delete-removed"]] {
                let message = fixture.conflict(more);
                assert_contains(&message, "that was changed");
                assert!(message.contains(&before[..12]), "{message}");
            }
            assert_eq!(fixture.tip("bbconnect"), before);
        }
        fixture.run(&["--onto-foreign"]).exits_with(0);
        // Removed and renamed files are part of a commit as well.
        fs::rename(
            fixture.sandbox.path("site/message"),
            fixture.sandbox.path("site/words"),
        )
        .unwrap();
        let other = ["--branch", "other", "--delete-removed"];
        fixture.run(&["--branch", "other"]).exits_with(0);
        fs::rename(
            fixture.sandbox.path("site/words"),
            fixture.sandbox.path("site/terms"),
        )
        .unwrap();
        fixture.run(&other).exits_with(0);
        let again = fixture.run_json(&other);
        assert_eq!(again["action"], "unchanged");
    }
}

#[test]
fn rebased_commits_stay_own_unless_they_were_changed() {
    for fixture in fixtures() {
        fixture.run(&[]).exits_with(0);
        fixture.write("run.sh", "#!/bin/sh\necho 2\n");
        fixture.run(&[]).exits_with(0);
        fixture.push("main", "Elsewhere", ("elsewhere", "x"));
        let copy = fixture.sandbox.path("copy");
        let mut clone = program("git");
        clone.args(["clone", "--quiet", "--branch", "bbconnect"]);
        check_output(clone.arg(&fixture.bare).arg(&copy));
        let rebase = |more: &[&str]| {
            let mut git = program("git");
            git.arg("-C").arg(&copy);
            git.args(["-c", "user.name=Bob", "-c", "user.email=bob@acme.example"]);
            check_output(git.args(more))
        };
        rebase(&["rebase", "--quiet", "origin/main"]);
        rebase(&["push", "--quiet", "--force", "origin", "bbconnect"]);
        fixture.write("new", "1");
        fixture.run(&[]).exits_with(0);
        // Not where one of them was changed, also below the last one.
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
        fixture.write("new", "2");
        fixture.run(&[]).exits_with(6);
    }
}

#[test]
fn copied_trailers_do_not_make_a_commit_own() {
    for fixture in fixtures() {
        fixture.run(&[]).exits_with(0);
        let trailer = fixture.message("bbconnect");
        fixture.write("new", "1");
        for (branch, message) in [
            (
                "quoted",
                format!("Squashed\n\n{trailer}\nand a fix of mine\n"),
            ),
            ("copied", trailer),
            ("bare", "Mine\n\nPublished-by: bbconnect\n".to_owned()),
        ] {
            fixture.run(&["--branch", branch]).exits_with(0);
            fixture.push(branch, &message, ("by-hand", "x"));
            fixture.write("new", &format!("{branch} 2"));
            fixture.run(&["--branch", branch]).exits_with(6);
            fixture
                .run(&["--branch", branch, "--onto-foreign"])
                .exits_with(0);
        }
    }
}

#[test]
fn without_a_base_the_whole_branch_is_checked() {
    for fixture in fixtures() {
        fixture.git(&["branch", "-m", "main", "develop"]);
        let before = fixture.tip("develop");
        let develop = ["--branch", "develop", "--no-pr"];
        let message = fixture.conflict(&develop);
        assert_contains(&message, "did not create");
        assert_eq!(fixture.tip("develop"), before);
        fixture
            .run(&[&develop[..], &["--onto-foreign"]].concat())
            .exits_with(0);
        // With the branch as its own base, foreign commits do not matter.
        fixture.push("develop", "By hand", ("by-hand", "x"));
        fixture.write("new", "1");
        fixture
            .run(&[&develop[..], &["--base", "develop"]].concat())
            .exits_with(0);
    }
}

#[test]
fn branch_that_changes_in_the_meantime_is_a_conflict() {
    for fixture in fixtures() {
        fixture.run(&[]).exits_with(0);
        let own = fixture.tip("bbconnect");
        fixture.write("new", "1");
        fixture.push("bbconnect", "Faster", ("faster", "x"));
        let faster = fixture.tip("bbconnect");
        for command in ["fetch", "push"] {
            fixture.git(&["update-ref", "refs/heads/bbconnect", &own]);
            let path = fixture.wrapped_git(&format!(
                "if test \"$1\" = {command}; then env -u GIT_DIR git --git-dir '{}' update-ref refs/heads/bbconnect {faster}; fi",
                fixture.bare.display()
            ));
            let path = path.split_once(':').unwrap();
            let script = fixture.sandbox.path("bin/git");
            let text = fs::read_to_string(&script).unwrap();
            write_script(
                &script,
                &text.replace(
                    "env -u GIT_DIR git",
                    &format!("PATH={} env -u GIT_DIR git", path.1),
                ),
            );
            let mut run = fixture.command(&["--json"]);
            run.env("PATH", format!("{}:{}", path.0, path.1));
            let refused = RunOutput::from(run.output().unwrap()).exits_with(6).json();
            let message = refused["error"]["message"].as_str().unwrap();
            assert_contains(&message, "in the meantime");
            assert_eq!(fixture.tip("bbconnect"), faster);
        }
    }
}

#[test]
fn branch_name_that_is_a_prefix_of_another_is_a_conflict() {
    for fixture in fixtures() {
        fixture.run(&["--branch", "t1"]).exits_with(0);
        fixture.run(&["--branch", "t2/x"]).exits_with(0);
        for (branch, other) in [("t1/x", "refs/heads/t1'"), ("t2", "refs/heads/t2/x'")] {
            let refused = fixture.run(&["--branch", branch]).exits_with(6).json();
            let error = &refused["error"];
            let message = error["message"].as_str().unwrap();
            assert!(message.contains(other), "{message}");
            assert_contains(error["hint"].as_str().unwrap(), "--branch");
        }
    }
}

#[test]
fn protected_branch_is_a_missing_permission() {
    for fixture in fixtures() {
        let hook = fixture.bare.join("hooks/pre-receive");
        fs::create_dir_all(hook.parent().unwrap()).unwrap();
        write_script(
            &hook,
            "#!/bin/sh\necho 'Branch refs/heads/bbconnect can only be modified through pull requests.' >&2\nexit 1\n",
        );
        let refused = fixture.run(&[]).exits_with(4).json();
        let message = refused["error"]["message"].as_str().unwrap();
        assert_contains(&message, "only be modified");
        assert_eq!(fixture.pull_requests(), [Value::Null; 0]);
    }
}

#[test]
fn server_that_does_not_let_git_read_has_rejected_no_push() {
    for fixture in fixtures() {
        fixture.trap_git("info/refs?service=git-upload-pack", 403, b"denied", 20);
        let refused = fixture.run(&["--dry-run"]).exits_with(4).json();
        let message = refused["error"]["message"].as_str().unwrap();
        assert!(message.starts_with("access denied to git"), "{message}");
        fixture.server.update(|state| state.targeted_faults.clear());
    }
}

#[test]
fn sign_in_page_instead_of_git_is_an_unusable_response() {
    for fixture in fixtures() {
        let multi_line: &[u8] = b"<!doctype html>\n<title>Sign in</title>\n<p>Please\n";
        for (status, page) in [
            (200, multi_line),
            // Git takes it for a repository without branches.
            (200, b"<!doctype html><title>Sign in</title>"),
            (302, b""),
            (410, b"gone"),
            (503, b""),
        ] {
            fixture.trap_git(".git/", status, page, 20);
            for more in [&[][..], &["--dry-run"], &["--base", "main"]] {
                let refused = fixture.run(more).exits_with(8).json();
                let error = &refused["error"];
                let message = error["message"].as_str().unwrap();
                assert_contains(&message, "unusable response to git");
                assert_contains(error["hint"].as_str().unwrap(), "sign-in page");
            }
            fixture.server.update(|state| state.targeted_faults.clear());
        }
        assert!(fixture.files("bbconnect").is_empty());
    }
}

#[test]
fn missing_bases_repositories_and_directories() {
    for fixture in fixtures() {
        fixture.run(&["--base", "nowhere"]).exits_with(5);
        fixture.run(&["--repo", "acme/none"]).exits_with(5);
        fixture.run(&[]).exits_with(0);
        fixture.run(&["--base", "nowhere"]).exits_with(5);
        let mut missing = fixture.sandbox.command(["publish", "nowhere"]);
        missing
            .env("BBCONNECT_TOKEN", TOKEN)
            .env("BBCONNECT_URL", fixture.server.cloud());
        RunOutput::from(missing.output().unwrap()).exits_with(9);
        symlink("/etc/passwd", fixture.sandbox.path("site/out")).unwrap();
        let refused = fixture.run(&[]).exits_with(1).json();
        let message = refused["error"]["message"].as_str().unwrap();
        assert_contains(&message, "outside the directory");
    }
}

#[test]
fn files_in_the_way_are_a_conflict() {
    for fixture in fixtures() {
        let said = |refused: RunOutput| {
            let refused = refused.exits_with(6).json();
            let error = &refused["error"];
            let text = |key: &str| error[key].as_str().unwrap().to_owned();
            (text("message"), text("hint"))
        };
        // The branch has a file where the directory, or one of its parents, is to be.
        for into in ["README.md", "README.md/deep"] {
            for more in [&[][..], &["--delete-removed"], &["--dry-run"]] {
                let (message, hint) = said(fixture.run(&[&["--into", into][..], more].concat()));
                assert_contains(&message, "the file README.md,");
                assert_contains(&hint, "--into");
            }
        }
        // A directory on the branch that is a file here, and the other way round.
        fixture.push("main", "Elsewhere", ("docs/old.txt", "x"));
        fixture.push("main", "Elsewhere", ("log", "x"));
        fixture.write("docs", "a file");
        let (message, hint) = said(fixture.run(&[]));
        assert_contains(&message, "docs/old.txt");
        assert_contains(&hint, "--delete-removed");
        fs::remove_file(fixture.sandbox.path("site/docs")).unwrap();
        fs::create_dir(fixture.sandbox.path("site/log")).unwrap();
        fixture.write("log/new", "y");
        let (message, _) = said(fixture.run(&[]));
        assert!(
            message.contains("the file log,") && message.contains("log/new"),
            "{message}"
        );
        fixture.write("docs", "a file");
        let done = fixture.run_json(&["--delete-removed"]);
        assert_eq!(done["action"], "created");
        assert_eq!(done["removed"], json!(["docs/old.txt", "log"]));
        let again = fixture.run_json(&["--delete-removed"]);
        assert_eq!(again["action"], "unchanged");
    }
}

#[test]
fn unusual_names() {
    for fixture in fixtures() {
        for name in [
            "a\"b",
            "\"quoted\"",
            "a\\b",
            "a\nb",
            "a\tb",
            "-x",
            "\u{fc}",
            " ",
        ] {
            fixture.write(name, "x");
            let done = fixture.run_json(&[]);
            assert!(done["added"].as_array().unwrap().contains(&json!(name)));
            let again = fixture.run_json(&[]);
            assert_eq!(again["action"], "unchanged", "{name:?}");
            fixture.write(name, "y");
            let done = fixture.run_json(&[]);
            assert_eq!(done["changed"], json!([name]));
        }
    }
}

#[test]
fn number_and_size_of_files_do_not_matter() {
    let fixture = &fixtures()[0];
    fixture.run(&[]).exits_with(0);
    let few = fixture.server.requests().len();
    for number in 0..500 {
        fixture.write(&format!("pages/{number}"), &number.to_string());
    }
    let large = fs::File::create(fixture.sandbox.path("site/large")).unwrap();
    large.set_len(150 * 1024 * 1024).unwrap();
    let done = fixture.run_json(&[]);
    assert_eq!(done["added"].as_array().unwrap().len(), 501);
    assert!(fixture.server.requests().len() <= few * 2);
    let size = fixture.git(&["cat-file", "-s", "bbconnect:large"]);
    assert_eq!(size.trim(), "157286400");
    assert_eq!(fixture.run_json(&[])["action"], "unchanged");
}

#[test]
fn contents_of_git_lfs_files_are_not_committed() {
    for fixture in fixtures() {
        let pointer = "version https://git-lfs.github.com/spec/v1\n\
                       oid sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881\nsize 1\n";
        fixture.push(
            "main",
            "Attributes",
            (".gitattributes", "*.bin filter=lfs -text\n"),
        );
        fixture.push("main", "Pointer", ("same.bin", pointer));
        // The content that the pointer stands for, and a pointer.
        fixture.write("same.bin", "x");
        fixture.write("pages/pointer.bin", pointer);
        let done = fixture.run_json(&[]);
        assert_eq!(done["changed"], json!([]));
        assert_eq!(
            fixture.git(&["show", "bbconnect:pages/pointer.bin"]),
            pointer
        );
        fixture.write("same.bin", "y");
        for more in [&[][..], &["--dry-run"]] {
            let refused = fixture.run(more).exits_with(1).json();
            let message = refused["error"]["message"].as_str().unwrap();
            assert_contains(&message, "same.bin is stored with Git LFS");
        }
        // Attributes of the directory apply as well.
        fixture.write(".gitattributes", "*.bin !filter\n*.dat filter=lfs\n");
        fixture.write("new.dat", "x");
        let refused = fixture.run(&[]).exits_with(1).json();
        let message = refused["error"]["message"].as_str().unwrap();
        assert_contains(&message, "new.dat");
        fixture.remove("new.dat");
        let done = fixture.run_json(&[]);
        assert_eq!(done["changed"], json!([".gitattributes", "same.bin"]));
    }
}

#[test]
fn servers_with_partial_clone_send_no_blobs() {
    for fixture in fixtures() {
        fixture.git(&["config", "uploadpack.allowFilter", "true"]);
        fixture.push(
            "main",
            "Attributes",
            (".gitattributes", "*.bin filter=lfs\n"),
        );
        fixture.push("main", "Elsewhere", ("theirs", "x"));
        fixture.run(&[]).exits_with(0);
        fixture.write("message", "other");
        fixture.remove("run.sh");
        let done = fixture.run_json(&[]);
        let expected = (&json!([]), &json!(["message"]), &json!(["run.sh"]));
        assert_eq!(lists(&done), expected);
        fixture.git(&["fsck", "--strict"]);
    }
}

#[test]
fn names_on_the_branch_that_are_not_utf8_are_reported() {
    let Some(fixture) = fixtures().pop() else {
        return;
    };
    // As fast-import takes any byte.
    fixture.push("main", "Second", ("\"caf\\351.txt\"", "old"));
    let refused = fixture
        .run(&["--no-pr", "--delete-removed"])
        .exits_with(1)
        .json();
    let message = refused["error"]["message"].as_str().unwrap();
    assert_contains(&message, r"remove caf\xe9.txt");
    assert_eq!(fixture.git(&["for-each-ref", "refs/heads/bbconnect"]), "");
    // In another directory, or where nothing is removed, it does not matter.
    fixture
        .run(&["--no-pr", "--delete-removed", "--into", "docs"])
        .exits_with(0);
    let done = fixture.run_json(&["--no-pr"]);
    assert_eq!(done["removed"], json!([]));
    let listed = fixture.git(&["ls-tree", "-r", "bbconnect"]);
    assert_contains(&listed, r"caf\351.txt");
    assert_contains(&listed, "\tdocs/run.sh");
}

#[test]
fn empty_directory_removes_nothing() {
    for fixture in fixtures() {
        let publish = |dir: &str, more: &[&str]| {
            let arguments = [&["publish", dir], more].concat();
            let mut command = fixture.sandbox.command(&arguments);
            command.envs(
                fixture
                    .command(&[])
                    .get_envs()
                    .filter_map(|(name, value)| Some((name, value?))),
            );
            RunOutput::from(command.output().unwrap())
        };
        publish("site/README.md", &["--delete-removed"]).exits_with(2);
        fs::create_dir(fixture.sandbox.path("empty")).unwrap();
        publish("empty", &["--delete-removed"]).exits_with(2);
        assert!(fixture.server.requests().is_empty());
        publish("empty", &[]).exits_with(0);
        fixture.run(&[]).exits_with(0);
        publish("empty", &[]).exits_with(2);
    }
}

#[test]
fn interrupted_run_is_finished_by_the_next() {
    for fixture in fixtures() {
        let path = if fixture.is_cloud {
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
        fixture
            .server
            .update(|state| state.targeted_faults.push(("POST", path, fault)));
        fixture.run(&[]).exits_with(8);
        let done = fixture.run_json(&[]);
        assert_eq!(done["added"], json!([]));
        assert_eq!(done["pull_request"]["action"], "created");
        assert_eq!(done["action"], "updated");
        assert_eq!(fixture.run_json(&[])["action"], "unchanged");
    }
}

#[test]
fn push_whose_response_breaks_off_is_recognised() {
    for fixture in fixtures() {
        // Git sends the push again, and finds that the branch has changed.
        fixture.trap_git("git-receive-pack", 0, b"", 1);
        let done = fixture.run_json(&[]);
        assert_eq!(done["added"], json!(FIRST));
        assert_eq!(done["commit"], fixture.tip("bbconnect"));
        assert_eq!(done["pull_request"]["action"], "created");
        let again = fixture.run_json(&[]);
        assert_eq!(again["commit"], done["commit"]);
    }
}

#[test]
fn empty_repository_gets_its_first_branch() {
    for fixture in empty_fixtures() {
        let planned = fixture.run(&["--branch", "main", "--dry-run"]);
        assert_eq!(planned.exits_with(0).json()["action"], "would-create");
        let done = fixture.run_json(&["--branch", "main"]);
        assert_eq!(done["action"], "created");
        assert_eq!(done["added"].as_array().unwrap().len(), 6);
        assert_eq!(
            (&done["base"], &done["pull_request"]),
            (&Value::Null, &Value::Null)
        );
        let log = ["log", "-1", "--format=%an <%ae> %B", "main"];
        let message = fixture.git(&log);
        let name = if fixture.is_cloud {
            "bbconnect"
        } else {
            "Jane Doe"
        };
        let start = format!(
            "{name} <jane@acme.example> Publish from bbconnect\n\n\
             Published-by: bbconnect\nPublished-branch: main\nPublished-change: "
        );
        assert!(message.starts_with(&start), "{message}");
    }
}

#[test]
fn git_gets_the_credential_of_the_connection() {
    let basic = |user: &str| {
        let pair = format!("{user}:{TOKEN}");
        let encoded = base64::engine::general_purpose::STANDARD.encode(pair);
        format!("Basic {encoded}")
    };
    for fixture in fixtures() {
        fixture.run(&["--no-pr"]).exits_with(0);
        let expected = if fixture.is_cloud {
            basic("x-bitbucket-api-token-auth")
        } else {
            format!("Bearer {TOKEN}")
        };
        let requests = fixture.git_requests();
        let is_signed = |seen: &RecordedRequest| seen.authorization.as_deref() == Some(&expected);
        assert!(requests.len() > 3 && requests.iter().all(is_signed));
        assert!(
            requests
                .iter()
                .any(|seen| seen.path.ends_with("git-receive-pack"))
        );
    }
    // An access token.
    let fixture = &fixtures()[0];
    fixture.server.update(|state| {
        state.credentials = vec![Credential::new(
            Kind::SITE_ACCESS_TOKEN,
            TOKEN,
            &["repository:write"],
        )];
    });
    let mut command = fixture.command(&["--no-pr"]);
    command.env_remove("BBCONNECT_EMAIL");
    RunOutput::from(command.output().unwrap()).exits_with(0);
    let expected = basic("x-token-auth");
    let is_signed = |seen: &RecordedRequest| seen.authorization.as_deref() == Some(&expected);
    assert!(fixture.git_requests().iter().all(is_signed));
}

#[test]
fn difference_is_shown_as_a_tree() {
    let fixture = &fixtures()[0];
    let mut command = fixture.command(&["--dry-run"]);
    let shown = RunOutput::from(command.output().unwrap())
        .exits_with(0)
        .stdout;
    assert_contains(&shown, "  pages/\n+   a b.html\n");
    assert_contains(&shown, "5 added, 0 changed, 0 removed");
}

#[test]
fn credential_is_in_no_argument_and_no_file() {
    for fixture in fixtures() {
        // A git that records its arguments, and all files of the repository after each run.
        let record = fixture.sandbox.path("record");
        let path = fixture.wrapped_git(&format!(
            "echo \"$@\" >> '{0}'; test -z \"$GIT_DIR\" || find \"$GIT_DIR\" -type f -exec cat {{}} + >> '{0}'",
            record.display(),
        ));
        let mut command = fixture.command(&["--no-pr"]);
        RunOutput::from(command.env("PATH", path).output().unwrap()).exits_with(0);
        let record = fs::read(record).unwrap();
        let record = String::from_utf8_lossy(&record);
        assert!(record.contains("push --porcelain") && !record.contains(TOKEN));
    }
}

#[test]
fn environment_of_git_does_not_apply() {
    for fixture in fixtures() {
        // As in a hook of another repository, below an alias with its own settings, and with a trace.
        let other = fixture.sandbox.path("other");
        check_output(program("git").args(["init", "--quiet"]).arg(&other));
        let inner = other.join(".git");
        let listed = |dir: &Path| {
            check_output(program("find").arg(dir).args(["-type", "f"]))
                .lines()
                .map(|path| (path.to_owned(), fs::read(path).unwrap()))
                .collect::<Vec<_>>()
        };
        let before = listed(&inner);
        let trace = fixture.sandbox.path("trace");
        let mut command = fixture.command(&["--no-pr"]);
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
        RunOutput::from(command.output().unwrap()).exits_with(0);
        assert!(listed(&inner) == before, "another repository was changed");
        let traced = fs::read_to_string(trace).unwrap_or_default();
        assert!(!traced.contains(TOKEN), "{traced}");
        assert_eq!(fixture.files("bbconnect").len(), 6);
    }
}

#[test]
fn child_processes_end_with_the_program() {
    let Some(fixture) = fixtures().pop() else {
        return;
    };
    // A git that is slow to push, and a process that it starts.
    let temporary = fixture.sandbox.path("tmp");
    let (begun, left) = (fixture.sandbox.path("begun"), fixture.sandbox.path("left"));
    fs::create_dir_all(&temporary).unwrap();
    let path = fixture.wrapped_git(&format!(
        "if test \"$1\" = push; then touch '{}'; (trap '' TERM; sleep 3; touch '{}') & wait; fi",
        begun.display(),
        left.display(),
    ));
    for (signal, status) in [
        (Some("TERM"), 143),
        (Some("HUP"), 129),
        (Some("INT"), 130),
        (None, 7),
    ] {
        let mut command = fixture.command(&["--no-pr"]);
        command.env("TMPDIR", &temporary).env("PATH", &path);
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
        let is_timeout = ran.stderr.contains("no response within 1 seconds");
        assert_eq!(is_timeout, signal.is_none(), "{}", ran.stderr);
        let remaining = fs::read_dir(&temporary).unwrap().count();
        assert_eq!(remaining, 0, "{signal:?}");
    }
    std::thread::sleep(Duration::from_secs(3));
    assert!(!left.exists());
    let branches = fixture.git(&["for-each-ref", "--format=%(refname)"]);
    assert_eq!(branches, "refs/heads/main\n");
}
