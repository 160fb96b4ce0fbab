//! Histories that were thought of: what must hold, in words.

mod turns;

pub(crate) type Test = (&'static str, fn());

pub(crate) const ALL: &[Test] =
    &[("three_nodes_tell_each_group_once", turns::three_nodes_tell_each_group_once)];
