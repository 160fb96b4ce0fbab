//! The budget of steps and bytes that all texts of one notification share, and the patterns that they have compiled.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use regex_lite::Regex;

use crate::limits::{TEMPLATE_OUTPUT_BYTES_MAX, TEMPLATE_STEPS_MAX};

/// The patterns that were compiled, and how many steps each takes for a byte of a text.
pub(super) type Patterns = BTreeMap<String, (Rc<Regex>, usize)>;

/// The budget that all texts of one notification share.
#[derive(Debug)]
pub(super) struct Budget {
    steps: Cell<usize>,
    bytes: Cell<usize>,
    pub(super) patterns: RefCell<Patterns>,
}

impl Budget {
    pub(super) const fn new() -> Self {
        Self {
            steps: Cell::new(TEMPLATE_STEPS_MAX),
            bytes: Cell::new(TEMPLATE_OUTPUT_BYTES_MAX),
            patterns: RefCell::new(Patterns::new()),
        }
    }

    /// Takes steps, or says that there are none left.
    pub(super) fn take_steps(&self, count: usize) -> Result<(), String> {
        let left = self.steps.get().checked_sub(count);
        self.steps.set(left.unwrap_or(0));
        left.map(drop).ok_or_else(|| {
            format!("the templates of one notification take more than {TEMPLATE_STEPS_MAX} steps")
        })
    }

    /// Takes bytes of output and of texts on the way to it.
    pub(super) fn take_bytes(&self, count: usize) -> Result<(), String> {
        // Bytes take time, too.
        self.take_steps(count / 64)?;
        let left = self.bytes.get().checked_sub(count);
        self.bytes.set(left.unwrap_or(0));
        left.map(drop).ok_or_else(|| {
            format!(
                "the templates of one notification make more than {TEMPLATE_OUTPUT_BYTES_MAX} bytes"
            )
        })
    }
}
