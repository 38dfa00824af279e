//! A fault as it is on the wire, made of the server's true answer.

use serde_json::{Value, json};

use super::fault::Fault;
use super::proxy::{Asked, Reply};

/// What is sent instead of the true answer. The connection is closed behind it.
pub(crate) enum Wire {
    /// These bytes.
    Bytes(Vec<u8>),
    /// These bytes, then more of the same without an end.
    Endless(Vec<u8>, Vec<u8>),
    /// These bytes, then others one at a time, without an end.
    Slowly(Vec<u8>, Vec<u8>),
    /// No byte, and the connection is reset.
    Reset,
}

/// Where a fault may lead to.
pub(crate) struct Places<'a> {
    /// This server's origin.
    pub(crate) own: &'a str,
    /// Another server's.
    pub(crate) elsewhere: &'a str,
    /// 300 MB of zeros, compressed.
    pub(crate) bomb: &'a [u8],
}

const JSON: &str = "application/json";

/// The fault instead of an answer; `met` counts how often it was met before.
pub(crate) fn wire(
    fault: Fault,
    asked: &Asked,
    reply: Option<&Reply>,
    places: &Places<'_>,
    met: usize,
) -> Wire {
    let truth = reply.and_then(|reply| serde_json::from_slice::<Value>(&reply.body).ok());
    let truth = truth.unwrap_or_else(|| json!({}));
    let text = truth.to_string();
    let own = reply.map(Reply::headers).unwrap_or_default();
    let data = |body: &Value| Wire::Bytes(whole(200, &own, JSON, body.to_string().as_bytes()));
    let head = |more: &str| format!("HTTP/1.1 200 OK\r\ncontent-type: {JSON}\r\n{more}\r\n");
    match fault {
        Fault::TooMany(after) => {
            let after = after.map(|seconds| format!("retry-after: {seconds}"));
            Wire::Bytes(whole(429, after.as_slice(), "text/plain", b"Rate limit"))
        }
        Fault::Failed(status) => Wire::Bytes(whole(status, &[], "text/plain", b"upstream")),
        Fault::Page(status) => {
            let signature = asked.authorization.clone().unwrap_or_default();
            let secret = signature.split(' ').next_back().unwrap_or_default();
            // In the body, and where a message may show it.
            let kind = format!("text/html; charset=utf-8; request={secret}");
            let page = format!("<html><title>Sign in</title><pre>{signature}</pre></html>");
            Wire::Bytes(whole(status, &[], &kind, page.as_bytes()))
        }
        Fault::Reset => Wire::Reset,
        Fault::Closed => Wire::Bytes(Vec::new()),
        Fault::HalfAHead => Wire::Bytes(b"HTTP/1.1 200 OK\r\ncontent-ty".to_vec()),
        Fault::Truncated => {
            let head = head(&format!("content-length: {}\r\n", text.len() + 100));
            Wire::Bytes([head.as_bytes(), text.as_bytes()].concat())
        }
        Fault::BrokenChunks => {
            let head = head("transfer-encoding: chunked\r\n");
            Wire::Bytes(format!("{head}{:x}\r\n{text}\r\n", text.len()).into_bytes())
        }
        Fault::WrongChunks => {
            let head = head("transfer-encoding: chunked\r\n");
            Wire::Bytes(format!("{head}many\r\n{text}\r\n0\r\n\r\n").into_bytes())
        }
        Fault::Drip => Wire::Slowly(head("content-length: 1000000\r\n").into(), vec![b' ']),
        Fault::DripHead => Wire::Slowly(b"HTTP/1.1 200 OK\r\nx-slow: ".to_vec(), vec![b'a']),
        Fault::Interim => Wire::Slowly(Vec::new(), b"HTTP/1.1 100 Continue\r\n\r\n".to_vec()),
        Fault::Silence => Wire::Slowly(Vec::new(), Vec::new()),
        Fault::NotHttp => Wire::Bytes(b"SSH-2.0-OpenSSH_9.9\r\n".to_vec()),
        Fault::EndlessHead => Wire::Endless(
            b"HTTP/1.1 200 OK\r\n".to_vec(),
            format!("x-more: {}\r\n", "a".repeat(8000)).into_bytes(),
        ),
        Fault::OtherShape if truth.is_array() => data(&json!({"values": truth})),
        Fault::OtherShape => data(&json!([truth])),
        Fault::OneString => data(&json!(text)),
        Fault::OtherTypes => data(&other_types(&truth)),
        Fault::Null => data(&Value::Null),
        Fault::NotUtf8 => {
            let bytes = text.replace(":\"", ":\"\u{1}").into_bytes();
            let bytes: Vec<u8> = bytes
                .into_iter()
                .map(|byte| if byte == 1 { 0xff } else { byte })
                .collect();
            Wire::Bytes(whole(200, &own, JSON, &bytes))
        }
        Fault::Deep => Wire::Bytes(whole(200, &[], JSON, "[".repeat(100_000).as_bytes())),
        Fault::DeepInside => {
            let (open, close) = ("[".repeat(100_000), "]".repeat(100_000));
            let body = format!("{{\"isLastPage\":true,\"values\":[{open}{close}]}}");
            Wire::Bytes(whole(200, &own, JSON, body.as_bytes()))
        }
        Fault::SamePage | Fault::EndlessPages | Fault::EndlessEntries | Fault::NextElsewhere => {
            data(&page(fault, asked, &truth, places, met))
        }
        Fault::Flood => Wire::Endless(
            [
                head("transfer-encoding: chunked\r\n").as_bytes(),
                b"b\r\n{\"values\":[\r\n",
            ]
            .concat(),
            format!("10000\r\n{}\r\n", " ".repeat(0x10000)).into_bytes(),
        ),
        Fault::Bomb => {
            let packed = ["content-encoding: gzip".to_owned()];
            Wire::Bytes(whole(200, &packed, JSON, places.bomb))
        }
        Fault::Redirect(status) => {
            let to = format!("location: {}{}", places.elsewhere, asked.path);
            Wire::Bytes(whole(status, &[to], "text/plain", b""))
        }
        Fault::Circle => {
            let mark = if asked.path.contains('?') { '&' } else { '?' };
            let to = format!("location: {}{}{mark}again={met}", places.own, asked.path);
            Wire::Bytes(whole(302, &[to], "text/plain", b""))
        }
        Fault::Empty => Wire::Bytes(whole(200, &[], JSON, b"")),
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

/// A page of a list that goes on, in the way of the product that was asked.
fn page(fault: Fault, asked: &Asked, truth: &Value, places: &Places<'_>, met: usize) -> Value {
    let mut page = truth.clone();
    if !page.is_object() {
        page = json!({});
    }
    for total in ["size", "page", "pagelen"] {
        page.as_object_mut().expect("it is one").remove(total);
    }
    if fault == Fault::EndlessEntries {
        page["values"] = (0..70).map(|at| entry(truth, met * 70 + at)).collect();
    } else if !page["values"].is_array() {
        page["values"] = json!([]);
    }
    let is_same = fault == Fault::SamePage;
    let path = asked.path.split('?').next().unwrap_or_default();
    let next = if fault == Fault::NextElsewhere {
        format!("{}{path}?page=2", places.elsewhere)
    } else if is_same {
        format!("{}{}", places.own, asked.path)
    } else {
        format!("{}{path}?page={}", places.own, met + 2)
    };
    if asked.path.starts_with("/2.0/") || fault == Fault::NextElsewhere {
        page["next"] = json!(next);
    } else {
        page["isLastPage"] = json!(false);
        page["nextPageStart"] = json!(if is_same { 0 } else { met + 1 });
    }
    page
}

/// An entry that is not on any other page, as much like the first true one as can be.
fn entry(truth: &Value, number: usize) -> Value {
    let mut entry = truth["values"].get(0).cloned().unwrap_or_else(|| json!({}));
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
