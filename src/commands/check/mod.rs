//! `bbconnect check`: judges credentials. Valid, enough, not too much, not about to expire; the server new enough and set
//! up right; the repository there. Gather, judge, render.

mod check_all;
mod collect;
mod facts;
mod key;
mod output;
mod report;
mod rules;

use std::time::Instant;

pub(crate) use self::check_all::Shard;
pub(crate) use self::output::{CheckReport, Format};

use self::facts::CheckOptions;
use crate::app::App;
use crate::commands::Subcommand;
use crate::error::Error;
use crate::exit_status::ExitStatus;
use crate::types::day_count::DayCount;
use crate::types::purpose::Purpose;
use crate::types::repository::RepoRef;
use crate::types::scope::Scope;
use crate::types::version::Version;

const EXAMPLES: &str = "\
Examples:
  bbconnect check                                       the connection that applies here
  bbconnect check work --for webhook --repo acme/site   enough to create webhooks there?
  bbconnect check --require repository:write --strict   for a script: the exit status tells
  bbconnect check --all --expires-within 30d            every connection
  bbconnect check --all --format junit > check.xml      for a CI system

With --quiet nothing is printed: the exit status alone tells.
";

/// Judge credentials: valid, enough, not too much, not about to expire
#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Args {
    /// The connections; without a name, the one that applies here
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// Every connection there is
    #[arg(long, conflicts_with = "names")]
    pub all: bool,
    /// What it must be enough for; can be given more than once, or separated by commas
    #[arg(
        long = "for",
        value_enum,
        value_name = "PURPOSE",
        value_delimiter = ','
    )]
    pub purposes: Vec<Purpose>,
    /// A scope or permission that it must have, in the words of either product; can be given more than once, or separated by
    /// commas
    #[arg(long, value_name = "SCOPE", value_delimiter = ',')]
    pub require: Vec<Scope>,
    /// The repository that it is for: NAMESPACE/SLUG, a SLUG of the connection's workspace or project, or any URL of it
    #[arg(long, value_name = "REF")]
    pub repo: Option<RepoRef>,
    /// Warn when it expires within this time: 90d, 12w, or 90 for days
    #[arg(long, value_name = "AGE", default_value = "14d")]
    pub expires_within: DayCount,
    /// The oldest Data Center that will do
    #[arg(long, value_name = "VERSION", default_value = "7.14")]
    pub min_version: Version,
    /// End with status 11 when there are warnings
    #[arg(long)]
    pub strict: bool,
    /// How to write the result
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub format: Option<Format>,
    /// Check one part of the connections: the second of five is 2/5
    #[arg(long, value_name = "I/N")]
    pub shard: Option<Shard>,
}

impl Args {
    /// Whether the result, and an error, are one JSON document.
    #[must_use]
    pub(crate) fn wants_json(&self) -> bool {
        self.format == Some(Format::Json)
    }
}

impl Subcommand for Args {
    type Output = CheckReport;

    /// Checks connections. Whatever is wrong with a credential or a server is a finding.
    ///
    /// # Errors
    /// Where a connection that is named is not there, or none applies.
    fn run(&self, app: &App) -> Result<CheckReport, Error> {
        let started = Instant::now();
        let options = CheckOptions {
            today: app.today(),
            purposes: self.purposes.clone(),
            required: self.require.clone(),
            expires_within: self.expires_within,
            min_version: self.min_version,
        };
        let chosen = check_all::targets(self, app)?;
        let connections = check_all::check(&chosen, &options, self.strict, app);
        let status = ExitStatus::most_significant(connections.iter().map(|row| row.exit));
        Ok(CheckReport {
            ok: status == ExitStatus::Success,
            exit: status.code(),
            elapsed_ms: started.elapsed().as_millis().try_into().unwrap_or(u64::MAX),
            connections,
            status,
            format: self.format.unwrap_or(Format::Text),
            quiet: app.is_quiet(),
            strict: self.strict,
        })
    }
}
