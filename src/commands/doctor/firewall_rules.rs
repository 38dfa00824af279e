//! The hosts and ports that a firewall must let through.

use serde::Serialize;

use super::target::DoctorTarget;
use crate::app::App;
use crate::types::cloud_hosts;
use crate::types::connection::{BaseUrl, Connection};
use crate::types::deployment::Deployment;
use crate::types::ssh_address::SshHost;
use crate::ui::TextWriter;

/// Data Center's port for SSH, unless its administrator has chosen another.
const USUAL_SSH_PORT: u16 = 7999;

/// Where Atlassian publishes the addresses of Cloud.
const RANGES: &str = "https://ip-ranges.atlassian.com/";

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct FirewallRule {
    host: String,
    port: u16,
    protocol: &'static str,
    /// `out` from here, or `in`, to what receives webhooks.
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
        out.table(
            &["DIRECTION", "HOST", "PORT", "PROTOCOL", "WHY"].map(str::to_owned),
            rows,
        );
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

/// The list; a Data Center is asked for its SSH port, where the credential is good for that and the server is reached.
pub(super) fn of(target: &DoctorTarget, app: &App) -> Vec<FirewallRule> {
    let asked = || {
        let selected = target.selected.as_ref()?;
        if selected.connection.deployment == Deployment::Cloud || target.remote.is_some() {
            return None;
        }
        let nobody = app.anonymous_client(&selected.connection);
        let probe = app.block_on(nobody.probe()).ok()?.ok()?;
        probe.version.filter(|_| probe.is_bitbucket)?;
        let bitbucket = app.authenticated_client(selected).ok()?;
        let url = app.ssh_settings(&bitbucket)?.base_url?;
        let url = url::Url::parse(&url).ok()?;
        SshHost::new(url.host_str()?, url.port().unwrap_or(22)).ok()
    };
    offline(target, asked().as_ref())
}

/// The list, from what is known.
pub(super) fn offline(target: &DoctorTarget, told: Option<&SshHost>) -> Vec<FirewallRule> {
    let connection = target.connection.as_ref();
    let is_cloud = connection.is_some_and(|connection| connection.deployment == Deployment::Cloud);
    if is_cloud && target.is_real_cloud() {
        return cloud();
    }
    let mut all = Vec::new();
    let host = target.ssh_host().or_else(|| told.cloned());
    if let Some(connection) =
        connection.filter(|connection| connection.base_url.url().scheme() != "ssh")
    {
        all.extend(server(connection, is_cloud));
    }
    match host {
        Some(host) => all.push(FirewallRule::out(
            &host.name,
            host.port,
            "ssh",
            "git over SSH",
        )),
        None if !is_cloud => all.extend(usual_ssh(target.base())),
        None => {}
    }
    if !is_cloud {
        all.push(webhooks(
            &connection
                .and_then(|connection| connection.base_url.url().host_str().map(str::to_owned))
                .unwrap_or_else(|| "the server".to_owned()),
            "webhooks come from this server; its own allow-list for outgoing requests must have your receiver".to_owned(),
        ));
    }
    all
}

fn cloud() -> Vec<FirewallRule> {
    vec![
        FirewallRule::out(
            cloud_hosts::WEB,
            443,
            "https",
            "the website, git over HTTPS, signing in with OAuth",
        ),
        FirewallRule::out(cloud_hosts::API, 443, "https", "the REST API"),
        FirewallRule::out(cloud_hosts::SSH, 22, "ssh", "git over SSH"),
        FirewallRule::out(
            cloud_hosts::SSH_ON_443,
            443,
            "ssh",
            "git over SSH where port 22 is closed",
        ),
        FirewallRule::out(
            "id.atlassian.com",
            443,
            "https",
            "where API tokens are made; for browsers alone",
        ),
        FirewallRule::out(
            "ip-ranges.atlassian.com",
            443,
            "https",
            "where the addresses are published, for firewalls that know no names: product bitbucket, direction ingress",
        ),
        webhooks(
            "Bitbucket Cloud",
            format!(
                "webhooks, from the addresses at {RANGES} (product bitbucket, direction egress) to your receiver"
            ),
        ),
    ]
}

fn server(connection: &Connection, is_cloud: bool) -> Option<FirewallRule> {
    let url = connection.base_url.url();
    let protocol = if url.scheme() == "http" {
        "http"
    } else {
        "https"
    };
    let why = if is_cloud {
        "the REST API"
    } else {
        "the website, the REST API, git over HTTPS"
    };
    Some(FirewallRule::out(
        url.host_str()?,
        url.port_or_known_default()?,
        protocol,
        why,
    ))
}

fn usual_ssh(base: Option<&BaseUrl>) -> Option<FirewallRule> {
    let host = base?.url().host_str()?;
    Some(FirewallRule::out(
        host,
        USUAL_SSH_PORT,
        "ssh",
        "git over SSH; this is the usual port, and the server did not tell its own",
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
