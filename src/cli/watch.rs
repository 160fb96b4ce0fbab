//! `--watch`: shows a list again when the agent says that something has changed.

use std::io::Write as _;
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;

use super::{Cx, Fault, Outcome};
use crate::cli::client::{Agent, encoded};
use crate::limits::CHANGES_TIME_MAX;

/// Between two looks at an agent that cannot tell of changes, or that does not answer.
const PAUSE: Duration = Duration::from_secs(1);

/// The agent's news, one after the other.
pub(super) struct News {
    agent: Agent,
    seen: String,
    has_answered: bool,
}

impl News {
    pub(super) fn of(cx: &Cx<'_>) -> Result<Self, Fault> {
        // Answers come when something has changed, or late.
        let agent = cx.agent()?.patient(CHANGES_TIME_MAX);
        Ok(Self { agent, seen: String::new(), has_answered: false })
    }

    /// The answer of `path` now. An agent that has answered before is waited for while it starts again.
    pub(super) fn get(&mut self, cx: &mut Cx<'_>, path: &str) -> Result<Value, Fault> {
        let mut is_told = false;
        loop {
            match self.agent.get(path) {
                Err(refusal) if refusal.is_passing && self.has_answered => {
                    if !is_told {
                        writeln!(cx.err, "waiting for the agent: {}", refusal.why)?;
                        is_told = true;
                    }
                    sleep(PAUSE);
                }
                answer => {
                    self.has_answered |= answer.is_ok();
                    return Ok(answer?);
                }
            }
        }
    }

    /// Waits until something may have changed.
    pub(super) fn wait(&mut self) {
        let path = format!("/bellwether/v1/changes?after={}", encoded(&self.seen));
        match self.agent.ask("GET", &path, b"") {
            Ok(version) => String::from_utf8_lossy(&version).trim().clone_into(&mut self.seen),
            // Alertmanager knows no changes.
            Err(_) => sleep(PAUSE),
        }
    }
}

/// Shows what `path` answers, again after each change, until the terminal is closed.
pub(super) fn redraw(
    cx: &mut Cx<'_>,
    path: &str,
    show: fn(&mut Cx<'_>, &Value) -> Outcome,
) -> Outcome {
    let mut news = News::of(cx)?;
    let mut last = Value::Null;
    loop {
        let answer = news.get(cx, path)?;
        if answer != last {
            cx.out.clear()?;
            show(cx, &answer)?;
            cx.out.flush()?;
            last = answer;
        }
        news.wait();
    }
}
