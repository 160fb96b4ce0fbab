//! `tls_config`, of whatever goes out.

use crate::config::read::Cx;
use crate::config::table::{Item, Table};
use crate::config::tree::Value;
use crate::config::{Identity, Secret, Tls, TlsVersion};
use crate::model::base64;

/// The section under this key.
pub(super) fn read(table: &Table<'_>, key: &'static str, cx: &Cx<'_>) -> Tls {
    let Some(item) = table.get(key) else { return Tls::default() };
    let Some(table) = item.table() else { return Tls::default() };
    let version = |key| table.get(key).and_then(|item| version(&item, key));
    let tls = Tls {
        ca: material(&table, "ca", "ca_file", cx),
        identity: identity(&table, cx),
        server_name: table.text("server_name").filter(|name| !name.is_empty()).map(str::to_owned),
        insecure_skip_verify: table.boolean("insecure_skip_verify").unwrap_or(false),
        min_version: version("min_version"),
        max_version: version("max_version"),
        pins: pins(&table),
    };
    if let (Some(min), Some(max)) = (tls.min_version, tls.max_version)
        && min > max
    {
        item.error(format_args!(
            "min_version {} is greater than max_version {}",
            min.as_str(),
            max.as_str()
        ));
    }
    table.finish();
    tls
}

fn identity(table: &Table<'_>, cx: &Cx<'_>) -> Option<Identity> {
    let cert = material(table, "cert", "cert_file", cx);
    let key = material(table, "key", "key_file", cx);
    match (cert, key) {
        (Some(cert), Some(key)) => Some(Identity { cert, key }),
        (None, None) => None,
        (Some(_), None) => {
            table.item.error("a client certificate needs its key: set key or key_file");
            None
        }
        (None, Some(_)) => {
            table.item.error("a client key needs its certificate: set cert or cert_file");
            None
        }
    }
}

/// PEM that stands here or in a file; an empty text is none.
fn material(
    table: &Table<'_>,
    inline: &'static str,
    file: &'static str,
    cx: &Cx<'_>,
) -> Option<Secret> {
    let (key, item) = table.one_of(&[inline, file])?;
    let text = item.text().filter(|text| !text.is_empty())?;
    if key == file {
        return Some(Secret::File(cx.path(text)));
    }
    if !text.contains("-----BEGIN ") {
        item.error(format_args!("expected PEM (-----BEGIN ...); a file is named by {file}"));
    }
    Some(Secret::Inline(text.into()))
}

pub(super) fn version(item: &Item<'_>, key: &str) -> Option<TlsVersion> {
    match item.text()? {
        "" => None,
        "TLS12" => Some(TlsVersion::V12),
        "TLS13" => Some(TlsVersion::V13),
        // Nothing older is spoken, so as a lower bound it changes nothing.
        old @ ("TLS10" | "TLS11") if key == "min_version" => {
            item.warn(format_args!("{old} is not spoken here: the least is TLS12"));
            None
        }
        other => {
            item.error(format_args!("expected TLS12 or TLS13, found {other:?}"));
            None
        }
    }
}

/// One text or a list of them.
fn pins(table: &Table<'_>) -> Vec<[u8; 32]> {
    let Some(item) = table.get("pin_sha256") else { return Vec::new() };
    let texts = match &item.node.value {
        Value::List(_) => item.texts(),
        _ => item.text().map(|text| (item.clone(), text)).into_iter().collect(),
    };
    let pin = |(item, text): (Item<'_>, &str)| {
        let hash = base64::decode(text.strip_prefix("sha256//").unwrap_or(text));
        let hash = hash.and_then(|hash| <[u8; 32]>::try_from(hash).ok());
        if hash.is_none() {
            item.error(
                "expected base64 of the SHA-256 of a public key: 44 characters. To compute it: openssl x509 -in CERT \
                 -pubkey -noout | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64",
            );
        }
        hash
    };
    texts.into_iter().filter_map(pin).collect()
}
