//! The bodies of posts, as leniently as go-openapi takes them: names in any case, unknown ones ignored, `null` as if it
//! were not there, of equal names the last one.

use std::borrow::Cow;

use crate::limits::POST_ALERTS_MAX;
use crate::model::{Pair, Report, Shown};
use crate::time::Wall;
use crate::wire::json::read::{self, ReadError, Reader, ValueKind};
use crate::wire::json::uri;
use crate::wire::rfc3339;

/// A body was not taken, and nothing of it has changed anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BodyError {
    /// It is not the JSON it should be, in Go's words.
    Malformed(String),
    /// A rule of the schema is broken: go-openapi's code and message.
    Invalid(u16, String),
}

impl BodyError {
    /// The fault of the body.
    pub fn why(&self) -> &str {
        match self {
            Self::Malformed(why) | Self::Invalid(_, why) => why,
        }
    }
}

impl From<ReadError> for BodyError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Syntax(text) | ReadError::Type(text) => Self::Malformed(text),
        }
    }
}

/// The text of Go's zero time. In an alert it means no time.
const ZERO_TIME: Wall = Wall::MIN;
const REQUIRED: u16 = 602;
const INVALID_TYPE: u16 = 601;
const TOO_FEW_ITEMS: u16 = 612;

/// The labels that few alerts have more of.
const PAIRS_USUAL: usize = 6;

fn required(path: &str) -> BodyError {
    BodyError::Invalid(REQUIRED, format!("{path} in body is required"))
}

/// The text of a body: what is no UTF-8 becomes U+FFFD.
pub fn text(body: &[u8]) -> Cow<'_, str> {
    // To find that it is UTF-8, as nearly always, is faster alone.
    std::str::from_utf8(body).map_or_else(|_| String::from_utf8_lossy(body), Cow::Borrowed)
}

/// The checks of posted alerts beyond JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PostSchema {
    /// Nothing.
    V1,
    /// `labels` is there and `generatorURL` is a URI.
    V2,
}

/// Reads the reports of a post.
pub fn alerts(text: &str, schema: PostSchema) -> Result<Vec<Report<'_>>, BodyError> {
    let mut posted = Posted::new(text, schema, BodyPlace::default());
    let (mut reports, mut invalid) = (Vec::new(), None);
    while let Some((report, fault)) = posted.read()? {
        invalid = invalid.or(fault);
        reports.push(report);
    }
    invalid.map_or(Ok(reports), Err)
}

/// Where the reading of a post stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BodyPlace {
    text: read::ReaderPlace,
    /// Reports that were read.
    reports: usize,
    state: State,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Before,
    Amid,
    Over,
}

impl BodyPlace {
    /// Bytes of the body that were read.
    pub const fn bytes(self) -> usize {
        self.text.bytes()
    }
}

/// The reports of a post, read one after the other; the reading may stop after each and go on later.
#[derive(Debug)]
pub struct Posted<'a> {
    reader: Reader<'a>,
    schema: PostSchema,
    place: BodyPlace,
    /// The link of the last report that breaks nothing: most alerts of a post are of one rule.
    link: &'a str,
}

impl<'a> Posted<'a> {
    /// Reads from `place` on; its default is the beginning.
    pub const fn new(text: &'a str, schema: PostSchema, place: BodyPlace) -> Self {
        Self { reader: Reader::resume(text, place.text), schema, place, link: "" }
    }

    /// Where it stands.
    pub const fn place(&self) -> BodyPlace {
        BodyPlace { text: self.reader.place(), ..self.place }
    }

    /// The next report, with what it breaks of the schema; none at the end.
    pub fn read(&mut self) -> Result<Option<(Report<'a>, Option<BodyError>)>, BodyError> {
        if self.place.state == State::Before {
            let target = match self.schema {
                PostSchema::V1 => "value of type []*types.Alert",
                PostSchema::V2 => "value of type models.PostableAlerts",
            };
            if self.reader.null()? {
                self.place.state = State::Over;
            } else {
                self.reader.open_array(target)?;
                self.place.state = State::Amid;
            }
        }
        let index = self.place.reports;
        if self.place.state == State::Over || !self.reader.next_element(index == 0)? {
            self.place.state = State::Over;
            return Ok(None);
        }
        if index >= POST_ALERTS_MAX {
            let text = format!("it has more than {POST_ALERTS_MAX} alerts: send it in parts");
            return Err(BodyError::Malformed(text));
        }
        let alert = PostedAlert::read(&mut self.reader)?;
        self.place.reports += 1;
        let fault = alert.check(self.schema, index, self.link).err();
        if let (None, Cow::Borrowed(link)) = (&fault, &alert.generator_url) {
            self.link = link;
        }
        Ok(Some((alert.into_report(), fault)))
    }
}

/// Reports that were found to be right: what cannot be read ends them.
impl<'a> Iterator for Posted<'a> {
    type Item = Report<'a>;

    fn next(&mut self) -> Option<Report<'a>> {
        Some(self.read().ok()??.0)
    }
}

#[derive(Default)]
struct PostedAlert<'a> {
    is_null: bool,
    labels: Option<Vec<Pair<'a>>>,
    annotations: Vec<Pair<'a>>,
    starts_at: Option<Wall>,
    ends_at: Option<Wall>,
    generator_url: Cow<'a, str>,
}

impl<'a> PostedAlert<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, ReadError> {
        let mut alert = Self { is_null: reader.null()?, ..Self::default() };
        if alert.is_null {
            return Ok(alert);
        }
        reader.object("value of type models.PostableAlert", |reader, name| {
            match field(&name, &["labels", "annotations", "startsAt", "endsAt", "generatorURL"]) {
                Some("labels") => alert.labels = pairs(reader, "Alert.labels")?,
                Some("annotations") => {
                    alert.annotations = pairs(reader, ".annotations")?.unwrap_or_default();
                }
                Some("startsAt") => {
                    alert.starts_at = time(reader, ".startsAt")?.filter(|at| *at > ZERO_TIME);
                }
                Some("endsAt") => {
                    alert.ends_at = time(reader, ".endsAt")?.filter(|at| *at > ZERO_TIME);
                }
                Some("generatorURL") => {
                    alert.generator_url = string(reader, "Alert.generatorURL")?.unwrap_or_default();
                }
                _ => reader.skip()?,
            }
            Ok(())
        })?;
        Ok(alert)
    }

    /// Whether it breaks nothing of the schema; `link` is a link that does not.
    fn check(&self, schema: PostSchema, index: usize, link: &str) -> Result<(), BodyError> {
        if schema == PostSchema::V1 {
            return Ok(());
        }
        if self.is_null {
            return Err(required(&index.to_string()));
        }
        let own = &*self.generator_url;
        if !own.is_empty() && own != link && !uri::is_request_uri(own) {
            let shown = Shown(own);
            let text = format!("{index}.generatorURL in body must be of type uri: {shown}");
            return Err(BodyError::Invalid(INVALID_TYPE, text));
        }
        if self.labels.is_none() {
            return Err(required(&format!("{index}.labels")));
        }
        Ok(())
    }

    fn into_report(self) -> Report<'a> {
        let labels = self.labels.unwrap_or_default();
        Report::new(labels, self.annotations, self.starts_at, self.ends_at, self.generator_url)
    }
}

/// A posted silence that has all it must have. Nothing is known of its matchers but their form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostedSilence<'a> {
    /// The silence to change, or empty.
    pub id: Cow<'a, str>,
    /// At least one.
    pub matchers: Vec<PostedMatcher<'a>>,
    /// From when; Go's zero time is [`Wall::MIN`].
    pub starts_at: Wall,
    /// Until when; Go's zero time is [`Wall::MIN`].
    pub ends_at: Wall,
    /// The author.
    pub created_by: Cow<'a, str>,
    /// Why.
    pub comment: Cow<'a, str>,
    /// Annotations.
    pub annotations: Vec<Pair<'a>>,
}

/// A matcher as the API writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostedMatcher<'a> {
    /// The label's name.
    pub name: Cow<'a, str>,
    /// The value or the regular expression.
    pub value: Cow<'a, str>,
    /// Which of both.
    pub is_regex: bool,
    /// Whether to match is to fulfil; true where it is not said.
    pub is_equal: bool,
}

/// Reads a posted silence. A missing field is found in the alphabetical order of names.
pub fn silence(text: &str) -> Result<PostedSilence<'_>, BodyError> {
    let mut reader = Reader::new(text);
    let (mut id, mut annotations) = (Cow::default(), Vec::new());
    let (mut comment, mut created_by, mut matchers) = (None, None, None);
    let (mut starts_at, mut ends_at) = (None, None);
    if !reader.null()? {
        let names = ["id", "annotations", "comment", "createdBy", "matchers", "startsAt", "endsAt"];
        reader.object("value of type models.PostableSilence", |reader, name| {
            match field(&name, &names) {
                Some("id") => id = string(reader, ".id")?.unwrap_or_default(),
                Some("annotations") => {
                    annotations = pairs(reader, "Silence.annotations")?.unwrap_or_default();
                }
                Some("comment") => comment = string(reader, "Silence.comment")?,
                Some("createdBy") => created_by = string(reader, "Silence.createdBy")?,
                Some("matchers") => matchers = read_matchers(reader)?,
                Some("startsAt") => starts_at = time(reader, "Silence.startsAt")?,
                Some("endsAt") => ends_at = time(reader, "Silence.endsAt")?,
                _ => reader.skip()?,
            }
            Ok(())
        })?;
    }
    let comment = comment.ok_or_else(|| required("comment"))?;
    let created_by = created_by.ok_or_else(|| required("createdBy"))?;
    let ends_at = ends_at.ok_or_else(|| required("endsAt"))?;
    let matchers = check_matchers(matchers.ok_or_else(|| required("matchers"))?)?;
    let starts_at = starts_at.ok_or_else(|| required("startsAt"))?;
    Ok(PostedSilence { id, matchers, starts_at, ends_at, created_by, comment, annotations })
}

#[derive(Default)]
struct RawMatcher<'a> {
    name: Option<Cow<'a, str>>,
    value: Option<Cow<'a, str>>,
    is_regex: Option<bool>,
    is_equal: Option<bool>,
}

fn read_matchers<'a>(reader: &mut Reader<'a>) -> Result<Option<Vec<RawMatcher<'a>>>, ReadError> {
    if reader.null()? {
        return Ok(None);
    }
    let mut matchers = Vec::new();
    reader.array("struct field Silence.matchers of type models.Matchers", |reader, _| {
        let mut matcher = RawMatcher::default();
        if !reader.null()? {
            reader.object(
                "struct field Silence.matchers of type models.Matcher",
                |reader, name| {
                    match field(&name, &["name", "value", "isRegex", "isEqual"]) {
                        Some("name") => matcher.name = string(reader, "Matcher.matchers.name")?,
                        Some("value") => matcher.value = string(reader, "Matcher.matchers.value")?,
                        Some("isRegex") => {
                            matcher.is_regex = flag(reader, "Matcher.matchers.isRegex")?;
                        }
                        Some("isEqual") => {
                            matcher.is_equal = flag(reader, "Matcher.matchers.isEqual")?;
                        }
                        _ => reader.skip()?,
                    }
                    Ok(())
                },
            )?;
        }
        matchers.push(matcher);
        Ok(())
    })?;
    Ok(Some(matchers))
}

fn check_matchers(raw: Vec<RawMatcher<'_>>) -> Result<Vec<PostedMatcher<'_>>, BodyError> {
    if raw.is_empty() {
        let text = "matchers in body should have at least 1 items";
        return Err(BodyError::Invalid(TOO_FEW_ITEMS, text.to_owned()));
    }
    raw.into_iter()
        .enumerate()
        .map(|(index, raw)| {
            let missing = |name| required(&format!("matchers.{index}.{name}"));
            Ok(PostedMatcher {
                is_regex: raw.is_regex.ok_or_else(|| missing("isRegex"))?,
                name: raw.name.ok_or_else(|| missing("name"))?,
                value: raw.value.ok_or_else(|| missing("value"))?,
                is_equal: raw.is_equal.unwrap_or(true),
            })
        })
        .collect()
}

/// The one of `names` that `name` is, in whatever case.
fn field(name: &str, names: &[&'static str]) -> Option<&'static str> {
    let all = || names.iter().copied();
    // Most clients write it as it is written here.
    all().find(|known| *known == name).or_else(|| all().find(|it| it.eq_ignore_ascii_case(name)))
}

fn target(place: &str, kind: &str) -> String {
    format!("struct field {place} of type {kind}")
}

fn string<'a>(reader: &mut Reader<'a>, place: &str) -> Result<Option<Cow<'a, str>>, ReadError> {
    match reader.kind()? {
        ValueKind::String => reader.quoted().map(Some),
        ValueKind::Null => reader.skip().map(|()| None),
        _ => reader.string(&target(place, "string")).map(Some),
    }
}

fn flag(reader: &mut Reader<'_>, place: &str) -> Result<Option<bool>, ReadError> {
    if reader.null()? { Ok(None) } else { reader.bool(&target(place, "bool")).map(Some) }
}

fn time(reader: &mut Reader<'_>, place: &str) -> Result<Option<Wall>, ReadError> {
    let Some(text) = string(reader, place)? else { return Ok(None) };
    let time = rfc3339::parse(&text).map_err(ReadError::Type)?;
    Ok(Some(time.unwrap_or(ZERO_TIME)))
}

fn pairs<'a>(reader: &mut Reader<'a>, place: &str) -> Result<Option<Vec<Pair<'a>>>, ReadError> {
    match reader.kind()? {
        ValueKind::Null => reader.skip().map(|()| None),
        ValueKind::Object => {
            let mut pairs = Vec::new();
            reader.members(|reader, name| {
                if pairs.is_empty() {
                    pairs.reserve(PAIRS_USUAL);
                }
                pairs.push((name, string(reader, place)?.unwrap_or_default()));
                Ok(())
            })?;
            Ok(Some(pairs))
        }
        _ => reader.object(&target(place, "models.LabelSet"), |_, _| Ok(())).map(|()| None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn malformed(text: &str) -> String {
        match alerts(text, PostSchema::V2) {
            Err(BodyError::Malformed(text)) => text,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn an_alert_is_read_without_copies() {
        let body = r#"[{"labels":{"b":"2","a":"1","c":""},"annotations":{"s":"x"},
            "startsAt":"2026-01-02T03:04:05Z","endsAt":null,"generatorURL":"http://p/g"}]"#;
        let [report] = alerts(body, PostSchema::V2).unwrap().try_into().unwrap();
        assert_eq!(report.labels, [("a".into(), "1".into()), ("b".into(), "2".into())]);
        assert!(report.labels.iter().all(|(name, _)| matches!(name, Cow::Borrowed(_))));
        assert_eq!(report.annotations, [("s".into(), "x".into())]);
        assert_eq!(report.starts_at.unwrap().to_string(), "2026-01-02T03:04:05Z");
        assert_eq!((report.ends_at, &*report.generator_url), (None, "http://p/g"));
    }

    #[test]
    fn of_alerts_there_are_so_many_and_no_more() {
        let body = |count| format!("[{}]", vec!["{}"; count].join(","));
        assert_eq!(alerts(&body(POST_ALERTS_MAX), PostSchema::V1).unwrap().len(), POST_ALERTS_MAX);
        let error = malformed(&body(POST_ALERTS_MAX + 1));
        assert!(error.contains("more than 20000 alerts"), "{error}");
    }

    #[test]
    fn names_come_in_any_case_and_what_is_unknown_or_follows_is_ignored() {
        let body = r#"[{"LABELS":{"a":"1","a":null,"b":"x","b":"y"},"x":[{"y":{}}],"StartsAt":"0001-01-01T00:00:00Z"}] {"#;
        let [report] = alerts(body, PostSchema::V2).unwrap().try_into().unwrap();
        assert_eq!(report.labels, [("b".into(), "y".into())]);
        assert_eq!(report.starts_at, None);
        assert_eq!(alerts("null", PostSchema::V2), Ok(vec![]));
    }

    #[test]
    fn wrong_types_are_told_as_go_tells_them() {
        for (text, error) in [
            (
                "{}",
                "json: cannot unmarshal object into Go value of type models.PostableAlerts: expected a list [{...}], found an object",
            ),
            (
                r#"[{"labels":{"a":1}}]"#,
                "json: cannot unmarshal number into Go struct field Alert.labels of type string: expected a string, found a number",
            ),
            (
                r#"[{"labels":[]}]"#,
                "json: cannot unmarshal array into Go struct field Alert.labels of type models.LabelSet: expected an object {...}, found a list",
            ),
            (
                r#"[{"annotations":{"a":1}}]"#,
                "json: cannot unmarshal number into Go struct field .annotations of type string: expected a string, found a number",
            ),
            (
                r#"[{"startsAt":1}]"#,
                "json: cannot unmarshal number into Go struct field .startsAt of type string: expected a string, found a number",
            ),
            (
                r#"[{"generatorURL":1}]"#,
                "json: cannot unmarshal number into Go struct field Alert.generatorURL of type string: expected a string, found a number",
            ),
        ] {
            assert_eq!(malformed(text), error);
        }
        assert!(malformed(r#"[{"startsAt":"yesterday"}]"#).contains("cannot parse"));
    }

    #[test]
    fn the_first_broken_rule_of_a_batch_is_told_but_malformed_goes_first() {
        let required =
            |path: &str| Err(BodyError::Invalid(602, format!("{path} in body is required")));
        assert_eq!(
            alerts(r#"[{"labels":{}},{},{"generatorURL":"x"}]"#, PostSchema::V2),
            required("1.labels")
        );
        assert_eq!(alerts(r#"[{"labels":null}]"#, PostSchema::V2), required("0.labels"));
        assert_eq!(alerts("[null]", PostSchema::V2), required("0"));
        assert!(alerts(r#"[{"generatorURL":"foo"}]"#, PostSchema::V1).is_ok());
        malformed(r#"[{},{"labels":1}]"#);
        let long = "x".repeat(8 << 20);
        for body in [
            format!(r#"[{{"labels":{{}},"generatorURL":"{long}"}}]"#),
            format!(r#"[{{"startsAt":"{long}"}}]"#),
        ] {
            let (BodyError::Malformed(text) | BodyError::Invalid(_, text)) =
                alerts(&body, PostSchema::V2).unwrap_err();
            assert!(text.len() < 4096 && text.contains("... (8388608 bytes)"), "{text}");
        }
        let uri = r#"0.generatorURL in body must be of type uri: "not a url""#.to_owned();
        assert_eq!(
            alerts(r#"[{"generatorURL":"not a url"}]"#, PostSchema::V2),
            Err(BodyError::Invalid(601, uri.clone()))
        );
        let good = r#"{"labels":{},"generatorURL":"http://p/g"}"#;
        let text = format!(r#"[{good},{good},{{"generatorURL":"not a url"}},{good}]"#);
        let third = uri.replace("0.", "2.");
        assert_eq!(alerts(&text, PostSchema::V2), Err(BodyError::Invalid(601, third)));
    }

    const SILENCE: &str = r#"{"comment":"","createdBy":"me","endsAt":"2030-01-01T00:00:00Z",
        "matchers":[{"isRegex":false,"name":"a","value":"b"}],"startsAt":"2029-01-01T00:00:00Z"}"#;

    #[test]
    fn a_silence_lacks_nothing_or_says_what_first() {
        let whole = silence(SILENCE).unwrap();
        assert_eq!((&*whole.id, &*whole.created_by, whole.matchers[0].is_equal), ("", "me", true));
        let without = |key: &str| SILENCE.replace(key, "other");
        for (text, path) in [
            ("null".to_owned(), "comment"),
            (without("createdBy"), "createdBy"),
            (without("endsAt"), "endsAt"),
            (without("matchers"), "matchers"),
            (without("startsAt"), "startsAt"),
            (without("isRegex"), "matchers.0.isRegex"),
            (without("name"), "matchers.0.name"),
            (without("value"), "matchers.0.value"),
            (
                SILENCE.replace(r#"{"isRegex":false,"name":"a","value":"b"}"#, "null"),
                "matchers.0.isRegex",
            ),
        ] {
            let error = BodyError::Invalid(602, format!("{path} in body is required"));
            assert_eq!(silence(&text), Err(error));
        }
        let none = SILENCE.replace(r#"{"isRegex":false,"name":"a","value":"b"}"#, "");
        let error = "matchers in body should have at least 1 items".to_owned();
        assert_eq!(silence(&none), Err(BodyError::Invalid(612, error)));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in any::<Vec<u8>>(), cut in 0..SILENCE.len(), byte in any::<u8>()) {
            drop(alerts(&text(&bytes), PostSchema::V2));
            drop(silence(&text(&bytes)));
            let mut near = SILENCE.as_bytes().to_vec();
            near[cut] = byte;
            drop(silence(&text(&near)));
            drop(silence(&text(&near[..cut])));
            let wrapped = [b"[".as_slice(), &near, b"]"].concat();
            drop(alerts(&text(&wrapped), PostSchema::V2));
        }
    }
}
