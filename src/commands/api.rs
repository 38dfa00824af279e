//! `bbconnect api`: one authenticated request.

use std::borrow::Cow;
use std::path::PathBuf;
use std::str::FromStr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

use crate::app::App;
use crate::bitbucket::{RawPages, RawRequest, RawResponse};
use crate::commands::Subcommand;
use crate::commands::args::DryRunArg;
use crate::error::Error;
use crate::exit_status::ExitStatus;
use crate::resolve::{self, Needs, Resolved, ResolvedRepository, SelectedConnection, Target};
use crate::types::deployment::Deployment;
use crate::types::repository::RepoId;
use crate::ui::{CommandOutput, TextWriter, Ui};

const EXAMPLES: &str = "\
Examples:
  bbconnect api user
  bbconnect api GET 'repositories/{workspace}/{repo}/commits' --paginate
  bbconnect api POST 'repositories/{workspace}/{repo}/forks' -f name=mine
  bbconnect api -c server GET /rest/api/latest/projects -f limit=5
  bbconnect api PUT 'projects/{project}' --input project.json

PATH is relative to https://api.bitbucket.org/2.0 (Cloud) or to /rest/api/latest of the server \
(Data Center; one that begins with /rest/ is taken as it is). {workspace}, {project} and {repo} are \
those of the connection.
";

#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES, allow_missing_positional = true)]
pub(crate) struct Args {
    /// GET, POST, PUT, PATCH, DELETE or HEAD [default: GET]
    #[arg(value_name = "METHOD", value_parser = method)]
    pub method: Option<Method>,
    /// Path, or URL on the connection's server
    #[arg(value_name = "PATH", required = true)]
    pub path: String,
    /// Field of the body, or of the query for GET; true, false, null and integers keep their type
    #[arg(short = 'f', long = "field", value_name = "KEY=VALUE")]
    pub fields: Vec<Field>,
    /// File to send as the body; - for stdin
    #[arg(long, value_name = "FILE")]
    pub input: Option<PathBuf>,
    /// Fetch all pages and print them as one
    #[arg(long)]
    pub paginate: bool,
    #[command(flatten)]
    pub dry_run: DryRunArg,
}

fn method(text: &str) -> Result<Method, String> {
    let methods = [
        Method::GET,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::HEAD,
    ];
    methods
        .into_iter()
        .find(|method| method.as_str().eq_ignore_ascii_case(text))
        .ok_or_else(|| "expected one of GET, POST, PUT, PATCH, DELETE, HEAD".to_owned())
}

#[derive(Debug, Serialize)]
pub(crate) struct ApiOutput {
    /// The repository that placeholders stand for.
    #[serde(skip_serializing_if = "Option::is_none")]
    repository: Option<ResolvedRepository>,
    status: Option<u16>,
    body: Body,
    #[serde(skip)]
    failure: Option<Error>,
}

/// A response body. It is decoded only where it is shown: a program that reads the output gets the bytes.
#[derive(Debug)]
enum Body {
    Value(Value),
    Json(Vec<u8>),
    Other(Vec<u8>),
}

impl Body {
    fn bytes(&self) -> Cow<'_, [u8]> {
        match self {
            Self::Value(value) => format!("{value}\n").into_bytes().into(),
            Self::Json(bytes) | Self::Other(bytes) => bytes.into(),
        }
    }

    fn pretty(&self) -> String {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        match self {
            Self::Value(value) => format!("{value:#}"),
            Self::Json(bytes) => serde_json::from_slice::<Value>(bytes)
                .map_or_else(|_| text(bytes), |value| format!("{value:#}")),
            Self::Other(bytes) => text(bytes),
        }
    }
}

impl Serialize for Body {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Value(value) => value.serialize(serializer),
            Self::Json(bytes) | Self::Other(bytes) if bytes.is_empty() => {
                serializer.serialize_none()
            }
            Self::Json(bytes) => match serde_json::from_slice::<Value>(bytes) {
                Ok(value) => value.serialize(serializer),
                Err(_) => String::from_utf8_lossy(bytes).serialize(serializer),
            },
            Self::Other(bytes) => String::from_utf8_lossy(bytes).serialize(serializer),
        }
    }
}

/// What `--dry-run` shows.
#[derive(Debug, Serialize)]
#[serde(tag = "action", rename = "would-send")]
struct PlannedRequest<'a> {
    method: &'a str,
    url: &'a str,
    body: Option<Cow<'a, str>>,
}

impl Subcommand for Args {
    type Output = ApiOutput;

    /// An error status is a response with its failure.
    fn run(&self, app: &App) -> Result<ApiOutput, Error> {
        // Placeholders stand for the repository that every other command would act on.
        let has_placeholder = ["{workspace}", "{project}", "{repo}"]
            .iter()
            .any(|placeholder| self.path.contains(placeholder));
        let Resolved {
            connection: chosen,
            repository,
        } = app.resolve(&resolve::Request {
            with_repository: has_placeholder,
            ..resolve::Request::connection(Target::Here, Needs::Rest)
        })?;
        let bitbucket = app.authenticated_client(&chosen)?;
        let repo = repository.as_ref().map(|repository| &repository.id);
        let request = request(self, &chosen, repo, app)?;
        if let Some(repository) = &repository {
            app.ui.print_step(&format!("repository: {repository}"));
        }
        let explained = |error| chosen.describe_api_error(error);
        if self.dry_run.is_set() {
            let url = bitbucket.resolve_url(&request).map_err(explained)?;
            let body = request.body.as_ref();
            let plan = PlannedRequest {
                method: request.method.as_str(),
                url: url.as_str(),
                body: body.map(|(_, bytes)| String::from_utf8_lossy(bytes)),
            };
            return Ok(ApiOutput {
                repository,
                status: None,
                body: Body::Value(json!(plan)),
                failure: None,
            });
        }
        let progress = app.ui.progress("sending the request");
        let response = if self.paginate {
            match app
                .block_on(bitbucket.all_pages(&request))?
                .map_err(explained)?
            {
                RawPages::Single(response) => response,
                RawPages::List(values) => {
                    return Ok(ApiOutput {
                        repository,
                        status: Some(200),
                        body: Body::Value(json!({"values": values})),
                        failure: None,
                    });
                }
            }
        } else {
            app.block_on(bitbucket.send(&request))?.map_err(explained)?
        };
        drop(progress);
        let RawResponse {
            status,
            body,
            is_json,
            failure,
        } = response;
        Ok(ApiOutput {
            repository,
            status: Some(status),
            body: if is_json {
                Body::Json(body)
            } else {
                Body::Other(body)
            },
            failure: failure.map(explained),
        })
    }

    fn write(mut output: ApiOutput, ui: &Ui) -> Result<ExitStatus, Error> {
        let failure = output.failure.take();
        ui.print_raw_response(
            &output,
            &output.body.bytes(),
            || output.body.pretty(),
            failure,
        )
    }
}

fn request(
    args: &Args,
    chosen: &SelectedConnection,
    selected: Option<&RepoId>,
    app: &App,
) -> Result<RawRequest, Error> {
    let method = args.method.clone().unwrap_or(Method::GET);
    if args.method.is_none() && self::method(&args.path).is_ok() {
        return Err(Error::usage(
            format!("no path after {}", args.path),
            "run `bbconnect api --help`",
        ));
    }
    let carries = ![Method::GET, Method::HEAD, Method::DELETE].contains(&method);
    if args.paginate && method != Method::GET {
        return Err(Error::usage("--paginate requires GET", ""));
    }
    let input = args
        .input
        .as_deref()
        .map(|path| app.read_bytes(path))
        .transpose()?;
    let (query, body) = match input {
        Some(bytes) => {
            let is_json = serde_json::from_slice::<serde::de::IgnoredAny>(&bytes).is_ok();
            let kind = if is_json {
                "application/json"
            } else {
                "application/octet-stream"
            };
            (query_pairs(&args.fields), Some((kind, bytes)))
        }
        None if carries && !args.fields.is_empty() => {
            let body = json_object(&args.fields)?;
            let bytes = body.to_string().into_bytes();
            (Vec::new(), Some(("application/json", bytes)))
        }
        None => (query_pairs(&args.fields), None),
    };
    Ok(RawRequest {
        method,
        path: expand_placeholders(&args.path, chosen, selected)?,
        query,
        body,
    })
}

/// Characters of a name that mean something in an address (RFC 3986, section 2.3).
const PLACEHOLDER_ENCODE_SET: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Puts the connection's names where the path has placeholders.
fn expand_placeholders(
    path: &str,
    chosen: &SelectedConnection,
    selected: Option<&RepoId>,
) -> Result<String, Error> {
    let mut connection = chosen.connection.clone();
    if let Some(selected) = selected {
        let namespace = Some(selected.namespace.clone());
        if connection.deployment == Deployment::Cloud {
            // The connection's project is in the connection's workspace.
            if connection.workspace != namespace {
                connection.project = None;
            }
            connection.workspace = namespace;
        } else {
            connection.project = namespace;
        }
        connection.repository = Some(selected.slug.clone());
    }
    let mut path = path.to_owned();
    for (placeholder, value, flag) in [
        ("{workspace}", &connection.workspace, "workspace"),
        ("{project}", &connection.project, "project"),
        ("{repo}", &connection.repository, "repository"),
    ] {
        if !path.contains(placeholder) {
            continue;
        }
        let Some(value) = value else {
            return Err(Error::usage(
                format!("connection {} has no {flag}", chosen.name),
                format!("replace {placeholder} with its value"),
            ));
        };
        // The URL standard resolves these, also when they are encoded.
        if matches!(value.as_str(), "" | "." | "..") {
            return Err(Error::usage(
                format!("`{value}` is not a valid path segment"),
                format!("replace {placeholder} with the name"),
            ));
        }
        let encoded = utf8_percent_encode(value, PLACEHOLDER_ENCODE_SET).to_string();
        path = path.replace(placeholder, &encoded);
    }
    Ok(path)
}

impl CommandOutput for ApiOutput {
    const SCHEMA: &'static str = "bbconnect/api@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        out.lines(&self.body.pretty());
    }
}

/// A field of a request, as `KEY=VALUE`; `a[b]=c` goes deeper, `a[]=b` makes a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    key: String,
    value: String,
}

impl FromStr for Field {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            Some((key, value)) if !key.is_empty() => Ok(Self {
                key: key.to_owned(),
                value: value.to_owned(),
            }),
            Some(_) | None => Err("expected KEY=VALUE".to_owned()),
        }
    }
}

fn query_pairs(fields: &[Field]) -> Vec<(String, String)> {
    let pairs = fields.iter();
    pairs
        .map(|field| (field.key.clone(), field.value.clone()))
        .collect()
}

/// The fields as an object.
fn json_object(fields: &[Field]) -> Result<Value, Error> {
    let mut body = Value::Object(Map::new());
    for Field { key, value } in fields {
        let (first, rest) = key.split_once('[').unwrap_or((key, ""));
        let mut path = vec![first];
        if !rest.is_empty() {
            let inner = rest.strip_suffix(']').ok_or_else(|| unreadable(key))?;
            path.extend(inner.split("]["));
        }
        insert_at_path(&mut body, &path, parse_value(value)).ok_or_else(|| unreadable(key))?;
    }
    Ok(body)
}

fn unreadable(key: &str) -> Error {
    Error::usage(
        format!("field `{key}` conflicts with another field"),
        "use name=value, object[name]=value or list[]=value",
    )
}

fn insert_at_path(into: &mut Value, path: &[&str], value: Value) -> Option<()> {
    let Some((first, rest)) = path.split_first() else {
        *into = value;
        return Some(());
    };
    if first.is_empty() {
        if into.is_null() {
            *into = json!([]);
        }
        let list = into.as_array_mut()?;
        list.push(Value::Null);
        return insert_at_path(list.last_mut()?, rest, value);
    }
    if into.is_null() {
        *into = json!({});
    }
    let object = into.as_object_mut()?;
    let inner = object.entry((*first).to_owned()).or_insert(Value::Null);
    insert_at_path(inner, rest, value)
}

/// `true`, `false`, `null` and whole numbers as such; everything else, and what is in double quotes, as text.
fn parse_value(value: &str) -> Value {
    match serde_json::from_str(value) {
        Ok(known @ (Value::Bool(_) | Value::Null | Value::String(_))) => known,
        Ok(Value::Number(number)) if number.is_i64() && number.to_string() == value => {
            Value::Number(number)
        }
        Ok(_) | Err(_) => Value::String(value.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body_of(fields: &[&str]) -> Option<Value> {
        let fields: Vec<Field> = fields.iter().map(|field| field.parse().unwrap()).collect();
        json_object(&fields).ok()
    }

    #[test]
    fn fields_become_an_object() {
        assert_eq!(
            body_of(&["name=a=b", "private=true", "count=7", "text=\"7\"", "v=1.5"]),
            Some(json!({"name": "a=b", "private": true, "count": 7, "text": "7", "v": "1.5"}))
        );
        assert_eq!(
            body_of(&["target[hash]=main", "events[]=a", "events[]=b", "l[][id]=1"]),
            Some(json!({"target": {"hash": "main"}, "events": ["a", "b"], "l": [{"id": 1}]}))
        );
        assert_eq!(body_of(&["a=1", "a[b]=2"]), None);
        assert_eq!(body_of(&["a[b=2"]), None);
        assert!("no-value".parse::<Field>().is_err());
    }
}
