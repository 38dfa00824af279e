//! `bbconnect api`: one raw, signed request.

mod fields;

use std::path::PathBuf;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use serde::Serialize;
use serde_json::{Value, json};

use self::fields::Field;
use crate::app::App;
use crate::bitbucket::{RawRequest, RawResponse};
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
  bbconnect api GET user
  bbconnect api GET 'repositories/{workspace}/{repo}/commits' --paginate
  bbconnect api POST 'repositories/{workspace}/{repo}/forks' -f name=mine
  bbconnect api -c server GET /rest/api/latest/projects -f limit=5
  bbconnect api PUT 'projects/{project}' --input project.json

The path is below https://api.bitbucket.org/2.0 (Cloud) or below /rest/api/latest of the server
(Data Center; one that begins with /rest/ is taken as it is). {workspace}, {project} and {repo} are
those of the connection.
";

#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Args {
    /// GET, POST, PUT, PATCH, DELETE or HEAD
    #[arg(value_name = "METHOD", value_parser = method)]
    pub method: Method,
    /// The path, or an address on the connection's own server
    #[arg(value_name = "PATH")]
    pub path: String,
    /// A field of the body, or of the query where there is no body; true, false, null and whole numbers are sent as such
    #[arg(short = 'f', long = "field", value_name = "KEY=VALUE")]
    pub fields: Vec<Field>,
    /// Send this file as the body; - is standard input
    #[arg(long, value_name = "FILE")]
    pub input: Option<PathBuf>,
    /// Follow all pages, and print them as one
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
        .ok_or_else(|| "it is none of GET, POST, PUT, PATCH, DELETE, HEAD".to_owned())
}

/// What the server answered.
#[derive(Debug, Serialize)]
pub(crate) struct ApiOutput {
    /// The repository that placeholders stand for.
    #[serde(skip_serializing_if = "Option::is_none")]
    repository: Option<ResolvedRepository>,
    status: Option<u16>,
    body: Value,
    #[serde(skip)]
    raw: Vec<u8>,
    #[serde(skip)]
    failure: Option<Error>,
}

impl ApiOutput {
    fn of(body: Value) -> Self {
        let mut raw = body.to_string().into_bytes();
        raw.push(b'\n');
        Self {
            repository: None,
            status: Some(200),
            body,
            raw,
            failure: None,
        }
    }
}

impl Subcommand for Args {
    type Output = ApiOutput;

    /// Sends the request.
    ///
    /// # Errors
    /// Where no connection applies, the path is not on its server, or nothing came back. An error status is an answer that
    /// carries its failure.
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
            let body = request
                .body
                .as_ref()
                .map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned());
            let plan = json!({"action": "would-send", "method": request.method.as_str(), "url": url.as_str(), "body": body});
            return Ok(ApiOutput {
                repository,
                status: None,
                ..ApiOutput::of(plan)
            });
        }
        let progress = app.ui.progress("waiting for the server");
        if self.paginate {
            let all = app.block_on(bitbucket.all_pages(&request))?;
            if let Some(values) = all.map_err(explained)? {
                return Ok(ApiOutput {
                    repository,
                    ..ApiOutput::of(json!({"values": values}))
                });
            }
        }
        let reply = app.block_on(bitbucket.send(&request))?;
        drop(progress);
        let RawResponse {
            status,
            body,
            is_json,
            failure,
        } = reply.map_err(explained)?;
        let decoded = is_json
            .then(|| serde_json::from_slice(&body).ok())
            .flatten();
        Ok(ApiOutput {
            repository,
            status: Some(status),
            body: decoded.unwrap_or_else(|| json!(String::from_utf8_lossy(&body))),
            raw: body,
            failure: failure.map(explained),
        })
    }

    fn write(mut output: ApiOutput, ui: &Ui) -> Result<ExitStatus, Error> {
        let failure = output.failure.take();
        ui.print_raw_response(&output, &output.raw, failure)
    }
}

fn request(
    args: &Args,
    chosen: &SelectedConnection,
    selected: Option<&RepoId>,
    app: &App,
) -> Result<RawRequest, Error> {
    let carries = ![Method::GET, Method::HEAD, Method::DELETE].contains(&args.method);
    if args.paginate && args.method != Method::GET {
        return Err(Error::Usage {
            message: "--paginate is for GET".to_owned(),
            hint: None,
        });
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
            (fields::query(&args.fields), Some((kind, bytes)))
        }
        None if carries && !args.fields.is_empty() => {
            let body = fields::body(&args.fields)?;
            let bytes = body.to_string().into_bytes();
            (Vec::new(), Some(("application/json", bytes)))
        }
        None => (fields::query(&args.fields), None),
    };
    Ok(RawRequest {
        method: args.method.clone(),
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
            return Err(Error::Usage {
                message: format!("the connection {} names no {flag}", chosen.name),
                hint: Some(format!("write it instead of {placeholder}").into()),
            });
        };
        let encoded = utf8_percent_encode(value, PLACEHOLDER_ENCODE_SET).to_string();
        path = path.replace(placeholder, &encoded);
    }
    Ok(path)
}

impl CommandOutput for ApiOutput {
    const SCHEMA: &'static str = "bbconnect/api@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        out.lines(&String::from_utf8_lossy(&self.raw));
    }

    fn exit_status(&self) -> ExitStatus {
        self.failure
            .as_ref()
            .map_or(ExitStatus::Success, Error::exit_status)
    }
}
