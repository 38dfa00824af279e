//! The two products that are called Bitbucket.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Which Bitbucket an address belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Deployment {
    /// Bitbucket Cloud, at bitbucket.org.
    Cloud,
    /// Bitbucket Server or Data Center, on somebody's own host.
    DataCenter,
    /// The address does not tell: a Data Center whose URL has no sign of it, or another Git host.
    Unknown,
}

impl fmt::Display for Deployment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cloud => "Bitbucket Cloud",
            Self::DataCenter => "Bitbucket Data Center",
            Self::Unknown => "unknown",
        })
    }
}
