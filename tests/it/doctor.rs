//! `doctor` against broken setups on loopback: each fails at one stage, which is reported.
#![cfg(unix)]

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::bitbucket::{CONTEXT_PATH, Credential, Fault, Kind, Server, ServerState};
use crate::support::sshd::Sshd;
use crate::support::tls::{TlsServer, certificates};
use crate::support::{
    self, CommandExt as _, RunOutput, Sandbox, assert_contains, check_output, is_installed,
    program, unused_port,
};

const TOKEN: &str = "BBDC-doctor-marker";
const API_TOKEN: &str = "ATATT-doctor-marker";
const PASSWORD: &str = "hunter-doctor-marker";

fn state() -> ServerState {
    let credential = |kind, secret: &str| Credential::new(kind, secret, &["REPO_READ"]);
    ServerState {
        credentials: vec![
            credential(Kind::UserToken { user: "jane" }, TOKEN),
            credential(Kind::Password { user: "jane" }, PASSWORD),
            credential(Kind::JANE_API_TOKEN, API_TOKEN),
        ],
        repositories: vec![("WEB/site", false)],
        projects: vec!["WEB".to_owned()],
        page_length: 25,
        ..ServerState::default()
    }
}

const HTML: (&str, &str) = ("content-type", "text/html");
const JSON: (&str, &str) = ("content-type", "application/json");

/// Runs `doctor` with variables, in a home of its own.
fn doctor_with(variables: &[(&str, &str)], arguments: &[&str]) -> RunOutput {
    let sandbox = Sandbox::new();
    let limit: &[&str] = if arguments.contains(&"--timeout") {
        &[]
    } else {
        &["--timeout", "3"]
    };
    let mut command = sandbox.command([&["doctor", "--json"], limit, arguments].concat());
    command.envs(variables.iter().copied());
    command.finish()
}

fn doctor(arguments: &[&str]) -> RunOutput {
    doctor_with(&[], arguments)
}

/// Runs `doctor` for the connection of the environment.
fn signed(url: &str, variables: &[(&str, &str)]) -> RunOutput {
    doctor_with(&[&[("BBCONNECT_URL", url)], variables].concat(), &[])
}

fn stage(document: &Value, id: &str) -> Value {
    let stages = document["stages"].as_array().unwrap();
    let found = stages.iter().find(|stage| stage["id"] == id);
    found.cloned().unwrap_or(Value::Null)
}

/// Fails the test unless it breaks at this stage, with this status, and says these words.
#[track_caller]
fn breaks(ran: RunOutput, at: &str, exit: i32, said: &str) -> Value {
    let ran = ran.exits_with(exit);
    let document = ran.json();
    assert_eq!(document["schema"], "bbconnect/doctor@1");
    let stages = document["stages"].as_array().unwrap();
    let first = stages
        .iter()
        .find(|stage| stage["level"] == "fail")
        .unwrap();
    assert_eq!(first["id"], at, "{document:#}");
    assert_eq!(document["failed"], at);
    let text = format!(
        "{} {} {}",
        first["message"], first["evidence"], first["next"]
    );
    assert!(text.contains(said), "{text}");
    assert!(first["next"].is_string(), "{first}");
    assert!(first["elapsed_ms"].is_u64(), "{first}");
    document
}

/// Fails the test unless nothing breaks, and this stage has this level and says these words.
#[track_caller]
fn holds(ran: RunOutput, id: &str, level: &str, said: &str) -> Value {
    let document = ran.exits_with(0).json();
    let stage = stage(&document, id);
    assert_eq!(stage["level"], level, "{document:#}");
    let text = format!(
        "{} {} {}",
        stage["message"], stage["evidence"], stage["next"]
    );
    assert!(text.contains(said), "{text}");
    document
}

/// A server that responds with this text to every client that has sent something.
fn listener(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            thread::spawn(move || {
                let mut heard = [0; 4096];
                let count = stream.read(&mut heard).unwrap_or(0);
                if count == 0 || answer.is_empty() {
                    thread::sleep(Duration::from_secs(20));
                }
                drop(stream.write_all(answer.as_bytes()));
            });
        }
    });
    address
}

fn closed() -> String {
    format!("127.0.0.1:{}", unused_port())
}

#[test]
fn unresolvable_names_and_closed_ports() {
    breaks(
        doctor(&["https://nowhere.invalid"]),
        "dns",
        7,
        "does not resolve",
    );
    let document = breaks(
        doctor(&[&format!("https://{}", closed())]),
        "tcp",
        7,
        "refused",
    );
    assert!(stage(&document, "tls").is_null());
    assert_eq!(stage(&document, "git")["level"], "pass");
    let silent = listener("");
    for (scheme, at) in [("https", "tls"), ("http", "http")] {
        let started = Instant::now();
        let ran = doctor(&["--timeout", "1", &format!("{scheme}://{silent}")]);
        breaks(ran, at, 7, "--timeout");
        assert!(started.elapsed() < Duration::from_secs(10));
    }
    doctor(&["no-such-connection"]).exits_with(5);
    let ran = breaks(
        doctor(&["https://jane:marker@h.example"]),
        "url",
        2,
        "password",
    );
    assert!(!ran.to_string().contains("marker"));
}

#[test]
fn plain_http_on_an_https_url() {
    let server = Server::start(state());
    let ran = doctor(&[&format!("https://{}/{CONTEXT_PATH}", server.address)]);
    breaks(ran, "tls", 7, "plain HTTP");
    let ran = doctor(&[&format!("https://{}", listener("220 mail ready\r\n"))]);
    breaks(ran, "tls", 7, "no TLS on this port");
}

#[test]
fn a_healthy_server_passes_every_stage() {
    let server = Server::start(state());
    let url = server.datacenter();
    let document = holds(
        doctor(&[&url]),
        "credential",
        "unknown",
        "no connection matches",
    );
    assert!(
        server
            .requests()
            .iter()
            .all(|seen| seen.authorization.is_none())
    );
    for id in [
        "url", "dns", "tcp", "proxy", "tls", "http", "product", "version", "clock", "git",
    ] {
        let level = stage(&document, id)["level"].clone();
        let expected = if id == "clock" { "unknown" } else { "pass" };
        assert!(level == "pass" || level == expected, "{id}: {document:#}");
    }
    let document = holds(
        signed(&url, &[("BBCONNECT_TOKEN", TOKEN)]),
        "credential",
        "pass",
        "jane",
    );
    assert_eq!(
        stage(&document, "base-url")["level"],
        "pass",
        "{document:#}"
    );
    assert!(server.requests().iter().all(|seen| seen.method == "GET"));
    let cloud = [
        ("BBCONNECT_TOKEN", API_TOKEN),
        ("BBCONNECT_EMAIL", "jane@acme.example"),
    ];
    holds(
        signed(&server.cloud(), &cloud),
        "credential",
        "pass",
        "accepted",
    );
    holds(doctor(&[&server.cloud()]), "product", "pass", "Cloud");
}

#[test]
fn broken_proxies() {
    let wants_login = listener("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
    let refuses = listener("HTTP/1.1 403 Forbidden\r\n\r\n");
    let page = listener("220 mail ready\r\n\r\n");
    let target = "https://git.invalid";
    for (proxy, said) in [
        (format!("http://{wants_login}"), "requires a login (407)"),
        (
            format!("http://jane:marker@{wants_login}"),
            "does not accept its user name and password",
        ),
        (format!("http://{}", closed()), "refused"),
        ("http://proxy.invalid:3128".to_owned(), "does not resolve"),
        (format!("http://{refuses}"), "403 Forbidden"),
        (format!("http://{page}"), "is not a proxy"),
        (format!("http://{}", listener("")), "in time"),
    ] {
        let ran = doctor_with(&[("HTTPS_PROXY", &proxy)], &[target, "--timeout", "2"]);
        let document = breaks(ran, "proxy", 7, said);
        assert!(!document.to_string().contains("marker"));
        assert_eq!(stage(&document, "dns")["level"], "unknown");
    }
    let proxy = format!("http://{wants_login}");
    let ran = doctor_with(&[("HTTP_PROXY", &proxy)], &["http://git.invalid"]);
    breaks(ran, "proxy", 7, "407");
    let left_out = [("HTTPS_PROXY", proxy.as_str()), ("NO_PROXY", "git.invalid")];
    breaks(
        doctor_with(&left_out, &[target]),
        "dns",
        7,
        "does not resolve",
    );
    let sandbox = stored(&format!(
        "deployment = \"datacenter\"\nbase_url = \"{target}\"\nauth = \"http-access-token\"\nproxy = \"{proxy}\"\n"
    ));
    breaks(
        sandbox.run(["doctor", "x", "--json"]),
        "proxy",
        7,
        "set by the connection",
    );
}

/// A home with one connection, `x`.
fn stored(connection: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write_confirmed_connections(&format!("[connections.x]\n{connection}"));
    sandbox
}

#[test]
fn responses_that_are_not_from_bitbucket() {
    let server = Server::start(state());
    let url = server.datacenter();
    let elsewhere = ("location", "https://sso.example.com/saml?ticket=marker");
    let own_login = ("location", "/login?next=x");
    for (fault, at, said) in [
        (
            Fault::new(302, &[elsewhere], ""),
            "http",
            "https://sso.example.com/saml",
        ),
        (Fault::new(302, &[own_login], ""), "http", "login page"),
        (
            Fault::new(200, &[HTML], "<form><input type=\"password\"></form>"),
            "http",
            "login page",
        ),
        (
            Fault::new(502, &[HTML], "<html>Bad Gateway</html>"),
            "http",
            "reaches no server",
        ),
        (
            Fault::new(503, &[HTML], "<html>soon</html>"),
            "http",
            "not available",
        ),
        (Fault::new(500, &[], ""), "http", "an error (500)"),
        (
            Fault::new(403, &[HTML], "<html>blocked</html>"),
            "http",
            "is refused",
        ),
        (
            Fault::new(503, &[JSON], r#"{"state":"STARTING"}"#),
            "product",
            "is starting",
        ),
        (
            Fault::new(200, &[JSON], r#"{"state":"MAINTENANCE"}"#),
            "product",
            "in maintenance",
        ),
        (
            Fault::new(200, &[JSON], r#"{"state":"FIRST_RUN"}"#),
            "product",
            "not set up",
        ),
    ] {
        // What stands in front of a server answers everything.
        server.update(|state| {
            state.requests.clear();
            state.faults = vec![fault; 12].into();
        });
        let document = breaks(signed(&url, &[("BBCONNECT_TOKEN", TOKEN)]), at, 8, said);
        assert!(!document.to_string().contains("marker"), "{document}");
        assert!(stage(&document, "credential").is_null());
        assert!(
            server
                .requests()
                .iter()
                .all(|seen| seen.authorization.is_none())
        );
    }
}

#[test]
fn urls_without_bitbucket() {
    let server = Server::start(state());
    let root = server.website();
    let ran = doctor(&[&root]);
    breaks(
        ran,
        "product",
        8,
        &format!("there is one at {}", server.datacenter()),
    );
    let page = listener(
        "HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: 4\r\nConnection: close\r\n\r\nnone",
    );
    breaks(
        doctor(&[&format!("http://{page}")]),
        "product",
        8,
        "not a Bitbucket",
    );
    let jira = listener(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 19\r\nConnection: close\r\n\r\n{\"state\":\"RUNNING\"}",
    );
    breaks(
        doctor(&[&format!("http://{jira}")]),
        "product",
        8,
        "not that of Jira",
    );
    let empty = listener(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
    );
    breaks(
        doctor(&[&format!("http://{empty}/2.0")]),
        "product",
        8,
        "no Bitbucket Cloud API",
    );
    breaks(
        doctor(&[&format!("http://{}", listener("hello\r\n"))]),
        "http",
        7,
        "does not speak HTTP",
    );
}

#[test]
fn unsupported_and_misconfigured_servers() {
    let server = Server::start(ServerState {
        version: Some("7.6.1"),
        ..state()
    });
    let ran = signed(&server.datacenter(), &[("BBCONNECT_TOKEN", TOKEN)]);
    breaks(ran, "version", 8, "7.6.1");
    let server = Server::start(ServerState {
        configured_base_url: Some("http://localhost:7990".to_owned()),
        ..state()
    });
    let ran = signed(&server.datacenter(), &[("BBCONNECT_TOKEN", TOKEN)]);
    holds(ran, "base-url", "warn", "`localhost`");
    server.update(|state| {
        let late = ("date", "Sat, 21 Nov 2020 10:00:00 GMT");
        state
            .faults
            .push_back(Fault::new(200, &[JSON, late], r#"{"state":"RUNNING"}"#));
    });
    holds(doctor(&[&server.datacenter()]), "clock", "warn", "ahead of");
}

#[test]
fn refused_credentials() {
    let server = Server::start(state());
    let url = server.datacenter();
    let document = breaks(
        signed(&url, &[("BBCONNECT_TOKEN", "wrong-marker")]),
        "credential",
        3,
        "revoked",
    );
    assert!(!document.to_string().contains("wrong-marker"));
    let password = [
        ("BBCONNECT_TOKEN", PASSWORD),
        ("BBCONNECT_USERNAME", "jane"),
    ];
    server.update(|state| state.requires_captcha = true);
    breaks(signed(&url, &password), "credential", 3, "CAPTCHA");
    server.update(|state| state.basic_auth_disabled = true);
    breaks(
        signed(&url, &password),
        "credential",
        3,
        "Basic authentication is disabled",
    );
    let cloud = [
        ("BBCONNECT_TOKEN", "wrong"),
        ("BBCONNECT_EMAIL", "jane@acme.example"),
    ];
    breaks(
        signed(&server.cloud(), &cloud),
        "credential",
        3,
        "BBCONNECT_EMAIL",
    );
    let sandbox = stored(&format!(
        "deployment = \"datacenter\"\nbase_url = \"https://elsewhere.example\"\nauth = \"http-access-token\"\n\
         store = \"command\"\ntoken_command = \"echo {TOKEN}\"\n"
    ));
    let connections = sandbox.path(".config/bbconnect/connections.toml");
    let text = fs::read_to_string(&connections).unwrap();
    fs::write(connections, text.replace("https://elsewhere.example", &url)).unwrap();
    server.update(|state| state.requests.clear());
    breaks(
        sandbox.run(["doctor", "x", "--json"]),
        "credential",
        3,
        "is not sent",
    );
    assert!(
        server
            .requests()
            .iter()
            .all(|seen| seen.authorization.is_none())
    );
}

#[test]
fn untrusted_certificates() {
    if !is_installed("openssl", "version") {
        return;
    }
    let sandbox = certificates(&[
        ("good", "IP:127.0.0.1", 60),
        ("expired", "IP:127.0.0.1", -1),
        ("other", "DNS:other.example.com", 1),
    ]);
    let authority = sandbox.path("ca.pem");
    let trusting = [("SSL_CERT_FILE", authority.to_str().unwrap())];
    let good = TlsServer::start(sandbox.home(), "good", &[]);
    let url = good.url();
    let document = breaks(doctor(&[&url]), "tls", 7, "acme-authority");
    assert_contains(
        stage(&document, "tls")["next"].as_str().unwrap(),
        "--ca-cert FILE",
    );
    assert!(stage(&document, "http").is_null());
    let document = breaks(
        doctor_with(&trusting, &[&url]),
        "product",
        8,
        "not a Bitbucket",
    );
    assert_eq!(stage(&document, "tls")["level"], "pass");
    let with_ca = stored(&format!(
        "deployment = \"datacenter\"\nbase_url = \"{url}\"\nauth = \"http-access-token\"\nca_cert = \"{}\"\n",
        authority.display()
    ));
    let document = breaks(
        with_ca.run(["doctor", "x", "--json"]),
        "product",
        8,
        "not a Bitbucket",
    );
    assert_contains(
        stage(&document, "git")["next"].as_str().unwrap(),
        "`bbconnect git setup`",
    );
    // Plain http on a port that speaks TLS.
    breaks(
        doctor(&[&format!("http://{}", good.address)]),
        "tls",
        7,
        &format!("use {url}"),
    );
    let expired = TlsServer::start(sandbox.home(), "expired", &[]);
    breaks(
        doctor_with(&trusting, &[&expired.url()]),
        "tls",
        7,
        "valid until 20",
    );
    let other = TlsServer::start(sandbox.home(), "other", &[]);
    breaks(
        doctor_with(&trusting, &[&other.url()]),
        "tls",
        7,
        "other.example.com",
    );
    let itself = TlsServer::start(sandbox.home(), "ca", &[]);
    breaks(doctor(&[&itself.url()]), "tls", 7, "self-signed");
}

#[test]
fn missing_git_and_different_git_settings() {
    let server = Server::start(state());
    let url = server.datacenter();
    breaks(
        doctor_with(&[("PATH", "/nowhere")], &[&url]),
        "machine.git",
        9,
        "install git",
    );
    let through = |key: &'static str, value: &'static str| {
        [
            ("GIT_CONFIG_COUNT", "1"),
            ("GIT_CONFIG_KEY_0", key),
            ("GIT_CONFIG_VALUE_0", value),
        ]
    };
    let proxy = through("http.proxy", "http://jane:marker@proxy.example.com:3128");
    let document = holds(
        doctor_with(&proxy, &[&url]),
        "git",
        "warn",
        "proxy.example.com:3128",
    );
    assert!(!document.to_string().contains("marker"));
}

/// An SSH server with a repository, and a home whose connection has a key for it.
struct OverSsh {
    sshd: Sshd,
    sandbox: Sandbox,
    url: String,
}

impl OverSsh {
    fn set() -> Option<Self> {
        let sshd = Sshd::start()?;
        sshd.repository("web/site", false);
        let url = sshd.url("web/site");
        let base = format!("ssh://127.0.0.1:{}", sshd.port);
        let sandbox = stored("");
        let key = sandbox.path("key");
        check_output(
            program("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                .arg(&key),
        );
        let dir = sandbox.path(".config/bbconnect");
        let text = format!(
            "[connections.x]\ndeployment = \"unknown\"\nbase_url = \"{base}\"\nauth = \"ssh\"\nkey_path = \"{}\"\n\
             clone_url = \"{url}\"\n",
            key.display()
        );
        fs::write(dir.join("connections.toml"), text).unwrap();
        let found = Self { sshd, sandbox, url };
        found.let_in(true);
        found.know(&found.host_key(), ".config/bbconnect/known_hosts");
        Some(found)
    }

    fn let_in(&self, lets: bool) {
        let public = fs::read_to_string(self.sandbox.path("key.pub")).unwrap();
        let serve = self.sshd.path("serve");
        let line = format!("command=\"{} web/site read\" {public}", serve.display());
        let line = if lets { line } else { String::new() };
        fs::write(self.sshd.path("authorized_keys"), line).unwrap();
    }

    fn host_key(&self) -> String {
        let line = fs::read_to_string(self.sshd.path("host_key.pub")).unwrap();
        line.split(' ').take(2).collect::<Vec<_>>().join(" ")
    }

    /// Writes a file of known hosts with this key.
    fn know(&self, key: &str, file: &str) {
        let path = self.sandbox.path(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("[127.0.0.1]:{} {key}\n", self.sshd.port)).unwrap();
    }

    fn doctor(&self, argument: &str) -> RunOutput {
        self.sandbox
            .run(["doctor", argument, "--json", "--timeout", "5"])
    }
}

#[test]
fn host_keys_and_user_keys() {
    let Some(mut over) = OverSsh::set() else {
        return;
    };
    let document = holds(
        over.doctor("x"),
        "ssh.auth",
        "pass",
        "can read the repository",
    );
    assert_eq!(stage(&document, "ssh.host-key")["level"], "pass");
    let url = over.url.clone();
    holds(
        over.doctor(&url),
        "ssh.auth",
        "pass",
        "can read the repository",
    );
    let before = fs::read(over.sandbox.path(".config/bbconnect/known_hosts")).unwrap();
    over.let_in(false);
    breaks(over.doctor("x"), "ssh.auth", 3, "does not accept the key");
    over.let_in(true);
    // The user's own file has another key than ours: git without our options fails.
    let old = over.host_key();
    let public = fs::read_to_string(over.sandbox.path("key.pub")).unwrap();
    over.know(public.trim(), ".ssh/known_hosts");
    holds(over.doctor("x"), "ssh.host-key", "warn", "ssh-keygen -R");
    over.sshd.new_host_key();
    over.sshd.restart();
    breaks(over.doctor("x"), "ssh.host-key", 10, "not the expected one");
    let after = fs::read(over.sandbox.path(".config/bbconnect/known_hosts")).unwrap();
    assert_eq!(before, after, "doctor only reads");
    // Without a connection the user's own file counts.
    fs::remove_dir_all(over.sandbox.path(".config")).unwrap();
    over.know(&old, ".ssh/known_hosts");
    breaks(over.doctor(&url), "ssh.host-key", 10, "~/.ssh/known_hosts");
    over.sshd.stop();
    breaks(over.doctor(&url), "ssh.tcp", 7, "refused");
}

#[test]
fn ssh_config_is_used_and_jump_hosts_are_not_checked() {
    let Some(over) = OverSsh::set() else { return };
    let (port, user) = (over.sshd.port, &over.sshd.user);
    fs::remove_dir_all(over.sandbox.path(".config")).unwrap();
    over.know(&over.host_key(), ".ssh/known_hosts");
    // `ssh` looks for its configuration where the system says that home is.
    let path = |name: &str| over.sandbox.path(name).display().to_string();
    let (config, hosts) = (path("config"), path(".ssh/known_hosts"));
    let script = format!("#!/bin/sh\nexec /usr/bin/ssh -F {config} \"$@\"\n");
    fs::create_dir(over.sandbox.path("bin")).unwrap();
    support::write_script(&over.sandbox.path("bin/ssh"), &script);
    let found = support::env_var("PATH").unwrap();
    let path_variable = format!("{}:{}", path("bin"), found.display());
    let doctor = |text: &str| {
        fs::write(&config, text).unwrap();
        let arguments = ["doctor", &over.url, "--json", "--timeout", "5"];
        let mut command = over.sandbox.command(arguments);
        command.env("PATH", &path_variable).finish()
    };
    let key = path("key");
    // A connection that is shared and stays.
    let shared = format!(
        "Host *\nIdentityFile {key}\nIdentitiesOnly yes\nControlMaster auto\nControlPersist 30\nControlPath {}/%p\n",
        path(".ssh")
    );
    for _ in 0..2 {
        holds(
            doctor(&shared),
            "ssh.auth",
            "pass",
            "can read the repository",
        );
    }
    assert!(!over.sandbox.path(&format!(".ssh/{port}")).exists());
    // One that leads through another server, which knows the key; the server itself does not.
    let through = |key_there: &str| {
        format!(
            "Host gate\nHostName 127.0.0.1\nPort {port}\nUser {user}\nIdentityFile {key}\nUserKnownHostsFile {hosts}\n\
             Host 127.0.0.1\nProxyJump gate\nIdentityFile {key_there}\nHost *\nIdentitiesOnly yes\n"
        )
    };
    holds(
        doctor(&through(&key)),
        "ssh.auth",
        "pass",
        "can read the repository",
    );
    let other = path("other");
    let mut make = program("ssh-keygen");
    make.args(["-q", "-t", "ed25519", "-N", "", "-f", &other]);
    check_output(&mut make);
    breaks(
        doctor(&through(&other)),
        "ssh.auth",
        3,
        "accepts none of the keys",
    );
}

#[test]
fn whatever_leads_git_another_way_is_a_warning() {
    let Some(over) = OverSsh::set() else { return };
    let config = over.sandbox.path(".gitconfig");
    let doctor = |variable: (&str, &str)| {
        let mut command = over.sandbox.command(["doctor", &over.url, "--json"]);
        command.env(variable.0, variable.1).finish()
    };
    let none = ("LC_ALL", "C");
    for (text, variable, said) in [
        (
            "[core]\n\tsshCommand = /nope/plink -ssh\n",
            none,
            "core.sshCommand",
        ),
        (
            "[url \"git@other.example.com:\"]\n\tinsteadOf = ssh://\n",
            none,
            "other.example.com",
        ),
        (
            "[protocol \"ssh\"]\n\tallow = never\n",
            none,
            "protocol.ssh.allow",
        ),
        ("[ssh]\n\tvariant = plink\n", none, "ssh.variant"),
        ("", ("GIT_SSH_COMMAND", "ssh -i /nope"), "GIT_SSH_COMMAND"),
        ("", ("GIT_SSH", "/nope/plink"), "GIT_SSH"),
        ("", ("GIT_ALLOW_PROTOCOL", "https"), "GIT_ALLOW_PROTOCOL"),
    ] {
        fs::write(&config, text).unwrap();
        let document = holds(doctor(variable), "git", "warn", said);
        if !text.is_empty() && !text.contains("[url") {
            let evidence = stage(&document, "git")["evidence"].to_string();
            assert_contains(&evidence, ".gitconfig");
        }
    }
    fs::write(&config, "").unwrap();
    holds(doctor(none), "git", "pass", "same proxy");
}

#[test]
fn ports_without_an_ssh_server() {
    let page = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = page.local_addr().unwrap();
    thread::spawn(move || {
        for stream in page.incoming() {
            drop(
                stream
                    .unwrap()
                    .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
            );
        }
    });
    let url = format!("ssh://git@{address}/web/site.git");
    breaks(doctor(&[&url]), "ssh.tcp", 7, "speaks HTTP");
    let silent = format!("ssh://git@{}/web/site.git", listener(""));
    breaks(
        doctor(&["--timeout", "1", &silent]),
        "ssh.tcp",
        7,
        "no SSH server responds",
    );
}

#[test]
fn required_firewall_rules_are_listed() {
    let list = |arguments: &[&str]| {
        let document = doctor(&[&["--allow-list"], arguments].concat())
            .exits_with(0)
            .json();
        assert_eq!(document["stages"], Value::Array(Vec::new()));
        let all = document["allow_list"].as_array().unwrap().clone();
        let row = |allowed: &Value| {
            assert!(allowed["why"].is_string());
            let text = |key: &str| allowed[key].as_str().unwrap().to_owned();
            format!("{}:{} {}", text("host"), allowed["port"], text("protocol"))
        };
        all.iter().map(row).collect::<Vec<_>>()
    };
    let cloud = list(&["https://bitbucket.org"]);
    for row in [
        "bitbucket.org:443 https",
        "api.bitbucket.org:443 https",
        "ssh.bitbucket.org:22 ssh",
        "altssh.bitbucket.org:443 ssh",
        "id.atlassian.com:443 https",
        "ip-ranges.atlassian.com:443 https",
    ] {
        assert!(cloud.contains(&row.to_owned()), "{row}: {cloud:?}");
    }
    let server = list(&["https://git.example.com:8443/bitbucket"]);
    assert_eq!(
        server[..2],
        ["git.example.com:8443 https", "git.example.com:7999 ssh"]
    );
    let over_ssh = list(&["ssh://git@git.example.com:2222/web/site.git"]);
    assert!(
        over_ssh.contains(&"git.example.com:2222 ssh".to_owned()),
        "{over_ssh:?}"
    );
}

#[test]
fn a_report_is_anonymous_and_never_overwrites() {
    let server = Server::start(state());
    let sandbox = stored(&format!(
        "deployment = \"datacenter\"\nbase_url = \"{}\"\nauth = \"http-access-token\"\nstore = \"command\"\n\
         token_command = \"echo {TOKEN}\"\nusername = \"bob\"\nemail = \"bob@acme.example\"\n",
        server.datacenter()
    ));
    let report = sandbox.path("report.md");
    let run = |more: &[&str]| {
        let arguments = [&["doctor", "x", "--report", report.to_str().unwrap()], more].concat();
        sandbox.run(arguments)
    };
    let ran = run(&[]).exits_with(0);
    assert_contains(&ran.stderr, "report written to");
    assert_contains(&ran.stdout, "jane");
    let text = fs::read_to_string(&report).unwrap();
    assert!(
        text.starts_with("# Report of `bbconnect doctor`\n\nThis report was redacted"),
        "{text}"
    );
    assert!(
        text.contains(&server.datacenter()) && text.contains("| credential | pass |"),
        "{text}"
    );
    let home = sandbox.home().to_str().unwrap();
    for hidden in ["jane", "bob", TOKEN, home] {
        assert!(!text.contains(hidden), "{hidden}: {text}");
    }
    fs::write(&report, "mine").unwrap();
    run(&[]).exits_with(6);
    assert_eq!(fs::read_to_string(&report).unwrap(), "mine");
    run(&["--force"]).exits_with(0);
    assert_contains(&fs::read_to_string(&report).unwrap(), "## Hosts and ports");
    let nowhere = sandbox.path("no/such/folder/report.md");
    sandbox
        .run(["doctor", "x", "--report", nowhere.to_str().unwrap()])
        .exits_with(9);
}

#[test]
fn this_machine_comes_first_also_without_a_connection() {
    let sandbox = Sandbox::new();
    let stages = |document: &Value| {
        let stages = document["stages"].as_array().unwrap();
        let ids = stages
            .iter()
            .map(|stage| stage["id"].as_str().unwrap().to_owned());
        ids.collect::<Vec<_>>()
    };
    let machine = [
        "machine.config",
        "machine.secrets",
        "machine.ssh",
        "machine.git",
    ];
    let document = holds(
        sandbox.run(["doctor", "--json"]),
        "machine.config",
        "warn",
        "bbconnect connection add",
    );
    assert_eq!(stages(&document), machine);
    // No session bus, no keyring.
    assert_eq!(stage(&document, "machine.secrets")["level"], "warn");
    let server = Server::start(state());
    let document = holds(
        doctor(&[&server.datacenter()]),
        "machine.config",
        "pass",
        "",
    );
    assert_eq!(stages(&document)[..5], [&machine[..], &["url"]].concat());
    let sandbox = Sandbox::new();
    sandbox.write_connections("[connections.x]\ndeployment = [");
    let document = breaks(sandbox.run(["doctor", "--json"]), "machine.config", 9, "");
    assert_eq!(stages(&document), machine);
}
