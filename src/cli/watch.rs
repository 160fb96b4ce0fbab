//! `--watch`: shows a list again when the agent says that something has changed.

use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;

use super::{Cx, Fault, Outcome};
use crate::cli::client::{Agent, encoded};
use crate::limits::CHANGES_TIME_MAX;

/// Between two looks at an agent that cannot tell of changes, or that does not answer.
const PAUSE: Duration = Duration::from_secs(2);

/// The agent's news, one after the other.
pub(super) struct News {
    agent: Agent,
    seen: String,
}

impl News {
    pub(super) fn of(cx: &Cx<'_>) -> Result<Self, Fault> {
        // Answers come when something has changed, or late.
        Ok(Self { agent: cx.agent()?.patient(CHANGES_TIME_MAX), seen: String::new() })
    }

    /// The answer of `path` now.
    pub(super) fn get(&self, path: &str) -> Result<Value, Fault> {
        Ok(self.agent.get(path)?)
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

/// Shows what `path` answers, again after each change, until the terminal is closed or the agent is gone.
pub(super) fn redraw(
    cx: &mut Cx<'_>,
    path: &str,
    show: fn(&mut Cx<'_>, &Value) -> Outcome,
) -> Outcome {
    let mut news = News::of(cx)?;
    let mut last = Value::Null;
    loop {
        let answer = news.get(path)?;
        if answer != last {
            cx.out.clear()?;
            show(cx, &answer)?;
            std::io::Write::flush(&mut cx.out)?;
            last = answer;
        }
        news.wait();
    }
}
