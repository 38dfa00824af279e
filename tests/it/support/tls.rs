//! A certificate authority and TLS servers, both of the real openssl.

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use super::{Sandbox, check_output, program, unused_port};

/// An authority (`ca.pem`, `ca.key`), and certificates that it signed: name, subject alternative name, and days of
/// validity.
pub(crate) fn certificates(wanted: &[(&str, &str, i32)]) -> Sandbox {
    let sandbox = Sandbox::new();
    let openssl = |arguments: &str| {
        let mut command = program("openssl");
        command
            .args(arguments.split(' '))
            .current_dir(sandbox.home());
        check_output(command.stderr(Stdio::null()))
    };
    let new = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    openssl(&format!(
        "req -x509 {new} -keyout ca.key -out ca.pem -days 2 -subj /CN=acme-authority"
    ));
    for (name, alternative, days) in wanted {
        let extensions = format!("subjectAltName={alternative}\n");
        fs::write(sandbox.path("extensions"), extensions).unwrap();
        openssl(&format!(
            "req {new} -keyout {name}.key -out {name}.csr -subj /CN={name}"
        ));
        openssl(&format!(
            "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days {days} -extfile extensions -out {name}.pem"
        ));
    }
    sandbox
}

/// A self-signed certificate and its key as `openssl req -x509` creates them: `NAME.pem` and `NAME.key`.
pub(crate) fn self_signed(dir: &Path, name: &str, alternative: &str) {
    let new = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    let arguments = format!(
        "req -x509 {new} -keyout {name}.key -out {name}.pem -days 30 -subj /CN=git -addext subjectAltName={alternative}"
    );
    let mut command = program("openssl");
    command.args(arguments.split(' ')).current_dir(dir);
    check_output(command.stderr(Stdio::null()));
}

/// A TLS server that runs until it is dropped. It speaks HTTP, but is not Bitbucket.
pub(crate) struct TlsServer {
    child: Child,
    /// Host and port.
    pub(crate) address: String,
}

impl TlsServer {
    /// Starts it with the certificate and the key of this name in a directory, and further flags of `openssl s_server`.
    pub(crate) fn start(dir: &Path, name: &str, flags: &[&str]) -> Self {
        let port = unused_port();
        let mut command = program("openssl");
        command
            .args(["s_server", "-www", "-quiet", "-accept", &port.to_string()])
            .args(["-key", &format!("{name}.key")])
            .args(["-cert", &format!("{name}.pem")])
            .args(flags)
            .current_dir(dir)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let child = command.spawn().unwrap();
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(started.elapsed() < Duration::from_secs(20));
            std::thread::sleep(Duration::from_millis(20));
        }
        Self {
            child,
            address: format!("127.0.0.1:{port}"),
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("https://{}", self.address)
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}
