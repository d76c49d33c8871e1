//! Live legs against a real RTMP server that comes, goes, refuses, keeps silent and freezes.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::net::TcpListener;
use std::sync::Arc;

use image::{Rgb, RgbImage};
use moue_media::{LegEvent, LegState, MediaError};
use support::Folder;
use support::legs::{Client, Leg, check, is_live, is_lost, is_resumed, read_numbers};
use support::rtmp::{Server, free_port, wait_for};

#[test]
fn a_server_that_comes_later_is_found() {
    let mut server = Server::down();
    let mut leg = Leg::open(&server.address("live"), "{}");
    assert_eq!(leg.stats().state, LegState::Waiting);
    // Attempts go on, and are not told each.
    leg.show_until(40, "trying again", |leg| leg.stats().attempts >= 3);
    assert!(is_lost("nothing listens")(&leg.events()[1]), "{:?}", leg.events());
    assert_eq!((leg.events().len(), leg.stats().sessions), (2, 0));
    server.start();
    leg.show_until_told("coming alive", is_live);
    leg.show_more(50);
    let (ended, events) = leg.end();
    let stats = ended.unwrap();
    assert!(matches!(events[..], [LegEvent::Connecting, LegEvent::Lost { .. }, LegEvent::Live, LegEvent::Ended]));
    assert_eq!((stats.sessions, stats.state), (1, LegState::Ended));
    assert_eq!(stats.frames, stats.sent - stats.repeated + stats.dropped, "{stats:?}");
    assert!(stats.bytes > 0 && stats.encoded >= 50 && !stats.encoding.is_zero());

    let recordings = server.recordings();
    let frames = read_numbers(&recordings[0]);
    check(&frames, stats.skipped);
    assert!(frames.len() >= 50, "{frames:?}");
    assert_eq!(recordings.len(), 1);
}

#[test]
fn a_stream_survives_its_server() {
    let mut server = Server::up();
    let mut leg = Leg::open(&server.address("live"), "{}");
    leg.show_until_told("coming alive", is_live);
    leg.show_more(25);
    server.kill();
    leg.show_until_told("noticing", is_lost("closed the connection"));
    server.start();
    leg.show_until_told("resuming", is_resumed);
    let resumed_at = leg.next;
    let client = Client::of(&server.address("live"));
    leg.show_until(40, "a client's reading", |_| client.numbers().len() > 25);
    let numbers = client.numbers();
    assert!(numbers[0] + 2 >= resumed_at && numbers.is_sorted(), "from {resumed_at}: {numbers:?}");
    let (ended, events) = leg.end();
    let stats = ended.unwrap();
    assert_eq!(stats.sessions, 2);
    assert_eq!(events.iter().filter(|event| is_live(event) || is_resumed(event)).count(), 2, "{events:?}");
    // Nothing of the first session is told or sent again.
    let sessions: Vec<_> = server.recordings().iter().map(|path| read_numbers(path)).collect();
    assert_eq!(sessions.len(), 2);
    for frames in &sessions {
        check(frames, stats.skipped);
    }
    assert!(sessions[0].last().unwrap().1 < sessions[1][0].1, "{sessions:?}");
}

#[test]
fn repeated_and_dropped_frames_are_counted_and_the_rate_is_constant() {
    let server = Server::up();
    let mut leg = Leg::open(&server.address("live"), "{}");
    leg.show_until_told("coming alive", is_live);
    // Slower than the stream, then faster.
    let goal = leg.stats().sent + 40;
    leg.show_until(200, "repeating", |leg| leg.stats().sent >= goal);
    let slow = leg.stats();
    assert!(slow.repeated >= 20, "{slow:?}");
    let goal = slow.sent + 40;
    leg.show_until(4, "dropping", |leg| leg.stats().sent >= goal);
    let shown = u64::from(leg.next - 1);
    let stats = leg.end().0.unwrap();
    assert!(stats.dropped > slow.dropped + 10, "{stats:?}");
    assert_eq!(stats.frames, shown);
    assert_eq!(stats.frames, stats.sent - stats.repeated + stats.dropped, "{stats:?}");

    let frames = read_numbers(&server.recordings()[0]);
    let stayed = check(&frames, stats.skipped);
    assert_eq!(stats.encoded, stats.sent);
    assert_eq!((stayed, frames.len() as u64), (stats.repeated, stats.sent), "{stats:?}");
    assert_eq!(u64::from(frames.last().unwrap().1), shown, "the last frame is seen");
}

#[test]
fn refusals_are_told_in_words() {
    let server = Server::up();
    let address = |port: u16| format!("rtmp://127.0.0.1:{port}/live/key");
    for (address, why) in [
        (server.address("closed"), "refuses this stream"),
        (server.address("nothing"), "refuses the application"),
        (address(free_port()), "nothing listens"),
        ("rtmp://no-such-host.invalid/live/key".to_owned(), "no host of that name"),
    ] {
        let mut leg = Leg::open(&address, r#"{"fail_fast": true}"#);
        leg.show_until(40, "failing", |leg| leg.stats().state == LegState::Ended);
        // Nobody is told twice, and nothing breaks that goes on rendering.
        leg.show();
        let (ended, events) = leg.end();
        let error = ended.unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, MediaError::Stream { .. }) && text.contains(why), "{address}: {text}");
        assert!(text.contains("\nhint: ") && !text.contains("/key"), "{text}");
        assert_eq!(events.len(), 3, "{events:?}");
        assert!(is_lost(why)(&events[1]), "{events:?}");
    }
    // The same without failing: tried again, told once.
    let mut leg = Leg::open(&address(free_port()), "{}");
    leg.show_until(40, "trying again", |leg| leg.stats().attempts >= 3);
    assert_eq!(leg.events().len(), 2, "{:?}", leg.events());
    assert_eq!((leg.stats().sessions, leg.stats().bytes), (0, 0), "{:?}", leg.stats());
    // A stream that never was is none that ended well.
    let text = leg.end().0.unwrap_err().to_string();
    assert!(text.contains("nothing listens"), "{text}");
}

#[test]
fn a_stream_that_someone_else_has_is_told() {
    let server = Server::up();
    let mut first = Leg::open(&server.address("plain"), "{}");
    first.show_until_told("coming alive", is_live);
    let mut second = Leg::open(&server.address("plain"), "{}");
    second.show_until_told("being refused", is_lost("someone else"));
    // The one that has it goes on.
    first.show_more(10);
    assert_eq!(first.stats().sessions, 1);
    drop(first.leg);
    second.show_until_told("taking over", is_live);
    second.end().0.unwrap();
}

#[test]
fn a_server_that_never_answers_is_told_and_holds_nobody() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("rtmp://{}/live/key", silent.local_addr().unwrap());
    let mut leg = Leg::open(&address, "{}");
    leg.show_until_told("giving up", is_lost("does not answer"));
    leg.show_until(40, "trying again", |leg| leg.stats().state == LegState::Connecting);
    assert_eq!((leg.stats().sessions, leg.stats().bytes), (0, 0), "{:?}", leg.stats());
    let (ended, events) = leg.end();
    assert!(ended.unwrap_err().to_string().contains("does not answer") && events.len() == 3, "{events:?}");
    // Too soon for it to be told.
    let mut leg = Leg::open(&address, "{}");
    leg.show_until(40, "trying", |leg| leg.stats().attempts == 1);
    let (ended, events) = leg.end();
    assert!(ended.unwrap_err().to_string().contains("had not answered when the stream ended"), "{events:?}");
}

/// A picture that cannot be compressed.
fn noise(seed: u32) -> Arc<RgbImage> {
    let mut state = seed;
    Arc::new(RgbImage::from_fn(256, 256, |_, _| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        Rgb([(state >> 24) as u8, (state >> 16) as u8, (state >> 8) as u8])
    }))
}

#[test]
fn a_frozen_server_is_noticed_at_a_low_bit_rate() {
    let server = Server::up();
    let mut leg = Leg::sized(&server.address("plain"), r#"{"bitrate_kbps": 1500, "speed": "ultrafast"}"#, 256).unwrap();
    // One that takes everything, at the same port of another address.
    let other = Server::beside(&server);
    let beside = Leg::open(&other.address("plain"), "{}");
    let grey = Arc::new(RgbImage::new(64, 64));
    let pictures: Vec<_> = (0..4).map(noise).collect();
    let show = |leg: &mut Leg, what: &str, is_it: &dyn Fn(&LegEvent) -> bool| {
        wait_for(what, || {
            leg.next += 1;
            leg.leg.show(&pictures[leg.next as usize % 4], u64::from(leg.next)).unwrap();
            beside.leg.show(&grey, u64::from(leg.next)).unwrap();
            leg.events().iter().any(is_it)
        });
    };
    show(&mut leg, "coming alive", &is_live);
    wait_for("the other coming alive", || beside.events().iter().any(is_live));
    let sent = leg.stats().sent;
    wait_for("streaming", || leg.stats().sent > sent + 50);
    server.signal("STOP");
    show(&mut leg, "noticing", &is_lost("takes no more data"));
    server.signal("CONT");
    show(&mut leg, "resuming", &is_resumed);
    leg.end().0.unwrap();
    let (ended, events) = beside.end();
    assert_eq!((ended.unwrap().sessions, events.len()), (1, 3), "{events:?}");
}

#[test]
fn legs_end_in_time_in_every_state() {
    // Before the first frame.
    let mut server = Server::up();
    let (ended, events) = Leg::open(&server.address("live"), "{}").end();
    assert_eq!((ended.unwrap().attempts, events), (0, vec![LegEvent::Ended]));
    // With a server that froze.
    let mut leg = Leg::open(&server.address("live"), "{}");
    leg.show_until_told("coming alive", is_live);
    server.signal("STOP");
    leg.show_more(10);
    leg.end().0.unwrap();
    // The same, without a farewell.
    server.signal("CONT");
    let mut leg = Leg::open(&server.address("plain"), "{}");
    leg.show_until_told("coming alive", is_live);
    server.signal("STOP");
    assert_eq!(leg.leg.abort().state, LegState::Ended);
    server.signal("CONT");
    // With a server that is gone.
    let mut leg = Leg::open(&server.address("plain"), "{}");
    leg.show_until_told("coming alive", is_live);
    server.kill();
    leg.show_until_told("noticing", is_lost("nothing listens"));
    assert_eq!(leg.stats().sessions, 1);
    let (ended, events) = leg.end();
    let problem = ended.unwrap_err().to_string();
    assert!(problem.contains("nothing listens") && problem.contains("\nhint: "), "{problem}");
    assert!(!events.iter().any(is_resumed), "{events:?}");
}

#[test]
fn a_playlist_can_be_played_while_it_is_written() {
    let folder = Folder::new();
    let playlist = folder.at("live.m3u8");
    let mut leg = Leg::open(playlist.to_str().unwrap(), "{}");
    let read = || std::fs::read_to_string(&playlist).unwrap_or_default();
    let listed = || -> Vec<_> { read().lines().filter(|line| line.ends_with(".ts")).map(str::to_owned).collect() };
    let first = |text: &str| text.lines().next().map(str::to_owned);
    // Whenever one looks, what is listed is there, and the playlist is whole.
    leg.show_until(20, "writing segments", |_| {
        let text = read();
        assert!(text.is_empty() || (first(&text).as_deref() == Some("#EXTM3U") && text.ends_with('\n')), "{text}");
        for name in text.lines().filter(|line| line.ends_with(".ts")) {
            assert!(folder.at(name).exists() || !listed().iter().any(|listed| listed == name), "{name}");
        }
        listed().last().is_some_and(|name| name.ends_with("00011.ts"))
    });
    assert!(!read().contains("#EXT-X-ENDLIST") && listed().len() <= 6, "{}", read());
    // Old segments went.
    assert!(folder.names().len() <= 13 && !folder.at("live-1-00000.ts").exists(), "{:?}", folder.names());
    let (ended, events) = leg.end();
    let stats = ended.unwrap();
    assert_eq!(events, [LegEvent::Connecting, LegEvent::Live, LegEvent::Ended]);
    assert!(read().contains("#EXT-X-ENDLIST"), "{}", read());

    for name in listed() {
        let keys = support::probe(&folder.at(&name), "-select_streams v:0 -show_entries packet=flags -of csv=p=0");
        // ffprobe puts blank lines between the packets of transport streams.
        let flags = keys.lines().filter(|line| !line.is_empty());
        let keys: Vec<_> = flags.map(|flags| flags.starts_with('K')).collect();
        // A second each; what is left at the end goes into the last one.
        let is_last = name == *listed().last().unwrap();
        assert!(keys[0], "{name}: {keys:?}");
        assert!(is_last || (keys.len() == 25 && !keys[1..].contains(&true)), "{name}: {keys:?}");
    }
    let frames = read_numbers(&playlist);
    assert!(frames.len() > 5 * 25, "{frames:?}");
    check(&frames, stats.skipped);
}

#[test]
fn an_earlier_streams_segments_stay_until_there_is_a_first_frame() {
    let folder = Folder::new();
    let (playlist, old) = (folder.at("live.m3u8"), folder.at("live-1-00042.ts"));
    std::fs::write(&old, "what was streamed before").unwrap();
    drop(Leg::open(playlist.to_str().unwrap(), "{}"));
    assert!(old.exists(), "a run that fails before its first frame takes nothing with it");
    let mut leg = Leg::open(playlist.to_str().unwrap(), "{}");
    leg.show_until_told("coming alive", is_live);
    assert!(!old.exists(), "{:?}", folder.names());
    leg.end().0.unwrap();
}

#[test]
fn a_playlist_whose_folder_goes_and_comes_resumes() {
    let folder = Folder::new();
    let inner = folder.at("web");
    std::fs::create_dir(&inner).unwrap();
    let playlist = inner.join("live.m3u8");
    let mut leg = Leg::open(playlist.to_str().unwrap(), "{}");
    leg.show_until_told("coming alive", is_live);
    leg.show_more(30);
    std::fs::remove_dir_all(&inner).unwrap();
    leg.show_until_told("noticing", is_lost("cannot be written"));
    std::fs::create_dir(&inner).unwrap();
    leg.show_until_told("resuming", is_resumed);
    leg.show_more(30);
    leg.end().0.unwrap();
    check(&read_numbers(&playlist), u64::MAX);
}

#[test]
fn what_stands_in_the_way_of_a_leg_is_told_when_it_is_opened() {
    let folder = Folder::new();
    let refused = |name: &str, side: u32| Leg::sized(name, "{}", side).err().unwrap().to_string();
    let playlist = folder.at("none/web/live.m3u8");
    assert!(refused(playlist.to_str().unwrap(), 64).contains("there is no folder"));
    assert!(refused("rtmp://localhost/live/key", 63).contains("even width"));
    assert!(refused("rtmp://localhost/live/key", 8).contains("16x16"));
    let leg = Leg::open("rtmp://localhost/live/key", "{}");
    let error = leg.leg.show(&Arc::new(RgbImage::new(32, 32)), 1).unwrap_err().to_string();
    assert!(error.contains("found a frame of 32x32") && !error.contains("key"), "{error}");
}

#[test]
fn srt_calls_and_is_called() {
    // A client that waits to be called, which comes after the leg.
    let port = free_port();
    let mut leg = Leg::open(&format!("srt://127.0.0.1:{port}"), "{}");
    leg.show_until_told("giving up", is_lost("nothing answers"));
    let client = Client::of(&format!("srt://127.0.0.1:{port}?mode=listener"));
    leg.show_until(40, "a client's reading", |_| client.numbers().len() > 25);
    assert!(client.numbers().is_sorted(), "{:?}", client.numbers());
    drop(client);
    leg.show_until_told("noticing", is_lost("closed the connection"));
    let (ended, events) = leg.end();
    assert!(ended.unwrap_err().to_string().contains("closed the connection"), "{events:?}");
    // Nobody was there at first, and it was not said to be live.
    let first = events.iter().position(is_live);
    assert!(events.iter().position(is_lost("nothing answers")) < first, "{events:?}");
    // Nobody at all, until an end that comes before that is known.
    let mut leg = Leg::open(&format!("srt://127.0.0.1:{}", free_port()), "{}");
    leg.show_more(20);
    let (ended, events) = leg.end();
    assert!(ended.is_err() && !events.iter().any(is_live), "{events:?}");
    // Somebody, for a few frames.
    let port = free_port();
    let client = Client::of(&format!("srt://127.0.0.1:{port}?mode=listener"));
    std::thread::sleep(std::time::Duration::from_millis(300));
    let mut leg = Leg::open(&format!("srt://127.0.0.1:{port}"), "{}");
    leg.show_more(10);
    let (ended, events) = leg.end();
    assert_eq!((ended.unwrap().sessions, events.iter().filter(|event| is_live(event)).count()), (1, 1), "{events:?}");
    drop(client);
    // One that calls.
    let port = free_port();
    let mut leg = Leg::open(&format!("srt://127.0.0.1:{port}?mode=listener"), "{}");
    leg.show_until_told("listening", is_live);
    let client = Client::of(&format!("srt://127.0.0.1:{port}"));
    leg.show_until(40, "a client's reading", |_| client.numbers().len() > 25);
    drop(client);
    leg.show_more(25);
    let (ended, events) = leg.end();
    ended.unwrap();
    assert!(!events.iter().any(is_lost("")), "{events:?}");
    // A port that is taken.
    let taken = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let mut leg = Leg::open(&format!("srt://:{port}?mode=listener"), "{}");
    leg.show_until_told("being refused", is_lost("cannot listen at"));
    assert!(leg.end().0.unwrap_err().to_string().contains("another program may have the port"));
}
