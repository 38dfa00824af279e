//! The hosts and ports that a firewall must let through.

use serde::Serialize;

use super::target::Target;
use crate::context::Context;
use crate::model::connection::{BaseUrl, Connection};
use crate::model::deployment::Deployment;
use crate::model::ssh_address::SshHost;
use crate::output::Page;

/// Data Center's port for SSH, unless its administrator has chosen another.
const USUAL_SSH_PORT: u16 = 7999;

/// Where Atlassian publishes the addresses of Cloud.
const RANGES: &str = "https://ip-ranges.atlassian.com/";

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Allowed {
    host: String,
    port: u16,
    protocol: &'static str,
    /// `out` from here, or `in`, to what receives webhooks.
    direction: &'static str,
    why: String,
}

impl Allowed {
    fn out(host: &str, port: u16, protocol: &'static str, why: &str) -> Self {
        Self {
            host: host.to_owned(),
            port,
            protocol,
            direction: "out",
            why: why.to_owned(),
        }
    }

    pub(super) fn table(all: &[Self], page: &mut Page) {
        let rows = all.iter().map(Self::cells);
        page.table(
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
pub(super) fn of(target: &Target, context: &Context) -> Vec<Allowed> {
    let asked = || {
        let chosen = target.chosen.as_ref()?;
        if chosen.connection.deployment == Deployment::Cloud || target.address.is_some() {
            return None;
        }
        let nobody = context.anonymous(&chosen.connection);
        let greeting = context.wait(nobody.greet()).ok()?.ok()?;
        greeting.version.filter(|_| greeting.is_bitbuckets)?;
        let bitbucket = context.signed_in(chosen).ok()?;
        let url = context.ssh_settings(&bitbucket)?.base_url?;
        let url = url::Url::parse(&url).ok()?;
        SshHost::new(url.host_str()?, url.port().unwrap_or(22)).ok()
    };
    offline(target, asked().as_ref())
}

/// The list, from what is known.
pub(super) fn offline(target: &Target, told: Option<&SshHost>) -> Vec<Allowed> {
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
        Some(host) => all.push(Allowed::out(&host.name, host.port, "ssh", "git over SSH")),
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

fn cloud() -> Vec<Allowed> {
    vec![
        Allowed::out(
            "bitbucket.org",
            443,
            "https",
            "the website, git over HTTPS, signing in with OAuth",
        ),
        Allowed::out("api.bitbucket.org", 443, "https", "the REST API"),
        Allowed::out("ssh.bitbucket.org", 22, "ssh", "git over SSH"),
        Allowed::out(
            "altssh.bitbucket.org",
            443,
            "ssh",
            "git over SSH where port 22 is closed",
        ),
        Allowed::out(
            "id.atlassian.com",
            443,
            "https",
            "where API tokens are made; for browsers alone",
        ),
        Allowed::out(
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

fn server(connection: &Connection, is_cloud: bool) -> Option<Allowed> {
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
    Some(Allowed::out(
        url.host_str()?,
        url.port_or_known_default()?,
        protocol,
        why,
    ))
}

fn usual_ssh(base: Option<&BaseUrl>) -> Option<Allowed> {
    let host = base?.url().host_str()?;
    Some(Allowed::out(
        host,
        USUAL_SSH_PORT,
        "ssh",
        "git over SSH; this is the usual port, and the server did not tell its own",
    ))
}

fn webhooks(host: &str, why: String) -> Allowed {
    Allowed {
        host: host.to_owned(),
        port: 443,
        protocol: "https",
        direction: "in",
        why,
    }
}
