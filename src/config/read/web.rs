//! `web.config.file`, and the same keys under `[web]`.

use std::path::{Path, PathBuf};

use crate::config::problem::{Errors, Problem};
use crate::config::read::tls;
use crate::config::table::{Item, Notes, Table};
use crate::config::tree::parse;
use crate::config::web::{
    Admission, CIPHER_SUITES, CURVES, ClientAuth, PasswordHash, Rights, ServerTls, Token, User,
};
use crate::config::{Language, Secret};
use crate::limits::{TOKEN_BYTES_MIN, WEB_NAMES_MAX};

/// Headers that may be added to each answer, as Alertmanager has it.
const HEADERS: [&str; 5] = [
    "Content-Security-Policy",
    "Strict-Transport-Security",
    "X-Content-Type-Options",
    "X-Frame-Options",
    "X-XSS-Protection",
];

/// Finds a file that is named beside the text.
pub(super) type Place<'a> = &'a dyn Fn(&str) -> PathBuf;

/// Reads a whole `web.config.file`. Returns its warnings, too; on errors, all of them.
pub(in crate::config) fn load(
    text: &[u8],
    file: &Path,
) -> Result<(Admission, Vec<Problem>), Errors> {
    let name = file.display().to_string();
    let (tree, ignored) =
        parse(Language::of(file), text).map_err(|problems| Errors::new(&name, problems))?;
    let directory = file.parent().unwrap_or(Path::new(""));
    let notes = Notes::default();
    let admission = Item::root(&notes, &tree).table().map(|root| {
        let admission = read(&root, &|path| directory.join(path));
        root.finish();
        admission
    });
    let (errors, more, mut warnings) = notes.into_parts();
    warnings.extend(ignored);
    match admission {
        Some(admission) if errors.is_empty() => Ok((admission, warnings)),
        _ => Err(Errors { more, ..Errors::new(&name, errors) }),
    }
}

/// The keys of a `web.config.file`, wherever they stand.
pub(super) fn read(table: &Table<'_>, place: Place<'_>) -> Admission {
    let mut admission = Admission {
        tls: table.get("tls_server_config").and_then(|item| server_tls(&item, place)),
        headers: table.get("http_server_config").map(|item| headers(&item)).unwrap_or_default(),
        ..Admission::default()
    };
    if let Some(item) = table.get("rate_limit") {
        item.warn("has no effect here: requests and connections have limits of their own");
    }
    let basic = table.get("basic_auth_users").map(Item::hide);
    for (name, item) in basic.and_then(|item| item.table()).iter().flat_map(Table::entries) {
        let hash = item.text().and_then(|text| item.check(PasswordHash::parse(text)));
        add_user(&mut admission, &item, name, hash, Rights::ReadWrite);
    }
    for item in table.list("users") {
        let Some(table) = item.clone().hide().table() else { continue };
        let hash = table.get("password_hash");
        if hash.is_none() {
            item.error("missing password_hash: make one with htpasswd -nBC 10 NAME");
        }
        let hash = hash.and_then(|item| item.check(PasswordHash::parse(item.text()?)));
        let (name, rights) = (name(&item, &table), rights(&table));
        add_user(&mut admission, &item, name, hash, rights);
        table.finish();
    }
    for item in table.list("tokens") {
        let Some(table) = item.clone().hide().table() else { continue };
        let (name, rights) = (name(&item, &table), rights(&table));
        if admission.tokens.iter().any(|token| token.name == name) {
            item.error("two tokens have this name");
        }
        let secret = secret(&table, "token", "token_file", place);
        let is_short =
            |secret: &Secret| secret.inline().is_some_and(|it| it.len() < TOKEN_BYTES_MIN);
        match secret {
            None => item.error("one of token and token_file must be set"),
            Some(secret) if is_short(&secret) => item.error(format_args!(
                "the token has fewer than {TOKEN_BYTES_MIN} characters: make one with openssl rand -hex 32"
            )),
            Some(secret) => admission.tokens.push(Token { name: name.to_owned(), secret, rights }),
        }
        table.finish();
    }
    if admission.users.len() + admission.tokens.len() > WEB_NAMES_MAX {
        table.item.error(format_args!("more than {WEB_NAMES_MAX} users and tokens"));
    }
    admission
}

fn name<'a>(item: &Item<'_>, table: &Table<'a>) -> &'a str {
    let name = table.text("name").unwrap_or_default();
    if name.is_empty() {
        item.error("missing name");
    }
    name
}

fn rights(table: &Table<'_>) -> Rights {
    let Some(item) = table.get("rights") else { return Rights::default() };
    let text = item.text();
    let known = Rights::ALL.into_iter().find(|rights| Some(rights.as_str()) == text);
    if known.is_none() && text.is_some() {
        item.error(format_args!("expected one of {}", Rights::ALL.map(Rights::as_str).join(", ")));
    }
    known.unwrap_or_default()
}

fn add_user(
    admission: &mut Admission,
    item: &Item<'_>,
    name: &str,
    hash: Option<PasswordHash>,
    rights: Rights,
) {
    if name.contains(':') {
        item.error("a user's name cannot have a colon in it");
    }
    if admission.users.iter().any(|user| user.name == name) {
        item.error("two users have this name");
    }
    admission.users.extend(hash.map(|hash| User { name: name.to_owned(), hash, rights }));
}

fn secret(
    table: &Table<'_>,
    inline: &'static str,
    file: &'static str,
    place: Place<'_>,
) -> Option<Secret> {
    let (key, item) = table.one_of(&[inline, file])?;
    let text = item.text().filter(|text| !text.is_empty())?;
    Some(if key == file { Secret::File(place(text)) } else { Secret::Inline(text.into()) })
}

fn headers(item: &Item<'_>) -> Vec<(String, String)> {
    let Some(table) = item.table() else { return Vec::new() };
    // There is nothing but HTTP/1.1 here, which every client speaks.
    table.boolean("http2");
    let section = table.get("headers").and_then(|item| item.table());
    let mut headers = Vec::new();
    for (name, item) in section.iter().flat_map(Table::entries) {
        let known = HEADERS.iter().find(|known| known.eq_ignore_ascii_case(name));
        match (known, item.text()) {
            (None, _) => {
                item.error(format_args!("only these headers can be set: {}", HEADERS.join(", ")));
            }
            (_, Some(text)) if text.contains(|c: char| c.is_control() || !c.is_ascii()) => {
                item.error("has characters that no header can carry");
            }
            (Some(name), Some(text)) => headers.push(((*name).to_owned(), text.to_owned())),
            (Some(_), None) => {}
        }
    }
    table.finish();
    headers
}

/// None if an error has been noted, or if the section says nothing.
fn server_tls(item: &Item<'_>, place: Place<'_>) -> Option<ServerTls> {
    let item = item.clone().hide();
    if item.is_empty() {
        return None;
    }
    let table = item.table()?;
    let cert = secret(&table, "cert", "cert_file", place);
    let key = secret(&table, "key", "key_file", place);
    if cert.is_none() {
        item.error("missing cert_file");
    }
    if key.is_none() {
        item.error("missing key_file");
    }
    let client_ca = secret(&table, "client_ca", "client_ca_file", place);
    let client_auth =
        table.get("client_auth_type").map_or(ClientAuth::None, |item| client_auth(&item));
    let verifies = matches!(client_auth, ClientAuth::VerifyIfGiven | ClientAuth::RequireAndVerify);
    if verifies && client_ca.is_none() {
        item.error("client_auth_type asks for the authority of clients: set client_ca_file");
    } else if !verifies && client_ca.is_some() {
        item.error("client_ca_file is set, but client_auth_type verifies nobody: set it to RequireAndVerifyClientCert");
    }
    let client_allowed_sans: Vec<String> =
        table.texts("client_allowed_sans").into_iter().map(|(_, name)| name.to_owned()).collect();
    if !verifies && !client_allowed_sans.is_empty() {
        item.error("client_allowed_sans needs client_auth_type: RequireAndVerifyClientCert");
    }
    table.boolean("prefer_server_cipher_suites");
    let version = |key| table.get(key).and_then(|item| tls::version(&item, key));
    let (min_version, max_version) = (version("min_version"), version("max_version"));
    if min_version.zip(max_version).is_some_and(|(min, max)| min > max) {
        item.error("min_version is greater than max_version");
    }
    let tls = ServerTls {
        cert: cert?,
        key: key?,
        client_auth,
        client_ca,
        client_allowed_sans,
        min_version,
        max_version,
        cipher_suites: chosen(&table, "cipher_suites", &CIPHER_SUITES),
        curves: chosen(&table, "curve_preferences", &CURVES),
    };
    table.finish();
    Some(tls)
}

fn client_auth(item: &Item<'_>) -> ClientAuth {
    let known = [
        ("NoClientCert", ClientAuth::None),
        ("RequestClientCert", ClientAuth::Request),
        ("RequireAnyClientCert", ClientAuth::RequireAny),
        ("VerifyClientCertIfGiven", ClientAuth::VerifyIfGiven),
        ("RequireAndVerifyClientCert", ClientAuth::RequireAndVerify),
    ];
    let Some(text) = item.text().filter(|text| !text.is_empty()) else { return ClientAuth::None };
    let found = known.iter().find(|(name, _)| *name == text);
    if found.is_none() {
        item.error(format_args!("expected one of {}", known.map(|(name, _)| name).join(", ")));
    }
    found.map_or(ClientAuth::None, |(_, way)| *way)
}

/// Of the words of a list those that are known; others are told, for Go knows more.
fn chosen(table: &Table<'_>, key: &'static str, known: &[&'static str]) -> Vec<&'static str> {
    let mut found = Vec::new();
    for (item, text) in table.texts(key) {
        match known.iter().find(|name| **name == text || name.strip_suffix("_SHA256") == Some(text))
        {
            Some(name) => found.push(*name),
            // Those of TLS 1.3 are always spoken.
            None if text.starts_with("TLS_AES_") || text.starts_with("TLS_CHACHA20_") => {}
            None => {
                item.warn(format_args!("{text:?} is not spoken here; known: {}", known.join(", ")));
            }
        }
    }
    if found.is_empty() && !table.texts(key).is_empty() {
        let item = table.get(key);
        if let Some(item) = item {
            item.warn("none of them is spoken here: all that are known are spoken");
        }
    }
    found
}
