//! Domain types. No I/O, no async, nothing of the layers above.

pub(crate) mod access_token;
pub(crate) mod action;
pub(crate) mod auth_failure_help;
pub(crate) mod clone_url;
pub(crate) mod cloud_hosts;
pub(crate) mod commit;
pub(crate) mod connection;
pub(crate) mod counted;
pub(crate) mod date;
pub(crate) mod deployment;
pub(crate) mod escape;
pub(crate) mod git_dir_name;
pub(crate) mod git_url;
pub(crate) mod hint;
pub(crate) mod host_keys;
pub(crate) mod host_pattern;
pub(crate) mod inventory;
mod json_as_text;
pub(crate) mod json_pointer;
pub(crate) mod look_alike;
pub(crate) mod loopback;
pub(crate) mod named_enum;
pub(crate) mod namespace;
pub(crate) mod oauth;
pub(crate) mod operation;
pub(crate) mod pipelines;
pub(crate) mod public_key;
pub(crate) mod pull_request;
pub(crate) mod purpose;
pub(crate) mod rate_limit;
pub(crate) mod registered_key;
pub(crate) mod repository;
pub(crate) mod retired_url;
pub(crate) mod scope;
pub(crate) mod secret;
pub(crate) mod server_link;
pub(crate) mod shell;
pub(crate) mod ssh_address;
pub(crate) mod token_page;
pub(crate) mod token_prefix;
pub(crate) mod tree_diff;
pub(crate) mod version;
pub(crate) mod webhook;

/// The rows of a table of test cases, one a line: what is left and right of `=>`.
#[cfg(test)]
pub(crate) fn test_rows(table: &str) -> impl Iterator<Item = (&str, &str)> {
    let lines = table.lines().map(str::trim);
    let rows = lines.filter(|line| !line.is_empty());
    rows.map(|line| line.split_once(" => ").expect("a row has an arrow"))
}
