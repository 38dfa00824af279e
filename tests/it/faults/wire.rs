//! Faults as bytes on the wire, derived from the real response.

use serde_json::{Value, json};

use super::fault::Fault;
use super::proxy::{Request, Response};

/// What is sent in place of the real response. The connection is closed afterwards.
pub(crate) enum Wire {
    /// These bytes.
    Bytes(Vec<u8>),
    /// These bytes, then more of the same without an end.
    Endless(Vec<u8>, Vec<u8>),
    /// These bytes, then others one at a time, without an end.
    Slowly(Vec<u8>, Vec<u8>),
    /// Nothing; the connection is reset.
    Reset,
}

/// Where a fault may point to.
pub(crate) struct Targets<'a> {
    /// The origin of this server.
    pub(crate) own: &'a str,
    /// The origin of another server.
    pub(crate) other_server: &'a str,
    /// 300 MB of zeros, compressed.
    pub(crate) gzip_bomb: &'a [u8],
}

const JSON: &str = "application/json";

/// The bytes of a fault; `hits` counts how often it was injected before.
pub(crate) fn wire(
    fault: Fault,
    request: &Request,
    response: Option<&Response>,
    targets: &Targets<'_>,
    hits: usize,
) -> Wire {
    let real = response.and_then(|response| serde_json::from_slice::<Value>(&response.body).ok());
    let real = real.unwrap_or_else(|| json!({}));
    let text = real.to_string();
    let own = response.map(Response::headers).unwrap_or_default();
    let data = |body: &Value| Wire::Bytes(whole(200, &own, JSON, body.to_string().as_bytes()));
    let head = |more: &str| format!("HTTP/1.1 200 OK\r\ncontent-type: {JSON}\r\n{more}\r\n");
    match fault {
        Fault::RateLimited(after) => {
            let after = after.map(|seconds| format!("retry-after: {seconds}"));
            Wire::Bytes(whole(429, after.as_slice(), "text/plain", b"Rate limit"))
        }
        Fault::ServerError(status) => Wire::Bytes(whole(status, &[], "text/plain", b"upstream")),
        Fault::HtmlPage(status) => {
            let signature = request.authorization.clone().unwrap_or_default();
            let secret = signature.split(' ').next_back().unwrap_or_default();
            // In the body, and where a message may show it.
            let kind = format!("text/html; charset=utf-8; request={secret}");
            let page = format!("<html><title>Sign in</title><pre>{signature}</pre></html>");
            Wire::Bytes(whole(status, &[], &kind, page.as_bytes()))
        }
        Fault::Reset => Wire::Reset,
        Fault::Closed => Wire::Bytes(Vec::new()),
        Fault::PartialHeaders => Wire::Bytes(b"HTTP/1.1 200 OK\r\ncontent-ty".to_vec()),
        Fault::Truncated => {
            let head = head(&format!("content-length: {}\r\n", text.len() + 100));
            Wire::Bytes([head.as_bytes(), text.as_bytes()].concat())
        }
        Fault::MissingChunks => {
            let head = head("transfer-encoding: chunked\r\n");
            Wire::Bytes(format!("{head}{:x}\r\n{text}\r\n", text.len()).into_bytes())
        }
        Fault::InvalidChunkSize => {
            let head = head("transfer-encoding: chunked\r\n");
            Wire::Bytes(format!("{head}many\r\n{text}\r\n0\r\n\r\n").into_bytes())
        }
        Fault::SlowBody => Wire::Slowly(head("content-length: 1000000\r\n").into(), vec![b' ']),
        Fault::SlowHeaders => Wire::Slowly(b"HTTP/1.1 200 OK\r\nx-slow: ".to_vec(), vec![b'a']),
        Fault::EndlessInterim => {
            Wire::Slowly(Vec::new(), b"HTTP/1.1 100 Continue\r\n\r\n".to_vec())
        }
        Fault::NoResponse => Wire::Slowly(Vec::new(), Vec::new()),
        Fault::NotHttp => Wire::Bytes(b"SSH-2.0-OpenSSH_9.9\r\n".to_vec()),
        Fault::EndlessHeaders => Wire::Endless(
            b"HTTP/1.1 200 OK\r\n".to_vec(),
            format!("x-more: {}\r\n", "a".repeat(8000)).into_bytes(),
        ),
        Fault::WrongShape if real.is_array() => data(&json!({"values": real})),
        Fault::WrongShape => data(&json!([real])),
        Fault::StringBody => data(&json!(text)),
        Fault::WrongTypes => data(&other_types(&real)),
        Fault::Null => data(&Value::Null),
        Fault::InvalidUtf8 => {
            let bytes = text.replace(":\"", ":\"\u{1}").into_bytes();
            let bytes: Vec<u8> = bytes
                .into_iter()
                .map(|byte| if byte == 1 { 0xff } else { byte })
                .collect();
            Wire::Bytes(whole(200, &own, JSON, &bytes))
        }
        Fault::DeepNesting => Wire::Bytes(whole(200, &[], JSON, "[".repeat(100_000).as_bytes())),
        Fault::DeeplyNestedEntry => {
            let (open, close) = ("[".repeat(100_000), "]".repeat(100_000));
            let body = format!("{{\"isLastPage\":true,\"values\":[{open}{close}]}}");
            Wire::Bytes(whole(200, &own, JSON, body.as_bytes()))
        }
        Fault::RepeatedPage
        | Fault::EndlessPages
        | Fault::EndlessEntries
        | Fault::NextPageElsewhere => data(&page(fault, request, &real, targets, hits)),
        Fault::EndlessBody => Wire::Endless(
            [
                head("transfer-encoding: chunked\r\n").as_bytes(),
                b"b\r\n{\"values\":[\r\n",
            ]
            .concat(),
            format!("10000\r\n{}\r\n", " ".repeat(0x10000)).into_bytes(),
        ),
        Fault::GzipBomb => {
            let packed = ["content-encoding: gzip".to_owned()];
            Wire::Bytes(whole(200, &packed, JSON, targets.gzip_bomb))
        }
        Fault::RedirectElsewhere(status) => {
            let to = format!("location: {}{}", targets.other_server, request.path);
            Wire::Bytes(whole(status, &[to], "text/plain", b""))
        }
        Fault::RedirectLoop => {
            let mark = if request.path.contains('?') { '&' } else { '?' };
            let to = format!(
                "location: {}{}{mark}again={hits}",
                targets.own, request.path
            );
            Wire::Bytes(whole(302, &[to], "text/plain", b""))
        }
        Fault::EmptyBody => Wire::Bytes(whole(200, &[], JSON, b"")),
        Fault::NoContent => {
            Wire::Bytes(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n".to_vec())
        }
    }
}

fn whole(status: u16, headers: &[String], kind: &str, body: &[u8]) -> Vec<u8> {
    let mut more = headers.join("\r\n");
    if !more.is_empty() {
        more.push_str("\r\n");
    }
    let head = format!(
        "HTTP/1.1 {status} x\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n{more}\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

fn other_types(value: &Value) -> Value {
    match value {
        Value::Null => json!({}),
        Value::Bool(yes) => json!(yes.to_string()),
        Value::Number(number) => json!(format!("number {number}")),
        Value::String(text) => json!(text.len()),
        Value::Array(values) => values.iter().map(other_types).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| (name.clone(), other_types(value)))
            .collect(),
    }
}

/// A page with a next page, in the format of the product.
fn page(
    fault: Fault,
    request: &Request,
    real: &Value,
    targets: &Targets<'_>,
    hits: usize,
) -> Value {
    let mut page = real.clone();
    if !page.is_object() {
        page = json!({});
    }
    for total in ["size", "page", "pagelen"] {
        page.as_object_mut().expect("an object").remove(total);
    }
    if fault == Fault::EndlessEntries {
        page["values"] = (0..70).map(|at| entry(real, hits * 70 + at)).collect();
    } else if !page["values"].is_array() {
        page["values"] = json!([]);
    }
    let is_same = fault == Fault::RepeatedPage;
    let path = request.path.split('?').next().unwrap_or_default();
    let next = if fault == Fault::NextPageElsewhere {
        format!("{}{path}?page=2", targets.other_server)
    } else if is_same {
        format!("{}{}", targets.own, request.path)
    } else {
        format!("{}{path}?page={}", targets.own, hits + 2)
    };
    if request.path.starts_with("/2.0/") || fault == Fault::NextPageElsewhere {
        page["next"] = json!(next);
    } else {
        page["isLastPage"] = json!(false);
        page["nextPageStart"] = json!(if is_same { 0 } else { hits + 1 });
    }
    page
}

/// An entry that is on no other page, otherwise like the first real one.
fn entry(real: &Value, number: usize) -> Value {
    let mut entry = real["values"].get(0).cloned().unwrap_or_else(|| json!({}));
    if !entry.is_object() {
        return json!(number);
    }
    for name in ["uuid", "slug", "key", "name"] {
        if entry[name].is_string() {
            entry[name] = json!(format!("n{number}"));
        }
    }
    entry["id"] = if entry["id"].is_string() {
        json!(number.to_string())
    } else {
        json!(number)
    };
    entry["filler"] = json!("x".repeat(100_000));
    entry
}
