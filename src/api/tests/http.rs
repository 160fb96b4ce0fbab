//! Paths, methods, headers and origins: the rules that hold for every endpoint.

use super::*;

#[test]
fn paths_and_methods_that_do_not_exist_are_refused() {
    let mut world = World::new();
    for path in
        ["/api/v2/nope", "/api/v2/", "/api/v2/silence", "/api/v2/silence/", "/api/v2/alerts/x/y"]
    {
        let error = object(404, &format!("path {path} was not found"));
        assert_eq!(world.get(path), (404, error), "{path}");
    }
    for path in ["/nope", "/api/v3/x", "/api", "/apiv2"] {
        assert_eq!(world.get(path), (404, "404 page not found\n".to_owned()), "{path}");
    }
    assert_eq!(world.get("/api/v2/alerts/").0, 200);
    let options = Request { method: "OPTIONS", path: "/nope", ..Request::default() };
    assert_eq!(world.ask(&options).status, 404);
    assert_eq!(world.ask(&Request { path: "/-/ready", ..options }).status, 200);
    let cases = [
        ("PUT", "/api/v2/alerts", "POST,GET"),
        ("POST", "/api/v2/status", "GET"),
        ("POST", "/-/healthy", "GET, HEAD, OPTIONS"),
        ("GET", "/-/reload", "OPTIONS, POST"),
        ("POST", "/", "GET, HEAD, OPTIONS"),
    ];
    for (method, path, allowed) in cases {
        let response = world.ask(&Request { method, path, ..Request::default() });
        assert_eq!(header(&response, "Allow"), [allowed], "{path}");
        let body = if path.starts_with("/api") {
            object(405, &format!("method {method} is not allowed, but [{allowed}] are"))
        } else {
            "Method Not Allowed\n".to_owned()
        };
        assert_eq!(told(response), (405, body));
    }
}

#[test]
fn clients_are_told_the_version_of_alertmanager_that_is_spoken() {
    let mut world = World::new();
    let spoken = version::ALERTMANAGER;
    let numbers: Vec<u32> = spoken.split('.').map(|it| it.parse().unwrap()).collect();
    assert!(numbers.as_slice() >= [0, 22, 0].as_slice(), "karma wants no less: {spoken}");
    let metrics = world.get("/metrics").1;
    let line =
        format!("alertmanager_build_info{{version=\"{spoken}\",revision=\"\",branch=\"\"}} 1");
    assert!(metrics.contains(&line), "{metrics}");
    let ours = format!("bellwether_build_info{{version=\"{}\",commit=\"", version::VERSION);
    assert!(metrics.contains(&ours), "{metrics}");
    let (minor, _) = spoken.rsplit_once('.').unwrap();
    for (docs, words) in [
        (include_str!("../../../README.md"), format!("| of Alertmanager {minor};")),
        (include_str!("../../../configs/README.md"), format!("those of Alertmanager {minor},")),
    ] {
        assert!(docs.contains(&words), "{words}");
    }
}

#[test]
fn paths_written_otherwise_are_served() {
    let mut world = World::new();
    for (path, status) in [
        ("//api/v2/alerts", 200),
        ("/api/v2//alerts/", 200),
        ("/api/./v2/../v2/alerts", 200),
        ("/..", 200),
        ("/api/v2", 404),
    ] {
        assert_eq!(world.get(path).0, status, "{path}");
    }
    for (n, path) in ["//api/v2/alerts", "/api/v2//alerts"].into_iter().enumerate() {
        let body = format!(r#"[{{"labels":{{"a":"{n}"}}}}]"#);
        assert_eq!(world.post(path, &body).0, 200, "{path}");
    }
    assert_eq!(world.listed("/api/v2/alerts"), ["0", "1"]);
}

#[test]
fn every_get_path_answers_head() {
    let mut world = World::new();
    for path in ["/", "/metrics", "/-/ready", "/api/v2/alerts", "/api/v2/status"] {
        let response = world.ask(&Request { method: "HEAD", path, ..Request::default() });
        assert_eq!(response.status, 200, "{path}");
    }
    let response = world.ask(&Request { method: "HEAD", path: "/-/reload", ..Request::default() });
    assert_eq!(response.status, 405);
}

#[test]
fn a_compressed_body_is_refused_as_one() {
    let mut world = World::new();
    let (content_type, body) = (Some("application/json"), b"[]".as_slice());
    for path in ["/api/v1/alerts", "/api/v2/alerts", "/api/v2/silences"] {
        let (method, content_encoding) = ("POST", Some("gzip"));
        let packed =
            Request { method, path, content_encoding, content_type, body, ..Request::default() };
        let response = world.ask(&packed);
        assert_eq!(header(&response, "Accept-Encoding"), ["identity"]);
        let why = "Content-Encoding \"gzip\" is not supported: send the body uncompressed";
        assert_eq!(told(response), (415, object(415, why)), "{path}");
    }
    for (body, format) in
        [(&b"\x1f\x8b\x08"[..], "gzip"), (b"\x28\xb5\x2f\xfd", "zstd"), (b"\x78\x9c", "zlib")]
    {
        for content_encoding in [None, Some("identity")] {
            let path = "/api/v1/alerts";
            let unsaid =
                Request { method: "POST", path, content_encoding, body, ..Request::default() };
            let why = format!("the body is compressed with {format}: send it uncompressed");
            assert_eq!(told(world.ask(&unsaid)), (415, object(415, &why)));
        }
    }
    let (method, path, content_encoding) = ("POST", "/api/v2/alerts", Some("Identity"));
    let plain =
        Request { method, path, content_encoding, content_type, body, ..Request::default() };
    assert_eq!(world.ask(&plain).status, 200);
}

#[test]
fn a_prefix_goes_before_every_path() {
    let mut world = World::new();
    world.site.prefix = "/foo".to_owned();
    assert_eq!(world.get("/foo/api/v2/alerts").0, 200);
    assert_eq!(world.get("/foo/-/ready").0, 200);
    assert_eq!(world.get("/foo/").0, 200);
    assert_eq!(world.get("/api/v2/alerts").0, 404);
    assert_eq!(world.get("/foobar/-/ready").0, 404);
    let error = object(404, "path /api/v2/nope was not found");
    assert_eq!(world.get("/foo/api/v2/nope"), (404, error));
    let response = world.ask(&Request { method: "GET", path: "/", ..Request::default() });
    assert_eq!((response.status, header(&response, "Location")), (302, vec!["/foo/"]));
}

#[test]
fn only_json_is_taken_and_given() {
    let mut world = World::new();
    let mut post = |content_type| {
        let (path, body) = ("/api/v2/alerts", b"[]".as_slice());
        told(world.ask(&Request { method: "POST", path, content_type, body, ..Request::default() }))
    };
    let unsupported = |media: &str| {
        (
            415,
            object(
                415,
                &format!("unsupported media type \"{media}\", only [application/json] are allowed"),
            ),
        )
    };
    assert_eq!(post(None), unsupported("application/octet-stream"));
    assert_eq!(post(Some("text/plain; charset=x")), unsupported("text/plain"));
    assert_eq!(post(Some("application/JSON; charset=utf-8")).0, 200);
    let why = "parsing Content-Type header from \";;;\" failed, because mime: no media type";
    assert_eq!(post(Some(";;;")), (400, object(400, why)));
    let mut get = |accept| {
        let path = "/api/v2/status";
        told(world.ask(&Request {
            method: "GET",
            path,
            accept: Some(accept),
            ..Request::default()
        }))
    };
    let why = "unsupported media type requested, only [application/json] are available";
    assert_eq!(get("text/html"), (406, object(406, why)));
    assert_eq!(get("text/html, */*;q=0.1").0, 200);
    let empty = Request { method: "POST", path: "/api/v2/alerts", ..Request::default() };
    assert_eq!(world.ask(&empty).status, 422);
}

#[test]
fn browsers_are_told_which_pages_may_use_the_api() {
    let mut world = World::new();
    let get = Request { method: "GET", path: "/api/v2/alerts", ..Request::default() };
    let response = world.ask(&get);
    assert_eq!(header(&response, "Cache-Control"), ["no-store"]);
    assert_eq!(header(&response, "Vary"), ["Origin"]);
    let allowed = |response: &Response| {
        ["Access-Control-Allow-Origin", "Access-Control-Allow-Methods"]
            .map(|name| header(response, name).join(","))
    };
    let none = [String::new(), String::new()];
    assert_eq!(allowed(&response), none);
    let read = Request { origin: Some("http://karma"), ..get };
    assert_eq!(allowed(&world.ask(&read)), none);
    let preflight = |path, method| Request {
        method: "OPTIONS",
        path,
        cors_method: Some(method),
        cors_headers: Some("Content-Type"),
        ..read
    };
    let response = world.ask(&preflight("/api/v2/silences", "POST"));
    assert_eq!((response.status, allowed(&response)), (200, none.clone()));

    let mut web = crate::config::Settings::default().web;
    crate::config::settings::SettingValue::set(&mut web.allowed_origins, "http://karma").unwrap();
    world.site.access = Access::new(&web, "http://gw1:9093", "gw1");
    assert_eq!(allowed(&world.ask(&read)), ["http://karma".to_owned(), String::new()]);
    for (path, method) in [
        ("/api/v2/silences", "POST"),
        ("/api/v2/silence/x", "DELETE"),
        ("/api/v2/alerts", "GET"),
        ("/api/v2/alerts", "HEAD"),
    ] {
        let response = world.ask(&preflight(path, method));
        assert_eq!((response.status, response.body.len()), (200, 0));
        assert_eq!(allowed(&response), ["http://karma", method], "{path}");
        assert_eq!(header(&response, "Access-Control-Allow-Headers"), ["Content-Type"]);
        assert_eq!(header(&response, "Vary").len(), 3);
    }
    let response = world.ask(&preflight("/api/v2/alerts", "DELETE"));
    assert_eq!(allowed(&response)[1], "", "no such method");
    let response = world
        .ask(&Request { origin: Some("http://evil"), ..preflight("/api/v2/silences", "POST") });
    assert_eq!(allowed(&response), none);
    let response = world.ask(&Request {
        cors_method: None,
        origin: None,
        ..preflight("/api/v2/silences", "POST")
    });
    assert_eq!(response.status, 405);
    let post = Request { method: "POST", path: "/-/reload", ..read };
    assert_eq!(told(world.ask(&post)).0, 403);
}
