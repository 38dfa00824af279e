//! The server: is it there, is it new enough, does it know its own address.

use url::{Host, Url};

use super::{CheckData, CheckOptions, CheckResult, failed};
use crate::exit_status::ExitStatus;
use crate::types::deployment::Deployment;
use crate::types::finding::{Finding, Severity};
use crate::types::version::Version;

pub(super) fn reachable(data: &CheckData) -> Option<CheckResult> {
    const ID: &str = "server.reachable";
    data.version.as_ref()?;
    let base_url = data.connection.base_url.to_string();
    Some(match data.server_error() {
        None => Finding::new(ID, Severity::Pass, "the server answers")
            .with_evidence(base_url)
            .into(),
        Some(summary) => {
            let finding =
                Finding::new(ID, Severity::Fail, summary.message.clone()).with_evidence(base_url);
            let next = summary.hint.clone();
            failed(Finding { next, ..finding }, summary.exit)
        }
    })
}

pub(super) fn version(data: &CheckData, options: &CheckOptions) -> Option<CheckResult> {
    const ID: &str = "server.version";
    if data.connection.deployment == Deployment::Cloud {
        return None;
    }
    let told = data.version.as_ref()?.as_ref().ok()?;
    let Some(text) = told else {
        return Some(
            Finding::new(
                ID,
                Severity::Unknown,
                "the server does not tell its version",
            )
            .into(),
        );
    };
    let Ok(version) = text.parse::<Version>() else {
        let finding = Finding::new(ID, Severity::Unknown, "the server's version cannot be read");
        return Some(finding.with_evidence(text.clone()).into());
    };
    if version < options.min_version {
        let message = format!("the server is older than {}", options.min_version);
        let finding = Finding::new(ID, Severity::Fail, message).with_evidence(text.clone());
        let next = "ask the administrator for an update, or accept it with --min-version";
        return Some(failed(finding.with_remedy(next), ExitStatus::BadResponse));
    }
    if let Some(date) = version.end_of_support(options.today) {
        let message = format!("Atlassian's support for this version was over by {date}");
        let finding = Finding::new(ID, Severity::Warn, message).with_evidence(text.clone());
        return Some(
            finding
                .with_remedy("ask the administrator for an update")
                .into(),
        );
    }
    let message = format!("the server is {} or newer", options.min_version);
    Some(
        Finding::new(ID, Severity::Pass, message)
            .with_evidence(text.clone())
            .into(),
    )
}

/// The server's links begin with what its administrator entered as its base URL, not with what it was asked by.
pub(super) fn base_url(data: &CheckData) -> Option<CheckResult> {
    const ID: &str = "server.base-url";
    if data.connection.deployment == Deployment::Cloud {
        return None;
    }
    data.valid()?;
    let links = data.reach.iter().flat_map(|reach| reach.links.iter());
    if data.reach.is_none() && data.repository.is_none() {
        let message = "the server's links could not be read, which would tell its base URL";
        return Some(Finding::new(ID, Severity::Unknown, message).into());
    }
    let of_repository = data
        .repository
        .iter()
        .filter_map(|facts| facts.found.as_ref().ok());
    let all = links.chain(of_repository.flat_map(|repository| repository.web.iter()));
    let urls: Vec<Url> = all.filter_map(|link| Url::parse(link).ok()).collect();
    let base = &data.connection.base_url;
    let Some(first) = urls.first() else {
        let message = "nothing is visible whose links would tell the server's base URL";
        return Some(Finding::new(ID, Severity::Unknown, message).into());
    };
    let Some(elsewhere) = urls.iter().find(|url| !base.contains(url)) else {
        let message = "the server's links begin with this connection's URL";
        return Some(
            Finding::new(ID, Severity::Pass, message)
                .with_evidence(first.to_string())
                .into(),
        );
    };
    let message = if is_loopback(elsewhere) {
        "the server believes its address to be `localhost`, so its links and webhooks lead nowhere"
    } else {
        "the server's links begin with another address than the one it is reached by"
    };
    let finding = Finding::new(ID, Severity::Warn, message).with_evidence(elsewhere.to_string());
    let next = format!(
        "ask the administrator to set Administration > Server settings > Base URL to {}",
        data.connection.base_url
    );
    Some(finding.with_remedy(next).into())
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback() || address.is_unspecified(),
        Some(Host::Ipv6(address)) => address.is_loopback() || address.is_unspecified(),
        None => false,
    }
}
