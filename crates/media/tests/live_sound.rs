//! Sound in live streams: a clapper, seen and heard, through a real RTMP server and through a playlist.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use image::{Rgb, RgbImage};
use moue_media::{
    Cue, LegEvent, LegStats, LiveLeg, LiveOutput, LiveSettings, SoundUse, Soundtrack, Source, VideoFormat,
};
use moue_timeline::FrameRate;
use support::rtmp::{PATIENCE, Server, wait_for};
use support::{Folder, clicks, flashes, stream};

/// Frames from one clap to the next, of which as many are white after the clap.
const CLAP: u64 = 30;
const WHITE: u64 = 5;

/// A click of 40 ms with every thirtieth frame, beginning with the fifteenth.
fn clapper(path: &Path, rate: FrameRate, seconds: u32) {
    let (first, period) = (rate.seconds_at(CLAP / 2), rate.seconds_at(CLAP));
    let click = format!("if(between(mod(t\\,{period})\\,{first}\\,{first}+0.04)\\,0.8*sin(2*PI*1000*t)\\,0)");
    support::ffmpeg(&format!("-f lavfi -i aevalsrc={click}:s=48000:d={seconds} -c:a pcm_s16le"), path);
}

fn picture(number: u64) -> Arc<RgbImage> {
    let is_white = number % CLAP >= CLAP / 2 && number % CLAP < CLAP / 2 + WHITE;
    Arc::new(RgbImage::from_pixel(64, 64, Rgb([if is_white { 255 } else { 0 }; 3])))
}

/// Plays until it went smoothly, or three times: on a machine with much other work, nothing keeps time.
fn play(output: &str, rate: FrameRate, sound: &[Cue], numbers: impl Iterator<Item = Option<u64>> + Clone) -> LegStats {
    // One stream at a time.
    static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut stats = play_once(output, rate, sound, numbers.clone());
    for _ in 0..2 {
        if is_smooth(&stats) {
            break;
        }
        stats = play_once(output, rate, sound, numbers.clone());
    }
    stats
}

fn is_smooth(stats: &LegStats) -> bool {
    (stats.repeated + stats.dropped + stats.skipped) * 20 < stats.sent
}

/// Shows the frames of these numbers in real time; `None` is a period in which none comes.
fn play_once(output: &str, rate: FrameRate, sound: &[Cue], numbers: impl Iterator<Item = Option<u64>>) -> LegStats {
    let is_live = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let heard = Arc::clone(&is_live);
    let on_event = move |event| {
        assert!(!matches!(event, LegEvent::Lost { .. }), "{event}");
        heard.fetch_or(event == LegEvent::Live, std::sync::atomic::Ordering::Relaxed);
    };
    let output = LiveOutput::parse(output).unwrap();
    let settings: LiveSettings = serde_json::from_str(r#"{"speed": "ultrafast", "encoder": "x264"}"#).unwrap();
    let leg = LiveLeg::open(&output, &VideoFormat::new(64, 64, rate), &settings, sound, on_event).unwrap();
    // The first frame stands until the stream does, so that nothing is missing at its start.
    let began = Instant::now();
    leg.show(&picture(0), 0).unwrap();
    while !is_live.load(std::sync::atomic::Ordering::Relaxed) {
        assert!(began.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(5));
    }
    let start = Instant::now();
    for (index, number) in (0..).zip(numbers) {
        let due = start + Duration::from_nanos(rate.pts(index).0);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        if let Some(number) = number {
            leg.show(&picture(number), number).unwrap();
        }
    }
    leg.end().unwrap()
}

fn all_of(path: &Path) -> Vec<Cue> {
    let (sound_use, cues) = Soundtrack::new(Source::from(path)).for_live().unwrap();
    assert_eq!(sound_use, SoundUse::Encoded { from: "PCM".to_owned(), to: "AAC" });
    cues
}

/// How far the sound may be off. A loaded machine repeats and drops frames, the first ones of a flash too, and a frame of
/// jitter cuts no sound.
fn limit(stats: &LegStats) -> f64 {
    if is_smooth(stats) { 0.02 } else { 0.045 }
}

/// Checks that clicks go with the flashes, in the stream's first half and in its second. A loaded machine repeats and drops
/// frames, the first ones of a flash too: so it is most of them that count. When the clicks begin.
fn check(path: &Path, least: usize, stats: &LegStats) -> Vec<f64> {
    let (flashes, (clicks, _)) = (flashes(path), clicks(path));
    if flashes.len() < least && !is_smooth(stats) {
        // Hardly a frame came in its time, three times over: what is left says nothing about the sound.
        return clicks;
    }
    assert!(flashes.len() >= least, "{flashes:?}, {stats:?}");
    for half in [&flashes[..flashes.len() / 2], &flashes[flashes.len() / 2..]] {
        let nearest = |flash: &f64| {
            let off = clicks.iter().map(|click| (click - flash).abs());
            off.min_by(f64::total_cmp).unwrap_or(f64::INFINITY)
        };
        let mut off: Vec<_> = half.iter().map(nearest).collect();
        off.sort_by(f64::total_cmp);
        assert!(off[off.len() / 2] < limit(stats), "{off:?} of {flashes:?}, {clicks:?}, {stats:?}");
    }
    clicks
}

#[test]
fn a_clapper_is_heard_when_it_is_seen_through_a_server() {
    let (folder, server) = (Folder::new(), Server::up());
    let path = folder.at("clapper.wav");
    for rate in [FrameRate::FPS_25, FrameRate::new(30_000, 1001).unwrap()] {
        clapper(&path, rate, 20);
        let stats = play(&server.address("live"), rate, &all_of(&path), (1..375).map(Some));
        let recording = server.recordings().pop().unwrap();
        assert_eq!(stream(&recording, "a:0", "codec_name"), "aac");
        assert_eq!(stream(&recording, "a:0", "sample_rate"), "48000");
        check(&recording, 6, &stats);
    }
}

#[test]
fn a_playlist_has_the_mixed_sounds_of_a_film() {
    let (folder, rate) = (Folder::new(), FrameRate::FPS_25);
    let path = folder.at("clapper.wav");
    clapper(&path, rate, 3);
    // The first clap of it, and after a second one that is left out both.
    let cue = |at, seconds| Cue { source: Source::from(&path), at, from: 0.0, seconds };
    let playlist = folder.at("live.m3u8");
    let cues = [cue(0.0, 1.2), cue(2.4, 2.4)];
    let stats = play(playlist.to_str().unwrap(), rate, &cues, (1..125).map(Some));
    let (flashes, (clicks, _)) = (flashes(&playlist), clicks(&playlist));
    let nearest = |place: &f64, others: &[f64]| others.iter().map(|other| (place - other).abs()).fold(9.0, f64::min);
    let near = clicks.iter().filter(|click| nearest(click, &flashes) < limit(&stats)).count();
    let silent = flashes.iter().filter(|flash| nearest(flash, &clicks) > 0.5).count();
    let is_right = near >= 2 && silent >= 1;
    assert!(is_right || !is_smooth(&stats), "{flashes:?}, {clicks:?}, {stats:?}");
}

#[test]
fn a_loop_starts_the_sound_over() {
    let (folder, server) = (Folder::new(), Server::up());
    let path = folder.at("clapper.wav");
    clapper(&path, FrameRate::FPS_25, 30);
    // 68 frames with two claps, which are seen five times.
    let numbers = (1..340).map(|index| Some(index % 68));
    let stats = play(&server.address("live"), FrameRate::FPS_25, &all_of(&path), numbers);
    let clicks = check(&server.recordings().pop().unwrap(), 6, &stats);
    // From the second clap to the first of the next turn it takes 38 frames.
    let turns = clicks.windows(2).filter(|pair| (1.3..1.8).contains(&(pair[1] - pair[0]))).count();
    assert!(turns >= 3 || !is_smooth(&stats), "{clicks:?}, {stats:?}");
}

#[test]
fn streams_without_sound_have_no_track() {
    let server = Server::up();
    play(&server.address("live"), FrameRate::FPS_25, &[], (1..20).map(Some));
    let recording = server.recordings().pop().unwrap();
    wait_for("the recording's end", || !stream(&recording, "v:0", "codec_name").is_empty());
    assert_eq!(stream(&recording, "a:0", "codec_name"), "");
}

#[test]
fn a_sound_that_is_none_is_refused_before_anything_is_sent() {
    let folder = Folder::new();
    let missing = Cue { source: Source::from(&folder.at("no.wav")), at: 0.0, from: 0.0, seconds: 1.0 };
    let output = LiveOutput::parse("rtmp://localhost/live/key").unwrap();
    let format = VideoFormat::new(64, 64, FrameRate::FPS_25);
    let refused = LiveLeg::open(&output, &format, &LiveSettings::default(), &[missing], |_| {}).err().unwrap();
    assert!(refused.to_string().contains("there is no such file"), "{refused}");
    let silent = folder.at("silent.mkv");
    support::counted(&silent, 5, "25", "", support::X264);
    assert_eq!(Soundtrack::new(Source::from(&silent)).for_live().unwrap(), (SoundUse::Silent, vec![]));
}
