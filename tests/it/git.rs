//! Real git with the helper: every kind of credential over HTTP, from a real `git http-backend` that demands it.
#![cfg(unix)]

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::git_server::GitServer;
use crate::support::tls::{TlsServer, certificates};
use crate::support::{
    self, CommandExt as _, RunOutput, Sandbox, assert_contains, check_output, is_installed, program,
};

/// A connection in the file, whose secret a command prints.
fn connection(sandbox: &Sandbox, name: &str, text: &str) {
    let path = sandbox.path(".config/bbconnect/connections.toml");
    let before = fs::read_to_string(path).unwrap_or_default();
    let added = format!(
        "{before}[connections.{name}]\n{text}\nstore = \"command\"\ntoken_command = \"echo {name}-secret\"\n\n"
    );
    sandbox.write_confirmed_connections(&added);
}

/// Git in the sandbox, its messages in English, never asking.
fn git(sandbox: &Sandbox, arguments: &[&str]) -> Command {
    let mut command = program("git");
    command
        .args(arguments)
        .current_dir(sandbox.home())
        .env_clear();
    command
        .env("HOME", sandbox.home())
        .env("PATH", support::env_var("PATH").unwrap())
        .env("GIT_TERMINAL_PROMPT", "0");
    command.env("LC_ALL", "C.UTF-8");
    command
}

fn helper(sandbox: &Sandbox, operation: &str, input: &str) -> RunOutput {
    sandbox.run_with_input(["git", "credential", operation], input)
}

#[test]
fn the_helper_serves_only_its_own_servers() {
    let sandbox = Sandbox::new();
    let cloud = "deployment = \"cloud\"\nbase_url = \"https://api.bitbucket.org/2.0\"\n";
    connection(
        &sandbox,
        "api",
        &format!(
            "{cloud}auth = \"api-token\"\nemail = \"jane@acme.example\"\nworkspace = \"acme\""
        ),
    );
    connection(
        &sandbox,
        "site",
        &format!(
            "{cloud}auth = \"access-token\"\nlevel = \"repo\"\nworkspace = \"acme\"\nrepository = \"site\""
        ),
    );
    let server = "deployment = \"datacenter\"\nbase_url = \"https://git.example.com:8443/ctx\"\n";
    connection(
        &sandbox,
        "token",
        &format!("{server}auth = \"http-access-token\"\nlevel = \"user\"\naccount = \"jane\""),
    );
    for (input, expected) in [
        (
            "protocol=https\nhost=bitbucket.org\n\n",
            "username=x-bitbucket-api-token-auth\npassword=api-secret\n",
        ),
        (
            "protocol=https\nhost=bitbucket.org\npath=acme/site.git\n\n",
            "username=x-token-auth\npassword=site-secret\n",
        ),
        (
            "protocol=https\nhost=bitbucket.org\npath=acme/other.git\n\n",
            "username=x-bitbucket-api-token-auth\npassword=api-secret\n",
        ),
        (
            "protocol=https\nhost=bitbucket.org\nusername=x-token-auth\n\n",
            "username=x-token-auth\npassword=site-secret\n",
        ),
        (
            "protocol=https\nhost=git.example.com:8443\npath=ctx/scm/web/site.git\n\n",
            "username=jane\npassword=token-secret\n",
        ),
        (
            "capability[]=authtype\ncapability[]=state\nprotocol=https\nhost=git.example.com:8443\n\n",
            "capability[]=authtype\nauthtype=Bearer\ncredential=token-secret\n",
        ),
        ("protocol=http\nhost=bitbucket.org\n\n", ""),
        ("protocol=https\nhost=bitbucket.org:444\n\n", ""),
        ("protocol=https\nhost=git.example.com\n\n", ""),
        (
            "protocol=https\nhost=git.example.com:8443\npath=other/scm/web/site.git\n\n",
            "",
        ),
        ("protocol=https\nhost=github.com\n\n", ""),
        ("protocol=ssh\nhost=bitbucket.org\n\n", ""),
    ] {
        let ran = helper(&sandbox, "get", input).exits_with(0);
        assert_eq!(
            (ran.stdout.as_str(), ran.stderr.as_str()),
            (expected, ""),
            "{input}"
        );
    }
    let unknown = helper(&sandbox, "capability", "\n").exits_with(0);
    assert_eq!(unknown.stdout, "");
    helper(&sandbox, "get", "nonsense\n").exits_with(2);
}

#[test]
fn setup_configures_a_named_connection() {
    let sandbox = Sandbox::new();
    let server = |host: &str| {
        format!(
            "deployment = \"datacenter\"\nbase_url = \"https://{host}\"\nauth = \"http-access-token\"\nlevel = \"user\""
        )
    };
    for name in ["one", "two"] {
        let host = format!("{name}.example.com");
        connection(&sandbox, name, &server(&host));
    }
    sandbox.run(["git", "setup", "-c", "nope"]).exits_with(5);
    let output = sandbox.run_json(["git", "setup", "-c", "two", "--json"]);
    assert_eq!(output["helpers"].as_array().unwrap().len(), 1);
    assert_eq!(output["helpers"][0]["url"], "https://two.example.com");
    let asked = "protocol=https\nhost=two.example.com\n\n";
    let mut fill = git(&sandbox, &["credential", "fill"]);
    fill.stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped());
    let mut child = fill.spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), asked.as_bytes()).unwrap();
    let answered = RunOutput::from(child.wait_with_output().unwrap()).exits_with(0);
    assert_contains(&answered.stdout, "password=two-secret");
    // What a pipeline describes is not written anywhere, so it cannot be set up.
    let pipeline = Sandbox::new();
    let mut command = pipeline.command(["git", "setup", "--json"]);
    let ran = command.env("BBCONNECT_TOKEN", "x").finish().exits_with(2);
    let hint = ran.json()["error"]["hint"].clone();
    assert_eq!(hint, "eval \"$(bbconnect git env)\"");
}

#[test]
fn erase_keeps_the_stored_secret() {
    let sandbox = Sandbox::new();
    let text = "deployment = \"cloud\"\nbase_url = \"https://api.bitbucket.org/2.0\"\nauth = \"api-token\"\nemail = \"jane@acme.example\"";
    connection(&sandbox, "api", text);
    let file = sandbox.path(".config/bbconnect/connections.toml");
    let asked = |password: &str| {
        format!("protocol=https\nhost=bitbucket.org\nusername=x\npassword={password}\n\n")
    };
    let other = helper(&sandbox, "erase", &asked("of-another-helper")).exits_with(0);
    assert_eq!(other.stderr, "");
    assert!(!fs::read_to_string(&file).unwrap().contains("refused_on"));
    let erased = helper(&sandbox, "erase", &asked("api-secret")).exits_with(0);
    assert_contains(&erased.stderr, "bbconnect check api");
    assert_contains(&fs::read_to_string(&file).unwrap(), "refused_on");
    assert_contains(
        &helper(&sandbox, "get", "protocol=https\nhost=bitbucket.org\n")
            .exits_with(0)
            .stdout,
        "api-secret",
    );
    helper(&sandbox, "store", &asked("api-secret")).exits_with(0);
    assert!(!fs::read_to_string(&file).unwrap().contains("refused_on"));
}

#[test]
fn setup_keeps_existing_configuration_and_undo_restores_it() {
    if !is_installed("git", "--version") {
        return;
    }
    let sandbox = Sandbox::new();
    let text = "deployment = \"cloud\"\nbase_url = \"https://api.bitbucket.org/2.0\"\nauth = \"api-token\"\nemail = \"jane@acme.example\"";
    connection(&sandbox, "api", text);
    let server = "deployment = \"datacenter\"\nbase_url = \"https://git.example.com/ctx\"\nauth = \"http-access-token\"";
    connection(&sandbox, "server", server);
    check_output(&mut git(
        &sandbox,
        &["config", "--global", "credential.helper", "cache"],
    ));
    check_output(&mut git(
        &sandbox,
        &[
            "config",
            "--global",
            "credential.https://git.example.com.helper",
            "store --file /dev/null",
        ],
    ));
    let before = fs::read_to_string(sandbox.path(".gitconfig")).unwrap();
    let first = sandbox.run_json(["git", "setup", "--json"]);
    assert_eq!(first["action"], "created");
    assert_eq!(first["helpers"][0]["url"], "https://bitbucket.org");
    assert_eq!(
        sandbox.run_json(["git", "setup", "--json"])["action"],
        "unchanged"
    );
    let listed = |key: &str| {
        check_output(&mut git(
            &sandbox,
            &["config", "--global", "--get-all", key],
        ))
    };
    assert_eq!(listed("credential.helper"), "cache\n");
    let of_server = listed("credential.https://git.example.com.helper");
    let lines: Vec<&str> = of_server.lines().collect();
    assert!(
        lines[0].starts_with("store") && lines[1].ends_with(" git credential") && lines.len() == 2,
        "{lines:?}"
    );
    assert!(listed("credential.https://bitbucket.org.helper").starts_with("\n!"));
    let filled = git_fill(&sandbox, "protocol=https\nhost=bitbucket.org\n\n");
    assert_contains(&filled, "password=api-secret");
    sandbox
        .run(["git", "setup", "--host", "nowhere.example"])
        .exits_with(5);
    assert_eq!(
        sandbox.run_json(["git", "setup", "--undo", "--json"])["action"],
        "removed"
    );
    let without_empty_sections = |text: &str| {
        let lines: Vec<&str> = text.lines().collect();
        let is_empty = |at: usize| {
            lines[at].starts_with('[') && lines.get(at + 1).is_none_or(|next| next.starts_with('['))
        };
        (0..lines.len())
            .filter(|at| !is_empty(*at))
            .map(|at| lines[at].to_owned())
            .collect::<Vec<_>>()
    };
    let after = fs::read_to_string(sandbox.path(".gitconfig")).unwrap();
    assert_eq!(
        without_empty_sections(&after),
        without_empty_sections(&before)
    );
    assert_eq!(
        sandbox.run_json(["git", "setup", "--undo", "--json"])["action"],
        "unchanged"
    );
    let output = sandbox.run(["git", "setup", "--undo"]).exits_with(0);
    assert_contains(&output.stderr, "nothing to undo");
}

#[test]
fn undo_keeps_the_users_empty_helper_entry() {
    if !is_installed("git", "--version") {
        return;
    }
    let server = "deployment = \"datacenter\"\nbase_url = \"https://git.example.com\"\nauth = \"http-access-token\"";
    let key = "credential.https://git.example.com.helper";
    // What is set before, what is added while ours is there, and what is left of both.
    for (before, added, left) in [
        (&[""][..], &[][..], "\n"),
        (&["", "cache"], &[], "\ncache\n"),
        (&[], &[], ""),
        (&[], &["cache"], "\ncache\n"),
    ] {
        let sandbox = Sandbox::new();
        connection(&sandbox, "server", server);
        let add = |value: &&str| {
            check_output(&mut git(
                &sandbox,
                &["config", "--global", "--add", key, value],
            ));
        };
        before.iter().for_each(add);
        sandbox.run(["git", "setup"]).exits_with(0);
        sandbox.run(["git", "setup"]).exits_with(0);
        added.iter().for_each(add);
        sandbox.run(["git", "setup", "--undo"]).exits_with(0);
        let mut list = git(&sandbox, &["config", "--global", "--get-all", key]);
        let listed = String::from_utf8(list.output().unwrap().stdout).unwrap();
        assert_eq!(listed, left, "{before:?} {added:?}");
        let text = fs::read_to_string(sandbox.path(".gitconfig")).unwrap();
        assert!(
            !text.contains("set") && !text.contains("useHttpPath"),
            "{text}"
        );
    }
}

#[test]
fn a_credential_is_sent_only_to_its_server() {
    let sandbox = Sandbox::new();
    let text = "deployment = \"cloud\"\nbase_url = \"https://api.bitbucket.org/2.0\"\nauth = \"api-token\"\nemail = \"jane@acme.example\"";
    connection(
        &sandbox,
        "api",
        &format!("{text}\nweb_url = \"http://evil.example\""),
    );
    let server = "deployment = \"datacenter\"\nbase_url = \"https://git.example.com\"\nauth = \"password\"\nusername = \"jane\"";
    connection(&sandbox, "person", server);
    for input in [
        // A website that was named after the secret was given.
        "protocol=http\nhost=evil.example\n\n",
        "protocol=https\nhost=evil.example\n\n",
        // Another port, whatever the path says.
        "protocol=https\nhost=bitbucket.org:444\npath=/bitbucket.org/acme/site.git\n\n",
        // That of another program.
        "protocol=https\nhost=git.example.com\nusername=carol\n\n",
        "protocol=https\nhost=bit\tbucket.org\n\n",
    ] {
        assert_eq!(
            helper(&sandbox, "get", input).exits_with(0).stdout,
            "",
            "{input}"
        );
    }
    let jane = helper(
        &sandbox,
        "get",
        "protocol=https\nhost=git.example.com\nusername=jane\n\n",
    )
    .exits_with(0);
    assert_eq!(jane.stdout, "username=jane\npassword=person-secret\n");
    let add = [
        "connection",
        "add",
        "x",
        "--url",
        "https://git.example.com",
        "--auth",
        "password",
        "--username",
        "u\npassword=evil",
    ];
    sandbox.run(add).exits_with(2);
}

fn git_fill(sandbox: &Sandbox, input: &str) -> String {
    use std::io::Write as _;
    let mut child = git(sandbox, &["credential", "fill"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
}

/// Clones, commits and pushes with plain git.
fn clone_and_push(sandbox: &Sandbox, url: &str, dir: &str, prepare: impl Fn(&mut Command)) {
    let run = |arguments: &[&str]| {
        let mut command = git(sandbox, arguments);
        prepare(&mut command);
        check_output(&mut command)
    };
    run(&["clone", url, dir]);
    let at = [
        "-C",
        dir,
        "-c",
        "user.name=Jane",
        "-c",
        "user.email=jane@acme.example",
    ];
    run(&[&at[..], &["commit", "--allow-empty", "-m", "one"]].concat());
    run(&["-C", dir, "push", "origin", "HEAD:main"]);
}

/// Since 2.46 git takes other schemes than Basic from a helper.
fn git_knows_schemes() -> bool {
    let said = check_output(program("git").arg("--version"));
    let version = said.trim().trim_start_matches("git version ");
    version.parse::<bbconnect::internals::Version>().unwrap() >= "2.46".parse().unwrap()
}

#[test]
fn git_clones_and_pushes_with_every_kind_of_credential() {
    if !is_installed("git", "--version") {
        return;
    }
    for (name, auth, more, demanded) in [
        (
            "api",
            "api-token",
            "email = \"jane@acme.example\"",
            &["Basic x-bitbucket-api-token-auth:api-secret"][..],
        ),
        (
            "access",
            "access-token",
            "level = \"workspace\"\nworkspace = \"acme\"",
            &["Basic x-token-auth:access-secret"][..],
        ),
        (
            "token",
            "http-access-token",
            "level = \"project\"\nproject = \"WEB\"",
            &["Bearer token-secret", "Basic x-token-auth:token-secret"],
        ),
        (
            "person",
            "http-access-token",
            "level = \"user\"\naccount = \"jane\"",
            &["Bearer person-secret", "Basic jane:person-secret"],
        ),
        (
            "password",
            "password",
            "username = \"jane\"",
            &["Basic jane:password-secret"],
        ),
    ] {
        let sandbox = Sandbox::new();
        let is_cloud = matches!(name, "api" | "access");
        let path = if is_cloud {
            "acme/site.git"
        } else {
            "ctx/scm/web/site.git"
        };
        let server = GitServer::start(path, demanded);
        let (deployment, base) = if is_cloud {
            ("cloud", "2.0")
        } else {
            ("datacenter", "ctx")
        };
        let text = format!(
            "deployment = \"{deployment}\"\nbase_url = \"{}/{base}\"\nauth = \"{auth}\"\n{more}",
            server.origin()
        );
        connection(&sandbox, name, &text);
        sandbox.run(["git", "setup"]).exits_with(0);
        clone_and_push(
            &sandbox,
            &format!("{}/{path}", server.origin()),
            "site",
            |_| {},
        );
        assert!(server.has_branch("main"), "{name}");
        let is_bearer = server
            .shown()
            .iter()
            .all(|shown| shown.starts_with("Bearer "));
        assert_eq!(
            is_bearer,
            auth == "http-access-token" && git_knows_schemes(),
            "{:?}",
            server.shown()
        );
        // A git without the capability is answered with user name and password, which a Bearer server does not take.
        let basic = helper(
            &sandbox,
            "get",
            &format!("protocol=http\nhost={}\n\n", server.host()),
        )
        .exits_with(0);
        assert!(basic.stdout.starts_with("username="), "{}", basic.stdout);
    }
}

#[test]
fn git_env_configures_a_shell_without_writing_files() {
    if !is_installed("git", "--version") {
        return;
    }
    let sandbox = Sandbox::new();
    let server = GitServer::start("acme/site.git", &["Basic x-token-auth:env-secret"]);
    let dir = Path::new(env!("CARGO_BIN_EXE_bbconnect")).parent().unwrap();
    let script = format!(
        "eval \"$(bbconnect git env)\" && git clone {}/acme/site.git site && git -C site -c user.name=J -c user.email=j@x.example \
         commit --allow-empty -m one && git -C site push origin HEAD:main && eval \"$(bbconnect git env --unset)\" && test -z \"${{GIT_CONFIG_COUNT:-}}\"",
        server.origin()
    );
    let mut shell = program("sh");
    shell
        .args(["-euc", &script])
        .current_dir(sandbox.home())
        .env_clear();
    shell
        .env(
            "PATH",
            format!(
                "{}:{}",
                dir.display(),
                support::env_var("PATH").unwrap().display()
            ),
        )
        .env("HOME", sandbox.home());
    shell
        .env("BBCONNECT_URL", format!("{}/2.0", server.origin()))
        .env("BBCONNECT_TOKEN", "env-secret");
    shell.env("BBCONNECT_WORKSPACE", "acme").env("CI", "true");
    let output = shell.output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(server.has_branch("main"));
    let left: Vec<_> = fs::read_dir(sandbox.home())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left, ["site"]);
    let text = sandbox
        .command(["git", "env"])
        .env("BBCONNECT_TOKEN", "env-secret")
        .env("GIT_CONFIG_COUNT", "2")
        .env("GIT_CONFIG_KEY_0", "user.name")
        .env("GIT_CONFIG_VALUE_0", "Jane")
        .env("GIT_CONFIG_KEY_1", "a.b")
        .env("GIT_CONFIG_VALUE_1", "c")
        .output()
        .unwrap();
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(
        text.contains("export GIT_CONFIG_COUNT=5\n")
            && text.contains("GIT_CONFIG_KEY_2=")
            && !text.contains("env-secret"),
        "{text}"
    );
}

#[test]
fn git_env_writes_in_the_words_of_a_shell() {
    let sandbox = Sandbox::new();
    let print = |arguments: &[&str]| {
        let mut command = sandbox.command([&["git", "env"], arguments].concat());
        command
            .env("BBCONNECT_TOKEN", "env-secret")
            .env("GIT_CONFIG_COUNT", "1")
            .env("GIT_CONFIG_KEY_0", "user.name")
            .env("GIT_CONFIG_VALUE_0", "Jane's");
        command.finish().exits_with(0).stdout
    };
    for (shell, count, unset) in [
        (
            "sh",
            "export GIT_CONFIG_COUNT=4\n",
            "unset GIT_CONFIG_KEY_1\n",
        ),
        (
            "powershell",
            "$env:GIT_CONFIG_COUNT = '4'\n",
            "Remove-Item -ErrorAction Ignore Env:GIT_CONFIG_KEY_1\n",
        ),
        (
            "cmd",
            "set \"GIT_CONFIG_COUNT=4\"\n",
            "set \"GIT_CONFIG_KEY_1=\"\n",
        ),
    ] {
        let text = print(&["--shell", shell]);
        assert!(text.contains(count), "{text}");
        let helper = text.lines().find(|line| line.contains("git credential"));
        assert!(helper.is_some(), "{text}");
        let variables = sandbox
            .command(["git", "env", "--json"])
            .env("BBCONNECT_TOKEN", "env-secret")
            .finish()
            .exits_with(0)
            .json();
        let mut command = sandbox.command(["git", "env", "--unset", "--shell", shell]);
        command.env("BBCONNECT_TOKEN", "env-secret");
        for (name, value) in variables["variables"].as_object().unwrap() {
            command.env(name, value.as_str().unwrap());
        }
        let text = command.finish().exits_with(0).stdout;
        assert!(text.contains(unset), "{text}");
    }
    assert_contains(&print(&[]), "export GIT_CONFIG_COUNT=4\n");
    sandbox.run(["git", "env", "--shell", "csh"]).exits_with(2);
}

#[test]
fn git_env_unset_works_for_any_connection() {
    let sandbox = Sandbox::new();
    let server = "deployment = \"datacenter\"\nauth = \"http-access-token\"\n";
    for name in ["one", "two"] {
        let url = format!("https://{name}.example.com");
        connection(&sandbox, name, &format!("{server}base_url = \"{url}\""));
    }
    let output = sandbox.run_json(["git", "env", "two", "--json"]);
    let variables = output["variables"].as_object().unwrap();
    assert_eq!(variables["GIT_CONFIG_COUNT"], "3");
    let unset = |more: &[&str], own: &[(&str, &str)]| {
        let mut command = sandbox.command([&["git", "env", "--unset", "--json"], more].concat());
        command.envs(
            variables
                .iter()
                .map(|(name, value)| (name, value.as_str().unwrap())),
        );
        command
            .envs(own.iter().copied())
            .finish()
            .exits_with(0)
            .json()
    };
    for more in [&[][..], &["two"]] {
        let gone = unset(more, &[]);
        assert_eq!(gone["unset"].as_array().unwrap().len(), 7, "{gone}");
    }
    // What another program wrote stays.
    let own = [
        ("GIT_CONFIG_COUNT", "4"),
        ("GIT_CONFIG_KEY_3", "user.name"),
        ("GIT_CONFIG_VALUE_3", "J"),
    ];
    let left = unset(&[], &own);
    assert_eq!(left["variables"]["GIT_CONFIG_KEY_0"], "user.name", "{left}");
    assert_eq!(left["variables"]["GIT_CONFIG_COUNT"], "1", "{left}");
}

/// A TLS server with one empty repository at `scm/web/site.git`, which git reads without a program on the server
/// (gitprotocol-http(5), "dumb").
fn tls_git_server(dir: &Path, flags: &[&str]) -> TlsServer {
    let repository = dir.join("scm/web/site.git");
    fs::create_dir_all(repository.join("info")).unwrap();
    // `openssl s_server -WWW` takes the query for a part of the name.
    let refs = repository.join("info/refs?service=git-upload-pack");
    fs::write(refs, format!("{}\trefs/heads/main\n", "1".repeat(40))).unwrap();
    fs::write(repository.join("HEAD"), "ref: refs/heads/main\n").unwrap();
    TlsServer::start(dir, "good", &[&["-WWW", "-no_ticket"], flags].concat())
}

#[test]
fn git_reaches_a_server_with_the_certificates_of_the_connection() {
    if !is_installed("git", "--version") || !is_installed("openssl", "version") {
        return;
    }
    let files = certificates(&[("good", "IP:127.0.0.1", 60), ("jane", "DNS:jane", 60)]);
    let path = |name: &str| files.path(name).display().to_string();
    let server = tls_git_server(files.home(), &["-Verify", "1", "-CAfile", &path("ca.pem")]);
    let sandbox = Sandbox::new();
    let text = format!(
        "deployment = \"datacenter\"\nbase_url = \"{}\"\nauth = \"http-access-token\"\nlevel = \"user\"\n\
         ca_cert = \"{}\"\nclient_cert = \"{}\"\nclient_key = \"{}\"",
        server.url(),
        path("ca.pem"),
        path("jane.pem"),
        path("jane.key")
    );
    connection(&sandbox, "s", &text);
    let url = format!("{}/scm/web/site.git", server.url());
    let list = |variables: &Value| {
        let mut git = git(&sandbox, &["ls-remote", &url]);
        for (name, value) in variables.as_object().into_iter().flatten() {
            git.env(name, value.as_str().unwrap());
        }
        let output = git.output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(list(&Value::Null), "");
    let env = sandbox.run_json(["git", "env", "s", "--json"]);
    assert_contains(&list(&env["variables"]), "refs/heads/main");
    let set = sandbox.run_json(["git", "setup", "--json"]);
    let expected = serde_json::json!({
        "sslCAInfo": path("ca.pem"),
        "sslCert": path("jane.pem"),
        "sslKey": path("jane.key"),
    });
    assert_eq!(set["helpers"][0]["settings"], expected);
    assert_contains(&list(&Value::Null), "refs/heads/main");
    let again = sandbox.run_json(["git", "setup", "--json"]);
    assert_eq!(again["action"], "unchanged");
    sandbox.run(["git", "setup", "--undo"]).exits_with(0);
    assert_eq!(list(&Value::Null), "");
    let text = fs::read_to_string(sandbox.path(".gitconfig")).unwrap();
    assert!(!text.contains('='), "{text}");
    let mut unset = sandbox.command(["git", "env", "--unset", "--json"]);
    for (name, value) in env["variables"].as_object().unwrap() {
        unset.env(name, value.as_str().unwrap());
    }
    let unset = unset.finish().exits_with(0).json();
    assert_eq!(unset["variables"], serde_json::json!({}));
    assert_eq!(unset["unset"].as_array().unwrap().len(), 2 * 6 + 1);
}

#[test]
fn setup_sets_only_what_the_connections_of_a_server_agree_on() {
    if !is_installed("git", "--version") {
        return;
    }
    let sandbox = Sandbox::new();
    let file = sandbox.path(".config/bbconnect/connections.toml");
    let add = |name: &str, host: &str, more: &str| {
        let text = format!(
            "deployment = \"datacenter\"\nbase_url = \"https://{host}\"\nauth = \"http-access-token\"\n{more}"
        );
        connection(&sandbox, name, &text);
    };
    let ca_path = sandbox.path("ca.pem").display().to_string();
    fs::write(&ca_path, "").unwrap();
    let ca = &format!("ca_cert = \"{ca_path}\"\n");
    let proxy = "proxy = \"http://p.example.com:3128\"\n";
    add("a", "one.example.com", &[ca, proxy].concat());
    add("b", "one.example.com", ca);
    add("c", "two.example.com", proxy);
    let get = |at: &Path, key: &str| {
        let mut get = git(&sandbox, &["config", "--get-all", key]);
        let output = get.current_dir(at).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let global = |key: &str| get(sandbox.home(), key);
    let set = sandbox.run(["git", "setup"]).exits_with(0);
    assert_contains(&set.stderr, "different values for proxy");
    assert_eq!(
        global("http.https://one.example.com.sslCAInfo"),
        format!("{ca_path}\n")
    );
    assert_eq!(global("http.https://one.example.com.proxy"), "");
    assert_eq!(
        global("http.https://two.example.com.proxy"),
        "http://p.example.com:3128\n"
    );
    assert_eq!(global("http.https://two.example.com.sslCAInfo"), "");
    // In a checkout the connection that applies there decides.
    let checkout = sandbox.path("checkout");
    check_output(&mut git(&sandbox, &["init", "-q", "checkout"]));
    let here = |arguments: &[&str]| {
        let mut command = sandbox.command(arguments);
        command.current_dir(&checkout).finish().exits_with(0)
    };
    here(&["connection", "use", "a", "--here"]);
    let local = here(&["git", "setup", "--local", "--json"]).json();
    assert_eq!(
        local["helpers"][0]["settings"]["proxy"],
        "http://p.example.com:3128"
    );
    assert_eq!(
        get(&checkout, "http.https://one.example.com.proxy"),
        "http://p.example.com:3128\n"
    );
    here(&["git", "setup", "--local", "--undo"]);
    assert_eq!(get(&checkout, "http.https://one.example.com.proxy"), "");
    // A changed connection changes the setting, also away.
    let text = fs::read_to_string(&file).unwrap();
    fs::write(
        &file,
        text.replace(&ca_path, "/c/new.pem").replace(proxy, ""),
    )
    .unwrap();
    let updated = sandbox.run_json(["git", "setup", "--json"]);
    assert_eq!(updated["action"], "updated");
    assert_eq!(
        global("http.https://one.example.com.sslCAInfo"),
        "/c/new.pem\n"
    );
    assert_eq!(global("http.https://two.example.com.proxy"), "");
    // A value of the user is kept, by undo as well.
    let key = "http.https://one.example.com.sslCAInfo";
    check_output(&mut git(
        &sandbox,
        &["config", "--global", key, "/mine.pem"],
    ));
    let kept = sandbox.run_json(["git", "setup", "--json"]);
    assert_eq!(kept["helpers"][0]["kept"], serde_json::json!(["sslCAInfo"]));
    sandbox.run(["git", "setup", "--undo"]).exits_with(0);
    assert_eq!(global(key), "/mine.pem\n");
    let text = fs::read_to_string(sandbox.path(".gitconfig")).unwrap();
    assert_eq!(text.matches('=').count(), 1, "{text}");
}

#[test]
fn programs_in_the_configuration_have_absolute_paths() {
    if !is_installed("git", "--version") {
        return;
    }
    let sandbox = Sandbox::new();
    let server = "deployment = \"datacenter\"\nbase_url = \"https://git.example.com\"\nauth = \"http-access-token\"";
    connection(&sandbox, "server", server);
    fs::create_dir(sandbox.path("bin")).unwrap();
    fs::copy(
        env!("CARGO_BIN_EXE_bbconnect"),
        sandbox.path("bin/bbconnect"),
    )
    .unwrap();
    let found = support::env_var("PATH").unwrap();
    for relative in ["bin", "."] {
        let mut shell = program("sh");
        shell.args([
            "-c",
            "cd \"$1\" && bbconnect git setup && bbconnect git env server",
            "sh",
        ]);
        shell.arg(if relative == "." { "bin" } else { "." });
        shell.current_dir(sandbox.home()).env_clear();
        shell
            .env("HOME", sandbox.home())
            .env("PATH", format!("{relative}:{}", found.display()));
        let printed = check_output(&mut shell);
        let config = fs::read_to_string(sandbox.path(".gitconfig")).unwrap();
        for text in [printed, config] {
            let helper = text.split('!').nth(1).unwrap();
            assert!(helper.starts_with('/'), "{text}");
        }
        sandbox.run(["git", "setup", "--undo"]).exits_with(0);
    }
}
