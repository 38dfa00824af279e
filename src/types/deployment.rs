//! The two products called Bitbucket.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The product that a URL belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Deployment {
    Cloud,
    /// Bitbucket Server or Data Center, on its own host.
    DataCenter,
    /// Another Git host, or a Data Center whose URL does not show it.
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
