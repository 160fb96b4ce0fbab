//! `bellwether check-config [FILE...]`: checks configurations without running them.

use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::Path;

use super::{Cx, Outcome, usage};
use crate::config::flags::choose_config;
use crate::config::{
    Admission, Config, DEFAULT, Environment, Errors, Flags, Language, LoadOptions, Loaded, Problem,
    Route, Takes, Value, check_mode, doubts, secret_files,
};
use crate::limits::CONFIG_BYTES_MAX;
use crate::notify::SCHEMAS;
use crate::shell::files::{self, FileContent};
use crate::shell::keys::{self, Places};
use crate::shell::{clock, templates};
use crate::template::{Data, Renderer, Templates};

/// The file that amtool checks where it is given none.
const STDIN: &str = "/dev/stdin";

pub(super) fn run(cx: &mut Cx<'_>) -> Outcome {
    let mut files: Vec<OsString> = cx.args.words.iter().map(OsString::from).collect();
    if files.is_empty() && cx.is_amtool {
        let is_device = |it: std::fs::Metadata| it.file_type().is_char_device();
        if std::fs::metadata(STDIN).is_ok_and(is_device) {
            return Err(usage("expected a file, or a config on standard input"));
        }
        files.push(STDIN.into());
    }
    if files.is_empty() && std::fs::metadata(STDIN).is_ok_and(|it| it.is_file()) {
        let why = "standard input is a file, and no FILE is named: name it, or /dev/stdin for YAML";
        return Err(usage(why));
    }
    let wrong = check_all(&mut files, &mut cx.out)?;
    match wrong {
        0 => Ok(0),
        _ if cx.is_amtool => Err(format!("failed to validate {wrong} file(s)").into()),
        _ => Ok(1),
    }
}

/// How many of the files are wrong.
fn check_all(files: &mut Vec<OsString>, out: &mut dyn Write) -> io::Result<usize> {
    if files.is_empty() {
        files.extend(choose_config(None, Path::exists).map(OsString::from));
    }
    if files.is_empty() {
        let checked = check(Path::new("the built-in default"), Language::Toml, DEFAULT.as_bytes());
        return report("the built-in default", checked, &[], out)
            .map(|is_right| usize::from(!is_right));
    }
    let mut wrong = 0;
    for file in &*files {
        let path = Path::new(file);
        let (checked, warnings) = match files::read_any(path, CONFIG_BYTES_MAX) {
            Ok(FileContent { bytes, mode, .. }) => {
                let checked = check(path, Language::of(path), &bytes);
                let checked = checked
                    .and_then(|loaded| check_keys(path, loaded))
                    .and_then(|loaded| check_templates(path, loaded))
                    .and_then(|loaded| check_doors(path, loaded, mode));
                match checked {
                    Ok((loaded, warnings)) => (Ok(loaded), warnings),
                    Err(errors) => (Err(errors), Vec::new()),
                }
            }
            Err(error) => {
                let problem = Problem {
                    line: 0,
                    path: String::new(),
                    text: format!("cannot be read: {error}"),
                };
                (Err(Errors::new(&path.display().to_string(), vec![problem])), Vec::new())
            }
        };
        let is_right = report(&path.display().to_string(), checked, &warnings, out)?;
        wrong += usize::from(!is_right);
    }
    Ok(wrong)
}

fn check(file: &Path, language: Language, text: &[u8]) -> Result<Loaded, Errors> {
    let flags = &Flags::default();
    Config::load(
        text,
        &LoadOptions {
            file,
            language,
            flags,
            environment: &Environment::default(),
            schemas: SCHEMAS,
        },
    )
}

/// Reads the keys of the flock as the daemon does.
fn check_keys(file: &Path, loaded: Loaded) -> Result<Loaded, Errors> {
    let directory = file.parent().unwrap_or(Path::new("")).to_owned();
    let keys =
        keys::read(&loaded.settings.cluster.key_files, &Places { credentials: None, directory });
    let Err(error) = keys else { return Ok(loaded) };
    let text = match error {
        keys::KeysError::Unreadable(..) => {
            format!("{error}; where the agent cannot read it there is no flock, and it is alone")
        }
        keys::KeysError::Wrong(why) => why,
    };
    let problem = Problem { line: 0, path: "cluster.key_files".to_owned(), text };
    Err(Errors::new(&file.display().to_string(), vec![problem]))
}

/// Reads the file of `web.config_file`, and finds the doors that are left open; `mode` is the config's own.
fn check_doors(file: &Path, loaded: Loaded, mode: u32) -> Result<(Loaded, Vec<Problem>), Errors> {
    let mut warnings: Vec<Problem> = check_mode(mode).into_iter().collect();
    let mut admission = loaded.settings.web.admission.clone();
    if let Some(web) = &loaded.settings.web.config_file {
        let content = files::read_any(web, CONFIG_BYTES_MAX).map_err(|error| {
            let text = format!("{} cannot be read: {error}", web.display());
            let problem = Problem { line: 0, path: "web.config_file".to_owned(), text };
            Errors::new(&file.display().to_string(), vec![problem])
        })?;
        let (read, more) = Admission::load(&content.bytes, web)?;
        admission = read;
        warnings.extend(more);
        let at = |text: String| {
            let text = format!("{}: {text}", web.display());
            Problem { line: 0, path: "web.config_file".to_owned(), text }
        };
        warnings.extend(check_mode(content.mode).map(|it| at(it.text)));
        let has_key = admission.tls.as_ref().is_some_and(|tls| tls.key.inline().is_some());
        if content.mode & 0o004 != 0 && (has_key || !admission.is_open()) {
            let what = if has_key { "the key of the certificate" } else { "whom it lets in" };
            warnings.push(at(format!(
                "anybody on this machine can read {what}: take the right away with chmod o-r"
            )));
        }
    }
    let doubts = doubts(&loaded, &admission);
    if mode & 0o004 != 0 && doubts.iter().any(|doubt| doubt.path.is_empty()) {
        warnings.push(Problem {
            line: 0,
            path: String::new(),
            text: "anybody on this machine can read this file, which holds secrets: take the right away with chmod o-r"
                .to_owned(),
        });
    }
    warnings.extend(doubts);
    let keys = loaded.settings.cluster.key_files.iter().map(|key| {
        (file.parent().unwrap_or(Path::new("")).join(key), "cluster.key_files".to_owned())
    });
    for (secret, path) in secret_files(&loaded, &admission).into_iter().chain(keys) {
        // One that is not there yet is no door.
        let mode = std::fs::metadata(&secret).map_or(0, |it| it.permissions().mode());
        if mode & 0o004 != 0 {
            let text = format!(
                "{}: anybody on this machine can read this secret: take the right away with chmod o-r",
                secret.display()
            );
            warnings.push(Problem { line: 0, path, text });
        }
    }
    Ok((loaded, warnings))
}

/// Reads the files of `templates` and renders every template of the receivers for a sample that fires, and one that is
/// resolved.
fn check_templates(file: &Path, loaded: Loaded) -> Result<Loaded, Errors> {
    let name = file.display().to_string();
    let templates = templates::load(&loaded.templates).map_err(|why| {
        let problems = why.lines().map(|line| Problem {
            line: 0,
            path: "templates".to_owned(),
            text: line.to_owned(),
        });
        Errors::new(&name, problems.collect())
    })?;
    let samples = [false, true].map(|resolved| Data::sample(resolved, clock::wall()));
    let mut problems = Vec::new();
    check_route_labels(&loaded.config.route, &templates, &samples, &mut problems);
    for integration in loaded.config.receivers.iter().flat_map(|receiver| &receiver.integrations) {
        let renderers = samples.each_ref().map(|data| templates.for_notification(data));
        integration.values.leaves(&mut |key, value| {
            let Value::Template(template) = value else { return };
            let render = |renderer: &Renderer<'_>| {
                let render = if template.html { Renderer::html } else { Renderer::text };
                render(renderer, &template.source)
            };
            if let Some(error) = renderers.iter().find_map(|renderer| render(renderer).err()) {
                let (line, path) = (template.line, template.path.to_string());
                // The content of a secret is not shown; of a URL it stands around its expressions.
                let why = match key.takes {
                    Takes::SecretTemplate(_) => error.of_a_secret().text,
                    _ if template.secret => error.text,
                    _ => error.to_string(),
                };
                problems.push(Problem { line, path, text: format!("would fail: {why}") });
            }
        });
    }
    if problems.is_empty() { Ok(loaded) } else { Err(Errors::new(&name, problems)) }
}

/// Renders the labels of routes, down to the first that fails on each way.
fn check_route_labels(
    route: &Route,
    templates: &Templates,
    samples: &[Data],
    problems: &mut Vec<Problem>,
) {
    let labels = route.labels.to_labels();
    let failed = samples.iter().find_map(|data| {
        let (_, failed) = templates.route_labels(&labels, data);
        failed.into_iter().next()
    });
    if let Some((name, error)) = failed {
        let path = format!("labels.{name} of the route to {}", route.receiver);
        problems.push(Problem { line: 0, path, text: format!("would fail: {error}") });
        // Those below may have the same labels.
        return;
    }
    for below in &route.routes {
        check_route_labels(below, templates, samples, problems);
    }
}

fn report(
    name: &str,
    checked: Result<Loaded, Errors>,
    warnings: &[Problem],
    out: &mut dyn Write,
) -> io::Result<bool> {
    let loaded = match checked {
        Ok(loaded) => loaded,
        Err(errors) => {
            let count = errors.problems.len() + errors.more;
            let noun = if count == 1 { "error" } else { "errors" };
            writeln!(out, "Checking '{name}'  FAILED: {count} {noun}")?;
            writeln!(out, "{errors}\n")?;
            return Ok(false);
        }
    };
    writeln!(out, "Checking '{name}'  SUCCESS")?;
    writeln!(out, "Found:")?;
    writeln!(out, " - global config")?;
    writeln!(out, " - route")?;
    let config = &loaded.config;
    writeln!(out, " - {} inhibit rules", config.inhibit_rules.len())?;
    writeln!(out, " - {} receivers", config.receivers.len())?;
    writeln!(out, " - {} templates", loaded.templates.len())?;
    if !loaded.templates.is_empty() {
        // amtool's word for it that they were read.
        writeln!(out, "  SUCCESS")?;
    }
    if !config.time_intervals.is_empty() {
        writeln!(out, " - {} time intervals", config.time_intervals.len())?;
    }
    for problem in warnings.iter().chain(&loaded.warnings) {
        let gap = if problem.line == 0 { " " } else { "" };
        writeln!(out, "Warning: {name}:{gap}{problem}")?;
    }
    writeln!(out)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(args: &[&str]) -> (u8, String) {
        let (code, out, _) = super::super::testing::told(&[&["check-config"], args].concat());
        (code, out)
    }

    #[test]
    fn a_right_file_is_a_success_and_told_in_numbers() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/configs/alertmanager.yml");
        let (code, out) = checked(&[file]);
        let expected = format!(
            "Checking '{file}'  SUCCESS\nFound:\n - global config\n - route\n - 1 inhibit rules\n - 3 receivers\n \
             - 0 templates\n - 1 time intervals\n"
        );
        assert!(code == 0 && out.starts_with(&expected), "{out}");
        assert!(out.contains("1 secrets stand in the file itself (receivers["), "{out}");
    }

    #[test]
    fn templates_that_were_read_are_a_success_of_their_own() {
        let folder = std::env::temp_dir().join(format!("bellwether-tmpl-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let config = folder.join("a.yml");
        let text = "route: {receiver: x}\nreceivers: [{name: x}]\ntemplates: ['*.tmpl']\n";
        std::fs::write(&config, text).unwrap();
        std::fs::write(folder.join("a.tmpl"), "{{ define \"a\" }}{{ end }}").unwrap();
        let (code, out) = checked(&[config.to_str().unwrap()]);
        std::fs::remove_dir_all(folder).unwrap();
        assert!(code == 0 && out.ends_with(" - 1 templates\n  SUCCESS\n\n"), "{out}");
    }

    #[test]
    fn a_wrong_file_fails_and_the_others_are_checked_too() {
        let right = concat!(env!("CARGO_MANIFEST_DIR"), "/configs/minimal.toml");
        let wrong = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        let (code, out) = checked(&["/nonexistent.yml", wrong, right]);
        assert_eq!(code, 1);
        assert!(
            out.contains(
                "Checking '/nonexistent.yml'  FAILED: 1 error\n/nonexistent.yml: cannot be read: "
            ),
            "{out}"
        );
        assert!(out.contains("/Cargo.toml:1: package: unknown key \"package\""), "{out}");
        assert!(out.contains("minimal.toml'  SUCCESS"), "{out}");
    }

    #[test]
    fn a_key_that_is_none_fails_and_so_does_one_that_is_not_here() {
        let folder = std::env::temp_dir().join(format!("bellwether-check-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let config = folder.join("a.toml");
        let text = "[route]\nreceiver = 'x'\n[[receivers]]\nname = 'x'\n[cluster]\nkey_files = ['flock.key']\n";
        std::fs::write(&config, text).unwrap();
        let (code, out) = checked(&[config.to_str().unwrap()]);
        assert!(code == 1 && out.contains("FAILED: 1 error"), "{out}");
        assert!(
            out.contains(": cluster.key_files: ") && out.contains("/flock.key cannot be read: "),
            "{out}"
        );
        std::fs::write(folder.join("flock.key"), "hunter2").unwrap();
        let (code, out) = checked(&[config.to_str().unwrap()]);
        assert!(code == 1 && out.contains("FAILED: 1 error"), "{out}");
        assert!(out.contains("cluster.key_files: ") && !out.contains("hunter2"), "{out}");
        let key = crate::wire::key::print(&(0..32).collect::<Vec<u8>>());
        let file = folder.join("flock.key");
        std::fs::write(&file, key).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        let (code, out) = checked(&[config.to_str().unwrap()]);
        std::fs::remove_dir_all(folder).unwrap();
        assert!(code == 0 && !out.contains("Warning"), "{out}");
    }

    #[test]
    fn an_invalid_address_is_warned_of_and_the_agent_starts() {
        let folder = std::env::temp_dir().join(format!("bellwether-mail-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let config = folder.join("a.yml");
        let text = "route: {receiver: x}\nreceivers: [{name: x, email_configs: [{to: '${TO}', from: a@x, smarthost: 'm:1'}]}]\n";
        std::fs::write(&config, text).unwrap();
        let (code, out) = checked(&[config.to_str().unwrap()]);
        std::fs::remove_dir_all(folder).unwrap();
        assert_eq!(code, 0, "{out}");
        let expected =
            "receivers[0].email_configs[0].to: \"${TO}\": the address has no @: no mail will leave";
        assert!(out.contains(expected), "{out}");
    }

    const HASH: &str = "$2y$05$abcdefghijklmnopqrstuuoXuKqgZXLiJqzfmMXDDhSFPIvxV7t8.";

    /// The output of a check of this text, with what every config needs behind it; it is taken.
    fn taken(config: &Path, text: &str) -> String {
        let rest = "[route]\nreceiver = 'x'\n[[receivers]]\nname = 'x'\n";
        std::fs::write(config, format!("{text}\n{rest}")).unwrap();
        std::fs::set_permissions(config, std::fs::Permissions::from_mode(0o600)).unwrap();
        let (code, out) = checked(&[config.to_str().unwrap()]);
        assert_eq!(code, 0, "{out}");
        out
    }

    #[test]
    fn doors_that_are_left_open_are_warned_of() {
        let folder = std::env::temp_dir().join(format!("bellwether-doors-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let config = folder.join("a.toml");
        let told = |text: &str| taken(&config, text);
        assert!(!told("").contains("Warning"));
        let client_auth = |kind: &str| {
            format!(
                "[web]\nlisten_addresses = [':1']\ntls_server_config = {{ cert_file = 'c', key_file = 'k', client_ca_file = 'a', client_auth_type = '{kind}' }}"
            )
        };
        let out = told(&client_auth("RequireAndVerifyClientCert"));
        assert!(!out.contains("Warning"), "{out}");
        let hash = HASH;
        for (text, expected) in [
            (
                "[web]\nlisten_addresses = [':1']",
                "web.listen_addresses: HTTP is served on :1 without users or tokens",
            ),
            (
                &*format!(
                    "[web]\nlisten_addresses = [':1']\nbasic_auth_users = {{ ann = '{hash}' }}"
                ),
                "web.listen_addresses: HTTP is served on :1 without TLS",
            ),
            (
                &*client_auth("VerifyClientCertIfGiven"),
                "web.listen_addresses: HTTP is served on :1 without users or tokens",
            ),
            ("[cluster]\npeers = ['10.0.0.1:9094']", "cluster.key_files: the flock has no key"),
            (
                "[cluster]\npeers = ['192.0.2.1:9094']",
                "THE FLOCK IS NOT SEALED and 192.0.2.1:9094 is a public address",
            ),
            (
                "[web]\ntokens = [{ name = 'a', token = '0123456789abcdef' }]",
                "1 secrets stand in the file itself (tokens.a)",
            ),
        ] {
            let out = told(text);
            assert!(out.contains(&format!("Warning: {}: ", config.display())), "{out}");
            assert!(out.contains(expected), "{out}");
            assert!(!out.contains("0123456789abcdef") && !out.contains(hash), "{out}");
        }
        std::fs::write(folder.join("token"), "0123456789abcdef").unwrap();
        let text = "[web]\ntokens = [{ name = 'a', token_file = 'token' }]";
        std::fs::set_permissions(folder.join("token"), std::fs::Permissions::from_mode(0o644))
            .unwrap();
        assert!(
            told(text).contains("tokens.a: ")
                && told(text).contains("anybody on this machine can read this secret")
        );
        std::fs::set_permissions(folder.join("token"), std::fs::Permissions::from_mode(0o640))
            .unwrap();
        assert!(!told(text).contains("Warning"));
        std::fs::remove_dir_all(folder).unwrap();
    }

    /// Every key of every receiver and of `http_config` that names the file of a secret.
    #[test]
    fn a_file_of_any_secret_that_others_may_read_is_warned_of() {
        let folder = std::env::temp_dir().join(format!("bellwether-files-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (config, secret) = (folder.join("a.yml"), folder.join("secret"));
        std::fs::write(&secret, "http://h.example/geheim").unwrap();
        std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o644)).unwrap();
        let secret = secret.display();
        let of_http = [
            "basic_auth: {username: u, password_file: FILE}",
            "authorization: {credentials_file: FILE}",
            "tls_config: {cert_file: c, key_file: FILE}",
            "http_headers: {X-A: {files: [FILE]}}",
            "oauth2: {client_id: c, client_secret_file: FILE, token_url: 'http://t'}",
            "oauth2: {client_id: c, client_secret: s, token_url: 'http://t', tls_config: {cert_file: c, key_file: FILE}}",
            "oauth2: {client_id: c, client_secret: s, token_url: 'http://t', proxy_url: 'http://p', proxy_connect_header: {X-A: [{files: [FILE]}]}}",
        ];
        let of_http = of_http
            .map(|it| format!("webhook_configs: [{{url: 'http://h', http_config: {{{it}}}}}]"));
        let mut texts = of_http.to_vec();
        for schema in SCHEMAS {
            let needed = crate::notify::tests::shown::needed(schema);
            for key in schema.keys {
                let Some(file) = key.file() else { continue };
                let given = needed.split(", ").filter(|it| !it.is_empty());
                let others = given.filter(|it| !it.starts_with(&format!("{}:", key.name)));
                let keys: Vec<_> =
                    others.map(str::to_owned).chain([format!("{file}: FILE")]).collect();
                texts.push(format!("{}: [{{{}}}]", schema.section, keys.join(", ")));
            }
        }
        let mut tried = 0;
        for text in texts {
            let text = text.replace("FILE", &format!("'{secret}'"));
            std::fs::write(
                &config,
                format!("route: {{receiver: r}}\nreceivers:\n- name: r\n  {text}\n"),
            )
            .unwrap();
            std::fs::set_permissions(&config, std::fs::Permissions::from_mode(0o600)).unwrap();
            let (code, out) = checked(&[config.to_str().unwrap()]);
            if code != 0 {
                continue;
            }
            tried += 1;
            assert!(out.contains("anybody on this machine can read this secret"), "{text}: {out}");
        }
        assert!(tried >= 20, "{tried} were taken");
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn secrets_of_http_config_are_told_by_their_place() {
        let file =
            std::env::temp_dir().join(format!("bellwether-http-{}.toml", std::process::id()));
        let text = "[[receivers]]\nname = 'y'\n[[receivers.webhook_configs]]\nurl = 'http://x'\n\
            [receivers.webhook_configs.http_config]\nproxy_url = 'http://me:geheim@proxy:1'\n\
            [receivers.webhook_configs.http_config.http_headers]\n\
            X-Site = { values = ['north'] }\nX-Api-Key = { secrets = ['geheim'] }\n\
            [receivers.webhook_configs.http_config.oauth2]\nclient_id = 'a'\n\
            client_secret_file = 'b'\ntoken_url = 'http://t'\n\
            endpoint_params = { audience = 'c', password = 'geheim' }";
        let out = taken(&file, text);
        std::fs::remove_file(file).unwrap();
        let before = "receivers[0].webhook_configs[0].http_config";
        let places = ["http_headers.X-Api-Key", "oauth2.endpoint_params.password", "proxy_url"];
        let named = places.map(|place| format!("{before}.{place}")).join(", ");
        assert!(out.contains(&format!("3 secrets stand in the file itself ({named})")), "{out}");
        assert!(!out.contains("geheim"), "{out}");
    }

    #[test]
    fn a_secret_that_no_receiver_takes_from_global_is_told_of() {
        let file =
            std::env::temp_dir().join(format!("bellwether-global-{}.toml", std::process::id()));
        let text = "[global]\nsmtp_auth_password = 'geheim'\n[[receivers]]\nname = 'y'\n\
            [[receivers.webhook_configs]]\nurl = 'http://x'";
        let out = taken(&file, text);
        let open = taken(&file, &text.replace("smtp_auth_password = 'geheim'", ""));
        std::fs::remove_file(file).unwrap();
        assert!(out.contains("1 secrets stand in the file itself (global)"), "{out}");
        assert!(!open.contains("stand in the file itself"), "{open}");
    }

    #[test]
    fn passwords_of_urls_are_told_by_their_place() {
        let file =
            std::env::temp_dir().join(format!("bellwether-urls-{}.toml", std::process::id()));
        let text = "[[receivers]]\nname = 'y'\n\
            [[receivers.webhook_configs]]\nurl = 'https://ann:geheim@x/{{ .Receiver }}'\n\
            [[receivers.webhook_configs]]\nurl = 'https://ann:{{ .Receiver }}@x/'\n\
            [[receivers.webex_configs]]\nroom_id = 'r'\napi_url = 'https://ann:geheim@x/'\n\
            [receivers.webex_configs.http_config.oauth2]\nclient_id = 'a'\n\
            client_secret_file = 'b'\ntoken_url = 'http://ann:geheim@t'";
        let out = taken(&file, text);
        std::fs::remove_file(file).unwrap();
        let places = [
            "webex_configs[0].api_url",
            "webex_configs[0].http_config.oauth2.token_url",
            "webhook_configs[0].url",
        ];
        let named = places.map(|place| format!("receivers[0].{place}")).join(", ");
        assert!(out.contains(&format!("3 secrets stand in the file itself ({named})")), "{out}");
        assert!(!out.contains("geheim"), "{out}");
    }

    #[test]
    fn the_file_of_web_is_looked_at_as_the_config_is() {
        let folder = std::env::temp_dir().join(format!("bellwether-web-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (config, web) = (folder.join("a.toml"), folder.join("web.yml"));
        let text = format!("[web]\nconfig_file = {web:?}");
        let hash = HASH;
        std::fs::write(&web, format!("basic_auth_users: {{ann: '{hash}'}}")).unwrap();
        for (mode, texts) in [
            (0o640, &[][..]),
            (0o644, &["can read whom it lets in"]),
            (0o666, &["can read whom it lets in", "can change this file"]),
        ] {
            std::fs::set_permissions(&web, std::fs::Permissions::from_mode(mode)).unwrap();
            let out = taken(&config, &text);
            let warned = out.matches("Warning: ").count();
            assert_eq!(warned, texts.len(), "{mode:o}: {out}");
            assert!(texts.iter().all(|text| out.contains(text)), "{mode:o}: {out}");
        }
        std::fs::set_permissions(&web, std::fs::Permissions::from_mode(0o644)).unwrap();
        let tls = "tls_server_config: {cert: c, key: geheim}";
        std::fs::write(&web, tls).unwrap();
        std::fs::write(&config, &text).unwrap();
        let out = taken(&config, &text);
        assert!(out.contains("can read the key of the certificate"), "{out}");
        assert!(!out.contains("stand in the file itself") && !out.contains("geheim"), "{out}");
        std::fs::write(&web, "basic_auth_users: {ann: hunter2}").unwrap();
        let (code, out) = checked(&[config.to_str().unwrap()]);
        assert!(
            code == 1 && out.contains("basic_auth_users.ann: expected a hash by bcrypt"),
            "{out}"
        );
        assert!(!out.contains("hunter2"), "{out}");
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn templates_are_rendered_firing_and_resolved_and_failing_ones_named() {
        let file =
            std::env::temp_dir().join(format!("bellwether-check-{}.yml", std::process::id()));
        let text = |title: &str, text: &str| {
            format!(
                "route: {{receiver: r}}\nreceivers:\n- name: r\n  slack_configs:\n  - api_url: http://x\n    \
                 title: '{title}'\n    text: '{text}'\n"
            )
        };
        let check = |config: String| {
            std::fs::write(&file, config).unwrap();
            checked(&[file.to_str().unwrap()])
        };
        let fine = "{{ range .Alerts }}{{ .Labels.alertname }}{{ end }}";
        let (code, out) = check(text(fine, fine));
        assert_eq!(code, 0, "{out}");
        let ended = r#"{{ if eq .Status "resolved" }}{{ .Nope }}{{ end }}"#;
        let (code, out) = check(text("{{ .Nowhere }}", ended));
        std::fs::remove_file(&file).unwrap();
        assert!(code == 1 && out.contains("FAILED: 2 errors"), "{out}");
        for (line, key, field) in [(6, "title", "Nowhere"), (7, "text", "Nope")] {
            let place = format!(":{line}: receivers[0].slack_configs[0].{key}: ");
            assert!(out.contains(&place) && out.contains(field), "{out}");
        }
    }
}
