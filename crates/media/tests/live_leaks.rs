//! Live legs that lose their server again and again leave nothing behind. A test binary of its own: it counts the
//! threads and descriptors of the whole process.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::fs;
use std::time::Duration;

use support::legs::{Leg, is_live};
use support::rtmp::{Server, wait_for};

fn threads_and_descriptors() -> (usize, usize) {
    let entries = |folder: &str| fs::read_dir(folder).unwrap().count();
    (entries("/proc/self/task"), entries("/proc/self/fd"))
}

fn show(legs: &mut [Leg], what: &str, is_so: impl Fn(&Leg) -> bool) {
    wait_for(what, || {
        legs.iter_mut().for_each(Leg::show);
        std::thread::sleep(Duration::from_millis(30));
        legs.iter().all(&is_so)
    });
}

/// Streams at once, and the sessions of each: the first, and ten more.
const LEGS: u64 = 20;
const SESSIONS: u64 = 11;

#[test]
fn two_hundred_reconnects_leave_nothing_behind() {
    let server = Server::up();
    let open = |key: u64| Leg::open(&format!("{}{key}", server.address("plain")), "{}");
    let mut legs: Vec<_> = (0..LEGS).map(open).collect();
    show(&mut legs, "coming alive", |leg| leg.events().iter().any(is_live));
    let before = threads_and_descriptors();
    for sessions in 2..=SESSIONS {
        server.drop_publisher("plain");
        show(&mut legs, "resuming", |leg| leg.stats().sessions >= sessions);
    }
    // A disk that comes and goes, beside them.
    let folder = tempfile::tempdir().unwrap();
    let web = folder.path().join("web");
    fs::create_dir(&web).unwrap();
    let mut playlist = [Leg::open(web.join("a.m3u8").to_str().unwrap(), "{}")];
    show(&mut playlist, "coming alive", |leg| leg.events().iter().any(is_live));
    for sessions in 2..=4 {
        fs::remove_dir_all(&web).unwrap();
        let attempts = playlist[0].stats().attempts;
        show(&mut playlist, "looking for its folder", |leg| leg.stats().attempts > attempts);
        fs::create_dir(&web).unwrap();
        show(&mut playlist, "resuming", |leg| leg.stats().sessions >= sessions);
    }
    playlist.into_iter().for_each(|leg| {
        leg.leg.abort();
    });
    // What ends does so in a moment.
    wait_for("returning to as many threads and descriptors", || {
        let now = threads_and_descriptors();
        now.0 <= before.0 && now.1 <= before.1
    });
    for leg in legs {
        let stats = leg.leg.abort();
        assert!(stats.sessions >= SESSIONS, "{stats:?}");
    }
}
