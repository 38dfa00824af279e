//! Git on this machine, through the `git` program: configuration and remotes of the folder one stands in.

mod config;

pub use config::{Checkout, GitError};
