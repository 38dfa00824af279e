//! Types that are in JSON as in text.

use serde::{Serialize, Serializer};

use super::clone_url::Host;
use super::date::{Date, Timestamp};
use super::public_key::Fingerprint;
use super::scope::Scope;

macro_rules! json_as_text {
    ($($type:ty),+) => {$(
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    )+};
}

json_as_text!(Date, Timestamp, Host, Fingerprint, Scope);
