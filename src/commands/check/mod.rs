//! `bbconnect check`: verifies credentials, their scopes and expiry, the server and the repository.

mod gather;
mod targets;

use std::time::Instant;

pub(crate) use self::targets::Shard;

use crate::app::{App, connection_candidates};
use crate::commands::Subcommand;
use crate::diagnostics::report::{CheckReport, Format, ReportOptions};
use crate::diagnostics::{CheckOptions, OLDEST_SUPPORTED_VERSION};
use crate::error::Error;
use crate::types::date::DayCount;
use crate::types::purpose::Purpose;
use crate::types::repository::RepoRef;
use crate::types::scope::Scope;
use crate::types::version::Version;

const EXAMPLES: &str = "\
Examples:
  bbconnect check
  bbconnect check work --for webhook --repo acme/site
  bbconnect check --require repository:write --strict
  bbconnect check --all --expires-within 30d
  bbconnect check --all --format junit > check.xml

With --quiet nothing is printed; use the exit status.
";

#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Args {
    /// Connections to check [default: the connection that applies here]
    #[arg(value_name = "NAME", add = connection_candidates())]
    pub names: Vec<String>,
    /// Check every connection
    #[arg(long, conflicts_with = "names")]
    pub all: bool,
    /// Purpose that the credential must have the scopes for (repeatable)
    #[arg(
        long = "for",
        value_enum,
        value_name = "PURPOSE",
        value_delimiter = ','
    )]
    pub purposes: Vec<Purpose>,
    /// Scope or permission that the credential must have (repeatable)
    #[arg(long, value_name = "SCOPE", value_delimiter = ',')]
    pub require: Vec<Scope>,
    /// Repository to check: NAMESPACE/SLUG, SLUG or any URL of it
    #[arg(short = 'R', long, value_name = "REF")]
    pub repo: Option<RepoRef>,
    /// Warn if a credential expires within this time: 90d, 12w
    #[arg(long, value_name = "AGE", default_value_t = DayCount::TWO_WEEKS)]
    pub expires_within: DayCount,
    /// Oldest accepted Data Center version
    #[arg(long, value_name = "VERSION", default_value_t = OLDEST_SUPPORTED_VERSION)]
    pub min_version: Version,
    /// Exit with status 11 if there are warnings
    #[arg(long)]
    pub strict: bool,
    /// Output format
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub format: Option<Format>,
    /// Check one of N parts of the connections, such as 2/5
    #[arg(long, value_name = "I/N")]
    pub shard: Option<Shard>,
}

impl Args {
    /// Whether the result, and an error, are one JSON document.
    pub(crate) fn wants_json(&self) -> bool {
        self.format == Some(Format::Json)
    }
}

impl Subcommand for Args {
    type Output = CheckReport;

    /// Checks connections. A problem of a credential or a server is a finding, not an error.
    fn run(&self, app: &App) -> Result<CheckReport, Error> {
        let started = Instant::now();
        let options = CheckOptions {
            today: app.today(),
            purposes: self.purposes.clone(),
            required: self.require.clone(),
            expires_within: self.expires_within,
            min_version: self.min_version,
        };
        let report = ReportOptions {
            format: self.format.unwrap_or(Format::Text),
            quiet: app.is_quiet(),
            strict: self.strict,
            has_requirements: options.has_requirements(),
        };
        let targets = targets::targets(&self.names, self.all, self.repo.as_ref(), self.shard, app)?;
        let connections = gather::check_all(&targets, &options, report, app);
        Ok(CheckReport::new(connections, report, started.elapsed()))
    }
}
