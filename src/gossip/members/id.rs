//! How foca tells members apart.

use foca::Identity;
use minicbor::{Decode, Encode};

/// A member as foca knows it: which node, and which of its lives. The greater generation is the later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(super) struct Id {
    #[n(0)]
    pub(super) node: u64,
    #[n(1)]
    pub(super) generation: u32,
}

impl Identity for Id {
    type Addr = u64;

    fn renew(&self) -> Option<Self> {
        Some(Self { node: self.node, generation: self.generation.checked_add(1)? })
    }

    fn addr(&self) -> u64 {
        self.node
    }

    fn win_addr_conflict(&self, adversary: &Self) -> bool {
        self.generation > adversary.generation
    }
}
