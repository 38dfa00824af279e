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
        let replaced = |from: &str, to: &str| KEY.replace(from, to).into_bytes();
        for (text, expected) in [
            (KEY.as_bytes().to_vec(), None),
            (replaced("\n", "\r\n"), Some(KeyDamage::CarriageReturns)),
            (
                KEY.trim_end().as_bytes().to_vec(),
                Some(KeyDamage::NoLastLineBreak),
            ),
            (replaced("\n", "\\n"), Some(KeyDamage::LiteralLineBreaks)),
            (replaced("\n", " "), Some(KeyDamage::OneLine)),
            (replaced("\n", "\n  "), Some(KeyDamage::Indented)),
            (
                format!("key: |\n  {}", KEY.replace('\n', "\n  ")).into_bytes(),
                Some(KeyDamage::Indented),
            ),
            (
                replaced("-----END OPENSSH PRIVATE KEY-----\n", ""),
                Some(KeyDamage::Truncated),
            ),
            (
                format!("key: |\n{KEY}").into_bytes(),
                Some(KeyDamage::TextBeforeBegin),
            ),
            (
                format!(" {KEY}").into_bytes(),
                Some(KeyDamage::TextBeforeBegin),
            ),
            (
                format!("\u{feff}{KEY}").into_bytes(),
                Some(KeyDamage::ByteOrderMark),
            ),
            (format!("\"{KEY}\"").into_bytes(), Some(KeyDamage::Quoted)),
            (STANDARD.encode(KEY).into_bytes(), Some(KeyDamage::Base64)),
            (
                b"PuTTY-User-Key-File-3: ssh-ed25519\n".to_vec(),
                Some(KeyDamage::Putty),
            ),
            (
                b"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\n".to_vec(),
                Some(KeyDamage::Ssh2),
            ),
            (vec![0xff, 0xfe, 0x2d, 0], Some(KeyDamage::Utf16)),
            (b"hello\n".to_vec(), Some(KeyDamage::NotAKey)),
            (b"\n".to_vec(), Some(KeyDamage::Empty)),
        ] {
            assert_eq!(
                KeyDamage::find(&text),
                expected,
                "{:?}",
                String::from_utf8_lossy(&text)
            );
        }
        let pem = "Bag Attributes\n-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\ntext\n";
        assert_eq!(KeyDamage::find(pem.as_bytes()), None);
    }
}
