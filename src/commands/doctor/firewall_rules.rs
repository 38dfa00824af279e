//! The hosts and ports that a firewall must allow.

use serde::Serialize;

use super::target::DoctorTarget;
use crate::app::App;
use crate::types::cloud_hosts;
use crate::types::connection::BaseUrl;
use crate::types::deployment::Deployment;
use crate::types::ssh_address::SshHost;
use crate::ui::TextWriter;

/// The default SSH port of Data Center.
const DEFAULT_SSH_PORT: u16 = 7999;

/// The IP addresses of Cloud, as Atlassian publishes them.
const IP_RANGES: &str = "https://ip-ranges.atlassian.com/";

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct FirewallRule {
    host: String,
    port: u16,
    protocol: &'static str,
    /// `out` from this machine, or `in` to the receiver of webhooks.
    direction: &'static str,
    why: String,
}

impl FirewallRule {
    fn out(host: &str, port: u16, protocol: &'static str, why: &str) -> Self {
        Self {
            host: host.to_owned(),
            port,
            protocol,
            direction: "out",
            why: why.to_owned(),
        }
    }

    pub(super) fn table(all: &[Self], out: &mut TextWriter) {
        let rows = all.iter().map(Self::cells);
        out.table(["DIRECTION", "HOST", "PORT", "PROTOCOL", "WHY"], rows);
    }

    pub(super) fn cells(&self) -> [String; 5] {
        [
            self.direction.to_owned(),
            self.host.clone(),
            self.port.to_string(),
            self.protocol.to_owned(),
            self.why.clone(),
        ]
    }
}

/// The rules of a target. A Data Center is asked for its SSH server, where it accepts the connection's credential.
pub(super) fn firewall_rules(target: &DoctorTarget, app: &App) -> Vec<FirewallRule> {
    let reported_host = || {
        let selected = target.selected.as_ref()?;
        if selected.connection.deployment == Deployment::Cloud || target.remote.is_some() {
            return None;
        }
        let anonymous = app.anonymous_client(&selected.connection);
        let probe = app.block_on(anonymous.probe()).ok()?.ok()?;
        let is_ready = probe.version.is_some() || probe.hides_version;
        if !probe.is_bitbucket || !is_ready {
            return None;
        }
        let bitbucket = app.authenticated_client_without_reminder(selected).ok()?;
        let url = app.ssh_settings(&bitbucket)?.base_url?;
        let url = url::Url::parse(&url).ok()?;
        SshHost::new(url.host_str()?, url.port().unwrap_or(22)).ok()
    };
    offline(target, reported_host().as_ref())
}

/// The rules, without a request. `reported` is the SSH server that the server's settings report.
pub(super) fn offline(target: &DoctorTarget, reported: Option<&SshHost>) -> Vec<FirewallRule> {
    if target.is_real_cloud() {
        return cloud();
    }
    let connection = target.connection.as_ref();
    let is_cloud = connection.is_some_and(|connection| connection.deployment == Deployment::Cloud);
    let base = target.base().filter(|base| base.url().scheme() != "ssh");
    let mut rules = Vec::new();
    rules.extend(base.and_then(|base| server(base, is_cloud)));
    match target.ssh_host().or_else(|| reported.cloned()) {
        Some(host) => rules.push(FirewallRule::out(
            &host.name,
            host.port,
            "ssh",
            "git over SSH",
        )),
        None if !is_cloud => rules.extend(target.base().and_then(default_ssh)),
        None => {}
    }
    if !is_cloud {
        let host = target.base().and_then(|base| base.url().host_str());
        rules.push(webhooks(
            host.unwrap_or("the server"),
            "webhooks are sent from this server; its allowlist for outgoing requests must contain your receiver".to_owned(),
        ));
    }
    rules
}

fn cloud() -> Vec<FirewallRule> {
    vec![
        FirewallRule::out(
            cloud_hosts::WEB,
            443,
            "https",
            "website, git over HTTPS, OAuth login",
        ),
        FirewallRule::out(cloud_hosts::API, 443, "https", "REST API"),
        FirewallRule::out(cloud_hosts::SSH, 22, "ssh", "git over SSH"),
        FirewallRule::out(
            cloud_hosts::SSH_ON_443,
            443,
            "ssh",
            "git over SSH where port 22 is blocked",
        ),
        FirewallRule::out(
            "id.atlassian.com",
            443,
            "https",
            "page to create API tokens; for browsers only",
        ),
        FirewallRule::out(
            "ip-ranges.atlassian.com",
            443,
            "https",
            "published IP addresses, for firewalls without host names: product bitbucket, direction ingress",
        ),
        webhooks(
            "Bitbucket Cloud",
            format!(
                "webhooks, from the IP addresses at {IP_RANGES} (product bitbucket, direction egress) to your receiver"
            ),
        ),
    ]
}

fn server(base: &BaseUrl, is_cloud: bool) -> Option<FirewallRule> {
    let url = base.url();
    let protocol = if url.scheme() == "http" {
        "http"
    } else {
        "https"
    };
    let why = if is_cloud {
        "REST API"
    } else {
        "website, REST API, git over HTTPS"
    };
    Some(FirewallRule::out(
        url.host_str()?,
        url.port_or_known_default()?,
        protocol,
        why,
    ))
}

fn default_ssh(base: &BaseUrl) -> Option<FirewallRule> {
    Some(FirewallRule::out(
        base.url().host_str()?,
        DEFAULT_SSH_PORT,
        "ssh",
        "git over SSH; the default port, the server did not report its own",
    ))
}

fn webhooks(host: &str, why: String) -> FirewallRule {
    FirewallRule {
        host: host.to_owned(),
        port: 443,
        protocol: "https",
        direction: "in",
        why,
    }
}
