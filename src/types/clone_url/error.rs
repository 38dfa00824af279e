//! Why something is not a clone URL, and what to do about it.

use thiserror::Error;

/// Why a text was refused as a clone URL.
///
/// The messages name the reason and, where that cannot hold a password, the part.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CloneUrlError {
    /// Nothing but blanks.
    #[error("the clone URL is empty")]
    Empty,
    /// Longer than 4,096 bytes.
    #[error("the clone URL is longer than 4,096 bytes")]
    TooLong,
    /// A control character, or one that hides or turns text.
    #[error("the clone URL contains the character U+{:04X}, which cannot be seen or changes what is seen", u32::from(*.0))]
    InvisibleCharacter(char),
    /// A quotation mark without its partner.
    #[error("a quotation mark in the clone URL is not closed")]
    UnclosedQuote,
    /// A git command line that is not `git clone`.
    #[error("the pasted git command is not `git clone`")]
    NotGitClone,
    /// `git clone` without a URL.
    #[error("the pasted `git clone` names no repository")]
    NothingToClone,
    /// More words than a URL and a folder.
    #[error("there is more than one URL and one folder in what was pasted")]
    TooManyWords,
    /// A blank within the URL.
    #[error("the clone URL contains a blank")]
    ContainsWhitespace,
    /// A path on this machine.
    #[error("this is a path on this machine, not the address of a repository on a server")]
    LocalPath,
    /// A host and a path without a scheme.
    #[error("the clone URL has no scheme")]
    NoScheme {
        /// The same with one, where nothing in it can be a secret.
        with_scheme: Option<String>,
    },
    /// `name::address`, which makes git run `git-remote-name`.
    #[error("`{0}::` makes git run a program of that name; such an address is not accepted")]
    RemoteHelper(String),
    /// A scheme that leads to no Bitbucket.
    #[error("the scheme `{0}` is not one of ssh, https and http")]
    Scheme(String),
    /// `https:/host` or `https:host`.
    #[error("two slashes must follow `{0}:`")]
    MissingSlashes(String),
    /// No host between the slashes.
    #[error("the clone URL names no host")]
    NoHost,
    /// The host is no name and no address.
    #[error("the host is not valid: {0}")]
    Host(&'static str),
    /// The user part has characters that no user name has.
    #[error("the user name in front of the host is not valid: {0}")]
    User(&'static str),
    /// A port that is none.
    #[error("the port is not a number from 1 to 65535")]
    Port,
    /// A colon where `ssh://` has its port, but a path behind it.
    #[error(
        "what follows the host's colon is not a port: `ssh://` and the short form with a colon are mixed"
    )]
    MixedForms,
    /// A port in the scp-like form, which has none.
    #[error(
        "the form with a colon has no port: git takes `{number}` for the first folder of the path"
    )]
    PortInScpForm {
        /// What looks like a port.
        number: String,
        /// The address in the form that has a port.
        ssh_url: String,
    },
    /// Something begins with a dash.
    #[error("the {0} begins with a dash, so ssh or git would take it for an option")]
    OptionLike(&'static str),
    /// Two slashes in a row, or nothing at all.
    #[error("a part of the path is empty")]
    EmptyPart,
    /// `.` or `..`.
    #[error("the path contains `.` or `..`")]
    DotPart,
    /// A percent sign that no two hexadecimal digits follow, or bytes that are not UTF-8.
    #[error("the percent-encoding in the path is not valid")]
    Encoding,
    /// A character that no repository path has.
    #[error("the clone URL contains the character {}, which no repository's address has", shown(*.0))]
    Character(char),
    /// Correct, but not the address of a repository.
    #[error("{what} ({host}) is not a repository")]
    NotARepository {
        /// What it is.
        what: &'static str,
        /// Where it is.
        host: String,
    },
}

impl CloneUrlError {
    /// What to type instead.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        const COPY: &str = "copy the SSH URL from the repository's Clone button, for example git@ssh.bitbucket.org:workspace/repository.git";
        const BUTTON: &str = "copy the URL from the repository's Clone button";
        match self {
            Self::InvisibleCharacter(_) => Some("type the URL instead of pasting it, or copy it again from the repository's Clone button".to_owned()),
            Self::NotGitClone => Some("paste the URL alone, or the whole `git clone …` line in quotes".to_owned()),
            Self::TooManyWords => Some("paste the URL alone".to_owned()),
            Self::UnclosedQuote | Self::ContainsWhitespace => {
                Some("put quotes around what was pasted; within the URL a blank is written as %20".to_owned())
            }
            Self::LocalPath => Some(format!("inside a checkout, `git remote get-url origin` prints its URL; otherwise {COPY}")),
            Self::NoScheme { with_scheme } => Some(match with_scheme {
                Some(with_scheme) => format!("write {with_scheme}"),
                None => "write https:// in front of it".to_owned(),
            }),
            Self::Scheme(scheme) => Some(match scheme.as_str() {
                "git+https" | "git+http" => format!("leave out the `git+`: {}://…", &scheme["git+".len()..]),
                "git" => "the git protocol knows no accounts; write the https:// or ssh:// URL".to_owned(),
                _ => COPY.to_owned(),
            }),
            Self::MissingSlashes(scheme) => Some(format!("write {scheme}://host/…")),
            Self::Host("it is not written in ASCII") => Some("write the host in its ASCII form, which begins with xn--".to_owned()),
            Self::Host("an IPv6 address needs brackets") => Some("write ssh://git@[address]:port/project/repository.git".to_owned()),
            Self::MixedForms => Some("write either git@host:project/repository.git or ssh://git@host/project/repository.git".to_owned()),
            Self::PortInScpForm { ssh_url, .. } => Some(format!("write {ssh_url}")),
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

/// A character as a message shows it: by its number where it may not be seen for what it is.
fn shown(character: char) -> String {
    match character {
        ' ' => "` ` (a blank)".to_owned(),
        _ if character.is_ascii() => format!("`{character}`"),
        _ => format!("`{character}` (U+{:04X})", u32::from(character)),
    }
}
