//! What the server answers: HTTP at all, and whether it is a Bitbucket that is ready.

use super::StageResult;
use super::facts::HttpPath;
use crate::bitbucket::{ConnectFailure, ServerProbe};
use crate::exit_status::ExitStatus;

pub(super) fn http(http_path: &HttpPath) -> Option<StageResult> {
    const ID: &str = "http";
    let asked = http_path.http.as_ref()?;
    if http_path.speaks_tls {
        return None;
    }
    Some(match &asked.value {
        Err(summary) => {
            let stage = StageResult::from_error(ID, summary);
            match summary.connect_failure {
                Some(ConnectFailure::Timeout) => {
                    stage.with_remedy("the port is open, but no answer comes: the server may be overloaded or hang; --timeout SECONDS waits longer")
                }
                Some(ConnectFailure::Other | ConnectFailure::Tls | ConnectFailure::Refused | ConnectFailure::Dns) => {
                    stage.with_remedy("whatever listens there does not answer HTTP; check the port")
                }
                None => stage,
            }
        }
        Ok(probe) => in_the_way(ID, http_path, probe)
            .unwrap_or_else(|| StageResult::pass(ID, format!("the server answers ({})", probe.status))),
    }
    .with_elapsed(asked))
}

/// Somebody who answers in front of the server, or instead of it.
fn in_the_way(id: &'static str, http_path: &HttpPath, probe: &ServerProbe) -> Option<StageResult> {
    if probe.is_bitbucket {
        return None;
    }
    let fail = |message: String, next: &str| {
        Some(StageResult::fail(id, ExitStatus::BadResponse, message).with_remedy(next))
    };
    let sso = "ask the administrator to let /rest and /scm pass the single sign-on: tokens log in there by themselves";
    if let Some(location) = &probe.location {
        let to = http_path.base.url().join(location).ok();
        let is_elsewhere = to
            .as_ref()
            .is_none_or(|to| to.origin() != http_path.base.url().origin());
        let low = location.to_lowercase();
        let is_login = ["login", "saml", "sso", "oauth", "signin", "adfs"]
            .iter()
            .any(|word| low.contains(word));
        let to = to.map_or_else(|| location.clone(), |to| without_query(&to));
        if is_login {
            return fail(
                format!("a login page stands in front of the API: visitors are sent to {to}"),
                sso,
            );
        }
        if is_elsewhere {
            let next = "use the address that it sends to, if that is your server";
            return fail(
                format!("the server sends its visitors elsewhere: to {to}"),
                next,
            );
        }
        return None;
    }
    match probe.status {
        407 => Some(
            StageResult::fail(
                id,
                ExitStatus::Unreachable,
                "a proxy in between asks for a login (407)",
            )
            .with_remedy("set HTTPS_PROXY with user and password, or --proxy for the connection"),
        ),
        502 | 504 => fail(
            format!(
                "a gateway answers, but reaches no server behind it ({})",
                probe.status
            ),
            "ask the administrator whether Bitbucket is running",
        ),
        503 => fail(
            "the server is not available (503): it is starting, in maintenance or overloaded"
                .to_owned(),
            "wait and try again, or ask the administrator",
        ),
        status @ 500.. => fail(
            format!("the server fails ({status})"),
            "ask the administrator to look into its log",
        ),
        403 if !http_path.is_cloud || probe.is_page() => fail(
            "something in front of the server refuses the request (403)".to_owned(),
            "ask the administrator whether this network may reach the server (an allow-list of addresses, or a firewall for web applications)",
        ),
        429 => fail(
            "the server's rate limit is exceeded (429)".to_owned(),
            "wait and try again",
        ),
        _ if probe.is_login && probe.is_page() => {
            fail("a login page answers instead of the API".to_owned(), sso)
        }
        _ => None,
    }
}

/// What stands behind `?` may be somebody's ticket.
fn without_query(url: &url::Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    let _had_one = url.set_password(None);
    url.to_string()
}

pub(super) fn product(http_path: &HttpPath) -> Option<StageResult> {
    const ID: &str = "product";
    let probe = http_path.http.as_ref()?.value.as_ref().ok()?;
    if http_path.speaks_tls || in_the_way(ID, http_path, probe).is_some() {
        return None;
    }
    let fail = |message: String, next: &str| {
        Some(StageResult::fail(ID, ExitStatus::BadResponse, message).with_remedy(next))
    };
    if !probe.is_bitbucket {
        let base = &http_path.base;
        if let Some(other) = &http_path.other_base {
            let next = format!(
                "write {other}; for a connection: bbconnect connection edit NAME --url {other}"
            );
            return fail(
                format!(
                    "there is no Bitbucket at {base}, but there is one at {other}: the context path is wrong"
                ),
                &next,
            );
        }
        let stage = match (&probe.state, http_path.is_cloud) {
            (Some(state), _) => fail(
                format!(
                    "a product of Atlassian is there ({state}), but it does not answer as a Bitbucket"
                ),
                "check that the URL is Bitbucket's, not that of Jira, Confluence or Bamboo",
            ),
            (None, true) => fail(
                format!("what answers at {base} is not Bitbucket Cloud's API"),
                "check the URL; a proxy may answer in its place",
            ),
            (None, false) => fail(
                format!(
                    "what answers at {base} is not a Bitbucket ({})",
                    probe.status
                ),
                "check the URL and its context path, such as /bitbucket, in a browser",
            ),
        };
        let kind = probe.media_type.clone();
        return stage
            .map(|stage| stage.with_evidence(kind.unwrap_or_else(|| "no media type".to_owned())));
    }
    if http_path.is_cloud {
        return Some(StageResult::pass(ID, "Bitbucket Cloud's API answers"));
    }
    match probe.state.as_deref() {
        Some("RUNNING") | None => Some(StageResult::pass(ID, "Bitbucket Data Center, running")),
        Some("STARTING") => fail(
            "Bitbucket is starting".to_owned(),
            "wait a few minutes and try again",
        ),
        Some("MAINTENANCE") => fail(
            "Bitbucket is in maintenance".to_owned(),
            "wait until its administrator has finished",
        ),
        Some("FIRST_RUN") => fail(
            "Bitbucket is installed, but not set up yet".to_owned(),
            "open it in a browser and finish the setup",
        ),
        Some(state) => fail(
            format!("Bitbucket is not ready: it is in the state {state}"),
            "ask the administrator to look into its log",
        ),
    }
}
