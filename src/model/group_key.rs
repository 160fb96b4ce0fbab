//! The group key: a route's key and the group's labels, printed as Alertmanager prints them.

use std::fmt;
use std::sync::Arc;

use crate::model::Labels;
use crate::model::hash::fnv128;

/// `{}/{severity="critical"}:{alertname="B"}`. Equal on every node that runs the same config.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct GroupKey(Arc<str>);

impl GroupKey {
    /// The key of the group of `labels` under the route of `route_key`.
    pub fn new(route_key: &str, labels: &Labels) -> Self {
        Self(format!("{route_key}:{labels}").into())
    }

    /// The key as it was stored.
    pub fn from_stored(text: &str) -> Self {
        Self(text.into())
    }

    /// 128 bits that differ for most keys.
    pub fn id(&self) -> u128 {
        fnv128([self.as_str()])
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for GroupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for GroupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_equal_alertmanagers() {
        let labels: Labels = [("severity", "a\"b"), ("alertname", "B")].into_iter().collect();
        let key = GroupKey::new("{}/{team=~\"a|b\"}", &labels);
        assert_eq!(key.as_str(), r#"{}/{team=~"a|b"}:{alertname="B", severity="a\"b"}"#);
        assert_eq!(GroupKey::new("{}", &Labels::empty()).as_str(), "{}:{}");
    }
}
