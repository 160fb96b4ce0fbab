//! Where in an HTML text a place is.

/// All that decides how a value is escaped that stands here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Context {
    pub(super) state: State,
    pub(super) delim: Delim,
    pub(super) url: UrlPart,
    pub(super) slash: Slash,
    pub(super) attr: Attr,
    pub(super) element: Element,
}

/// Inside of what a place is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    #[default]
    Text,
    Tag,
    AttrName,
    AfterName,
    BeforeValue,
    Comment,
    /// `<title>` and `<textarea>`: text without tags.
    Rcdata,
    Attr,
    Url,
    Srcset,
    Js,
    JsDouble,
    JsSingle,
    JsTemplate,
    JsRegexp,
    JsBlockComment,
    JsLineComment,
    Css,
    CssDouble,
    CssSingle,
    CssDoubleUrl,
    CssSingleUrl,
    CssUrl,
    CssBlockComment,
    CssLineComment,
    /// Behind a `break` or `continue`.
    Dead,
}

/// The end of an attribute's value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Delim {
    #[default]
    None,
    Double,
    Single,
    SpaceOrTagEnd,
}

/// How far a URL is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum UrlPart {
    #[default]
    None,
    PreQuery,
    QueryOrFragment,
    Unknown,
}

/// The meaning of a slash in a script.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Slash {
    #[default]
    Regexp,
    Division,
    Unknown,
}

/// The kind of attribute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Attr {
    #[default]
    Plain,
    Script,
    ScriptType,
    Style,
    Url,
    Srcset,
}

/// Elements whose content is no plain HTML.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Element {
    #[default]
    Other,
    Script,
    Style,
    Textarea,
    Title,
}

impl Context {
    pub(super) const DEAD: Self = Self {
        state: State::Dead,
        delim: Delim::None,
        url: UrlPart::None,
        slash: Slash::Regexp,
        attr: Attr::Plain,
        element: Element::Other,
    };

    pub(super) fn of(state: State) -> Self {
        Self { state, ..Self::default() }
    }

    /// Whether it is a comment, whose text is dropped.
    pub(super) const fn is_comment(self) -> bool {
        matches!(
            self.state,
            State::Comment
                | State::JsBlockComment
                | State::JsLineComment
                | State::CssBlockComment
                | State::CssLineComment
        )
    }

    /// Where a value stands that comes here: it begins an attribute's name or its value.
    pub(super) fn nudge(mut self) -> Self {
        match self.state {
            State::Tag => self.state = State::AttrName,
            State::BeforeValue => {
                self.state = self.attr.value_state();
                (self.delim, self.attr) = (Delim::SpaceOrTagEnd, Attr::Plain);
            }
            State::AfterName => (self.state, self.attr) = (State::AttrName, Attr::Plain),
            _ => {}
        }
        self
    }

    /// Where two branches that end here and there go on; none if that differs too much.
    pub(super) fn join(self, other: Self) -> Option<Self> {
        if self.state == State::Dead {
            return Some(other);
        }
        if other.state == State::Dead || self == other {
            return Some(self);
        }
        if (Self { url: other.url, ..self }) == other {
            return Some(Self { url: UrlPart::Unknown, ..self });
        }
        if (Self { slash: other.slash, ..self }) == other {
            return Some(Self { slash: Slash::Unknown, ..self });
        }
        let (a, b) = (self.nudge(), other.nudge());
        if (a, b) == (self, other) { None } else { a.join(b) }
    }
}

impl Attr {
    pub(super) const fn value_state(self) -> State {
        match self {
            Self::Plain | Self::ScriptType => State::Attr,
            Self::Script => State::Js,
            Self::Style => State::Css,
            Self::Url => State::Url,
            Self::Srcset => State::Srcset,
        }
    }

    /// The kind of an attribute by its name, which is in small letters.
    pub(super) fn of(name: &str) -> Self {
        match kind(name) {
            Kind::Url => Self::Url,
            Kind::Css => Self::Style,
            Kind::Js => Self::Script,
            Kind::Srcset => Self::Srcset,
            Kind::Plain | Kind::Unsafe => Self::Plain,
        }
    }
}

impl Element {
    pub(super) fn of(name: &str) -> Self {
        match name.to_ascii_lowercase().as_str() {
            "script" => Self::Script,
            "style" => Self::Style,
            "textarea" => Self::Textarea,
            "title" => Self::Title,
            _ => Self::Other,
        }
    }

    /// Its name, if its content is no plain HTML.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Other => "",
            Self::Script => "script",
            Self::Style => "style",
            Self::Textarea => "textarea",
            Self::Title => "title",
        }
    }

    pub(super) const fn content(self) -> State {
        match self {
            Self::Other => State::Text,
            Self::Script => State::Js,
            Self::Style => State::Css,
            Self::Textarea | Self::Title => State::Rcdata,
        }
    }
}

/// The meaning of an attribute's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Plain,
    Url,
    Css,
    Js,
    Srcset,
    /// It changes what other content means; a name of this kind comes from no value.
    Unsafe,
}

const URLS: &[&str] = &[
    "action",
    "archive",
    "background",
    "cite",
    "classid",
    "codebase",
    "data",
    "formaction",
    "href",
    "icon",
    "longdesc",
    "manifest",
    "poster",
    "profile",
    "src",
    "usemap",
    "xmlns",
];

const UNSAFE: &[&str] = &[
    "accept-charset",
    "async",
    "challenge",
    "charset",
    "content",
    "crossorigin",
    "defer",
    "enctype",
    "form",
    "formenctype",
    "formmethod",
    "formnovalidate",
    "http-equiv",
    "keytype",
    "language",
    "method",
    "novalidate",
    "pattern",
    "rel",
    "sandbox",
    "srcdoc",
    "type",
    "value",
];

/// Names that would else be taken for something else.
const PLAIN: &[&str] = &["srclang"];

/// The meaning of the value of an attribute of this name; the name is in small letters.
pub(super) fn kind(name: &str) -> Kind {
    let name = match (name.strip_prefix("data-"), name.split_once(':')) {
        (None, Some(("xmlns", _))) => return Kind::Url,
        (Some(rest), _) | (None, Some((_, rest))) => rest,
        (None, None) => name,
    };
    if URLS.contains(&name) {
        Kind::Url
    } else if UNSAFE.contains(&name) {
        Kind::Unsafe
    } else if PLAIN.contains(&name) {
        Kind::Plain
    } else if name == "style" {
        Kind::Css
    } else if name == "srcset" {
        Kind::Srcset
    } else if name.starts_with("on") {
        Kind::Js
    } else if ["src", "uri", "url"].iter().any(|part| name.contains(part)) {
        Kind::Url
    } else {
        Kind::Plain
    }
}
