//! `connections.toml`: the saved connections, without their secrets.

mod connection_record;
mod connection_table;
mod connections_file;
mod error;

pub use connection_table::Connections;
pub(crate) use connections_file::ConnectionsFile;
pub(crate) use error::{ConnectionsError, NameSource, known_connections};
