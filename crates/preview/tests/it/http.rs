use std::io::{Read, Write};
use std::time::Duration;

use moue_preview::{Limits, MetricsServer, Preview, PreviewAddress, PreviewError, Scene};

use crate::support::{ask, authority, connect, get, get_with, open, open_with, scene, wait_for};

const TOKEN: &str = "sixteen-letters_";

#[test]
fn the_pages_files_are_served_with_strict_headers() {
    let preview = open("preview://");
    let url = preview.url();
    for (path, kind, part) in [
        ("/", "text/html; charset=utf-8", "<!doctype html>"),
        ("/page.css", "text/css; charset=utf-8", ":root"),
        ("/main.js", "text/javascript; charset=utf-8", "import"),
        ("/link.js", "text/javascript; charset=utf-8", "WebSocket"),
        ("/curves.js", "text/javascript; charset=utf-8", "class Curves"),
        ("/sliders.js", "text/javascript; charset=utf-8", "class Sliders"),
        ("/numbers.js", "text/javascript; charset=utf-8", "class Rate"),
        ("/icon.svg", "image/svg+xml", "<svg"),
        ("/metrics", "application/openmetrics-text; version=1.0.0; charset=utf-8", "moue_fps"),
    ] {
        let answer = get(url, path);
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(kind)), "{path}");
        assert!(answer.body.contains(part), "{path}");
    }
    for path in ["/", "/nothing", "/metrics", "/socket"] {
        let answer = get(url, path);
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; "), "{policy}");
        assert!(!policy.contains("unsafe") && policy.contains("frame-ancestors 'none'"), "{policy}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-store"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{path}");
        }
        assert!(!answer.headers.iter().any(|(name, _)| name.starts_with("access-control")), "{path}");
        assert_eq!(answer.header("set-cookie"), None);
    }
}

#[test]
fn the_page_needs_nothing_from_elsewhere() {
    let preview = open("preview://");
    for path in ["/", "/page.css", "/main.js", "/link.js", "/curves.js", "/sliders.js", "/numbers.js"] {
        let body = get(preview.url(), path).body;
        for outside in ["http://", "https://", "@import", "url("] {
            assert!(!body.contains(outside), "{path} has {outside}");
        }
    }
    // And nothing that its own policy forbids.
    let html = get(preview.url(), "/").body;
    for inline in ["<style", " style=", " onclick=", "javascript:"] {
        assert!(!html.contains(inline), "{inline}");
    }
}

#[test]
fn no_path_of_the_host_is_served() {
    let preview = open("preview://");
    for path in [
        "/etc/passwd",
        "/../../../../etc/passwd",
        "/..%2f..%2f..%2fetc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "//etc/passwd",
        "/page/index.html",
        "/Cargo.toml",
        "/main.js/../../Cargo.toml",
        "/main.js%00.html",
        "/.",
    ] {
        let answer = get(preview.url(), path);
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(answer.body, "there is nothing at this address\nhint: open /\n", "{path}");
    }
}

#[test]
fn requests_that_are_none_are_refused() {
    let preview = open("preview://");
    let url = preview.url();
    let host = authority(url);
    let status = |request: &str| ask(url, request).status;
    let close = format!("host: {host}\r\nconnection: close\r\n");
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"] {
        assert_eq!(status(&format!("{method} / HTTP/1.1\r\n{close}\r\n")), 405, "{method}");
    }
    assert_eq!(status(&format!("POST / HTTP/1.1\r\n{close}content-length: 5\r\n\r\nhello")), 413);
    assert_eq!(status(&format!("GET / HTTP/1.1\r\n{close}transfer-encoding: chunked\r\n\r\n0\r\n\r\n")), 413);
    assert_eq!(status("GET / HTTP/1.1\r\nconnection: close\r\n\r\n"), 403);
    assert_eq!(status(&format!("GET / HTTP/1.1\r\n{close}x: {}\r\n\r\n", "y".repeat(20_000))), 431);
    assert_eq!(status("nonsense\r\n\r\n"), 400);
    // After all that it still answers.
    assert_eq!(get(url, "/").status, 200);
}

#[test]
fn names_that_others_can_have_are_not_answered() {
    let preview = open("preview://");
    let url = preview.url();
    let by = |host: &str| ask(url, &format!("GET /metrics HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n"));
    for host in ["localhost", "127.0.0.1:1", "[::1]:8080"] {
        assert_eq!(by(host).status, 200, "{host}");
    }
    for host in ["rebound.example", "127.0.0.1.rebound.example", "10.0.0.1", "localhost.example:8080"] {
        let answer = by(host);
        assert_eq!(answer.status, 403, "{host}");
        assert!(answer.body.contains("\nhint: "), "{}", answer.body);
    }
}

#[test]
fn other_sites_pages_are_not_answered() {
    let preview = open("preview://");
    let url = preview.url();
    let from = |origin: &str| get_with(url, "/metrics", &format!("origin: {origin}\r\n")).status;
    assert_eq!(from(&format!("http://{}", authority(url))), 200);
    for origin in ["http://evil.example", "null", "http://127.0.0.1", "http://localhost:1"] {
        assert_eq!(from(origin), 403, "{origin}");
    }
}

#[test]
fn a_token_is_asked_for_and_kept_as_a_cookie() {
    let preview = open(&format!("preview://127.0.0.1?token={TOKEN}"));
    let url = preview.url();
    assert!(url.ends_with(&format!("/?token={TOKEN}")), "{url}");
    for path in ["/", "/main.js", "/metrics", "/socket", "/nothing", "/?token=", "/?token=sixteen-letters-"] {
        let answer = get(url, path);
        assert_eq!((answer.status, answer.header("set-cookie")), (401, None), "{path}");
        assert!(answer.body.contains("\nhint: ") && !answer.body.contains(TOKEN), "{}", answer.body);
    }
    let answer = get(url, &format!("/?token={TOKEN}"));
    assert_eq!(answer.status, 200);
    let cookie = answer.header("set-cookie").unwrap().to_owned();
    assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict"), "{cookie}");
    let kept = cookie.split(';').next().unwrap();
    let answer = get_with(url, "/main.js", &format!("cookie: other=1; {kept}\r\n"));
    assert_eq!((answer.status, answer.header("set-cookie")), (200, None));
    assert_eq!(get_with(url, "/metrics", &format!("authorization: Bearer {TOKEN}\r\n")).status, 200);
    assert_eq!(get_with(url, "/metrics", "authorization: Bearer sixteen-letters-\r\n").status, 401);
}

#[test]
fn elsewhere_than_on_the_loopback_there_always_is_a_token() {
    let preview = open("preview://0.0.0.0");
    let (url, token) = preview.url().split_once("?token=").unwrap();
    assert_eq!(token.len(), 32);
    assert_eq!(get(url, "/").status, 401);
    assert_eq!(get(url, &format!("/?token={token}")).status, 200);
    // With a token, this machine may be called by any of its names.
    let host = format!("GET /?token={token} HTTP/1.1\r\nhost: studio.example\r\nconnection: close\r\n\r\n");
    assert_eq!(ask(url, &host).status, 200);
}

#[test]
fn too_many_requests_are_refused_for_a_while() {
    let limits = Limits { requests_per_second: 0.2, ..Limits::default() };
    let preview = open_with("preview://", limits);
    let url = preview.url();
    // Five times the rate at once is one.
    assert_eq!(get(url, "/").status, 200);
    let answer = get(url, "/");
    assert_eq!((answer.status, answer.header("retry-after")), (429, Some("1")));
    wait_for("the next request", || get(url, "/").status == 200);
}

#[test]
fn connections_are_limited() {
    let preview = open_with("preview://", Limits { connections: 3, ..Limits::default() });
    let url = preview.url();
    let idle: Vec<_> = (0..3).map(|_| connect(url)).collect();
    let mut one_more = connect(url);
    let mut told = String::new();
    // Whether its words arrive before the connection is cut is the system's matter.
    let _ = one_more.read_to_string(&mut told);
    assert!(told.is_empty() || told.starts_with("HTTP/1.1 503 "), "{told}");
    drop(idle);
    wait_for("room", || has_room(url));
}

/// Whether one more connection is answered.
fn has_room(url: &str) -> bool {
    let mut stream = connect(url);
    let request = format!("GET / HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", authority(url));
    let mut told = Vec::new();
    stream.write_all(request.as_bytes()).is_ok()
        && stream.read_to_end(&mut told).is_ok()
        && told.starts_with(b"HTTP/1.1 200")
}

#[test]
fn who_does_not_finish_a_request_is_cut_off() {
    let preview = open_with("preview://", Limits { header_wait: Duration::from_millis(50), ..Limits::default() });
    let mut stream = connect(preview.url());
    stream.write_all(b"GET / HTTP/1.1\r\nhost: ").unwrap();
    let mut told = String::new();
    stream.read_to_string(&mut told).unwrap();
    assert!(!told.contains("200"), "{told}");
}

#[test]
fn who_asks_and_takes_no_answers_is_cut_off() {
    let limits =
        Limits { connections: 1, requests_per_second: 1e6, silence: Duration::from_millis(200), ..Limits::default() };
    let preview = open_with("preview://", limits);
    let url = preview.url();
    let mut stream = connect(url);
    stream.set_write_timeout(Some(Duration::from_millis(100))).unwrap();
    let request = format!("GET /main.js HTTP/1.1\r\nhost: {}\r\n\r\n", authority(url));
    // Until the server's answers have nowhere to go.
    while stream.write_all(request.as_bytes()).is_ok() {}
    // It is still open here, and there is room for one alone.
    wait_for("room", || has_room(url));
    drop(stream);
}

#[test]
fn a_port_that_is_taken_is_told_and_free_again_afterwards() {
    let first = open("preview://");
    let address = PreviewAddress::parse(&format!("preview://{}", authority(first.url()))).unwrap();
    let Err(told) = Preview::open(&address, scene(), None) else { panic!("the port is there twice") };
    assert!(matches!(told, PreviewError::InUse { .. }) && told.to_string().contains("\nhint: "), "{told}");
    drop(first);
    let again = Preview::open(&address, scene(), None).unwrap();
    assert_eq!(get(again.url(), "/").status, 200);
}

#[test]
fn scenes_that_cannot_be_shown_are_told() {
    let mut twice = scene();
    twice.channels.push(Scene::arkit()[17]);
    let Err(told) = Preview::open(&PreviewAddress::parse("preview://").unwrap(), twice, None) else { panic!() };
    assert!(told.to_string().contains("the channel jawOpen twice, expected each channel once\nhint: "), "{told}");
}

#[test]
fn metrics_are_served_without_a_page() {
    let server = MetricsServer::open(&PreviewAddress::parse_host_and_port("127.0.0.1:0").unwrap()).unwrap();
    assert!(server.url().ends_with("/metrics"), "{}", server.url());
    assert!(get(server.url(), "/metrics").body.contains("moue_fps 0.0"));
    for path in ["/", "/socket", "/main.js"] {
        assert_eq!(get(server.url(), path).status, 404, "{path}");
    }
    let guarded = PreviewAddress::parse_host_and_port(&format!(":0?token={TOKEN}")).unwrap();
    let guarded = MetricsServer::open(&guarded).unwrap();
    assert!(guarded.url().ends_with(&format!("/metrics?token={TOKEN}")), "{}", guarded.url());
    assert_eq!(get(guarded.url(), "/metrics").status, 401);
    assert_eq!(get(guarded.url(), &format!("/metrics?token={TOKEN}")).status, 200);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

    #[test]
    fn no_bytes_bring_the_server_down(
        bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300),
        begins_well in proptest::prelude::any::<bool>(),
    ) {
        use proptest::prelude::prop_assert_eq;
        static PREVIEW: std::sync::LazyLock<Preview> = std::sync::LazyLock::new(|| {
            open_with("preview://", Limits { requests_per_second: 1e6, ..Limits::default() })
        });
        let url = PREVIEW.url();
        let mut stream = connect(url);
        let begin = if begins_well { format!("GET / HTTP/1.1\r\nhost: {}\r\n", authority(url)) } else { String::new() };
        // The server may close before it has all of them.
        let _ = stream.write_all(begin.as_bytes()).and_then(|()| stream.write_all(&bytes));
        drop(stream);
        prop_assert_eq!(get(url, "/").status, 200);
    }
}
