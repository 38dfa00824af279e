//! The integration tests: one program, one module for each area.
#![allow(
    clippy::case_sensitive_file_extension_comparisons,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::too_many_lines,
    clippy::unwrap_used,
    reason = "tests"
)]
#![cfg_attr(not(unix), allow(dead_code, reason = "many tests are for Unix alone"))]

mod api;
mod architecture;
mod audit;
mod check;
mod checkouts;
mod child_processes;
mod cli;
mod clone_urls;
mod clones;
mod configuration;
mod connections;
mod dependencies;
mod docs;
mod doctor;
mod documented_commands;
mod dry_runs;
mod error_messages;
mod exports;
mod faults;
mod full_disk;
mod git;
mod http;
mod keygen;
mod keyring;
mod keys;
mod lists;
mod migrate;
mod oauth;
mod output;
mod packaging;
mod pipelines;
mod process;
mod publish;
mod pull_requests;
mod repositories;
mod resolver;
mod responses;
mod sandbox;
mod secrets;
mod sign_in;
mod ssh;
mod status;
mod support;
mod targets;
mod terminal;
mod tokens;
mod untrusted_input;
mod webhooks;
mod windows;
