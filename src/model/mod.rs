//! The nouns, valid by construction.

pub mod alert;
pub mod base64;
pub mod brief;
pub mod duration;
pub mod group_key;
pub mod hash;
pub mod interned;
pub mod labels;
pub mod log_entry;
pub mod mail;
pub mod matcher;
pub mod order;
pub mod own;
pub mod printable;
pub mod report;
pub mod silence;
pub mod time_interval;
pub mod trouble;
pub mod url;

pub use alert::{Alert, Muted};
pub use brief::{Brief, Shown};
pub use group_key::GroupKey;
pub use interned::{Interned, Pool};
pub use labels::{Fingerprint, Labels};
pub use log_entry::{LogEntry, LogKey};
pub use mail::{MailAddress, Mailbox};
pub use matcher::{MatchOp, Matcher, Matchers};
pub use report::{Pair, Report};
pub use silence::{ENDS_WHEN_RESOLVED, OR_SEVERITY_CHANGES, Silence, SilenceId, SilenceState};
pub use trouble::{Trouble, Troubles, Word};
pub use url::Url;
