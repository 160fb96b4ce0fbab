//! The certificates that the config names are read now and then: one that ends soon is an alert before anything fails.

use std::collections::BTreeMap;
use std::rc::Rc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use smol::LocalExecutor;
use smol::channel::Sender;

use crate::config::web::ServerTls;
use crate::config::{Authorization, Config, Integration, Secret, Tls, Value};
use crate::limits::{CERTIFICATES_INTERVAL, CERTIFICATES_MAX, TLS_FILE_BYTES_MAX};
use crate::node::Validity;
use crate::shell::Event;
use crate::shell::files::Readers;
use crate::time::Mono;
use crate::wire::x509::Certificate;

static READERS: Readers = Readers::new(1);

/// Looks at them.
#[derive(Debug)]
pub(super) struct Certificates {
    executor: Rc<LocalExecutor<'static>>,
    events: Sender<Event>,
    looked_at: Option<Mono>,
}

/// Each certificate by where it stands, and whether it is one of an authority.
type Sources = BTreeMap<String, (Secret, bool)>;

impl Certificates {
    /// Nothing is read before [`Self::look`].
    pub(super) fn new(executor: &Rc<LocalExecutor<'static>>, events: &Sender<Event>) -> Self {
        let executor = Rc::clone(executor);
        Self { executor, events: events.clone(), looked_at: None }
    }

    /// Has the next look read them, whenever they were read last: another config is in force.
    pub(super) fn renew(&mut self) {
        self.looked_at = None;
    }

    /// Reads them, unless that was done a while ago; the loop hears of it.
    pub(super) fn look(&mut self, config: &Config, served: Option<&ServerTls>, now: Mono) {
        if self.looked_at.is_some_and(|at| now.since(at) < CERTIFICATES_INTERVAL) {
            return;
        }
        self.looked_at = Some(now);
        let (sources, events) = (sources(config, served), self.events.clone());
        let looking = async move {
            let mut all = Vec::new();
            for (what, (pem, is_authority)) in sources {
                let pem = match pem {
                    Secret::Inline(text) => text.as_bytes().to_vec(),
                    // Where it cannot be read, who needs it says so.
                    Secret::File(file) => match READERS.read(&file, TLS_FILE_BYTES_MAX).await {
                        Ok(content) => content.bytes,
                        Err(_) => continue,
                    },
                };
                all.extend(validity(what, &pem, is_authority));
            }
            events.send(Event::Certificates(all)).await.ok();
        };
        self.executor.spawn(looking).detach();
    }
}

/// When what stands there is valid: of a chain until its first certificate ends, of authorities until the last one does.
fn validity(what: String, pem: &[u8], is_authority: bool) -> Option<Validity> {
    let found = CertificateDer::pem_slice_iter(pem).flatten();
    let found =
        found.filter_map(|der| Certificate::parse(&der).map(|it| (it.not_after, it.not_before)));
    let (ends, begins) = if is_authority { found.max() } else { found.min() }?;
    Some(Validity { what, begins, ends })
}

fn sources(config: &Config, served: Option<&ServerTls>) -> Sources {
    let mut sources = Sources::new();
    let mut add = |key: &str, secret: &Secret, is_authority| {
        let what = match secret {
            Secret::File(file) => file.display().to_string(),
            Secret::Inline(_) => key.to_owned(),
        };
        if sources.len() < CERTIFICATES_MAX {
            sources.insert(what, (secret.clone(), is_authority));
        }
    };
    if let Some(tls) = served {
        add("web: cert", &tls.cert, false);
        tls.client_ca.iter().for_each(|it| add("web: client_ca", it, true));
    }
    let of_receivers = config
        .receivers
        .iter()
        .flat_map(|receiver| receiver.integrations.iter().map(|it| (&receiver.name, it)));
    let of_heartbeats = config.heartbeats.iter().map(|it| (&it.name, &it.integration));
    for (name, integration) in of_receivers.chain(of_heartbeats) {
        let Integration { http, values, .. } = integration;
        let kind = integration.name();
        let mut tls = |tls: &Tls| {
            tls.ca.iter().for_each(|it| add(&format!("{name}/{kind}: ca"), it, true));
            let cert = tls.identity.iter().map(|it| &it.cert);
            cert.for_each(|it| add(&format!("{name}/{kind}: cert"), it, false));
        };
        tls(&http.tls);
        if let Authorization::OAuth2(it) = &http.authorization {
            tls(&it.tls);
        }
        let own = values.knows("tls_config").then(|| values.table("tls_config")).flatten();
        for key in ["ca", "cert"] {
            if let Some(Value::Secret(it)) = own.and_then(|own| own.get(key)) {
                add(&format!("{name}/{kind}: {key}"), it, key == "ca");
            }
        }
    }
    sources
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::web::ClientAuth;
    use crate::config::{self, Flags, Language};

    fn config(text: &str) -> Config {
        let options = config::LoadOptions {
            file: "test.toml".as_ref(),
            language: Language::Toml,
            flags: &Flags::default(),
            environment: &config::Environment::default(),
            schemas: crate::notify::SCHEMAS,
        };
        Config::load(text.as_bytes(), &options).unwrap().config
    }

    #[test]
    fn every_certificate_of_the_config_is_looked_at_once() {
        let config = config(
            r#"
            [route]
            receiver = "r"
            [global]
            smtp_smarthost = "localhost:25"
            smtp_from = "a@example.org"
            [[receivers]]
            name = "r"
            [[receivers.webhook_configs]]
            url = "https://localhost/"
            http_config = { tls_config = { ca_file = "/ca.pem", cert_file = "/c.pem", key_file = "/k.pem" } }
            [[receivers.webhook_configs]]
            url = "https://localhost/2"
            http_config = { tls_config = { ca_file = "/ca.pem", cert = "-----BEGIN x", key = "-----BEGIN y" } }
            [[receivers.email_configs]]
            to = "b@example.org"
            tls_config = { ca_file = "/mail.pem" }
            "#,
        );
        let served = ServerTls {
            cert: Secret::File("/served.pem".into()),
            key: Secret::File("/served.key".into()),
            client_auth: ClientAuth::None,
            client_ca: None,
            client_allowed_sans: vec![],
            min_version: None,
            max_version: None,
            cipher_suites: vec![],
            curves: vec![],
        };
        let sources = sources(&config, Some(&served));
        let found: Vec<(&str, bool)> = sources.iter().map(|(it, of)| (&**it, of.1)).collect();
        let expected = [
            ("/c.pem", false),
            ("/ca.pem", true),
            ("/mail.pem", true),
            ("/served.pem", false),
            ("r/webhook: cert", false),
        ];
        assert_eq!(found, expected);
    }
}
