//! `pipelines`: variables, SSH key and known hosts of Bitbucket Pipelines.

use std::fs;
use std::io::Write as _;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::bitbucket::repo_store::RepoStore;
use crate::support::bitbucket::{Credential, Server, ServerState};
use crate::support::{CommandExt as _, RunOutput, Sandbox, assert_contains};

const TOKEN: &str = "ATATT-pipelines-marker";
const VALUE: &str = "pipelines-value-marker";
const ED25519: &str = "SHA256:ybgmFkzwOSotHTHLJgHO0QN8L0xErw6vd0VhFA9m3SM";

fn server() -> Server {
    Server::start(ServerState {
        credentials: Credential::for_jane(TOKEN, &["admin:pipeline:bitbucket"]),
        store: RepoStore::with(&["acme/site", "WEB/site"]),
        ..ServerState::default()
    })
}

/// Runs `pipelines …` for acme/site, unless the arguments name another owner.
fn run_in(sandbox: &Sandbox, server: &Server, arguments: &str, input: &str) -> RunOutput {
    let words = format!("pipelines {arguments} --json");
    let mut command = sandbox.command(words.split(' '));
    command
        .env("BBCONNECT_TOKEN", TOKEN)
        .env("BBCONNECT_URL", server.cloud())
        .env("BBCONNECT_EMAIL", "jane@acme.example")
        .env("BBCONNECT_REPO", "acme/site");
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    // A program that does not read its input closes it.
    drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
    let ran = RunOutput::from(child.wait_with_output().unwrap());
    for secret in [TOKEN, VALUE] {
        assert!(!ran.stdout.contains(secret) && !ran.stderr.contains(secret));
    }
    ran
}

fn run(server: &Server, arguments: &str, input: &str) -> RunOutput {
    run_in(&Sandbox::new(), server, arguments, input)
}

fn variables(server: &Server, owner: &str) -> Vec<Value> {
    let mut all = Vec::new();
    server.update(|state| {
        let known = state.pipelines.variables.get(owner);
        all = known.cloned().unwrap_or_default();
    });
    all
}

fn writes(server: &Server) -> Vec<String> {
    let requests = server.requests().into_iter();
    requests
        .filter(|request| request.method != "GET")
        .map(|request| request.method)
        .collect()
}

#[test]
fn a_variable_is_created_updated_and_removed() {
    let server = server();
    let planned = run(&server, "variable set KEY --value-stdin --dry-run", VALUE);
    assert_eq!(planned.exits_with(0).json()["action"], "would-create");
    assert_eq!(variables(&server, "acme/site"), [Value::Null; 0]);
    let pem = format!("-----BEGIN X-----\n{VALUE}\n-----END X-----\n");
    let created = run(&server, "variable set KEY --value-stdin", &pem);
    let created = created.exits_with(0).json();
    assert_eq!(created["schema"], "bbconnect/pipelines-variable-set@1");
    assert_eq!(
        (&created["action"], &created["repository"]),
        (&json!("created"), &json!("acme/site"))
    );
    let variable = &created["variables"][0];
    assert_eq!(
        (&variable["secured"], &variable["value"]),
        (&json!(true), &Value::Null)
    );
    assert_eq!(
        (&variable["scope"], &variable["environment"]),
        (&json!("repository"), &Value::Null)
    );
    assert_eq!(variables(&server, "acme/site")[0]["value"], pem.trim_end());
    // A secured value cannot be compared, a plain one can.
    let again = run(&server, "variable set KEY --value-stdin", VALUE);
    assert_eq!(again.exits_with(0).json()["action"], "updated");
    let plain = run(&server, "variable set KEY --plain --value-command", "");
    plain.exits_with(2);
    for action in ["updated", "unchanged"] {
        let plain = run(&server, "variable set KEY --value-stdin --plain", "debug\n");
        let plain = plain.exits_with(0).json();
        assert_eq!(
            (&plain["action"], &plain["variables"][0]["value"]),
            (&json!(action), &json!("debug"))
        );
    }
    let secured = run(&server, "variable set KEY --value-stdin", "debug\n");
    assert_eq!(secured.exits_with(0).json()["action"], "updated");
    run(&server, "variable remove KEY", "").exits_with(2);
    let dry = run(&server, "variable remove KEY --dry-run", "");
    assert_eq!(dry.exits_with(0).json()["action"], "would-remove");
    let removed = run(&server, "variable remove KEY --yes", "");
    assert_eq!(removed.exits_with(0).json()["action"], "removed");
    let gone = run(&server, "variable remove KEY --yes", "").exits_with(5);
    let hint = "bbconnect pipelines variable list --repo acme/site";
    assert!(gone.stdout.contains(hint), "{}", gone.stdout);
}

#[test]
fn variables_of_workspaces_and_environments_are_their_own() {
    let server = server();
    for (owner, arguments, scope, environment) in [
        ("acme", "--workspace acme", "workspace", Value::Null),
        (
            "acme/site/{e-2}",
            "--environment Production",
            "environment",
            json!("Production"),
        ),
        (
            "acme/site/{e-1}",
            "--repo site --workspace acme --environment Test",
            "environment",
            json!("Test"),
        ),
    ] {
        let set = run(
            &server,
            &format!("variable set KEY --value-stdin {arguments}"),
            VALUE,
        );
        let row = &set.exits_with(0).json()["variables"][0];
        assert_eq!(
            (&row["scope"], &row["environment"]),
            (&json!(scope), &environment)
        );
        assert_eq!(variables(&server, owner)[0]["value"], VALUE);
        let listed = run(&server, &format!("variable list {arguments}"), "");
        assert_eq!(listed.exits_with(0).json()["variables"][0]["key"], "KEY");
    }
    assert_eq!(variables(&server, "acme/site"), [Value::Null; 0]);
    let unknown = run(&server, "variable list --environment production", "");
    assert_contains(&unknown.exits_with(5).stdout, "Test, Production");
    for conflicting in [
        "variable list --workspace acme --environment Test",
        "variable list --workspace beta --repo acme/site",
    ] {
        run(&server, conflicting, "").exits_with(2);
    }
}

#[test]
fn bad_input_is_refused_before_a_request_and_not_repeated() {
    let server = server();
    for (arguments, input) in [
        (format!("variable set KEY --value {VALUE}"), ""),
        ("variable set KEY".to_owned(), ""),
        ("variable set 9KEY --value-stdin".to_owned(), VALUE),
        ("variable set --value-stdin".to_owned(), VALUE),
        (
            "variable set KEY --value-stdin --from-env-file -".to_owned(),
            "A=1",
        ),
        (
            "variable set --from-env-file -".to_owned(),
            "A=1\nnot a variable",
        ),
        ("variable set --from-env-file -".to_owned(), "A=1\nA=2"),
        ("variable set --from-env-file -".to_owned(), "# none\n"),
    ] {
        let refused = run(&server, &arguments, input);
        refused.exits_with(2);
    }
    assert!(server.requests().is_empty());
    let hint = run(&server, &format!("variable set KEY --value {VALUE}"), "");
    assert_contains(&hint.stdout, "--value-stdin");
}

#[test]
fn an_interrupted_env_file_is_completed_by_the_same_command() {
    let server = server();
    let file = format!("# comment\nexport A='{VALUE}'\nB=two\n");
    run(&server, "variable set A --value-stdin", VALUE).exits_with(0);
    let set = run(&server, "variable set --from-env-file -", &file);
    let set = set.exits_with(0).json();
    assert_eq!(set["action"], "created");
    let actions: Vec<_> = set["variables"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["action"].clone())
        .collect();
    assert_eq!(actions, ["updated", "created"]);
    assert_eq!(writes(&server), ["POST", "PUT", "POST"]);
}

#[test]
fn lists_without_links_are_read_to_their_end() {
    let server = server();
    server.update(|state| {
        state.pipelines.has_short_pages = true;
        let all = (0..250).map(|number| {
            json!({"uuid": format!("{{u-{number}}}"), "key": format!("K{number}"), "value": "x", "secured": false})
        });
        state.pipelines.variables.insert("acme/site".to_owned(), all.collect());
    });
    let listed = run(&server, "variable list", "").exits_with(0).json();
    assert_eq!(listed["variables"].as_array().unwrap().len(), 250);
    let set = run(&server, "variable set K195 --value-stdin --plain", "new");
    assert_eq!(set.exits_with(0).json()["action"], "updated");
    assert_eq!(writes(&server), ["PUT"]);
}

#[test]
fn a_data_center_has_no_pipelines() {
    let server = server();
    for arguments in ["variable list", "ssh-key show", "known-host list"] {
        let sandbox = Sandbox::new();
        let words = format!("pipelines {arguments} --repo WEB/site");
        let mut command = sandbox.command(words.split(' '));
        command
            .env("BBCONNECT_TOKEN", TOKEN)
            .env("BBCONNECT_URL", server.datacenter());
        let ran = command.finish().exits_with(2);
        assert_contains(&ran.stderr, "Bitbucket Cloud");
    }
    assert!(server.requests().is_empty());
}

#[test]
fn the_key_of_the_builds_is_generated_in_bitbucket_only() {
    let server = server();
    let sandbox = Sandbox::new();
    let run = |arguments: &str| run_in(&sandbox, &server, arguments, "");
    let none = run("ssh-key show").exits_with(5);
    let hint = "bbconnect pipelines ssh-key ensure --repo acme/site";
    assert!(none.stdout.contains(hint), "{}", none.stdout);
    let planned = run("ssh-key ensure --dry-run").exits_with(0).json();
    assert_eq!(
        (&planned["action"], &planned["public_key"]),
        (&json!("would-create"), &Value::Null)
    );
    let created = run("ssh-key ensure --type ed25519").exits_with(0).json();
    assert_contains(created["note"].as_str().unwrap(), "was sent");
    let mut sent = Value::Null;
    server.update(|state| sent = state.pipelines.keys["acme/site"].clone());
    let private = sent["private_key"].as_str().unwrap();
    assert!(
        private.starts_with("-----BEGIN OPENSSH PRIVATE KEY-----") && private.ends_with("-----\n")
    );
    assert_eq!(created["public_key"], sent["public_key"]);
    assert!(!sandbox.home().join(".ssh").exists());
    for same in ["ssh-key ensure", "ssh-key ensure --type ed25519"] {
        let again = run(same).exits_with(0).json();
        assert_eq!(
            (&again["action"], &again["fingerprint"]),
            (&json!("unchanged"), &created["fingerprint"])
        );
    }
    let other = run("ssh-key ensure --type rsa-4096").exits_with(6);
    assert_contains(&other.stdout, "--replace");
    let replaced = run("ssh-key ensure --replace --type ecdsa-256")
        .exits_with(0)
        .json();
    assert_eq!(replaced["algorithm"], "ecdsa-sha2-nistp256");
    let shown = run("ssh-key show").exits_with(0).json();
    assert_eq!(shown["fingerprint"], replaced["fingerprint"]);
    run("ssh-key remove").exits_with(2);
    run("ssh-key remove --yes").exits_with(0);
    run("ssh-key remove --yes").exits_with(5);
}

#[test]
fn only_a_usable_private_key_is_sent() {
    let server = server();
    let sandbox = Sandbox::new();
    let generate = |name: &str, more: &[&str], input: &str| {
        let path = sandbox.home().join(name);
        let mut words = vec!["keygen", "--out", path.to_str().unwrap()];
        words.extend(more);
        let mut child = sandbox
            .command(&words)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(input.as_bytes())
            .unwrap();
        assert!(child.wait_with_output().unwrap().status.success());
        path
    };
    let usable = generate("usable", &[], "");
    let locked = generate("locked", &["--passphrase-stdin"], "correct horse battery");
    let damaged = sandbox.home().join("damaged");
    fs::write(&damaged, "-----BEGIN OPENSSH PRIVATE KEY-----\nnonsense\n").unwrap();
    for key in [&locked, &damaged] {
        let arguments = format!("ssh-key ensure --key {}", key.display());
        run_in(&sandbox, &server, &arguments, "").exits_with(9);
    }
    assert!(server.requests().is_empty());
    let arguments = format!("ssh-key ensure --key {}", usable.display());
    for action in ["created", "unchanged"] {
        let set = run_in(&sandbox, &server, &arguments, "")
            .exits_with(0)
            .json();
        assert_eq!(set["action"], action);
    }
    let mut sent = Value::Null;
    server.update(|state| sent = state.pipelines.keys["acme/site"]["private_key"].clone());
    assert_eq!(sent.as_str().unwrap(), fs::read_to_string(&usable).unwrap());
}

#[test]
fn known_hosts_come_from_our_own_trust() {
    let server = server();
    let created = run(&server, "known-host ensure SSH.bitbucket.org", "");
    let created = created.exits_with(0).json();
    let row = &created["known_hosts"][0];
    assert_eq!(
        (&created["action"], &row["fingerprint"], &row["port"]),
        (&json!("created"), &json!(ED25519), &json!(22))
    );
    let again = run(&server, "known-host ensure ssh.bitbucket.org", "");
    assert_eq!(again.exits_with(0).json()["action"], "unchanged");
    let with_port = run(
        &server,
        "known-host ensure altssh.bitbucket.org:443 --dry-run",
        "",
    );
    assert_eq!(with_port.exits_with(0).json()["action"], "would-create");
    run(&server, "known-host ensure altssh.bitbucket.org:443", "").exits_with(0);
    let mut names = Vec::new();
    server.update(|state| {
        let all = &state.pipelines.known_hosts["acme/site"];
        names = all.iter().map(|one| one["hostname"].clone()).collect();
    });
    assert_eq!(names, ["ssh.bitbucket.org", "[altssh.bitbucket.org]:443"]);
    // Another key of the same host is a conflict; a host without a trusted key is never contacted.
    server.update(|state| {
        let all = state.pipelines.known_hosts.get_mut("acme/site").unwrap();
        all[0]["public_key"]["key"] =
            json!("AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    });
    run(&server, "known-host ensure ssh.bitbucket.org", "").exits_with(6);
    let before = server.requests().len();
    run(&server, "known-host ensure 127.0.0.1:9", "").exits_with(10);
    assert_eq!(server.requests().len(), before);
    run(
        &server,
        "known-host remove altssh.bitbucket.org:443 --yes",
        "",
    )
    .exits_with(0);
    run(
        &server,
        "known-host remove altssh.bitbucket.org:443 --yes",
        "",
    )
    .exits_with(5);
    let listed = run(&server, "known-host list", "").exits_with(0).json();
    assert_eq!(listed["known_hosts"].as_array().unwrap().len(), 1);
}
