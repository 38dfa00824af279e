//! The HTTP core under faults: documented status, bounded time and memory, no credential elsewhere, no panic.
#![cfg(unix)]

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::bitbucket::{Credential, Fault, Kind, Server, World};
use crate::support::tls::{TlsServer, certificates};
use crate::support::{self, Ran, Sandbox, is_installed, program, succeed, unused_port};

const TOKEN: &str = "token-marker";

fn server() -> Server {
    let kind = Kind::UserToken { user: "jane" };
    let credential = Credential {
        kind,
        secret: TOKEN.to_owned(),
        scopes: vec!["REPO_READ"],
    };
    Server::start(World {
        credentials: vec![credential],
        ..World::default()
    })
}

fn fault(status: u16, headers: &[(&'static str, &str)], body: &[u8]) -> Fault {
    let headers = headers
        .iter()
        .map(|(name, value)| (*name, (*value).to_owned()))
        .collect();
    Fault {
        status,
        headers,
        body: body.to_vec(),
        delay: Duration::ZERO,
    }
}

fn json(status: u16, body: &str) -> Fault {
    fault(
        status,
        &[("content-type", "application/json")],
        body.as_bytes(),
    )
}

/// Verifies a connection to a URL; nothing is saved.
fn verify(url: &str, flags: &[&str]) -> Command {
    let sandbox = Sandbox::new();
    let arguments = [
        "connection",
        "add",
        "x",
        "--url",
        url,
        "--auth",
        "http-access-token",
        "--dry-run",
        "--json",
    ];
    let mut command = sandbox.command(arguments);
    command
        .args(["--token-command", &format!("echo {TOKEN}")])
        .args(flags)
        .current_dir("/");
    command
}

fn run(url: &str, flags: &[&str]) -> Ran {
    Ran::from(verify(url, flags).output().unwrap())
}

#[test]
fn what_passes_is_tried_again_and_what_does_not_is_not() {
    let server = server();
    for faults in [
        vec![fault(
            429,
            &[("retry-after", "1")],
            b"Rate limit for this resource has been exceeded",
        )],
        vec![
            fault(503, &[], b""),
            fault(502, &[("content-type", "text/html")], b"<html>"),
            fault(504, &[], b""),
        ],
    ] {
        let waits = faults
            .iter()
            .any(|fault| !fault.headers.is_empty() && fault.status == 429);
        server.change(|world| world.faults.extend(faults));
        let started = Instant::now();
        run(&server.datacenter(), &[]).ended(0);
        assert!(
            !waits || started.elapsed() >= Duration::from_secs(1),
            "{:?}",
            started.elapsed()
        );
    }
    for (status, exit) in [(503, 8), (429, 8)] {
        server.change(|world| world.faults.extend(vec![fault(status, &[], b""); 4]));
        run(&server.datacenter(), &[]).ended(exit);
        server.change(|world| world.faults.clear());
    }
    // Once and no more: a second wrong login could lock the account.
    let before = server.seen().len();
    server.change(|world| world.credentials.clear());
    run(&server.datacenter(), &[]).ended(3);
    assert_eq!(server.seen().len() - before, 2);
    server.change(|world| {
        world
            .faults
            .push_back(fault(429, &[("retry-after", "18446744073709551615")], b""));
    });
    run(&server.datacenter(), &[]).ended(8);
    // A pause that is longer than the time limit is not begun.
    server.change(|world| {
        world
            .faults
            .extend(vec![fault(429, &[("retry-after", "3600")], b"")]);
    });
    let started = Instant::now();
    let told = run(&server.datacenter(), &["--timeout", "5"]).ended(8);
    assert!(started.elapsed() < Duration::from_secs(3));
    assert!(told.stdout.contains("in 3600 seconds"), "{}", told.stdout);
}

#[test]
fn answers_that_are_none_end_in_an_error_that_names_them() {
    let server = server();
    for (fault, exit, said) in [
        (
            fault(
                200,
                &[("content-type", "text/html")],
                b"<html>Log in</html>",
            ),
            8,
            "text/html",
        ),
        (
            fault(500, &[("content-type", "text/html")], b"<html>Oops</html>"),
            8,
            "500",
        ),
        (
            fault(
                404,
                &[("content-type", "text/html")],
                b"<html>Not here</html>",
            ),
            8,
            "no address of a Bitbucket",
        ),
        (
            fault(403, &[("content-type", "text/html")], b"<html>No</html>"),
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
        (json(200, "{\"version\":"), 8, "cannot be read"),
        (json(200, "{\"version\": 9}"), 8, "`version`"),
        (json(200, "\u{fffd}"), 8, "cannot be read"),
        (
            fault(
                200,
                &[("content-type", "application/json")],
                b"{\"version\": \"\xff\"}",
            ),
            8,
            "cannot be read",
        ),
        (json(200, &"[".repeat(100_000)), 8, "cannot be read"),
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
            json(403, "{\"errors\":[{\"message\":\"a\\u001b[31mb\"}]}"),
            4,
            "a\u{1b}[31mb",
        ),
    ] {
        server.change(|world| world.faults.push_back(fault));
        let ran = run(&server.datacenter(), &[]).ended(exit);
        assert!(!ran.stdout.contains('\u{1b}'), "{}", ran.stdout);
        let message = ran.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(said), "{message} does not say {said}");
    }
}

#[test]
fn a_server_that_says_yes_to_everything_is_no_bitbucket() {
    let server = server();
    server.change(|world| world.faults.extend(vec![json(200, "{}"); 2]));
    let ran = run(&server.datacenter(), &[]).ended(8);
    assert!(ran.stdout.contains("no list of users"), "{}", ran.stdout);
    let cloud = |faults: Vec<Fault>| {
        server.change(|world| world.faults.extend(faults));
        let sandbox = Sandbox::new();
        let url = server.cloud();
        let arguments = [
            "connection",
            "add",
            "x",
            "--url",
            &url,
            "--auth",
            "api-token",
            "--email",
            "a@b.c",
            "--dry-run",
        ];
        Ran::from(
            sandbox
                .command(arguments)
                .args(["--token-command", "echo x"])
                .output()
                .unwrap(),
        )
    };
    cloud(vec![json(200, "{}")]).ended(8);
    cloud(vec![json(403, "{\"message\":\"blocked by a gateway\"}")]).ended(8);
}

#[test]
fn a_compressed_bomb_is_not_unpacked() {
    let server = server();
    let bomb = program("sh")
        .args(["-c", "head -c 300000000 /dev/zero | gzip -c"])
        .output()
        .unwrap()
        .stdout;
    let headers = [
        ("content-type", "application/json"),
        ("content-encoding", "gzip"),
    ];
    server.change(|world| world.faults.push_back(fault(200, &headers, &bomb)));
    let ran = run(&server.datacenter(), &[]).ended(8);
    assert!(ran.stdout.contains("larger than"), "{}", ran.stdout);
}

#[test]
fn a_redirect_elsewhere_is_told_and_not_followed() {
    let (server, other) = (server(), server());
    let elsewhere = format!("{}/rest/api/latest/users?limit=1", other.datacenter());
    let login = format!("/{}/login", support::bitbucket::CONTEXT);
    for location in [
        elsewhere.as_str(),
        "http://attacker.example/",
        &login,
        "//attacker.example/",
    ] {
        // The first request is unsigned, the second signed; both must not lead away.
        for skip in [0, 1] {
            server.change(|world| {
                world
                    .faults
                    .extend(vec![json(200, "{\"version\":\"9.4.1\"}"); skip]);
                world
                    .faults
                    .push_back(fault(302, &[("location", location)], b""));
            });
            let ran = run(&server.datacenter(), &[]).ended(8);
            assert!(
                ran.stdout.contains("redirects to"),
                "{location}: {}",
                ran.stdout
            );
        }
    }
    assert!(other.seen().is_empty(), "{:?}", other.seen());
    let same = format!(
        "/{}/rest/api/latest/application-properties",
        support::bitbucket::CONTEXT
    );
    server.change(|world| {
        world
            .faults
            .push_back(fault(301, &[("location", &same)], b""));
    });
    run(&server.datacenter(), &[]).ended(0);
    server.change(|world| {
        world
            .faults
            .extend(vec![fault(301, &[("location", &same)], b""); 20]);
    });
    run(&server.datacenter(), &[]).ended(8);
}

#[test]
fn what_cannot_be_reached_says_why() {
    let server = server();
    let refused = format!("http://127.0.0.1:{}", unused_port());
    let plain = format!("https://{}", server.address);
    for (url, said) in [
        (refused.as_str(), "refused"),
        (
            "https://nowhere.invalid",
            "nowhere.invalid cannot be reached",
        ),
        (&plain, "cannot be reached"),
    ] {
        let ran = run(url, &["--timeout", "5"]).ended(7);
        let error = ran.json()["error"].clone();
        assert!(
            error["message"]
                .as_str()
                .unwrap()
                .to_lowercase()
                .contains(said),
            "{error}"
        );
        assert!(error["hint"].is_string(), "{error}");
    }
    let slow = Fault {
        delay: Duration::from_secs(20),
        ..json(200, "{}")
    };
    server.change(|world| world.faults.push_back(slow));
    let started = Instant::now();
    let ran = run(&server.datacenter(), &["--timeout", "1"]).ended(7);
    assert!(
        started.elapsed() < Duration::from_secs(4),
        "{:?}",
        started.elapsed()
    );
    assert!(ran.stdout.contains("within 1 seconds"), "{}", ran.stdout);
}

#[test]
fn the_proxy_that_is_named_is_used_and_no_proxy_is_kept() {
    let proxy = server();
    let address = format!("http://{}", proxy.address);
    let url = format!("http://git.invalid/{}", support::bitbucket::CONTEXT);
    run(&url, &["--allow-http", "--proxy", &address]).ended(0);
    let from_environment = |variables: &[(&str, &str)]| {
        Ran::from(
            verify(&url, &["--allow-http", "--timeout", "5"])
                .envs(variables.iter().copied())
                .output()
                .unwrap(),
        )
    };
    from_environment(&[("HTTP_PROXY", &address)]).ended(0);
    from_environment(&[("HTTP_PROXY", &address), ("NO_PROXY", "git.invalid")]).ended(7);
    // `*` is every host, addresses as well.
    let nowhere = ("HTTP_PROXY", "http://127.0.0.1:1");
    for (no_proxy, status) in [("*", 0), ("127.0.0.1", 0), ("git.invalid", 7)] {
        let server = server();
        let mut direct = verify(&server.datacenter(), &["--timeout", "5"]);
        let direct = direct.envs([nowhere, ("NO_PROXY", no_proxy)]);
        Ran::from(direct.output().unwrap()).ended(status);
    }
}

#[test]
fn the_trace_shows_requests_and_no_secret() {
    let server = server();
    let ran = run(&server.datacenter(), &["-v"]).ended(0);
    assert!(
        ran.stderr
            .contains("rest/api/latest/users?limit=1 -> 200 in "),
        "{}",
        ran.stderr
    );
    assert!(!ran.stderr.contains(TOKEN), "{}", ran.stderr);
}

#[test]
fn ctrl_c_ends_a_question_at_once() {
    let server = server();
    server.change(|world| {
        world.faults.push_back(Fault {
            delay: Duration::from_secs(20),
            ..json(200, "{}")
        });
    });
    let child = verify(&server.datacenter(), &[]).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(300));
    succeed(program("kill").args(["-INT", &child.id().to_string()]));
    let started = Instant::now();
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(130));
    assert!(started.elapsed() < Duration::from_secs(2));
}

/// Certificates of an authority, of a server on 127.0.0.1 and of a client.
fn authority() -> Sandbox {
    let name = "IP:127.0.0.1";
    certificates(&[("server", name, 1), ("client", name, 1)])
}

#[test]
fn a_private_authority_is_trusted_when_it_is_named() {
    if !is_installed("openssl", "version") {
        return;
    }
    let sandbox = authority();
    let server = TlsServer::start(sandbox.home(), "server", &[]);
    let path = |name: &str| sandbox.path(name).to_str().unwrap().to_owned();
    let unknown = run(&server.url(), &[]).ended(7);
    assert!(unknown.stdout.contains("--ca-cert"), "{}", unknown.stdout);
    // TLS was passed, and no Bitbucket answers.
    run(&server.url(), &["--ca-cert", &path("ca.pem")]).ended(8);
    fs::write(sandbox.path("none.pem"), "nothing\n").unwrap();
    run(&server.url(), &["--ca-cert", &path("none.pem")]).ended(9);
    run(&server.url(), &["--ca-cert", "/no/such/file"]).ended(9);
}

#[test]
fn a_client_certificate_is_shown_when_it_is_named() {
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
    run(&server.url(), &["--ca-cert", &authority, "--timeout", "5"]).ended(7);
    let named = [
        "--ca-cert",
        &authority,
        "--client-cert",
        &certificate,
        "--client-key",
        &key,
    ];
    run(&server.url(), &named).ended(8);
    run(
        &server.url(),
        &["--ca-cert", &authority, "--client-cert", &certificate],
    )
    .ended(2);
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
    .ended(9);
}
