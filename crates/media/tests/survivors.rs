//! Files that outlive what happens to them: a killed process, a disk that fills; and those that lose nothing.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use image::{Rgb, RgbImage};
use moue_media::{EncoderSettings, MediaError, Output, Sink, SoundUse, Soundtrack, Source, VideoFormat};
use moue_timeline::FrameRate;
use support::rtmp::wait_for;
use support::{Folder, clicks, flashes, packets, probe, read, stream};

const RATE: FrameRate = FrameRate::FPS_25;

/// A texture that moves, hard to compress.
fn noise(side: u32, seed: u32) -> Arc<RgbImage> {
    let mut state = seed.wrapping_mul(7919) + 1;
    Arc::new(RgbImage::from_fn(side, side, |_, _| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        Rgb([(state >> 24) as u8, (state >> 16) as u8, (state >> 8) as u8])
    }))
}

/// White for five frames each second, with the click.
fn flash(index: u64) -> Arc<RgbImage> {
    let level = if (12..17).contains(&(index % 25)) { 255 } else { 0 };
    Arc::new(RgbImage::from_pixel(64, 64, Rgb([level; 3])))
}

fn clapper(path: &Path) {
    let click = "if(between(mod(t\\,1)\\,0.48\\,0.52)\\,0.8*sin(2*PI*1000*t)\\,0)";
    support::ffmpeg(&format!("-f lavfi -i aevalsrc={click}:s=48000:d=20 -c:a pcm_s16le"), path);
}

fn settings(text: &str) -> EncoderSettings {
    serde_json::from_str(text).unwrap()
}

fn open(path: &Path, side: u32, text: &str, sound: Option<&Path>) -> (Box<dyn Sink>, SoundUse) {
    let (output, format) = (Output::parse(path.to_str().unwrap()).unwrap(), VideoFormat::new(side, side, RATE));
    match sound {
        Some(sound) => {
            let track = Soundtrack::new(Source::from(sound));
            output.open_with_sound(&format, &settings(text), &track, false).unwrap()
        }
        None => (output.open(&format, &settings(text), false).unwrap(), SoundUse::Silent),
    }
}

#[test]
fn ffv1_gives_back_every_bit() {
    let folder = Folder::new();
    let path = folder.at("master.mkv");
    let mut sink = open(&path, 126, r#"{"codec": "ffv1"}"#, None).0;
    let frames: Vec<_> = (0..12).map(|index| noise(126, index)).collect();
    frames.iter().for_each(|frame| sink.write(frame).unwrap());
    sink.finish().unwrap();
    let (decoded, ending) = read(&path);
    assert!(ending.is_none() && decoded.len() == frames.len(), "{ending:?}");
    assert!(decoded.iter().zip(&frames).all(|((_, decoded), frame)| decoded == &**frame));
    // So does ffmpeg's own decoder.
    let bytes = support::decoded("", &path, "-f rawvideo -pix_fmt rgb24");
    assert!(bytes.chunks(126 * 126 * 3).zip(&frames).all(|(decoded, frame)| decoded == frame.as_raw().as_slice()));
    assert_eq!(packets(&path, "v:0", "flags").len(), 0);
    let flags = probe(&path, "-select_streams v:0 -show_entries packet=flags -of csv=p=0");
    assert!(flags.lines().count() == 12 && flags.lines().all(|flags| flags.starts_with('K')), "{flags}");
}

#[test]
fn h264_without_loss_gives_back_every_bit_of_its_planes() {
    let folder = Folder::new();
    // FFV1 keeps the frames, from which swscale cannot make our planes: two encodings of the same planes must agree.
    let planes = |name: &str, text: &str| {
        let path = folder.at(name);
        let mut sink = open(&path, 128, text, None).0;
        (0..10).for_each(|index| sink.write(&noise(128, index)).unwrap());
        sink.finish().unwrap();
        support::decoded("", &path, "-f rawvideo -pix_fmt yuv420p")
    };
    let lossless = planes("a.mkv", r#"{"crf": 0}"#);
    let other = planes("b.mkv", r#"{"crf": 0, "speed": "slow", "idr_interval_secs": 0.1}"#);
    assert_eq!(lossless.len(), 10 * 128 * 128 * 3 / 2);
    // Noise that two different ways of coding agree about bit for bit has lost nothing.
    assert!(lossless == other && lossless != planes("c.mkv", r#"{"crf": 1}"#));
}

#[test]
fn av1_plays_and_keeps_colours_and_times() {
    let folder = Folder::new();
    for name in ["a.webm", "b.mkv"] {
        let path = folder.at(name);
        let mut sink = open(&path, 128, r#"{"codec": "av1", "idr_interval_secs": 1}"#, None).0;
        let colours = [[224, 172, 140], [30, 200, 90], [0, 0, 255], [255, 255, 255]];
        let picture = |index: usize| {
            Arc::new(RgbImage::from_fn(128, 128, |x, y| {
                Rgb(colours[(x / 64 + y / 64 * 2 + index as u32 / 10) as usize % 4])
            }))
        };
        (0..30).for_each(|index| sink.write(&picture(index)).unwrap());
        sink.finish().unwrap();
        assert_eq!(stream(&path, "v:0", "codec_name"), "av1");
        let (frames, ending) = read(&path);
        assert!(ending.is_none() && frames.len() == 30, "{ending:?}");
        for (index, (pts, image)) in frames.iter().enumerate() {
            assert!(pts.0.abs_diff(index as u64 * 40_000_000) <= 500_000);
            for (x, y) in [(32, 32), (96, 32), (32, 96), (96, 96)] {
                let (found, given) = (image.get_pixel(x, y).0, picture(index).get_pixel(x, y).0);
                let off = found.iter().zip(given).map(|(a, b)| a.abs_diff(b)).max();
                assert!(off <= Some(2), "{name}, frame {index}: {found:?}, not {given:?}");
            }
        }
    }
}

#[test]
fn fragments_hold_pictures_and_sound_together() {
    let folder = Folder::new();
    let (sound, path) = (folder.at("a.wav"), folder.at("a.mp4"));
    clapper(&sound);
    let (mut sink, sound_use) = open(&path, 64, r#"{"fragmented": true}"#, Some(&sound));
    assert_eq!(sound_use, SoundUse::Encoded { from: "PCM".to_owned(), to: "AAC" });
    (0..260).for_each(|index| sink.write(&flash(index)).unwrap());
    let written = sink.finish().unwrap();
    assert_eq!((written.frames, written.notes.len()), (260, 0));
    let bytes = std::fs::read(&path).unwrap();
    let fragments = bytes.windows(4).filter(|bytes| bytes == b"moof").count();
    assert!((10..60).contains(&fragments), "{fragments} fragments");
    check_clap(&path, 10);
    let (frames, ending) = read(&path);
    assert!(ending.is_none() && frames.len() == 260, "{ending:?}");
    let times = frames.iter().enumerate().map(|(index, (pts, _))| pts.0.abs_diff(index as u64 * 40_000_000));
    assert_eq!(times.max(), Some(0));
    assert_eq!(folder.names().len(), 2, "{:?}", folder.names());
}

/// As many claps at least, each heard when it is seen.
fn check_clap(path: &Path, least: usize) {
    let (flashes, (clicks, _)) = (flashes(path), clicks(path));
    assert!(flashes.len() >= least && clicks.len() >= least, "{flashes:?}, {clicks:?}");
    for (flash, click) in flashes.iter().zip(&clicks) {
        assert!((flash - click).abs() < 0.005, "{flashes:?}, {clicks:?}");
    }
}

/// This test's own program, told to write `path` until something happens to it.
fn writer(path: &Path, settings: &str, sound: Option<&Path>, limit: &str) -> Child {
    let mut command = Command::new("bash");
    // A process that writes more than it may is told so by an error, if it ignores the signal.
    let script = format!(
        "trap '' XFSZ; {limit} exec \"$0\" --exact a_process_that_writes_until_it_cannot --ignored --nocapture"
    );
    command.args(["-c", &script]).arg(std::env::current_exe().unwrap());
    command.env("MOUE_TEST_PATH", path).env("MOUE_TEST_SETTINGS", settings);
    if let Some(sound) = sound {
        command.env("MOUE_TEST_SOUND", sound);
    }
    command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

#[test]
#[ignore = "run by the other tests, in a process of its own"]
fn a_process_that_writes_until_it_cannot() {
    let Some(path) = std::env::var_os("MOUE_TEST_PATH").map(PathBuf::from) else { return };
    let sound = std::env::var_os("MOUE_TEST_SOUND").map(PathBuf::from);
    let text = std::env::var("MOUE_TEST_SETTINGS").unwrap();
    let is_noisy = text.contains("crf");
    let mut sink = open(&path, if is_noisy { 128 } else { 64 }, &text, sound.as_deref()).0;
    for index in 0..100_000 {
        let frame = if is_noisy { noise(128, index as u32) } else { flash(index) };
        if let Err(error) = sink.write(&frame) {
            let told = match error {
                MediaError::CutShort { frames, lacking, .. } => format!("cut short after {frames}{lacking}"),
                other => other.to_string(),
            };
            println!("told: {told};");
            return;
        }
    }
}

#[test]
fn a_killed_process_leaves_what_it_had_written() {
    for (name, text, with_sound) in [("a.mp4", r#"{"fragmented": true}"#, true), ("b.mkv", "{}", false)] {
        let folder = Folder::new();
        let sound = folder.at("sound.wav");
        clapper(&sound);
        let mut process = writer(&folder.at(name), text, with_sound.then_some(&*sound), "");
        let partial = || folder.names().into_iter().find(|name| name.starts_with('.')).map(|name| folder.at(&name));
        let size = || partial().and_then(|path| path.metadata().ok()).map_or(0, |found| found.len());
        wait_for("writing", || size() > 200_000);
        process.kill().unwrap();
        process.wait().unwrap();
        let path = partial().unwrap();
        let frames = support::decoded("", &path, "-map 0:v:0 -f rawvideo -pix_fmt gray").len() / (64 * 64);
        assert!(frames > 200, "{name}: {frames}");
        if with_sound {
            check_clap(&path, 7);
        }
        // Our own reader takes it too.
        assert!(read(&path).0.len() > 200, "{name}");
    }
}

#[test]
fn a_file_that_may_not_grow_is_kept_as_far_as_it_came() {
    for (name, text, with_sound, kept) in [
        ("a.mkv", r#"{"crf": 20}"#, false, ""),
        ("b.mkv", r#"{"crf": 20}"#, true, ", without its sound"),
        ("c.mp4", r#"{"crf": 20, "fragmented": true}"#, true, ""),
        ("d.webm", r#"{"crf": 30}"#, false, ""),
    ] {
        let folder = Folder::new();
        let (sound, path) = (folder.at("sound.wav"), folder.at(name));
        clapper(&sound);
        // Kilobytes.
        let process = writer(&path, text, with_sound.then_some(&*sound), "ulimit -f 1500;");
        let output = process.wait_with_output().unwrap();
        let told = String::from_utf8(output.stdout).unwrap();
        let frames = told.split("cut short after ").nth(1).unwrap_or_else(|| panic!("{name}: {told}"));
        let (frames, lacking) =
            frames.split_once(';').map(|(text, _)| text.split_at(text.find(',').unwrap_or(text.len()))).unwrap();
        assert_eq!(lacking, kept, "{name}");
        let frames: usize = frames.parse().unwrap();
        let decoded = read(&path).0.len();
        assert!(frames > 5 && decoded.abs_diff(frames) <= 1, "{name}: {frames} were told, {decoded} are there");
        assert_eq!(folder.names().len(), 2, "{:?}", folder.names());
    }
    // An MP4 without its index is nothing.
    let folder = Folder::new();
    let output = writer(&folder.at("e.mp4"), r#"{"crf": 20}"#, None, "ulimit -f 1500;").wait_with_output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.contains("the disk is full") && told.contains("nothing was left behind"), "{told}");
    assert_eq!(folder.names().len(), 0, "{:?}", folder.names());
}
