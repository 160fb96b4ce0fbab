//! `bellwether healthy`: for the health checks of containers.

use super::{Cx, Outcome};

pub(super) fn run(cx: &mut Cx<'_>) -> Outcome {
    cx.agent()?.ask("GET", "/-/healthy", b"")?;
    Ok(0)
}
