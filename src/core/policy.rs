//! A config with everything that is built from it alone.

use std::sync::Arc;

use crate::config::Config;
use crate::core::inhibit::Inhibitor;
use crate::core::route::Routes;

/// A config, its routing tree and its rules of inhibition, ready to be taken. It may go from thread to thread: to read,
/// check and build it takes long and needs no alerts, so the shell does that beside the loop.
#[derive(Debug)]
pub struct Policy {
    pub(super) config: Arc<Config>,
    pub(super) routes: Routes,
    pub(super) inhibitor: Inhibitor,
}

impl From<Arc<Config>> for Policy {
    fn from(config: Arc<Config>) -> Self {
        let (routes, inhibitor) = (Routes::new(&config), Inhibitor::new(&config.inhibit_rules));
        Self { config, routes, inhibitor }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_may_be_built_in_another_thread() {
        fn is_send<T: Send>() {}
        is_send::<Policy>();
        is_send::<crate::config::Loaded>();
    }
}
