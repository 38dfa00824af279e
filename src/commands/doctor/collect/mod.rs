//! Looks at everything on the way, and stops where going on says nothing. Nothing is changed anywhere.

mod http;
mod ssh;

use super::{facts, rules, target};
use crate::app::App;
use crate::error::{Error, ErrorSummary};
use crate::git;
use crate::types::cloud_hosts;
use facts::{DoctorData, Timed};
use target::DoctorTarget;

/// Looks at all there is.
pub(super) fn gather(target: &DoctorTarget, app: &App) -> DoctorData {
    let (http_path, settings) = match &target.connection {
        Some(connection) if connection.base_url.url().scheme() != "ssh" => {
            let (http_path, settings) = http::look(target, connection, app);
            (Some(http_path), settings)
        }
        Some(_) | None => (None, None),
    };
    let ssh = ssh::look(target, settings.as_ref(), app);
    let url = http_path.as_ref().map(|http_path| {
        let mut url = http_path.base.url().clone();
        if target.is_real_cloud() {
            // Git goes to the website.
            let _has_host = url.set_host(Some(cloud_hosts::WEB));
            url.set_path("/");
        }
        url.to_string()
    });
    let git = Timed::measure(|| {
        let view = git::view(url.as_deref());
        view.map_err(|error| ErrorSummary::from(&Error::from(error)))
    });
    DoctorData {
        name: target.name.clone(),
        warnings: target.warnings.clone(),
        http_path,
        ssh,
        wants_ssh: target.wants_ssh,
        ssh_path: target.remote.as_ref().map(|remote| remote.path.clone()),
        git,
    }
}
