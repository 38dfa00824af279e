//! OAuth: signing in as a browser does it, refusals and replays, and tokens that are refreshed once by many.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Stdio};

use crate::support::bitbucket::oauth::OAuthState;
use crate::support::bitbucket::{Server, ServerState};
use crate::support::{RunOutput, Sandbox, assert_contains, unused_port, words};

fn server(lifetime: i64) -> Server {
    Server::start(ServerState {
        oauth: OAuthState {
            clients: vec![("consumer", "client-secret-marker")],
            lifetime,
            padding: 3000,
            ..OAuthState::default()
        },
        ..ServerState::default()
    })
}

/// A sandbox whose secrets are in an encrypted file.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::with_file_store();
    std::fs::write(sandbox.path("client-secret"), "client-secret-marker").unwrap();
    sandbox
}

/// What a browser sees at an address: the whole answer.
fn get(address: &str) -> String {
    get_with(address, b"")
}

/// What a browser sees that sends these headers as well.
fn get_with(address: &str, headers: &[u8]) -> String {
    let url: url::Url = address.parse().unwrap();
    let host = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
    let mut stream = TcpStream::connect(&host).unwrap();
    let target = format!("{}?{}", url.path(), url.query().unwrap_or_default());
    write!(
        stream,
        "GET {target} HTTP/1.1\r\nHost: {host}\r\nAccept: text/html\r\nConnection: close\r\n"
    )
    .unwrap();
    stream.write_all(&[headers, b"\r\n"].concat()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Where an answer sends the browser.
fn location(answer: &str) -> String {
    let line = answer
        .lines()
        .find(|line| line.to_lowercase().starts_with("location: "))
        .expect(answer);
    line["location: ".len()..].trim().to_owned()
}

/// A sign-in that has begun, and the address that the terminal shows.
struct SignIn {
    child: Child,
    stderr: BufReader<std::process::ChildStderr>,
    address: String,
}

impl SignIn {
    fn begin(sandbox: &Sandbox, arguments: &[&str]) -> Self {
        let mut command = sandbox.command([arguments, &["--no-browser"]].concat());
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut address = String::new();
        while !address.trim().starts_with("http") {
            address.clear();
            assert_ne!(
                stderr.read_line(&mut address).unwrap(),
                0,
                "the program ended"
            );
        }
        Self {
            child,
            stderr,
            address: address.trim().to_owned(),
        }
    }

    fn end(mut self) -> RunOutput {
        let output = self.child.wait_with_output().unwrap();
        let mut said = String::new();
        self.stderr.read_to_string(&mut said).unwrap();
        RunOutput {
            status: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: said,
        }
    }
}

fn add<'a>(url: &'a str, website: &'a str, port: &'a str) -> Vec<&'a str> {
    vec![
        "connection",
        "add",
        "work",
        "--url",
        url,
        "--web-url",
        website,
        "--auth",
        "oauth",
        "--client-id",
        "consumer",
        "--token-file",
        "client-secret",
        "--port",
        port,
    ]
}

#[test]
fn browser_sign_in_works_on_both_products() {
    let server = server(7200);
    for (url, website) in [
        (server.cloud(), server.website()),
        (server.datacenter(), server.datacenter()),
    ] {
        let (sandbox, port) = (sandbox(), unused_port().to_string());
        let sign_in = SignIn::begin(&sandbox, &add(&url, &website, &port));
        let back = location(&get(&sign_in.address));
        // The redirect of another sign-in is rejected, and waiting continues.
        let wrong = get(&back.replace("state=", "state=x"));
        assert!(wrong.starts_with("HTTP/1.1 400"), "{wrong}");
        assert!(get(&format!("http://127.0.0.1:{port}/favicon.ico")).starts_with("HTTP/1.1 400"));
        let page = get(&back);
        assert!(
            page.starts_with("HTTP/1.1 200") && page.contains("Signed in"),
            "{page}"
        );
        assert!(
            page.contains("<html lang=\"en\">") && page.contains("default-src 'none'"),
            "{page}"
        );
        let added = sign_in.end().exits_with(0);
        assert_contains(&added.stderr, "saved, credential verified");
        let shown = sandbox.run_json(["connection", "show", "work", "--json"]);
        assert_eq!(shown["connection"]["account"], "jane");
        assert_eq!(shown["connection"]["auth"], "oauth");
        let check = sandbox.run_json(["check", "work", "--json"]);
        assert_eq!(check["connections"][0]["account"], "jane");
        for file in ["connections.toml", "secrets.json"] {
            let kept =
                std::fs::read_to_string(sandbox.path(".config/bbconnect").join(file)).unwrap();
            assert!(
                !kept.contains("client-secret-marker") && !kept.contains("oauth-"),
                "{file}"
            );
        }
    }
}

#[test]
fn the_redirect_url_can_be_pasted_without_a_browser() {
    let (server, sandbox, port) = (server(7200), sandbox(), unused_port().to_string());
    let (url, website) = (server.cloud(), server.website());
    let mut sign_in = SignIn::begin(&sandbox, &add(&url, &website, &port));
    let back = location(&get(&sign_in.address));
    let mut stdin = sign_in.child.stdin.take().unwrap();
    let callback = format!("http://127.0.0.1:{port}/callback");
    let page = &sign_in.address;
    write!(
        stdin,
        "hello\n{page}\n{callback}?code=x&state=wrong\n{callback}\n  \"{back}\"  \n"
    )
    .unwrap();
    let added = sign_in.end().exits_with(0);
    // Every line is answered: what it is, and what is expected.
    for said in [
        "not a URL",
        "the sign-in URL",
        "another sign-in",
        "incomplete",
    ] {
        assert!(added.stderr.contains(said), "{said}: {}", added.stderr);
    }
    let expected = format!("{callback}?code=");
    assert_eq!(
        added.stderr.matches(&expected).count(),
        4,
        "{}",
        added.stderr
    );
    assert!(!added.stderr.contains("state=wrong"), "{}", added.stderr);
}

/// Begins a sign-in with a browser, and returns the argument that the browser got.
#[cfg(target_os = "linux")]
fn begin_in_browser(sandbox: &Sandbox, arguments: &[&str]) -> (Child, String) {
    let bin = sandbox.path("bin");
    std::fs::create_dir_all(&bin).unwrap();
    let script = "#!/bin/sh\nprintf '%s' \"$*\" > \"$HOME/opened.part\" && mv \"$HOME/opened.part\" \"$HOME/opened\"\n";
    crate::support::write_script(&bin.join("xdg-open"), script);
    let path = crate::support::env_var("PATH").unwrap();
    let path = format!("{}:{}", bin.display(), path.to_string_lossy());
    let child = sandbox
        .command(arguments)
        .env("PATH", path)
        .spawn()
        .unwrap();
    let opened = sandbox.path("opened");
    let started = std::time::Instant::now();
    while !opened.exists() {
        assert!(started.elapsed().as_secs() < 60, "no browser was opened");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let url = std::fs::read_to_string(&opened).unwrap();
    std::fs::remove_file(opened).unwrap();
    (child, url)
}

#[cfg(target_os = "linux")]
#[test]
fn the_browser_gets_a_url_that_only_it_can_use() {
    let (server, sandbox, port) = (server(7200), sandbox(), unused_port().to_string());
    let (url, website) = (server.cloud(), server.website());
    let (child, start) = begin_in_browser(&sandbox, &add(&url, &website, &port));
    let own = format!("http://127.0.0.1:{port}/");
    assert!(start.starts_with(&own), "{start}");
    assert!(
        !start.contains("state") && !start.contains("challenge"),
        "{start}"
    );
    // Connections that send nothing cost no thread, and delay no other connection.
    let silent: Vec<TcpStream> = (0..200)
        .map(|_| TcpStream::connect(("127.0.0.1", port.parse().unwrap())).unwrap())
        .collect();
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let threads = status
        .lines()
        .find_map(|line| line.strip_prefix("Threads:"));
    let threads: usize = threads.unwrap().trim().parse().unwrap();
    assert!(threads <= 6, "{threads} threads");
    let page = get(&start);
    let cookie = page
        .lines()
        .find_map(|line| line.strip_prefix("Set-Cookie: "))
        .expect(&page);
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"),
        "{cookie}"
    );
    let cookie = cookie.split(';').next().unwrap();
    assert!(get(&start).starts_with("HTTP/1.1 410"));
    let back = location(&get(&location(&page)));
    assert!(get(&back).starts_with("HTTP/1.1 400"));
    let answer = get_with(&back, format!("Cookie: other=1; {cookie}\r\n").as_bytes());
    assert_contains(&answer, "Signed in");
    drop(silent);
    let added = RunOutput::from(child.wait_with_output().unwrap()).exits_with(0);
    let (account, saved) = (
        added.stderr.find("signed in as jane"),
        added.stderr.find("saved, credential verified"),
    );
    assert!(account.is_some() && account < saved, "{}", added.stderr);
}

#[test]
fn large_cookies_of_other_programs_are_ignored() {
    let (server, sandbox, port) = (server(7200), sandbox(), unused_port().to_string());
    let (url, website) = (server.cloud(), server.website());
    let sign_in = SignIn::begin(&sandbox, &add(&url, &website, &port));
    let back = location(&get(&sign_in.address));
    let cookies = [b"Cookie: a=\xff; b=", &vec![b'x'; 40_000][..], b"\r\n"].concat();
    assert_contains(&get_with(&back, &cookies), "200 OK");
    sign_in.end().exits_with(0);
}

#[test]
fn denial_invalid_client_and_timeout_differ_and_save_nothing() {
    let (server, sandbox) = (server(7200), sandbox());
    let (url, website) = (server.cloud(), server.website());
    server.update(|state| state.oauth.denies_consent = true);
    let port = unused_port().to_string();
    let sign_in = SignIn::begin(&sandbox, &add(&url, &website, &port));
    let page = get(&location(&get(&sign_in.address)));
    assert_contains(&page, "Access was not granted");
    let denied = sign_in.end().exits_with(3);
    assert_contains(&denied.stderr, "access_denied");
    server.update(|state| {
        state.oauth.denies_consent = false;
        state.oauth.clients = vec![("consumer", "another secret")];
    });
    let port = unused_port().to_string();
    let sign_in = SignIn::begin(&sandbox, &add(&url, &website, &port));
    get(&location(&get(&sign_in.address)));
    let refused = sign_in.end().exits_with(3);
    assert_contains(&refused.stderr, "invalid_client");
    let refused = sandbox
        .run([&add(&url, &website, &port)[..], &["--no-input"]].concat())
        .exits_with(2);
    assert_contains(&refused.stderr, "--no-browser");
    let silent = sandbox
        .run(
            [
                &add(&url, &website, &port)[..],
                &["--timeout", "1", "--no-browser"],
            ]
            .concat(),
        )
        .exits_with(7);
    assert!(
        silent.stderr.contains("no sign-in") && !silent.stderr.contains("--no-browser"),
        "{}",
        silent.stderr
    );
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let busy = sandbox.run(add(&url, &website, &port)).exits_with(9);
    assert!(busy.stderr.contains(&port), "{}", busy.stderr);
    assert_eq!(
        sandbox.run_json(["connection", "list", "--json"])["connections"],
        serde_json::json!([])
    );
}

/// A connection that is signed in.
fn signed_in(server: &Server, sandbox: &Sandbox) {
    let (url, website, port) = (server.cloud(), server.website(), unused_port().to_string());
    let sign_in = SignIn::begin(sandbox, &add(&url, &website, &port));
    get(&location(&get(&sign_in.address)));
    sign_in.end().exits_with(0);
}

#[test]
fn twenty_concurrent_processes_refresh_once() {
    let (server, sandbox) = (server(30), sandbox());
    signed_in(&server, &sandbox);
    // From now on tokens live longer than the margin.
    server.update(|state| state.oauth.lifetime = 7200);
    let children: Vec<Child> = (0..20)
        .map(|_| sandbox.command(["check", "work"]).spawn().unwrap())
        .collect();
    for child in children {
        RunOutput::from(child.wait_with_output().unwrap()).exits_with(0);
    }
    server.update(|state| assert_eq!(state.oauth.refresh_count, 1));
}

#[test]
fn an_invalid_refresh_token_suggests_reauthorize() {
    let (server, sandbox) = (server(30), sandbox());
    signed_in(&server, &sandbox);
    let grants = || OAuthState {
        clients: vec![("consumer", "client-secret-marker")],
        lifetime: 7200,
        ..OAuthState::default()
    };
    server.update(|state| state.oauth = grants());
    let out = sandbox
        .run(["check", "work", "--json"])
        .exits_with(3)
        .json();
    let next = out["connections"][0]["findings"][0]["next"]
        .as_str()
        .unwrap();
    assert!(next.contains("--reauthorize"), "{out}");
    let port = unused_port().to_string();
    let sign_in = SignIn::begin(
        &sandbox,
        &[
            "connection",
            "edit",
            "work",
            "--reauthorize",
            "--port",
            &port,
        ],
    );
    get(&location(&get(&sign_in.address)));
    sign_in.end().exits_with(0);
    sandbox.run(["check", "work"]).exits_with(0);
}

#[cfg(unix)]
#[test]
fn another_account_must_be_confirmed_on_a_terminal() {
    let (server, sandbox) = (server(7200), sandbox());
    signed_in(&server, &sandbox);
    let file = sandbox.path(".config/bbconnect/connections.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    assert_contains(&text, "account = \"jane\"");
    std::fs::write(&file, text.replace("\"jane\"", "\"bob\"")).unwrap();
    let passphrase = sandbox.path("passphrase");
    let passphrase = passphrase.to_str().unwrap();
    let variables = [
        ("BBCONNECT_STORE", "file"),
        ("BBCONNECT_STORE_PASSPHRASE_FILE", passphrase),
    ];
    for (reply, account) in [("n", "bob"), ("y", "jane")] {
        let port = unused_port().to_string();
        let edit = words("connection edit work --reauthorize --no-browser");
        let edit = [&edit[..], &["--port", &port]].concat();
        let mut terminal = sandbox.terminal_with(&variables, &edit);
        let shown = terminal.expect("Paste that URL");
        let mut shown = shown.split_whitespace();
        let page = shown.find(|word| word.contains("/site/oauth2/authorize?"));
        terminal.send_line(&location(&get(page.unwrap())));
        terminal.expect("signed in as jane");
        terminal.expect("signed in as bob");
        // The input is the prompt's as soon as the sign-in is done.
        std::thread::sleep(std::time::Duration::from_millis(500));
        terminal.send_line(reply);
        terminal.rest();
        let shown = sandbox.run(["connection", "show", "work", "--json"]);
        let shown = shown.exits_with(0).json();
        assert_eq!(shown["connection"]["account"], account);
    }
    sandbox.run(["check", "work"]).exits_with(0);
}

#[test]
fn the_client_secret_is_sent_only_to_its_origin() {
    let (server, other, sandbox) = (server(30), server(30), sandbox());
    signed_in(&server, &sandbox);
    sandbox
        .run([
            "connection",
            "edit",
            "work",
            "--web-url",
            &other.website(),
            "--no-verify",
        ])
        .exits_with(0);
    sandbox.run(["check", "work"]).exits_with(3);
    assert!(other.requests().is_empty());
}

#[test]
fn a_new_web_url_requires_the_client_secret_again() {
    let (server, other, sandbox) = (server(30), server(30), sandbox());
    signed_in(&server, &sandbox);
    let port = unused_port().to_string();
    let arguments = [
        "connection",
        "edit",
        "work",
        "--web-url",
        &other.website(),
        "--reauthorize",
        "--no-browser",
        "--port",
        &port,
    ];
    sandbox.run(arguments).exits_with(3);
    assert!(other.requests().is_empty());
}

#[test]
fn a_token_erased_by_git_is_refreshed() {
    let (server, sandbox) = (server(7200), sandbox());
    signed_in(&server, &sandbox);
    let host = server.website().replace("http://", "");
    let asked = |operation: &str, more: &str| {
        let mut child = sandbox
            .command(["git", "credential", operation])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        write!(
            child.stdin.take().unwrap(),
            "protocol=http\nhost={host}\n{more}\n"
        )
        .unwrap();
        RunOutput::from(child.wait_with_output().unwrap())
    };
    let helper = |operation: &str, more: &str| asked(operation, more).exits_with(0).stdout;
    let erase = |answer: &str| {
        let password = answer.lines().find(|line| line.starts_with("password="));
        let password = password.unwrap();
        helper("erase", &format!("username=x-token-auth\n{password}\n"));
    };
    let first = helper("get", "");
    assert_eq!(first, helper("get", ""));
    erase(&first);
    let second = helper("get", "");
    assert_ne!(first, second);
    assert_eq!(second, helper("get", ""));
    server.update(|state| assert_eq!(state.oauth.refresh_count, 1));
    // Where there is no other, it is not given a second time.
    erase(&second);
    server.update(|state| state.oauth.refresh_tokens.clear());
    let third = asked("get", "");
    assert_eq!(third.stdout, "");
    assert_contains(&third.stderr, "--reauthorize");
}

#[test]
fn renaming_during_a_refresh_keeps_the_tokens() {
    let (server, sandbox) = (server(30), sandbox());
    signed_in(&server, &sandbox);
    server.update(|state| state.delay = std::time::Duration::from_millis(700));
    let refreshing = sandbox.command(["check", "work"]).spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(400));
    sandbox
        .run(["connection", "rename", "work", "other"])
        .exits_with(0);
    drop(refreshing.wait_with_output().unwrap());
    server.update(|state| state.delay = std::time::Duration::ZERO);
    sandbox.run(["check", "other"]).exits_with(0);
}

#[test]
fn client_credentials_without_verification_fetch_tokens_on_first_use() {
    let (server, sandbox) = (server(7200), sandbox());
    let (url, website) = (server.cloud(), server.website());
    let place = format!("connection add bot --url {url} --web-url {website}");
    let place = words(&place);
    let client = ["--auth", "client-credentials", "--client-id", "consumer"];
    let secret = ["--token-file", "client-secret", "--no-verify"];
    sandbox
        .run([&place[..], &client, &secret].concat())
        .exits_with(0);
    assert!(server.requests().is_empty());
    sandbox.run(["check", "bot"]).exits_with(0);
    server.update(|state| assert_eq!(state.oauth.refresh_count, 1));
}

#[test]
fn client_credentials_give_git_fresh_tokens() {
    let (server, sandbox) = (server(30), sandbox());
    let added = sandbox.run([
        "connection",
        "add",
        "bot",
        "--url",
        &server.cloud(),
        "--web-url",
        &server.website(),
        "--auth",
        "client-credentials",
        "--client-id",
        "consumer",
        "--token-file",
        "client-secret",
    ]);
    added.exits_with(0);
    let mut helper = sandbox
        .command(["git", "credential", "get"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let host = server.website().replace("http://", "");
    write!(
        helper.stdin.take().unwrap(),
        "protocol=http\nhost={host}\n\n"
    )
    .unwrap();
    let answer = RunOutput::from(helper.wait_with_output().unwrap())
        .exits_with(0)
        .stdout;
    assert!(
        answer.starts_with("username=x-token-auth\npassword=oauth-access-"),
        "{answer}"
    );
    assert_contains(&answer, "\npassword_expiry_utc=");
    server.update(|state| assert_eq!(state.oauth.refresh_count, 2));
}
