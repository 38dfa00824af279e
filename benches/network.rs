//! Commands that send requests, timed: `cargo bench --bench network`. Compared with a program that sends requests one after the
//! other, and with curl sending the same request over TLS.
#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::disallowed_methods,
    reason = "a benchmark starts programs and prints what it measured"
)]

#[path = "../tests/it/support/bitbucket/mod.rs"]
mod bitbucket;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bitbucket::{Credential, Kind, Server, ServerState};

const OURS: &str = env!("CARGO_BIN_EXE_bbconnect");
const CONNECTIONS: usize = 200;
const DELAY: Duration = Duration::from_millis(50);
/// The trusted certificates on Debian and derived systems.
const SYSTEM_BUNDLE: &str = "/etc/ssl/certs/ca-certificates.crt";

fn main() {
    let dir = tempfile::tempdir().expect("a temporary directory can be made");
    println!("| what | bbconnect ms | beside | ms | times faster |\n|---|---:|---|---:|---:|");
    fleet(dir.path());
    let memory = over_tls(dir.path());
    for_git(dir.path());
    let size = fs::metadata(OURS).expect("it is there").len() as f64 / 1e6;
    println!(
        "\nThe program has {size:.1} MB; its check of one HTTPS connection took {memory:.1} MB of memory."
    );
}

fn row(what: &str, ours: f64, beside: &str, theirs: f64) {
    println!(
        "| {what} | {ours:.1} | {beside} | {theirs:.1} | {:.1} |",
        theirs / ours
    );
}

/// Confirms the token command of a connection that was written by hand.
fn confirm_command(dir: &Path, name: &str) {
    let edit = [
        "connection",
        "edit",
        name,
        "--no-verify",
        "--token-command",
        "echo ATATT-bench",
    ];
    let status = program(dir, &edit).status().expect("it starts");
    assert!(status.success(), "{name}");
}

/// The program with its own configuration directory.
fn program(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(OURS);
    command
        .args(arguments)
        .env("BBCONNECT_CONFIG_DIR", dir)
        .env("XDG_STATE_HOME", dir)
        .current_dir(dir)
        .stdin(Stdio::null());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn time(mut command: Command) -> f64 {
    let started = Instant::now();
    let status = command.status().expect("the program starts");
    let elapsed = started.elapsed();
    assert!(status.success(), "{command:?} failed");
    elapsed.as_secs_f64() * 1e3
}

fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}

/// Many connections, checked concurrently and one after the other.
fn fleet(dir: &Path) {
    let credential = Credential {
        kind: Kind::ApiToken {
            email: "jane@acme.example",
        },
        secret: "ATATT-bench".to_owned(),
        scopes: vec!["read:user:bitbucket"],
    };
    let server = Server::start(ServerState {
        credentials: vec![credential],
        delay: DELAY,
        ..ServerState::default()
    });
    let base = server.cloud();
    let connection = |number: usize| {
        format!(
            "[connections.c{number:03}]\ndeployment = \"cloud\"\nbase_url = \"{base}\"\nauth = \"api-token\"\n\
             email = \"jane@acme.example\"\nstore = \"command\"\ntoken_command = \"echo ATATT-bench\"\n\
             expires_on = \"2099-01-01\"\n"
        )
    };
    let text: String = (0..CONNECTIONS).map(connection).collect();
    let path = dir.join("connections.toml");
    fs::write(&path, &text).expect("it can be written");
    for number in 0..CONNECTIONS {
        confirm_command(dir, &format!("c{number:03}"));
    }
    // Without what the confirmation changed.
    fs::write(&path, &text).expect("it can be written");
    let all = median(
        (0..3)
            .map(|_| time(program(dir, &["check", "--all"])))
            .collect(),
    );
    let each: f64 = (0..CONNECTIONS)
        .map(|number| time(program(dir, &["check", &format!("c{number:03}")])))
        .sum();
    let what = format!(
        "check of {CONNECTIONS} connections, {} ms a request",
        DELAY.as_millis()
    );
    row(&what, all, "one after the other", each);
}

/// One request over TLS with a certificate of a private authority; returns the memory that it used.
fn over_tls(dir: &Path) -> f64 {
    let run = |program: &str, arguments: &[&str]| {
        let status = Command::new(program)
            .args(arguments)
            .current_dir(dir)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        assert!(
            status.expect("the program starts").success(),
            "{program} failed"
        );
    };
    let openssl = |arguments: &str| run("openssl", &arguments.split(' ').collect::<Vec<_>>());
    let curve = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    openssl(&format!(
        "req -x509 {curve} -keyout ca.key -out ca.pem -days 2 -subj /CN=authority"
    ));
    openssl(&format!(
        "req {curve} -keyout key.pem -out server.csr -subj /CN=localhost"
    ));
    fs::write(dir.join("names"), "subjectAltName=DNS:localhost").expect("it can be written");
    let sign = "-CA ca.pem -CAkey ca.key -CAcreateserial -days 1 -extfile names";
    openssl(&format!("x509 -req -in server.csr {sign} -out cert.pem"));
    fs::create_dir_all(dir.join("2.0")).expect("it can be made");
    let body = "{\"type\":\"user\",\"nickname\":\"jane\",\"uuid\":\"{1}\"}";
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nx-oauth-scopes: account\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    );
    fs::write(dir.join("2.0/user"), answer).expect("it can be written");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = listener
        .local_addr()
        .expect("it has an address")
        .port()
        .to_string();
    drop(listener);
    let mut server = Command::new("openssl")
        .args([
            "s_server", "-quiet", "-HTTP", "-accept", &port, "-cert", "cert.pem", "-key", "key.pem",
        ])
        .current_dir(dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("openssl starts");
    std::thread::sleep(Duration::from_millis(500));
    // Both trust the certificates of the system and this authority, as they do for Bitbucket.
    let bundle = dir.join("bundle.pem");
    let system = fs::read(SYSTEM_BUNDLE).unwrap_or_default();
    let own = fs::read(dir.join("ca.pem")).expect("it was made");
    fs::write(&bundle, [system, own].concat()).expect("it can be written");
    let base = format!("https://localhost:{port}/2.0");
    let text = format!(
        "[connections.tls]\ndeployment = \"cloud\"\nbase_url = \"{base}\"\nauth = \"api-token\"\n\
         email = \"jane@acme.example\"\nstore = \"command\"\ntoken_command = \"echo ATATT-bench\"\n"
    );
    fs::write(dir.join("connections.toml"), text).expect("it can be written");
    confirm_command(dir, "tls");
    let check = || {
        let mut check = program(dir, &["check", "tls"]);
        check.env("SSL_CERT_FILE", &bundle);
        check
    };
    let (mut ours, mut peers) = (Vec::new(), Vec::new());
    for turn in 0..=60 {
        let our = time(check());
        let mut curl = Command::new("curl");
        curl.args(["-s", "-f", "-o", "/dev/null", "-u"]);
        curl.arg("jane@acme.example:ATATT-bench");
        curl.arg("--cacert")
            .arg(&bundle)
            .arg(format!("{base}/user"));
        let their = time(curl);
        if turn > 0 {
            ours.push(our);
            peers.push(their);
        }
    }
    let memory = most_memory(check());
    drop(server.kill());
    drop(server.wait());
    row(
        "check of one HTTPS connection (median of 60)",
        median(ours),
        "curl",
        median(peers),
    );
    memory
}

/// A credential, which git requests before every fetch, compared with `git credential-store`, which reads it from a file in
/// plain text.
fn for_git(dir: &Path) {
    let question = dir.join("question");
    fs::write(&question, "protocol=https\nhost=git.example.com\n\n").expect("it can be written");
    let kept = dir.join("credentials");
    fs::write(&kept, "https://jane:BBDC-bench@git.example.com\n").expect("it can be written");
    let ask = |mut command: Command| {
        let question = fs::File::open(&question).expect("it was written");
        command.stdin(question).stdout(Stdio::null());
        time(command)
    };
    let (mut ours, mut peers) = (Vec::new(), Vec::new());
    for turn in 0..=60 {
        let mut helper = program(dir, &["git", "credential", "get"]);
        helper.env("BBCONNECT_URL", "https://git.example.com");
        helper.env("BBCONNECT_TOKEN", "BBDC-bench");
        let our = ask(helper);
        let mut store = Command::new("git");
        store.arg("credential-store").arg("--file").arg(&kept);
        store.arg("get");
        let their = ask(store);
        if turn > 0 {
            ours.push(our);
            peers.push(their);
        }
    }
    row(
        "a credential for git (median of 60)",
        median(ours),
        "git credential-store",
        median(peers),
    );
}

/// The peak memory of a program in megabytes, where `/proc` has it.
fn most_memory(mut command: Command) -> f64 {
    let mut child = command.spawn().expect("the program starts");
    let status = format!("/proc/{}/status", child.id());
    let mut most = 0;
    while child.try_wait().expect("it can be asked").is_none() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
        most = most.max(kib.unwrap_or(0));
    }
    most as f64 * 1024.0 / 1e6
}
