//! What is wrong with the text of a private key that OpenSSH cannot read.

use std::fmt;
use std::path::Path;

use crate::types::shell::{Shell, quote};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const OPENSSH: &str = "-----BEGIN OPENSSH PRIVATE KEY-----";

/// What happened to a private key on its way through a web form, an editor or a secret store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KeyDamage {
    Empty,
    ByteOrderMark,
    Utf16,
    Putty,
    /// The format of SSH.com.
    Ssh2,
    Base64,
    /// `\n`, two characters, for the line breaks.
    LiteralLineBreaks,
    Quoted,
    /// The line breaks are lost.
    OneLine,
    CarriageReturns,
    TextBeforeBegin,
    Truncated,
    NoLastLineBreak,
    Indented,
    /// There is no private key in the file.
    NotAKey,
    /// With the message of `ssh-keygen`.
    Unreadable(String),
}

impl KeyDamage {
    /// The damage that a text shows.
    pub(super) fn find(bytes: &[u8]) -> Option<Self> {
        if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
            return Some(Self::Utf16);
        }
        let text = String::from_utf8_lossy(bytes);
        if text.trim().is_empty() {
            return Some(Self::Empty);
        }
        if text.starts_with('\u{feff}') {
            return Some(Self::ByteOrderMark);
        }
        if text.trim_start().starts_with("PuTTY-User-Key-File-") {
            return Some(Self::Putty);
        }
        if text.contains("BEGIN SSH2 ") {
            return Some(Self::Ssh2);
        }
        if !text.contains("PRIVATE KEY-----") {
            return Some(if is_base64_of_key(&text) {
                Self::Base64
            } else {
                Self::NotAKey
            });
        }
        if text.trim_start().starts_with(['"', '\'']) {
            return Some(Self::Quoted);
        }
        if text.contains("-----\\n") {
            return Some(Self::LiteralLineBreaks);
        }
        if !text.contains(BEGIN) || !text.contains(END) {
            return Some(Self::Truncated);
        }
        let begin_line = text
            .lines()
            .find(|line| line.contains(BEGIN))
            .unwrap_or_default();
        if begin_line.contains(END) {
            return Some(Self::OneLine);
        }
        if text.contains('\r') {
            return Some(Self::CarriageReturns);
        }
        let lines = || {
            text.lines()
                .skip_while(|line| !line.contains(BEGIN))
                .skip(1)
        };
        let body = || lines().take_while(|line| !line.starts_with(END));
        if body().any(|line| line.starts_with([' ', '\t'])) {
            return Some(Self::Indented);
        }
        // OpenSSH's own format is compared byte for byte; PEM may have attributes in front.
        if text.contains(OPENSSH) && !text.starts_with(OPENSSH) {
            return Some(Self::TextBeforeBegin);
        }
        if !begin_line.starts_with(BEGIN) {
            return Some(Self::TextBeforeBegin);
        }
        let last = text.rfind(END).and_then(|at| text.get(at..));
        last.is_some_and(|last| !last.contains('\n'))
            .then_some(Self::NoLastLineBreak)
    }

    fn is_fixed_with_unix_programs(&self) -> bool {
        matches!(
            self,
            Self::ByteOrderMark
                | Self::Utf16
                | Self::Base64
                | Self::LiteralLineBreaks
                | Self::CarriageReturns
                | Self::NoLastLineBreak
                | Self::TextBeforeBegin
                | Self::Indented
        )
    }

    pub(super) fn hint(&self, path: &Path) -> String {
        let quoted = quote(&path.to_string_lossy()).into_owned();
        if cfg!(windows) && self.is_fixed_with_unix_programs() {
            return "store the key again as it was generated: as UTF-8 without byte order mark, with LF at the end of every \
                    line"
                .to_owned();
        }
        match self {
            Self::ByteOrderMark => format!("remove it: sed -i '1s/^\\xEF\\xBB\\xBF//' {quoted}"),
            Self::Utf16 => {
                format!("convert it: iconv -f UTF-16 -t UTF-8 {quoted} > NEW, then use NEW")
            }
            Self::Putty => {
                format!("convert it: puttygen {quoted} -O private-openssh -o NEW, then use NEW")
            }
            Self::Ssh2 => {
                let convert = format!("ssh-keygen -i -f {quoted}");
                let convert = Shell::NATIVE.redirect(&convert, "NEW");
                format!("convert it: {convert}, then use NEW")
            }
            Self::Base64 => format!("decode it: base64 -d {quoted} > NEW, then use NEW"),
            Self::LiteralLineBreaks => {
                format!("write line breaks: printf '%b' \"$(cat {quoted})\" > NEW, then use NEW")
            }
            Self::CarriageReturns => format!("remove them: sed -i 's/\\r$//' {quoted}"),
            Self::NoLastLineBreak => format!("add it: echo >> {quoted}"),
            Self::TextBeforeBegin => format!("remove it: sed -i -n '/-----BEGIN/,$p' {quoted}"),
            Self::Indented => format!("remove the spaces: sed -i 's/^[[:space:]]*//' {quoted}"),
            Self::Quoted => "remove the quotes around the key".to_owned(),
            Self::OneLine | Self::Truncated | Self::Empty => {
                "store the key again as it was generated, with its line breaks".to_owned()
            }
            Self::NotAKey => {
                "name an SSH private key; bbconnect keygen --out FILE generates one".to_owned()
            }
            Self::Unreadable(_) => format!("`ssh-keygen -y -f {quoted}` must be able to read it"),
        }
    }
}

impl fmt::Display for KeyDamage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the file is empty",
            Self::ByteOrderMark => "the file begins with a byte order mark",
            Self::Utf16 => "the file is written in UTF-16",
            Self::Putty => "a key of PuTTY (.ppk), which ssh cannot read",
            Self::Ssh2 => "a key in the format of SSH.com (SSH2), which ssh cannot read",
            Self::Base64 => "the key is encoded in base64",
            Self::LiteralLineBreaks => "the line breaks are written as \\n",
            Self::Quoted => "the key is in quotes",
            Self::OneLine => "the line breaks are missing: the key is on one line",
            Self::CarriageReturns => "the line ends are CRLF",
            Self::TextBeforeBegin => "there is text in front of BEGIN",
            Self::Truncated => "the key is truncated: BEGIN or END is missing",
            Self::NoLastLineBreak => "there is no line break after END",
            Self::Indented => "the lines are indented",
            Self::NotAKey => "not a private key",
            Self::Unreadable(message) => return write!(f, "ssh cannot read it: {message}"),
        })
    }
}

/// Whether a text is the base64 encoding of a private key, with or without line breaks.
fn is_base64_of_key(text: &str) -> bool {
    let encoded: String = text.split_whitespace().collect();
    let decoded = STANDARD.decode(encoded);
    decoded.is_ok_and(|decoded| String::from_utf8_lossy(&decoded).contains("PRIVATE KEY-----"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str =
        "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\nBBBB\n-----END OPENSSH PRIVATE KEY-----\n";

    #[test]
    fn damage_is_recognised() {
        use KeyDamage::{
            Base64, ByteOrderMark, CarriageReturns, Empty, Indented, LiteralLineBreaks,
            NoLastLineBreak, NotAKey, OneLine, Putty, Quoted, Ssh2, TextBeforeBegin, Truncated,
        };
        let replaced = |from: &str, to: &str| KEY.replace(from, to);
        let end = "-----END OPENSSH PRIVATE KEY-----\n";
        let putty = "PuTTY-User-Key-File-3: ssh-ed25519\n";
        let ssh2 = "---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\n";
        let pem = "Bag Attributes\n-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\ntext\n";
        for (text, expected) in [
            (KEY.to_owned(), None),
            (pem.to_owned(), None),
            (replaced("\n", "\r\n"), Some(CarriageReturns)),
            (KEY.trim_end().to_owned(), Some(NoLastLineBreak)),
            (replaced("\n", "\\n"), Some(LiteralLineBreaks)),
            (replaced("\n", " "), Some(OneLine)),
            (replaced("\n", "\n  "), Some(Indented)),
            (
                format!("key: |\n  {}", replaced("\n", "\n  ")),
                Some(Indented),
            ),
            (replaced(end, ""), Some(Truncated)),
            (format!("key: |\n{KEY}"), Some(TextBeforeBegin)),
            (format!(" {KEY}"), Some(TextBeforeBegin)),
            (format!("\u{feff}{KEY}"), Some(ByteOrderMark)),
            (format!("\"{KEY}\""), Some(Quoted)),
            (STANDARD.encode(KEY), Some(Base64)),
            (putty.to_owned(), Some(Putty)),
            (ssh2.to_owned(), Some(Ssh2)),
            ("hello\n".to_owned(), Some(NotAKey)),
            ("\n".to_owned(), Some(Empty)),
        ] {
            assert_eq!(KeyDamage::find(text.as_bytes()), expected, "{text:?}");
        }
        let utf16 = KeyDamage::find(&[0xff, 0xfe, 0x2d, 0]);
        assert_eq!(utf16, Some(KeyDamage::Utf16));
    }
}
