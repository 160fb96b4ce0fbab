//! Where an alert belongs: the routes at which it ends, and the rules of inhibition that it is a source of. With thousands of
//! patterns in the config and tens of kilobytes in a label that takes long, so it is found in pieces.

use crate::core::inhibit::{Adding, Inhibitor};
use crate::core::route::{RouteId, Routes, Walk};
use crate::model::{Fingerprint, Labels};

/// How far it was found where one alert belongs.
#[derive(Debug, Default)]
pub(super) struct Placing {
    walk: Walk,
    adding: Adding,
}

impl Placing {
    /// Goes on until `steps`, to which what is done is added, come to `most`. Returns the routes once all is found and the
    /// inhibitor knows the alert; nothing before: then the next call, with the same arguments, goes on.
    pub(super) fn go_on(
        &mut self,
        (routes, inhibitor): (&Routes, &mut Inhibitor),
        (fingerprint, labels): (Fingerprint, &Labels),
        steps: &mut u64,
        most: u64,
    ) -> Option<Vec<RouteId>> {
        let is_found = routes.walk(labels, &mut self.walk, steps, most)
            && inhibitor.add(fingerprint, labels, &mut self.adding, steps, most);
        is_found.then(|| std::mem::take(&mut self.walk.found))
    }
}
