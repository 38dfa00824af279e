//! The HTTP core under faults: documented status, bounded time and memory, no credential elsewhere, no panic.

#[cfg(unix)]
use std::fs;
use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::bitbucket::{Credential, Fault, Kind, Server, ServerState};
use crate::support::responder::Responder;
#[cfg(unix)]
use crate::support::tls::{TlsServer, certificates, self_signed};
use crate::support::{
    self, CommandExt as _, RunOutput, Sandbox, assert_contains, is_installed, unused_port, words,
};

const TOKEN: &str = "token-marker";

fn server() -> Server {
    let kind = Kind::UserToken { user: "jane" };
    let credential = Credential::new(kind, TOKEN, &["REPO_READ"]);
    Server::start(ServerState {
        credentials: vec![credential],
        ..ServerState::default()
    })
}

fn json(status: u16, body: &str) -> Fault {
    Fault::new(
        status,
        &[("content-type", "application/json")],
        body.as_bytes(),
    )
}

/// Verifies a connection to a URL; nothing is saved.
fn verify(url: &str, flags: &[&str]) -> Command {
    let sandbox = Sandbox::new();
    let arguments =
        format!("connection add x --url {url} --auth http-access-token --dry-run --json");
    let arguments = words(&arguments);
    let mut command = sandbox.command(arguments);
    command
        .args(["--token-command", &format!("echo {TOKEN}")])
        .args(flags)
        .current_dir("/");
    command
}

fn run(url: &str, flags: &[&str]) -> RunOutput {
    verify(url, flags).finish()
}

#[test]
fn transient_errors_are_retried_and_others_are_not() {
    let server = server();
    for faults in [
        vec![Fault::new(
            429,
            &[("retry-after", "1")],
            b"Rate limit for this resource has been exceeded",
        )],
        vec![
            Fault::new(503, &[], b""),
            Fault::new(502, &[("content-type", "text/html")], b"<html>"),
            Fault::new(504, &[], b""),
        ],
    ] {
        let waits = faults
            .iter()
            .any(|fault| !fault.headers.is_empty() && fault.status == 429);
        server.update(|state| state.faults.extend(faults));
        let started = Instant::now();
        run(&server.datacenter(), &[]).exits_with(0);
        assert!(
            !waits || started.elapsed() >= Duration::from_secs(1),
            "{:?}",
            started.elapsed()
        );
    }
    for (status, exit) in [(503, 8), (429, 8)] {
        server.update(|state| state.faults.extend(vec![Fault::new(status, &[], b""); 4]));
        run(&server.datacenter(), &[]).exits_with(exit);
        server.update(|state| state.faults.clear());
    }
    // Once and no more: a second wrong login could lock the account.
    let before = server.requests().len();
    server.update(|state| state.credentials.clear());
    run(&server.datacenter(), &[]).exits_with(3);
    assert_eq!(server.requests().len() - before, 2);
    server.update(|state| {
        state.faults.push_back(Fault::new(
            429,
            &[("retry-after", "18446744073709551615")],
            b"",
        ));
    });
    run(&server.datacenter(), &[]).exits_with(8);
    // A pause that is longer than the time limit is not begun.
    server.update(|state| {
        state
            .faults
            .extend(vec![Fault::new(429, &[("retry-after", "3600")], b"")]);
    });
    let started = Instant::now();
    let output = run(&server.datacenter(), &["--timeout", "60"]).exits_with(8);
    assert!(started.elapsed() < Duration::from_secs(10));
    assert_contains(&output.stdout, "in 3600 seconds");
}

#[test]
fn invalid_responses_are_named_in_the_error() {
    let server = server();
    for (fault, exit, said) in [
        (
            Fault::new(
                200,
                &[("content-type", "text/html")],
                b"<html>Log in</html>",
            ),
            8,
            "text/html",
        ),
        (
            Fault::new(500, &[("content-type", "text/html")], b"<html>Oops</html>"),
            8,
            "500",
        ),
        (
            Fault::new(
                404,
                &[("content-type", "text/html")],
                b"<html>Not here</html>",
            ),
            8,
            "no Bitbucket API at",
        ),
        (
            Fault::new(403, &[("content-type", "text/html")], b"<html>No</html>"),
            8,
            "403",
        ),
        (
            json(
                401,
                "{\"errors\":[{\"message\":\"bad header Bearer token-marker\"}]}",
            ),
            3,
            "Bearer ***",
        ),
        (json(200, "{\"version\":"), 8, "invalid response at"),
        (json(200, "{\"version\": 9}"), 8, "`version`"),
        (json(200, "\u{fffd}"), 8, "invalid response at"),
        (
            Fault::new(
                200,
                &[("content-type", "application/json")],
                b"{\"version\": \"\xff\"}",
            ),
            8,
            "invalid response at",
        ),
        (json(200, &"[".repeat(100_000)), 8, "invalid response at"),
        (json(200, &"x".repeat(9 * 1024 * 1024)), 8, "larger than"),
        (
            json(410, "{\"error\":{\"message\":\"CHANGE-2770\"}}"),
            8,
            "CHANGE-2770",
        ),
        (
            json(
                418,
                "{\"errors\":[{\"message\":\"one\"},{\"message\":\"two\"}]}",
            ),
            8,
            "one; two",
        ),
        (
            json(
                400,
                "{\"errors\":[{\"context\":\"name\",\"message\":\"is too long\"}]}",
            ),
            1,
            "name: is too long",
        ),
        (
            Fault::new(
                403,
                &[("content-type", "text/plain"), ("x-arequestid", "@1")],
                b"Access denied.\nYou must have admin access.",
            ),
            4,
            "Access denied. You must have admin access.",
        ),
        (
            Fault::new(
                401,
                &[
                    ("content-type", "text/html"),
                    ("www-authenticate", "Negotiate"),
                ],
                b"<html>Log in</html>",
            ),
            8,
            "a proxy or gateway in front of the server",
        ),
        (
            json(403, "{\"errors\":[{\"message\":\"a\\u001b[31mb\"}]}"),
            4,
            "a\u{1b}[31mb",
        ),
    ] {
        server.update(|state| state.faults.push_back(fault));
        let ran = run(&server.datacenter(), &[]).exits_with(exit);
        assert!(!ran.stdout.contains('\u{1b}'), "{}", ran.stdout);
        let message = ran.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(said), "{message} does not say {said}");
    }
}

#[test]
fn responses_that_are_not_valid_http_are_unusable() {
    const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
    let chunked = format!("{HEAD}transfer-encoding: chunked\r\n\r\nzz\r\n{{}}\r\n");
    let gzip = format!("{HEAD}content-encoding: gzip\r\ncontent-length: 2\r\n\r\n{{}}");
    for (sent, said) in [
        (
            format!("{HEAD}x-large: {}\r\n\r\n", "a".repeat(1_000_000)),
            "head is too large",
        ),
        (format!("{HEAD}{}\r\n", "x: y\r\n".repeat(200)), "head"),
        ("HTTP/1.1 abc OK\r\n\r\n".to_owned(), "status-code"),
        (chunked, "chunk size"),
        (gzip, "gzip"),
    ] {
        let server = Responder::start(move |_| sent.clone());
        let ran = run(&server.datacenter(), &[]).exits_with(8);
        let message = ran.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains("is not valid HTTP"), "{message}");
        assert!(message.contains(said), "{message} does not say {said}");
        assert_eq!(server.requests().len(), 1, "{said}");
    }
    let server = Responder::start(|_| "SSH-2.0-OpenSSH_9.2\r\n".to_owned());
    let ran = run(&server.datacenter(), &["--timeout", "5"]).exits_with(7);
    assert!(ran.stdout.contains("does not speak HTTP"), "{}", ran.stdout);
}

#[test]
fn a_server_that_accepts_everything_is_not_bitbucket() {
    let server = server();
    server.update(|state| state.faults.extend(vec![json(200, "{}"); 2]));
    let ran = run(&server.datacenter(), &[]).exits_with(8);
    assert_contains(&ran.stdout, "neither a product nor a version");
    let cloud = |faults: Vec<Fault>| {
        server.update(|state| state.faults.extend(faults));
        let sandbox = Sandbox::new();
        let url = server.cloud();
        let arguments =
            format!("connection add x --url {url} --auth api-token --email a@b.c --dry-run");
        let arguments = words(&arguments);
        sandbox
            .command(arguments)
            .args(["--token-command", "echo x"])
            .finish()
    };
    cloud(vec![json(200, "{}")]).exits_with(8);
    cloud(vec![json(403, "{\"message\":\"blocked by a gateway\"}")]).exits_with(8);
}

#[test]
fn a_gzip_bomb_is_not_decompressed() {
    let server = server();
    let bomb = support::gzip_bomb();
    let headers = [
        ("content-type", "application/json"),
        ("content-encoding", "gzip"),
    ];
    server.update(|state| state.faults.push_back(Fault::new(200, &headers, &bomb)));
    let ran = run(&server.datacenter(), &[]).exits_with(8);
    assert_contains(&ran.stdout, "larger than");
}

#[test]
fn redirects_to_other_origins_are_not_followed() {
    let (server, other) = (server(), server());
    let elsewhere = format!("{}/rest/api/latest/users?limit=1", other.datacenter());
    let login = format!("/{}/login", support::bitbucket::CONTEXT_PATH);
    for location in [
        elsewhere.as_str(),
        "http://attacker.example/",
        &login,
        "//attacker.example/",
    ] {
        // The first request is unsigned, the second signed; both must not lead away.
        for skip in [0, 1] {
            server.update(|state| {
                state
                    .faults
                    .extend(vec![json(200, "{\"version\":\"9.4.1\"}"); skip]);
                state
                    .faults
                    .push_back(Fault::new(302, &[("location", location)], b""));
            });
            let ran = run(&server.datacenter(), &[]).exits_with(8);
            assert!(
                ran.stdout.contains("redirects to"),
                "{location}: {}",
                ran.stdout
            );
        }
    }
    assert!(other.requests().is_empty(), "{:?}", other.requests());
    let same = format!(
        "/{}/rest/api/latest/application-properties",
        support::bitbucket::CONTEXT_PATH
    );
    server.update(|state| {
        state
            .faults
            .push_back(Fault::new(301, &[("location", &same)], b""));
    });
    run(&server.datacenter(), &[]).exits_with(0);
    server.update(|state| {
        state
            .faults
            .extend(vec![Fault::new(301, &[("location", &same)], b""); 20]);
    });
    run(&server.datacenter(), &[]).exits_with(8);
}

/// Fails the test unless the error has both texts.
#[track_caller]
fn reports(url: &str, flags: &[&str], message: &str, hint: &str) {
    let ran = run(url, &[&["--timeout", "5"], flags].concat()).exits_with(7);
    let error = ran.json()["error"].clone();
    let text = error["message"].as_str().unwrap().to_lowercase();
    assert!(text.contains(message), "{error}");
    assert!(
        error["hint"].as_str().unwrap_or_default().contains(hint),
        "{error}"
    );
}

#[test]
fn connection_failures_name_their_reason() {
    let server = server();
    let refused = format!("http://127.0.0.1:{}", unused_port());
    reports(&refused, &[], "refused", "whether the server is running");
    reports(
        "https://nowhere.invalid",
        &[],
        "nowhere.invalid cannot be reached",
        "spelling of the host",
    );
    let plain = format!("https://{}", server.address);
    reports(&plain, &[], "no tls on this port", "use http://");
    let slow = Fault {
        delay: Duration::from_secs(20),
        ..json(200, "{}")
    };
    server.update(|state| state.faults.push_back(slow));
    let started = Instant::now();
    let ran = run(&server.datacenter(), &["--timeout", "1"]).exits_with(7);
    assert!(
        started.elapsed() < Duration::from_secs(10),
        "{:?}",
        started.elapsed()
    );
    assert_contains(&ran.stdout, "within 1 seconds");
}

#[test]
fn proxy_settings_and_no_proxy_are_honoured() {
    let proxy = server();
    let address = format!("http://{}", proxy.address);
    let url = format!("http://git.invalid/{}", support::bitbucket::CONTEXT_PATH);
    run(&url, &["--allow-http", "--proxy", &address]).exits_with(0);
    let from_environment = |variables: &[(&str, &str)]| {
        verify(&url, &["--allow-http", "--timeout", "5"])
            .envs(variables.iter().copied())
            .finish()
    };
    from_environment(&[("HTTP_PROXY", &address)]).exits_with(0);
    from_environment(&[("HTTP_PROXY", &address), ("NO_PROXY", "git.invalid")]).exits_with(7);
    let spaces = ("NO_PROXY", "example.com git.invalid");
    from_environment(&[("HTTP_PROXY", &address), spaces]).exits_with(7);
    // `*` is every host, addresses as well.
    let nowhere = ("HTTP_PROXY", "http://127.0.0.1:1");
    for no_proxy in ["*", "a *", "192.0.2.1"] {
        let mut direct = verify("http://192.0.2.1", &["--allow-http", "--timeout", "1"]);
        let direct = direct.envs([nowhere, ("NO_PROXY", no_proxy)]);
        let ran = direct.finish().exits_with(7);
        assert!(!ran.stdout.contains("through the proxy"), "{}", ran.stdout);
    }
}

/// Plain http without `--allow-http` does not leave this machine.
#[test]
fn this_machine_is_reached_directly() {
    let server = server();
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", proxy.local_addr().unwrap());
    let port = server.address.port();
    let context = support::bitbucket::CONTEXT_PATH;
    for host in ["127.0.0.1", "localhost", "git.localhost"] {
        let url = format!("http://{host}:{port}/{context}");
        let mut command = verify(&url, &["--timeout", "10"]);
        command.envs([("HTTP_PROXY", &address), ("ALL_PROXY", &address)]);
        command.finish().exits_with(0);
        if !is_installed("git", "--version") {
            continue;
        }
        let sandbox = Sandbox::new();
        let mut doctor = sandbox.command(["doctor", &url]);
        doctor.envs([("HTTP_PROXY", &address), ("ALL_PROXY", &address)]);
        doctor.finish().exits_with(0);
    }
    proxy.set_nonblocking(true).unwrap();
    assert!(proxy.accept().is_err());
    let elsewhere = ["--proxy", "http://192.0.2.1:3128"];
    let ran = run(&server.datacenter(), &elsewhere).exits_with(2);
    assert_contains(&ran.stdout, "--allow-http");
}

#[test]
fn verbose_output_shows_requests_without_secrets() {
    let server = server();
    let ran = run(&server.datacenter(), &["-v"]).exits_with(0);
    assert_contains(&ran.stderr, "rest/api/latest/users?limit=1 -> 200 in ");
    assert!(!ran.stderr.contains(TOKEN), "{}", ran.stderr);
}

#[cfg(unix)]
#[test]
fn sigint_aborts_a_pending_request() {
    let server = server();
    server.update(|state| {
        state.faults.push_back(Fault {
            delay: Duration::from_secs(20),
            ..json(200, "{}")
        });
    });
    let child = verify(&server.datacenter(), &[]).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(300));
    let id = child.id().to_string();
    support::check_output(support::program("kill").args(["-INT", &id]));
    let started = Instant::now();
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(130));
    assert!(started.elapsed() < Duration::from_secs(10));
}

/// The peer resets the connection when it is closed with unread data.
#[test]
fn a_reset_connection_is_retried() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let accepted = std::thread::spawn(move || {
        for _ in 0..4 {
            let (stream, _) = listener.accept().unwrap();
            stream.peek(&mut [0]).unwrap();
        }
    });
    reports(&url, &[], "connection", "");
    accepted.join().unwrap();
}

/// Another attempt with the same login could lock the account.
#[test]
fn a_proxy_that_requires_a_login_is_requested_once() {
    let proxy = server();
    let rejected = Fault::new(407, &[("proxy-authenticate", "Basic realm=\"proxy\"")], b"");
    proxy.update(|state| state.faults.extend(vec![rejected; 8]));
    let address = format!("http://jane:wrong@{}", proxy.address);
    let mut expected = 0;
    for url in ["http://git.invalid", "https://git.invalid"] {
        let variables = [("HTTP_PROXY", &address), ("HTTPS_PROXY", &address)];
        let ran = verify(url, &["--allow-http"])
            .envs(variables)
            .finish()
            .exits_with(7);
        let message = "proxy authentication required (407)";
        assert!(ran.stdout.contains(message), "{}", ran.stdout);
        assert!(!ran.stdout.contains("wrong"), "{}", ran.stdout);
        expected += 1;
        assert_eq!(proxy.requests().len(), expected);
    }
    let sandbox = Sandbox::new();
    let mut check = sandbox.command(["check"]);
    check
        .env("HTTPS_PROXY", &address)
        .env("BBCONNECT_URL", "https://git.invalid")
        .env("BBCONNECT_TOKEN", TOKEN);
    check.finish().exits_with(7);
    assert_eq!(proxy.requests().len(), expected + 1);
}

/// Certificates of an authority, of a server on 127.0.0.1 and of a client.
#[cfg(unix)]
fn authority() -> Sandbox {
    let name = "IP:127.0.0.1";
    certificates(&[("server", name, 1), ("client", name, 1)])
}

#[cfg(unix)]
#[test]
fn ca_cert_trusts_a_private_authority() {
    if !is_installed("openssl", "version") {
        return;
    }
    let sandbox = authority();
    let server = TlsServer::start(sandbox.home(), "server", &[]);
    let path = |name: &str| sandbox.path(name).to_str().unwrap().to_owned();
    let unknown = run(&server.url(), &[]).exits_with(7);
    assert_contains(&unknown.stdout, "--ca-cert");
    // TLS was passed, and no Bitbucket answers.
    run(&server.url(), &["--ca-cert", &path("ca.pem")]).exits_with(8);
    fs::write(sandbox.path("none.pem"), "nothing\n").unwrap();
    run(&server.url(), &["--ca-cert", &path("none.pem")]).exits_with(9);
    run(&server.url(), &["--ca-cert", "/no/such/file"]).exits_with(9);
}

#[cfg(unix)]
#[test]
fn certificate_failures_name_their_reason() {
    if !is_installed("openssl", "version") {
        return;
    }
    let sandbox = certificates(&[
        ("valid", "IP:127.0.0.1", 1),
        ("expired", "IP:127.0.0.1", -1),
        ("other", "DNS:other.example.com", 1),
    ]);
    let authority = sandbox.path("ca.pem").to_str().unwrap().to_owned();
    let trusted = ["--ca-cert", &authority];
    for (name, flags, message, hint) in [
        ("valid", &[][..], "not signed by a trusted ca", "--ca-cert"),
        ("expired", &trusted, "has expired", "clock"),
        ("other", &trusted, "is for another host", "host name"),
    ] {
        let server = TlsServer::start(sandbox.home(), name, &[]);
        reports(&server.url(), flags, message, hint);
    }
}

/// The certificate that is trusted is accepted, for its hosts; another one with the same name is not.
#[cfg(unix)]
#[test]
fn a_self_signed_certificate_is_accepted_where_it_is_named() {
    if !is_installed("openssl", "version") {
        return;
    }
    let sandbox = Sandbox::new();
    let path = |name: &str| sandbox.path(name).to_str().unwrap().to_owned();
    self_signed(sandbox.home(), "own", "IP:127.0.0.1");
    self_signed(sandbox.home(), "twin", "IP:127.0.0.1");
    self_signed(sandbox.home(), "elsewhere", "DNS:git.example.com");
    let server = TlsServer::start(sandbox.home(), "own", &[]);
    let own = path("own.pem");
    // TLS was passed, and no Bitbucket answers.
    run(&server.url(), &["--ca-cert", &own]).exits_with(8);
    let from_variable = |file: &str| {
        let mut command = verify(&server.url(), &[]);
        command.env("SSL_CERT_FILE", path(file)).finish()
    };
    from_variable("own.pem").exits_with(8);
    let bundle = [fs::read(path("twin.pem")).unwrap(), fs::read(&own).unwrap()];
    fs::write(path("bundle.pem"), bundle.concat()).unwrap();
    run(&server.url(), &["--ca-cert", &path("bundle.pem")]).exits_with(8);
    let unknown = "not signed by a trusted ca";
    reports(&server.url(), &[], unknown, "--ca-cert");
    reports(
        &server.url(),
        &["--ca-cert", &path("twin.pem")],
        unknown,
        "--ca-cert",
    );
    from_variable("twin.pem").exits_with(7);
    let elsewhere = TlsServer::start(sandbox.home(), "elsewhere", &[]);
    let trusted = ["--ca-cert", &path("elsewhere.pem")];
    reports(
        &elsewhere.url(),
        &trusted,
        "is for another host",
        "host name",
    );
    let doctor = |url: &str, file: &str| {
        let url = url.to_owned();
        let mut command = sandbox.command(["doctor", &url, "--json"]);
        let ran = command.env("SSL_CERT_FILE", path(file)).finish();
        let stages = ran.json()["stages"].as_array().unwrap().clone();
        let tls = stages.iter().find(|stage| stage["id"] == "tls").unwrap();
        (tls["level"].clone(), tls["message"].to_string())
    };
    assert_eq!(doctor(&server.url(), "own.pem").0, "pass");
    let (level, message) = doctor(&server.url(), "twin.pem");
    assert_eq!(level, "fail");
    assert!(message.to_lowercase().contains(unknown), "{message}");
    let (level, message) = doctor(&elsewhere.url(), "elsewhere.pem");
    assert_eq!(level, "fail");
    assert_contains(&message, "is for another host");
}

#[cfg(unix)]
#[test]
fn client_cert_is_sent_to_the_server() {
    if !is_installed("openssl", "version") {
        return;
    }
    let sandbox = authority();
    let server = TlsServer::start(
        sandbox.home(),
        "server",
        &["-Verify", "1", "-verify_return_error", "-CAfile", "ca.pem"],
    );
    let path = |name: &str| sandbox.path(name).to_str().unwrap().to_owned();
    let (authority, certificate, key) = (path("ca.pem"), path("client.pem"), path("client.key"));
    reports(
        &server.url(),
        &["--ca-cert", &authority],
        "client certificate missing",
        "--client-cert",
    );
    let named = format!("--ca-cert {authority} --client-cert {certificate} --client-key {key}");
    let named = words(&named);
    run(&server.url(), &named).exits_with(8);
    run(
        &server.url(),
        &["--ca-cert", &authority, "--client-cert", &certificate],
    )
    .exits_with(2);
    run(
        &server.url(),
        &[
            "--ca-cert",
            &authority,
            "--client-cert",
            &authority,
            "--client-key",
            &authority,
        ],
    )
    .exits_with(9);
}
