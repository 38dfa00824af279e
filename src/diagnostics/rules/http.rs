//! HTTP: whether the server responds, whether it is a Bitbucket that is ready, and its rate limit.

use url::Url;

use crate::bitbucket::{ConnectFailure, ServerProbe};
use crate::diagnostics::finding::{Finding, FindingId};
use crate::diagnostics::route_facts::HttpRoute;
use crate::exit_status::ExitStatus;

pub(crate) fn response(route: &HttpRoute) -> Option<Finding> {
    const ID: FindingId = FindingId::Http;
    let probe = route.probe.as_ref().filter(|_| !route.speaks_tls)?;
    let finding = match &probe.value {
        Err(summary) => {
            let finding = Finding::from_error(ID, summary);
            match summary.connect_failure {
                Some(ConnectFailure::Timeout) => finding.with_next(
                    "the port is open, but the server does not respond: it may be overloaded, or pass --timeout \
                     SECONDS to wait longer",
                ),
                Some(
                    ConnectFailure::Other
                    | ConnectFailure::Tls(_)
                    | ConnectFailure::ProxyAuth
                    | ConnectFailure::Refused
                    | ConnectFailure::Dns,
                ) => finding.with_next("the server on this port does not speak HTTP; check the port"),
                None => finding,
            }
        }
        Ok(probe) => intermediary(ID, route, probe).unwrap_or_else(|| {
            Finding::pass(ID, format!("the server responds ({})", probe.status))
        }),
    };
    Some(finding.with_elapsed(probe.elapsed))
}

/// A response of something else than the server: a login page, a gateway, a proxy.
fn intermediary(id: FindingId, route: &HttpRoute, probe: &ServerProbe) -> Option<Finding> {
    const SSO: &str = "ask the administrator to exclude /rest and /scm from single sign-on: tokens authenticate there by \
                       themselves";
    if probe.is_bitbucket {
        return None;
    }
    let fail = |message: String, next: &str| {
        Some(Finding::fail(id, ExitStatus::BadResponse, message).with_next(next))
    };
    if let Some(location) = &probe.location {
        let to = route.base.url().join(location).ok();
        let is_elsewhere = to
            .as_ref()
            .is_none_or(|to| to.origin() != route.base.url().origin());
        let lower = location.to_lowercase();
        let is_login = ["login", "saml", "sso", "oauth", "signin", "adfs"]
            .iter()
            .any(|word| lower.contains(word));
        let to = to.map_or_else(|| "an invalid URL".to_owned(), |to| without_query(&to));
        if is_login {
            return fail(
                format!("a login page is in front of the API: redirect to {to}"),
                SSO,
            );
        }
        if is_elsewhere {
            let next = "use that URL, if it is your server";
            return fail(format!("the server redirects to {to}"), next);
        }
        return None;
    }
    match probe.status {
        407 => Some(
            Finding::fail(
                id,
                ExitStatus::Unreachable,
                "a proxy requires a login (407)",
            )
            .with_next("set HTTPS_PROXY with user name and password, or --proxy of the connection"),
        ),
        status @ (502 | 504) => fail(
            format!("a gateway responds, but reaches no server behind it ({status})"),
            "ask the administrator whether Bitbucket is running",
        ),
        503 => fail(
            "the server is not available (503): starting, in maintenance or overloaded".to_owned(),
            "wait and try again, or ask the administrator",
        ),
        status @ 500.. => fail(
            format!("the server returned an error ({status})"),
            "ask the administrator to check the server's log",
        ),
        403 if !route.is_cloud || probe.is_page() => fail(
            "the request is refused before it reaches Bitbucket (403)".to_owned(),
            "ask the administrator whether this network has access (an IP allowlist, or a web application firewall)",
        ),
        429 => fail(
            "the server's rate limit is exceeded (429)".to_owned(),
            "wait and try again",
        ),
        _ if probe.is_login && probe.is_page() => {
            fail("a login page responds instead of the API".to_owned(), SSO)
        }
        _ => None,
    }
}

/// A query may contain a session ticket.
fn without_query(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    let _had_one = (url.set_username(""), url.set_password(None));
    url.to_string()
}

pub(crate) fn product(route: &HttpRoute) -> Option<Finding> {
    const ID: FindingId = FindingId::Product;
    let probe = route.probe.as_ref()?.value.as_ref().ok()?;
    if route.speaks_tls || intermediary(ID, route, probe).is_some() {
        return None;
    }
    if !probe.is_bitbucket {
        return Some(not_bitbucket(route, probe));
    }
    if route.is_cloud {
        return Some(Finding::pass(ID, "Bitbucket Cloud API"));
    }
    let (message, next) = match probe.state.as_deref() {
        Some("RUNNING") | None => {
            return Some(Finding::pass(ID, "Bitbucket Data Center, running"));
        }
        Some("STARTING") => (
            "Bitbucket is starting".to_owned(),
            "wait a few minutes and try again",
        ),
        Some("MAINTENANCE") => (
            "Bitbucket is in maintenance".to_owned(),
            "wait until the maintenance is over",
        ),
        Some("FIRST_RUN") => (
            "Bitbucket is installed, but not set up yet".to_owned(),
            "open it in a browser and complete the setup",
        ),
        Some(state) => (
            format!("Bitbucket is not ready: state {state}"),
            "ask the administrator to check the server's log",
        ),
    };
    Some(Finding::fail(ID, ExitStatus::BadResponse, message).with_next(next))
}

fn not_bitbucket(route: &HttpRoute, probe: &ServerProbe) -> Finding {
    let base = &route.base;
    let fail =
        |message: String| Finding::fail(FindingId::Product, ExitStatus::BadResponse, message);
    if let Some(other) = &route.other_base {
        return fail(format!(
            "no Bitbucket at {base}, but there is one at {other}: the context path is wrong"
        ))
        .with_next(format!(
            "use {other}; for a connection: bbconnect connection edit NAME --url {other}"
        ));
    }
    let finding = match (&probe.state, route.is_cloud) {
        (Some(state), _) => fail(format!(
            "an Atlassian product responds ({state}), but it is not Bitbucket"
        ))
        .with_next("check that the URL is Bitbucket's, not that of Jira, Confluence or Bamboo"),
        (None, true) => fail(format!("no Bitbucket Cloud API at {base}"))
            .with_next("check the URL; a proxy may respond instead"),
        (None, false) => fail(format!("not a Bitbucket at {base} ({})", probe.status))
            .with_next("check the URL and its context path, such as /bitbucket, in a browser"),
    };
    finding.with_evidence(probe.media_type.as_deref().unwrap_or("no media type"))
}

pub(crate) fn rate_limit(route: &HttpRoute) -> Option<Finding> {
    const ID: FindingId = FindingId::RateLimit;
    let limit = route.rate_limit.as_ref()?;
    let finding = if limit.is_near()? {
        Finding::warn(ID, "few requests are left before the server's rate limit").with_next(
            "send fewer requests, or wait; on Bitbucket Cloud the limit counts for an hour",
        )
    } else {
        Finding::pass(ID, "requests are well below the server's rate limit")
    };
    let facts = [
        limit.limit.map(|count| format!("limit: {count} requests")),
        limit.remaining.map(|count| format!("left: {count}")),
        limit.resource.as_ref().map(|name| format!("for: {name}")),
    ];
    let facts: Vec<String> = facts.into_iter().flatten().collect();
    Some(if facts.is_empty() {
        finding
    } else {
        finding.with_evidence(facts.join(", "))
    })
}
