//! A live source that is read slowly, from a real RTMP server.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

use moue_media::{Source, VideoReader};
use support::legs::{Leg, is_live, number};
use support::rtmp::Server;

#[test]
fn of_a_live_source_the_newest_frame_is_read_and_the_others_are_counted() {
    let server = Server::up();
    let address = server.address("plain");
    let mut leg = Leg::open(&address, "{}");
    leg.show_until_told("coming alive", is_live);
    let (is_over, shown) = (AtomicBool::new(false), AtomicU32::new(0));
    std::thread::scope(|threads| {
        threads.spawn(|| {
            while !is_over.load(Relaxed) {
                leg.show();
                shown.store(leg.next - 1, Relaxed);
                std::thread::sleep(Duration::from_millis(40));
            }
        });
        let read = || {
            let mut reader = VideoReader::open(&Source::parse(&address).unwrap()).unwrap();
            assert!(reader.is_live() && reader.arrived().is_none());
            let (mut seen, mut came, mut lags) = (Vec::new(), None, Vec::new());
            // A fifth of the stream's rate, until five times as many frames could be waiting as ever should.
            for _ in 0..25 {
                let (_, image) = reader.next().unwrap().unwrap();
                lags.push(shown.load(Relaxed).saturating_sub(number(&image)));
                seen.push(number(&image));
                let arrived = reader.arrived().unwrap();
                assert!(came.is_none_or(|came| came < arrived) && arrived <= Instant::now(), "{came:?}, {arrived:?}");
                came = Some(arrived);
                std::thread::sleep(Duration::from_millis(200));
            }
            (seen, lags, reader.dropped())
        };
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(read));
        is_over.store(true, Relaxed);
        let (seen, lags, dropped) = outcome.unwrap();
        assert!(seen.is_sorted(), "{seen:?}");
        // What was queued would be a hundred frames old by the end.
        let span = u64::from(seen[24] - seen[0]);
        assert!(dropped >= 40 && dropped + 25 <= span + 60, "{dropped} were dropped, {seen:?}");
        assert!(lags[20..].iter().min() <= Some(&50), "{lags:?}, {seen:?}");
    });
}

#[test]
fn files_drop_nothing() {
    let folder = support::Folder::new();
    let path = folder.at("a.mkv");
    support::counted(&path, 30, "25", "", support::X264);
    let mut reader = VideoReader::open(&Source::from(&path)).unwrap();
    let mut frames = 0;
    for frame in reader.by_ref() {
        frame.unwrap();
        frames += 1;
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!((frames, reader.dropped(), reader.arrived()), (30, 0, None));
}
