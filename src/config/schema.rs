//! The keys of a receiver type, declared once. Reading, errors, the status, the reference file's
//! check and the defaults of `global` all come from these declarations.

use crate::config::{Environment, Http, Values};

/// A receiver type as the configuration sees it.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "a list of what a type is")]
pub struct Schema {
    /// The word that metrics and log keys use: `webhook`.
    pub name: &'static str,
    /// The key of a receiver that lists its integrations: `webhook_configs`.
    pub section: &'static str,
    /// Whether Alertmanager has this type: ours are shown as comments in the status, which `amtool` reads.
    pub origin: Origin,
    /// Whether resolved alerts are sent if the config does not say.
    pub send_resolved: bool,
    /// Whether an `http_config` belongs to it.
    pub http: bool,
    /// Whether an attempt ends at once, so that it takes no place among those under way.
    pub instant: bool,
    /// Whether it opens incidents and closes them: the end of one that it never opened says nothing there.
    pub incidents: bool,
    /// The key that says where requests go, or empty: another node that waits looks whether it reaches that.
    pub address: &'static str,
    /// The key of the message's body, or empty: it names the templates that are wrong.
    pub body: &'static str,
    /// Its keys besides `send_resolved` and `http_config`.
    pub keys: &'static [Key],
    /// The keys of `global` that its own fall back to.
    pub globals: &'static [Key],
    /// Rules over several keys, after each key was read: settles what depends on other keys, and says what is wrong.
    pub check: fn(&mut Values, &Around<'_>) -> Vec<String>,
}

impl Schema {
    /// A type that speaks HTTP, of which the rest is still to be said.
    pub const HTTP: Self = Self {
        name: "",
        section: "",
        origin: Origin::Old,
        send_resolved: true,
        http: true,
        instant: false,
        incidents: false,
        address: "",
        body: "",
        keys: &[],
        globals: &[],
        check: no_rules,
    };
}

/// The surroundings that a type's own rules may look at besides its keys.
#[derive(Debug)]
pub struct Around<'a> {
    /// The `http_config` that is in force.
    pub http: &'a Http,
    /// The environment of the process.
    pub environment: &'a Environment,
}

/// No rule over several keys.
pub fn no_rules(_: &mut Values, _: &Around<'_>) -> Vec<String> {
    Vec::new()
}

/// The versions that know a type or a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Alertmanager 0.25 and later.
    Old,
    /// A newer Alertmanager: shown in the status only where it is set, so that an older `amtool` can read that.
    Newer,
    /// Bellwether alone.
    Ours,
}

/// A key of a receiver or of `global`.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// Which values it takes.
    pub takes: Takes,
    /// Its default, written as in a config; empty: not set.
    pub default: &'static str,
    /// The key of `global` whose value it has if it is not set itself, or empty.
    pub global: &'static str,
    /// Whether it must be set, here or in `global`.
    pub required: bool,
    /// Whether it becomes the value of a header, or part of it.
    pub in_header: bool,
    /// A key beside it that cannot be set where this one is, or empty.
    pub not_with: &'static str,
    /// The versions that know it.
    pub origin: Origin,
}

/// Which values a key takes.
#[derive(Clone, Copy, Debug)]
pub enum Takes {
    /// `host:port`
    Address,
    /// true or false
    Bool,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A duration as configs write them: `1h30m`, `5d`.
    Duration,
    /// The path of a file, whose text is a secret.
    File,
    /// A duration as Go writes them: `1.5h`.
    GoDuration,
    /// A template whose data is escaped as HTML.
    Html,
    /// A table with the user's own keys, and templates as values. The default has a line `key=template` for each entry, and
    /// holds for those that are not set.
    Map,
    /// A whole number from 0.
    Number,
    /// A secret, or in the key named here the path of its file.
    Secret(&'static str),
    /// The same, and it is a template.
    SecretTemplate(&'static str),
    /// The same, and it is a URL.
    SecretUrl(&'static str),
    /// A table with these keys, or the value of its first key by itself.
    Short(&'static [Key]),
    /// A table with these keys.
    Table(&'static [Key]),
    /// A list of tables with these keys.
    Tables(&'static [Key]),
    /// A template.
    Template,
    /// A list of templates.
    Templates,
    /// A text that stands as it is.
    Text,
    /// A list of texts that stand as they are.
    Texts,
    /// Anything; its texts are templates.
    Tree,
    /// A URL that may be shown.
    Url,
    /// A secret template of a URL, or in the key named here the path of its file.
    UrlTemplate(&'static str),
}

/// A heartbeat: a URL that is told again and again that the flock lives. It is no type of receivers.
pub static HEARTBEAT: Schema = HEARTBEAT_SCHEMA;

/// The same, for tables that hold schemas.
pub const HEARTBEAT_SCHEMA: Schema = Schema {
    name: "heartbeat",
    section: "heartbeat",
    origin: Origin::Ours,
    send_resolved: false,
    http: true,
    instant: false,
    incidents: false,
    address: "url",
    body: "",
    keys: &[
        Key::secret_url("url", "url_file").required(),
        Key::text("start", "/start"),
        Key::text("fail", "/fail"),
    ],
    globals: &[],
    check: no_rules,
};

impl Takes {
    /// Whether the value may be a secret: then no message shows it.
    pub const fn may_be_secret(&self) -> bool {
        matches!(
            self,
            Self::Secret(_) | Self::SecretTemplate(_) | Self::SecretUrl(_) | Self::UrlTemplate(_)
        )
    }

    /// Whether the value is a URL, or a template of one.
    pub const fn is_url(&self) -> bool {
        matches!(self, Self::Url | Self::SecretUrl(_) | Self::UrlTemplate(_))
    }
}

impl Key {
    /// A key without a default.
    pub const fn new(name: &'static str, takes: Takes) -> Self {
        let origin = Origin::Old;
        let (required, in_header) = (false, false);
        Self { name, takes, default: "", global: "", required, in_header, not_with: "", origin }
    }

    /// A template, and its default.
    pub const fn template(name: &'static str, default: &'static str) -> Self {
        Self { default, ..Self::new(name, Takes::Template) }
    }

    /// A text that stands as it is, and its default.
    pub const fn text(name: &'static str, default: &'static str) -> Self {
        Self { default, ..Self::new(name, Takes::Text) }
    }

    /// true or false, and the default.
    pub const fn bool(name: &'static str, default: &'static str) -> Self {
        Self { default, ..Self::new(name, Takes::Bool) }
    }

    /// A secret, and the key of the path of its file.
    pub const fn secret(name: &'static str, file: &'static str) -> Self {
        Self::new(name, Takes::Secret(file))
    }

    /// A secret URL, and the key of the path of its file.
    pub const fn secret_url(name: &'static str, file: &'static str) -> Self {
        Self::new(name, Takes::SecretUrl(file))
    }

    /// The same with this default.
    #[must_use]
    pub const fn or(self, default: &'static str) -> Self {
        Self { default, ..self }
    }

    /// The same; if it is not set, it has the value of this key of `global`.
    #[must_use]
    pub const fn or_global(self, global: &'static str) -> Self {
        Self { global, ..self }
    }

    /// The same; it must be set.
    #[must_use]
    pub const fn required(self) -> Self {
        Self { required: true, ..self }
    }

    /// The same; it becomes the value of a header, or part of it.
    #[must_use]
    pub const fn in_header(self) -> Self {
        Self { in_header: true, ..self }
    }

    /// The same; it cannot be set beside this key.
    #[must_use]
    pub const fn not_with(self, not_with: &'static str) -> Self {
        Self { not_with, ..self }
    }

    /// The same; Alertmanager 0.25 does not know it.
    #[must_use]
    pub const fn newer(self) -> Self {
        Self { origin: Origin::Newer, ..self }
    }

    /// The same; no Alertmanager knows it.
    #[must_use]
    pub const fn ours(self) -> Self {
        Self { origin: Origin::Ours, ..self }
    }

    /// The key of the path of its file, if its value may stand in one.
    pub const fn file(&self) -> Option<&'static str> {
        match self.takes {
            Takes::Secret(file)
            | Takes::SecretTemplate(file)
            | Takes::SecretUrl(file)
            | Takes::UrlTemplate(file)
                if !file.is_empty() =>
            {
                Some(file)
            }
            _ => None,
        }
    }
}
