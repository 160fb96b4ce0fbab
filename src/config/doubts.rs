//! Whether a configuration that is legal leaves a door open, or may not do what it seems to: for `check-config`, whose exit code it does not change.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::PathBuf;

use crate::config::settings::{Address, Settings, Web};
use crate::config::web::ClientAuth;
use crate::config::{
    Admission, Authorization, Http, Integration, Loaded, Problem, Proxy, Secret, Takes, Value,
};
use crate::model::{Mailbox, Url};

/// How many places one warning names.
const NAMED_MAX: usize = 5;

/// Receiver types whose service keeps a state for each group.
const STATE_PER_GROUP: [&str; 7] =
    ["alertmanager", "incidentio", "jira", "mqtt", "opsgenie", "pagerduty", "victorops"];

/// Each door that is left open, and how to close it. `admission` is what the HTTP side is served with: `[web]`'s own rules,
/// or those of its file.
pub fn doubts(loaded: &Loaded, admission: &Admission) -> Vec<Problem> {
    let mut found = Vec::new();
    let mut doubt = |path: &str, text: String| {
        found.push(Problem { line: 0, path: path.to_owned(), text });
    };
    // Those of the file of `web.config_file` do not stand in this one.
    let elsewhere = Admission::default();
    let has_file = loaded.settings.web.config_file.is_some();
    let inline = inline_secrets(loaded, if has_file { &elsewhere } else { admission });
    if !inline.is_empty() {
        let named: Vec<&str> = inline.iter().take(NAMED_MAX).map(String::as_str).collect();
        let more = if inline.len() > NAMED_MAX { ", ..." } else { "" };
        doubt(
            "",
            format!(
                "{} secrets stand in the file itself ({}{more}): anybody who may read it has them; keep each in a file of its own and name that with the key that ends in _file",
                inline.len(),
                named.join(", ")
            ),
        );
    }
    for (at, receiver) in loaded.config.receivers.iter().enumerate() {
        let keeps = |it: &&Integration| STATE_PER_GROUP.contains(&it.name());
        if let Some(it) = receiver.integrations.iter().find(keeps)
            && receiver.is_limited()
        {
            let text = format!(
                "{} keeps a state for each group, and a digest of several groups is none of them: what it has opened for a group may stay open; set no rate_limit and no budget there",
                it.schema.section
            );
            doubt(&format!("receivers[{at}]"), text);
        }
        let mails = receiver.integrations.iter().filter(|it| it.name() == "email");
        for (number, it) in mails.enumerate() {
            for key in ["to", "from"] {
                let plain = it.values.source(key).filter(|text| !text.contains("{{"));
                if let Some(Err(why)) = plain.map(Mailbox::list) {
                    let path = format!("receivers[{at}].email_configs[{number}].{key}");
                    doubt(&path, format!("{why}: no mail will leave"));
                }
            }
        }
    }
    if let Some(text) = open_door(&loaded.settings.web, admission) {
        doubt("web.listen_addresses", text);
    }
    if let Some(text) = unsealed(&loaded.settings) {
        doubt("cluster.key_files", text);
    }
    found
}

/// Why HTTP beyond this machine lets in anybody, or lets passwords be read.
pub fn open_door(web: &Web, admission: &Admission) -> Option<String> {
    let open = web.listen_addresses.iter().filter(|listener| !listener.is_local());
    let open: Vec<String> = open.map(ToString::to_string).collect();
    if open.is_empty() {
        return None;
    }
    // Any other type lets those in that have no certificate, or one that they have made themselves.
    let verifies =
        admission.tls.as_ref().is_some_and(|tls| tls.client_auth == ClientAuth::RequireAndVerify);
    let (lacks, remedy) = if admission.is_open() && !verifies {
        (
            "users or tokens: anybody who reaches it can silence every alert",
            "web.users, web.tokens or web.config_file, or listen on 127.0.0.1",
        )
    } else if admission.tls.is_none() {
        ("TLS: passwords and tokens can be read on the way", "tls_server_config")
    } else {
        return None;
    };
    Some(format!("HTTP is served on {} without {lacks}; set {remedy}", open.join(", ")))
}

/// A flock without a key, and worse, one that strangers reach.
fn unsealed(settings: &Settings) -> Option<String> {
    let cluster = &settings.cluster;
    let port = cluster.port()?;
    if !cluster.key_files.is_empty() {
        return None;
    }
    let public = cluster
        .advertise_address
        .iter()
        .chain([&port])
        .chain(&cluster.peers)
        .find(|it| is_public(it));
    Some(match public {
        Some(address) => format!(
            "THE FLOCK IS NOT SEALED and {address} is a public address: anybody on the Internet can silence every alert; run `bellwether key new` and give each member the key"
        ),
        None => "the flock has no key: anybody who reaches its port can silence every alert; run `bellwether key new` and give each member the key".to_owned(),
    })
}

/// Whether an address is one of the Internet's: neither private nor of this link or machine.
fn is_public(address: &Address) -> bool {
    match address.host.parse() {
        Ok(IpAddr::V4(ip)) => {
            let shared = ip.octets()[0] == 100 && ip.octets()[1] & 0xc0 == 64;
            !(ip.is_private()
                || ip.is_loopback()
                || ip.is_link_local()
                || ip.is_unspecified()
                || shared)
        }
        Ok(IpAddr::V6(ip)) => {
            !(ip.is_unique_local()
                || ip.is_loopback()
                || ip.is_unicast_link_local()
                || ip.is_unspecified())
        }
        // A name may stand for anything.
        Err(_) => false,
    }
}

/// The places of secrets that stand in the text, each once.
fn inline_secrets(loaded: &Loaded, admission: &Admission) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    secrets(loaded, admission, &mut |path, secret| {
        if secret.is_none_or(|secret| secret.inline().is_some_and(|text| !text.is_empty())) {
            found.insert(path);
        }
    });
    // Of `global`, what no receiver has got from it is still to be read there.
    let global = loaded.config.original.split("\nroute:").next().unwrap_or_default();
    if found.is_empty() && global.contains("<secret>") {
        found.insert("global".to_owned());
    }
    found
}

/// Every file of a secret, and the key that names it.
pub fn secret_files(loaded: &Loaded, admission: &Admission) -> BTreeSet<(PathBuf, String)> {
    let mut found = BTreeSet::new();
    secrets(loaded, admission, &mut |path, secret| {
        if let Some(Secret::File(file)) = secret {
            found.insert((file.clone(), path));
        }
    });
    found
}

/// Every secret that the text sets, with its place; none is a template, which stands there.
fn secrets(loaded: &Loaded, admission: &Admission, visit: &mut dyn FnMut(String, Option<&Secret>)) {
    let of_receivers = loaded.config.receivers.iter().enumerate().flat_map(|(at, receiver)| {
        let place =
            move |it: &Integration| format!("receivers[{at}].{}[{}]", it.schema.section, it.index);
        receiver.integrations.iter().map(move |it| (place(it), it))
    });
    let heartbeats = loaded.config.heartbeats.iter().enumerate();
    let heartbeats = heartbeats.map(|(at, it)| (format!("heartbeat[{at}]"), &it.integration));
    for (before, it) in of_receivers.chain(heartbeats) {
        it.values.leaves(&mut |key, value| {
            // Where a notification goes is no secret by itself, and a default is none at all.
            let is_secret = key.name != "url" && key.default.is_empty();
            let nested = matches!(key.takes, Takes::Table(_) | Takes::Tables(_) | Takes::Short(_));
            let path = format!("{before}.{}", key.name);
            match value {
                Value::Secret(secret @ Secret::File(_)) => visit(path, Some(secret)),
                Value::Secret(secret) if is_secret || nested => visit(path, Some(secret)),
                Value::Template(template) if template.secret && is_secret => visit(path, None),
                _ => {}
            }
        });
        for (key, value) in it.values.iter() {
            if key.takes.is_url() && value.is_some_and(has_password) {
                visit(format!("{before}.{}", key.name), None);
            }
        }
        http_secrets(&it.http, &format!("{before}.http_config"), visit);
    }
    if let Some(tls) = &admission.tls {
        visit("tls_server_config.key".to_owned(), Some(&tls.key));
    }
    for token in &admission.tokens {
        visit(format!("tokens.{}", token.name), Some(&token.secret));
    }
}

/// Whether a URL has a password in itself: `https://user:password@host/`. Where it is rendered there is none.
fn has_password(url: &Value) -> bool {
    let text = match url {
        Value::Secret(secret) => secret.inline().unwrap_or_default(),
        Value::Template(template) => template.source.split("{{").next().unwrap_or_default(),
        Value::Text(text) => text,
        _ => "",
    };
    Url::without_password(text).is_some()
}

/// Whether a header or a parameter of this name is likely to be a secret.
pub fn sounds_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let words = [
        "auth",
        "key",
        "token",
        "secret",
        "assertion",
        "cookie",
        "cred",
        "session",
        "jwt",
        "passw",
        "passphrase",
        "signature",
    ];
    let ends = ["pass", "pwd", "pin", "sig", "sign"];
    words.iter().any(|word| name.contains(word)) || ends.iter().any(|end| name.ends_with(end))
}

fn http_secrets(http: &Http, before: &str, visit: &mut dyn FnMut(String, Option<&Secret>)) {
    let mut visit = |key: &str, secret: Option<&Secret>| visit(format!("{before}.{key}"), secret);
    let in_url = |url: &Url| url.user().is_some_and(|user| !user.password.is_empty());
    let in_proxy = |proxy: &Proxy| {
        !proxy.from_environment && proxy.http.iter().chain(&proxy.https).any(in_url)
    };
    if in_proxy(&http.proxy) {
        visit("proxy_url", None);
    }
    for (name, secret) in &http.headers {
        // An inline text may be one of `values`, which is none.
        if secret.inline().is_none() || sounds_secret(name) {
            visit(&format!("http_headers.{name}"), Some(secret));
        }
    }
    if let Authorization::OAuth2(oauth2) = &http.authorization {
        if in_url(&oauth2.token_url) {
            visit("oauth2.token_url", None);
        }
        if in_proxy(&oauth2.proxy) {
            visit("oauth2.proxy_url", None);
        }
        for (name, _) in oauth2.endpoint_params.iter().filter(|(name, _)| sounds_secret(name)) {
            visit(&format!("oauth2.endpoint_params.{name}"), None);
        }
        for (_, secret) in &oauth2.proxy.connect_headers {
            visit("oauth2.proxy_connect_header", Some(secret));
        }
        if let Some(token) = &oauth2.refresh_token {
            visit("oauth2.refresh_token", Some(token));
        }
        if let Some(identity) = &oauth2.tls.identity {
            visit("oauth2.tls_config.key", Some(&identity.key));
        }
    }
    let mut at = |key: &str, secret: &Secret| visit(key, Some(secret));
    match &http.authorization {
        Authorization::None => {}
        Authorization::Basic { password, .. } => at("basic_auth.password", password),
        Authorization::Scheme(_, secret) => at("authorization.credentials", secret),
        Authorization::OAuth2(oauth2) => at("oauth2.client_secret", &oauth2.client_secret),
    }
    if let Some(identity) = &http.tls.identity {
        at("tls_config.key", &identity.key);
    }
    for (_, secret) in &http.proxy.connect_headers {
        at("proxy_connect_header", secret);
    }
}
