//! A form of many parts (RFC 7578), with the attribute of files that Bitbucket adds.

use rand::RngExt as _;

/// What a file may not be called, because a field is; with a slash in front it may.
const RESERVED_FIELD_NAMES: [&str; 5] = ["message", "author", "parents", "files", "branch"];

/// A form that is being filled in.
#[derive(Debug)]
pub(super) struct MultipartForm {
    boundary: String,
    bytes: Vec<u8>,
}

impl Default for MultipartForm {
    /// Random, so that no content can hold the boundary but by a chance that never comes.
    fn default() -> Self {
        let number: u128 = rand::rng().random();
        Self {
            boundary: format!("bbconnect-{number:032x}"),
            bytes: Vec::new(),
        }
    }
}

impl MultipartForm {
    /// Adds a field.
    pub(super) fn field(&mut self, name: &str, value: &str) {
        self.part(&format!("name=\"{}\"", escaped(name)), value.as_bytes());
    }

    /// Adds a file.
    pub(super) fn file(&mut self, path: &str, attribute: Option<&str>, content: &[u8]) {
        let slash = if RESERVED_FIELD_NAMES.contains(&path) {
            "/"
        } else {
            ""
        };
        let name = escaped(path);
        let last = name.rsplit('/').next().unwrap_or(&name);
        let attribute = attribute
            .map(|attribute| format!("; x-attributes=\"{attribute}\""))
            .unwrap_or_default();
        let head = format!("name=\"{slash}{name}\"; filename=\"{last}\"{attribute}");
        self.part(&head, content);
    }

    fn part(&mut self, disposition: &str, content: &[u8]) {
        let head = format!(
            "--{}\r\nContent-Disposition: form-data; {disposition}\r\n\r\n",
            self.boundary
        );
        self.bytes.extend_from_slice(head.as_bytes());
        self.bytes.extend_from_slice(content);
        self.bytes.extend_from_slice(b"\r\n");
    }

    /// The media type and the whole form.
    pub(super) fn finish(mut self) -> (String, Vec<u8>) {
        self.bytes
            .extend_from_slice(format!("--{}--\r\n", self.boundary).as_bytes());
        let kind = format!("multipart/form-data; boundary={}", self.boundary);
        (kind, self.bytes)
    }
}

/// As browsers do (WHATWG HTML, multipart/form-data): what would end the name is percent-encoded.
fn escaped(name: &str) -> String {
    name.replace('"', "%22")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_has_its_parts_in_order() {
        let mut form = MultipartForm::default();
        form.field("message", "one\ntwo");
        form.file("a\"b/c", Some("executable"), b"\x00\xff");
        form.file("branch", None, b"");
        let boundary = form.boundary.clone();
        let (kind, bytes) = form.finish();
        assert_eq!(kind, format!("multipart/form-data; boundary={boundary}"));
        let text = String::from_utf8_lossy(&bytes);
        assert!(text.contains("name=\"message\"\r\n\r\none\ntwo\r\n--"));
        assert!(text.contains("name=\"a%22b/c\"; filename=\"c\"; x-attributes=\"executable\"\r\n"));
        assert!(text.contains("name=\"/branch\"; filename=\"branch\"\r\n"));
        assert!(text.ends_with(&format!("--{boundary}--\r\n")));
    }
}
