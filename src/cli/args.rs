//! The arguments of a subcommand.

/// The flags and words that follow a subcommand.
#[derive(Debug, Default)]
pub(super) struct Args {
    /// The arguments that are no flags.
    pub(super) words: Vec<String>,
    /// By their own names, in order.
    pub(super) flags: Vec<(&'static str, String)>,
}

impl Args {
    /// The value of a flag; the last one counts.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.flags.iter().rev().find(|(flag, _)| *flag == name).map(|(_, value)| value.as_str())
    }

    /// Every value of a flag that can be repeated.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.flags.iter().filter(move |(flag, _)| *flag == name).map(|(_, value)| value.as_str())
    }

    /// Whether a switch is on.
    pub(super) fn is(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value != "false")
    }

    /// Adds a value that counts only where the command line has none.
    pub(super) fn fall_back(&mut self, name: &'static str, value: String) {
        self.flags.insert(0, (name, value));
    }
}
