//! Input from git, from files that users edit and from files of other programs: random texts of the words that matter
//! there. Clone URLs have tables of their own.

use proptest::prelude::*;

use crate::support::{invariants, property};

/// Texts of these words, sometimes with others.
fn text(words: &'static [&'static str]) -> impl Strategy<Value = String> {
    let word = prop::sample::select(words).prop_map(str::to_owned);
    let piece = prop_oneof![12 => word, 1 => any::<char>().prop_map(String::from)];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

const ASKED: &[&str] = &[
    "protocol=",
    "https",
    "http",
    "ssh",
    "\n",
    "\n",
    "\n",
    "\r",
    "host=",
    "bitbucket.org",
    "git.example.com",
    ":443",
    ":",
    "@",
    "/",
    "//",
    "..",
    "?",
    "#",
    "%2f",
    "path=",
    "acme/site.git",
    "username=",
    "jane",
    "password=",
    "url=",
    "https://",
    "capability[]=",
    "authtype",
    "wwwauth[]=",
    "Basic realm=",
    "\0",
    "[",
    "]",
    "::1",
    "=",
];

const TOML: &[&str] = &[
    "[connections.work]\n",
    "[connections.\"a b\"]\n",
    "[connections]\n",
    "[[connections]]\n",
    "work = ",
    "{",
    "}",
    "default = ",
    "\"work\"\n",
    "deployment = ",
    "\"cloud\"\n",
    "\"datacenter\"\n",
    "base_url = ",
    "\"https://api.bitbucket.org/2.0\"\n",
    "\"https://git.example.com\"\n",
    "auth = ",
    "\"api-token\"\n",
    "\"http-access-token\"\n",
    "\"ssh\"\n",
    "email = ",
    "\"jane@acme.example\"\n",
    "expires_on = ",
    "\"2027-02-30\"\n",
    "2027-01-01\n",
    "1\n",
    "true\n",
    "# words\n",
    "unknown = ",
    "\n",
    "\"",
    ".",
    "workspace = ",
    "\"acme\"\n",
    "ca_cert = ",
    "\"\\u0000\"\n",
];

const CONFIG: &[&str] = &[
    "[remote \"origin\"]\n",
    "[submodule \"x\"]\n",
    "[url \"git@bitbucket.org:\"]\n",
    "[include]\n",
    "\turl = ",
    "\tpushurl = ",
    "\tinsteadOf = ",
    "\tpath = ",
    "git@bitbucket.org:acme/site.git",
    "ssh://git@bitbucket.org/acme/site",
    "ssh://git@altssh.bitbucket.org:443/acme/site.git",
    "https://jane:pw@bitbucket.org/acme/site.git",
    "\n",
    "\n",
    "\"",
    "\\\n",
    "\\",
    "#",
    ";",
    " ",
    "\r\n",
    "=",
    "[",
    "]",
    "x",
    "~/.gitconfig",
    "Host bitbucket.org\n",
    "Host ",
    "Match host bitbucket.org\n",
    "  HostName bitbucket.org\n",
    "  Port 443\n",
    "  IdentityFile ~/.ssh/id\n",
    "HostKeyAlias ",
    "machine bitbucket.org ",
    "login jane ",
    "password pw",
    "default ",
    "macdef x\n",
    "bitbucket.org ",
    "bitbucket.org,104.192.141.1 ",
    "ssh-rsa ",
    "ssh-ed25519 ",
    "@revoked ",
    "AAAAC3NzaC1lZDI1NTE5AAAAIIazEu89wgQZ4bqs3d63QSMzYVa0MuJ2e2gKTKqu+UUO",
    "*.bitbucket.org ",
    "!",
];

proptest! {
    #![proptest_config(property::config(2048))]

    #[test]
    fn credential_requests_name_only_a_server(text in text(ASKED)) {
        invariants::credential_protocol(&text);
    }

    #[test]
    fn a_connections_file_is_parsed_or_rejected(text in text(TOML)) {
        invariants::connections_file(&text);
    }

    #[test]
    fn migrations_are_idempotent(text in text(CONFIG)) {
        invariants::third_party_files(&text);
    }

    #[test]
    fn any_text_is_handled_without_panic(text in any::<String>()) {
        invariants::credential_protocol(&text);
        invariants::connections_file(&text);
        invariants::third_party_files(&text);
    }
}
