//! Threads and descriptors are given back. These are counted for the whole process, so this test is alone in its own.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use moue_preview::{MetricsServer, PreviewAddress};

use support::{get, open, page, show, wait_for};

fn count(folder: &str) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

/// Threads and open descriptors.
fn held() -> (usize, usize) {
    (count("/proc/self/task"), count("/proc/self/fd"))
}

#[test]
fn nothing_is_left_after_two_hundred_pages_and_twenty_servers() {
    let cycle = |pages: u64| {
        let preview = open("preview://");
        for number in 0..pages {
            let mut page = page(preview.url());
            show(&preview, number);
            assert!(!page.picture().jpeg.is_empty());
            // Every other one goes without a word.
            if number % 2 == 0 {
                page.socket.close(None).unwrap();
            }
        }
        preview
    };
    // What the libraries keep for good is there after the first time.
    drop(cycle(1));
    let before = held();
    let preview = cycle(200);
    // The server's own: three threads, and what a runtime needs.
    wait_for("pages to go", || preview.leg().detail.as_deref() == Some("no page is open"));
    let (threads, _) = held();
    assert_eq!(threads, before.0 + 3);
    drop(preview);
    for _ in 0..20 {
        drop(cycle(1));
        let metrics = MetricsServer::open(&PreviewAddress::parse_host_and_port(":0").unwrap()).unwrap();
        assert_eq!(get(metrics.url(), "/metrics").status, 200);
    }
    wait_for("threads and descriptors to go", || held() == before);
}
