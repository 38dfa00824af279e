//! Errors of clone URLs.

use thiserror::Error;

use crate::types::cloud_hosts::SSH;
use crate::types::retired_url::with_new_host;

/// Why a text is not a clone URL. Messages repeat a part of it only if that cannot contain a password.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CloneUrlError {
    #[error("the URL is empty")]
    Empty,
    #[error("the URL is longer than 4,096 bytes")]
    TooLong,
    /// A control character, or one that is invisible or changes the direction of text.
    #[error("the URL contains the invisible or control character U+{:04X}", u32::from(*.0))]
    InvisibleCharacter(char),
    #[error("a quotation mark in the URL is not closed")]
    UnclosedQuote,
    #[error("the pasted git command is not `git clone`")]
    NotGitClone,
    #[error("the pasted `git clone` has no URL")]
    NothingToClone,
    #[error("more than one URL and one directory in the text")]
    TooManyWords,
    #[error("the URL contains a space")]
    ContainsWhitespace,
    #[error("this is a path on this machine, not the URL of a repository on a server")]
    LocalPath,
    #[error("the URL has no scheme")]
    NoScheme {
        /// The text with a scheme, if it cannot contain a secret.
        with_scheme: Option<String>,
    },
    /// `git@host/path`: the colon behind the host is missing.
    #[error("a colon, not a slash, must follow the host{}", in_code(url.as_deref()))]
    MissingColon {
        /// The URL with the colon, if it cannot contain a secret.
        url: Option<String>,
    },
    /// A variable that the shell, or the program that runs it, has not expanded.
    #[error("the text is a variable that was not replaced with its value")]
    Variable,
    /// `git::address`, as Terraform writes it.
    #[error("`git::` belongs to Terraform and is not part of a clone URL")]
    GitGetter {
        /// The URL in it, if it cannot contain a secret.
        url: Option<String>,
    },
    /// `git+git@host:path`, as pip and npm write it.
    #[error("`git+` belongs to pip and npm and is not part of a clone URL")]
    GitPlus {
        /// The URL without it, if it cannot contain a secret.
        url: Option<String>,
    },
    /// A directory or file of a repository: `…/site.git//modules/x`.
    #[error("the text after `.git` is not part of the URL")]
    BehindRepository,
    /// An `@` where no user information ends: a password was split by a character with a meaning in URLs.
    #[error(
        "the user name or password holds a `#`, `?`, `/` or `@`, which is written as %23, %3F, %2F or %40"
    )]
    UserInfo,
    /// `name::address`, which makes git run `git-remote-name`.
    #[error("URLs with `{0}::` make git run a program and are not accepted")]
    RemoteHelper(String),
    #[error("the scheme `{0}` is not one of ssh, https and http")]
    Scheme(String),
    /// `https:/host` or `https:host`.
    #[error("two slashes must follow `{0}:`")]
    MissingSlashes(String),
    #[error("the URL has no host")]
    NoHost,
    #[error("the host is not valid: {0}")]
    Host(&'static str),
    #[error("the user name in front of the host is not valid: {0}")]
    User(&'static str),
    #[error("the port is not a number from 1 to 65535")]
    Port,
    /// A colon after the host of `ssh://`, followed by a path.
    #[error("the text after the colon is not a port: `ssh://` mixed with the scp-like form")]
    MixedForms {
        /// Both forms, if they cannot contain a secret.
        forms: Option<[String; 2]>,
    },
    /// `ssh://git@host:7999:project/repository.git` and `git@host:7999:repository.git`.
    #[error("a slash, not a colon, must follow the port")]
    ColonAfterPort {
        /// The form with a port, if it cannot contain a secret.
        ssh_url: Option<String>,
    },
    /// A port in the scp-like form, which has none.
    #[error(
        "the scp-like form has no port: git would read `{number}` as the first directory of the path"
    )]
    PortInScpForm {
        number: String,
        /// The same in the form that has a port.
        ssh_url: String,
    },
    #[error("the {0} begins with a dash: ssh or git would read it as an option")]
    OptionLike(&'static str),
    #[error("a part of the path is empty")]
    EmptyPart,
    #[error("the path contains `.` or `..`")]
    DotPart,
    /// A percent sign without two hexadecimal digits, or bytes that are not UTF-8.
    #[error("the percent-encoding in the path is not valid")]
    Encoding,
    #[error("the URL contains the character {}, which is not valid in the URL of a repository", shown(*.0))]
    Character(char),
    /// The wiki of a Cloud repository, which git clones from `…/site.git/wiki`.
    #[error(
        "`…/{slug}.git/wiki` is the wiki of {workspace}/{slug}, a repository of its own; bbconnect connects {workspace}/{slug}"
    )]
    Wiki { workspace: String, slug: String },
    /// A valid URL, but not that of a repository.
    #[error("{what} ({host}) is not a repository")]
    NotARepository { what: &'static str, host: String },
}

impl CloneUrlError {
    /// Whether a URL with this error may be that of a server, or of a page on it.
    pub(crate) fn may_be_server(&self) -> bool {
        matches!(
            self,
            Self::NotARepository { .. }
                | Self::NoScheme { .. }
                | Self::LocalPath
                | Self::EmptyPart
                | Self::Encoding
        )
    }

    #[must_use]
    pub fn hint(&self) -> Option<String> {
        const COPY: &str = "copy the SSH URL from the repository's Clone button, for example git@ssh.bitbucket.org:workspace/repository.git";
        const BUTTON: &str = "copy the URL from the repository's Clone button";
        match self {
            Self::InvisibleCharacter('\t' | '\n' | '\r') | Self::TooManyWords => Some("paste the URL alone".to_owned()),
            Self::InvisibleCharacter(_) => Some("type the URL instead of pasting it, or copy it again from the repository's Clone button".to_owned()),
            Self::NotGitClone => Some("paste the URL alone, or the whole `git clone …` line in quotes".to_owned()),
            Self::MissingColon { url: Some(url) } | Self::GitPlus { url: Some(url) } => Some(format!("write {}", current(url))),
            Self::MissingColon { url: None } => Some("write git@host:project/repository.git, or put https:// in front".to_owned()),
            Self::Variable => Some("write the URL itself; in a script, use double quotes and check that the variable is set".to_owned()),
            Self::GitGetter { url: Some(url) } => Some(format!("write {}, without `git::` and the text after .git", current(url))),
            Self::GitGetter { url: None } => Some("omit `git::` and the text after .git".to_owned()),
            Self::GitPlus { url: None } => Some("omit the `git+`".to_owned()),
            Self::BehindRepository => Some("omit the text after .git".to_owned()),
            Self::UserInfo => Some("omit the user name and password, or write these characters percent-encoded".to_owned()),
            Self::Wiki { workspace, slug } => Some(format!(
                "write git@{SSH}:{workspace}/{slug}.git for the repository; clone the wiki with git"
            )),
            Self::Character('$') => Some("replace variables with their values; copy the URL from the repository's Clone button".to_owned()),
            Self::UnclosedQuote | Self::ContainsWhitespace => {
                Some("put quotes around the pasted text; in the URL, write a space as %20".to_owned())
            }
            Self::LocalPath => Some(format!("inside a checkout, `git remote get-url origin` prints its URL; otherwise {COPY}")),
            Self::NoScheme { with_scheme } => Some(match with_scheme {
                Some(with_scheme) => format!("write {with_scheme}"),
                None => "add https:// in front".to_owned(),
            }),
            Self::Scheme(scheme) => Some(match scheme.as_str() {
                "git+https" | "git+http" => format!("omit the `git+`: {}://…", &scheme["git+".len()..]),
                "git" => "the git protocol has no authentication; write the https:// or ssh:// URL".to_owned(),
                _ => COPY.to_owned(),
            }),
            Self::MissingSlashes(scheme) => Some(format!("write {scheme}://host/…")),
            Self::Host("not ASCII") => Some("use the ASCII form of the host name, which begins with xn--".to_owned()),
            Self::Host("IPv6 address without brackets") => Some("write \
                ssh://git@[address]:port/project/repository.git".to_owned()),
            Self::MixedForms { forms: Some([scp, ssh]) } => Some(format!("write {} or {}", current(scp), current(ssh))),
            Self::MixedForms { forms: None } => Some("write either git@host:project/repository.git or ssh://git@host/project/repository.git".to_owned()),
            Self::PortInScpForm { ssh_url, .. } | Self::ColonAfterPort { ssh_url: Some(ssh_url) } => Some(format!("write {ssh_url}")),
            Self::ColonAfterPort { ssh_url: None } => Some("write ssh://git@host:port/project/repository.git".to_owned()),
            Self::Empty
            | Self::TooLong
            | Self::NothingToClone
            | Self::RemoteHelper(_)
            | Self::NoHost
            | Self::Host(_)
            | Self::User(_)
            | Self::Port
            | Self::OptionLike(_)
            | Self::EmptyPart
            | Self::DotPart
            | Self::Encoding
            | Self::Character(_)
            | Self::NotARepository { .. } => Some(BUTTON.to_owned()),
        }
    }
}

/// The URL with Bitbucket Cloud's current SSH host.
fn current(url: &str) -> String {
    with_new_host(url).unwrap_or_else(|| url.to_owned())
}

/// The text in backquotes behind a colon, or nothing.
fn in_code(text: Option<&str>) -> String {
    text.map(|text| format!(": `{text}`")).unwrap_or_default()
}

/// A character in a message, with its code point if it could be mistaken for another.
fn shown(character: char) -> String {
    match character {
        ' ' => "` ` (a space)".to_owned(),
        _ if character.is_ascii() => format!("`{character}`"),
        _ => format!("`{character}` (U+{:04X})", u32::from(character)),
    }
}
