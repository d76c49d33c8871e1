//! Sound and pictures stay together: a clapper, which is seen as a white frame and heard as a click.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use image::RgbImage;
use moue_media::{EncoderSettings, Output, Sink, SoundUse, Soundtrack, Source, VideoFormat, VideoReader, Written};
use moue_timeline::FrameRate;

use support::{Folder, clicks, ffmpeg, flashes, probe, stream};

/// Seconds that the clapper's film lasts.
const LENGTH: f64 = 3.2;

fn rate(text: &str) -> FrameRate {
    text.parse().unwrap()
}

/// The frames that are white: the first ones from 1 s, from 1.7 s and from 2.5 s on.
fn white(rate: FrameRate) -> [u64; 3] {
    [1.0, 1.7, 2.5].map(|seconds: f64| (seconds * rate.fps()).ceil() as u64)
}

/// Makes a film of black frames with a white one and a click at the same instant, three times.
fn clapper(path: &Path, rate_text: &str, samples: u32, coding: &str) {
    let frames = white(rate(rate_text));
    let is_white = frames.map(|n| format!("eq(n,{n})")).join("+");
    let is_loud = frames.map(|n| {
        let time = rate(rate_text).seconds_at(n);
        format!("between(t,{time:.6},{:.6})", time + 0.005)
    });
    let is_loud = is_loud.join("+");
    let draw = format!("drawbox=w=64:h=48:color=white:t=fill:enable='{is_white}'");
    ffmpeg(
        &format!(
            "-f lavfi -i color=black:s=64x48:r={rate_text}:d={LENGTH},{draw} \
             -f lavfi -i aevalsrc='0.8*({is_loud})*sin(6283*t)':s={samples}:d={LENGTH} \
             -pix_fmt yuv420p {coding}"
        ),
        path,
    );
}

fn soundtrack(from: &Path, start: f64) -> Soundtrack {
    Soundtrack { start, ..Soundtrack::new(Source::from(from)) }
}

/// Opens a video file of the clapper's size.
fn opened(to: &Path, rate: FrameRate, soundtrack: &Soundtrack) -> (Box<dyn Sink>, SoundUse) {
    let output = Output::parse(to.to_str().unwrap()).unwrap();
    let format = VideoFormat::new(64, 48, rate);
    output.open_with_sound(&format, &EncoderSettings::default(), soundtrack, false).unwrap()
}

/// Copies the frames, each once, with the sound beside them.
fn copied(from: &Path, to: &Path, rate_text: &str, frames: usize) -> (Written, SoundUse) {
    let (mut sink, sound) = opened(to, rate(rate_text), &soundtrack(from, 0.0));
    for frame in VideoReader::open(&Source::from(from)).unwrap().take(frames) {
        sink.write(&Arc::new(frame.unwrap().1)).unwrap();
    }
    (sink.finish().unwrap(), sound)
}

/// Copies from `start` on, which need not be where a frame begins: at twice the rate, each frame of the output shows
/// the one whose time is nearest.
fn cut(from: &Path, to: &Path, rate_text: &str, start: f64) -> (Written, SoundUse) {
    let twice = FrameRate::new(2 * rate(rate_text).num(), rate(rate_text).den()).unwrap();
    let (mut sink, sound) = opened(to, twice, &soundtrack(from, start));
    let reader = VideoReader::open_range(&Source::from(from), Some(start), None).unwrap();
    let frames: Vec<_> = reader.map(|frame| frame.unwrap()).collect();
    let last = frames.last().unwrap().0;
    for time in (0..).map(|index| twice.pts(index)).take_while(|time| *time <= last) {
        let nearest = frames.iter().min_by_key(|(pts, _)| pts.0.abs_diff(time.0)).unwrap();
        sink.write(&Arc::new(nearest.1.clone())).unwrap();
    }
    (sink.finish().unwrap(), sound)
}

/// How far the clicks are from their flashes, in seconds, if there are as many as expected and all are within half a
/// frame; otherwise what was found.
fn together(path: &Path, rate_text: &str, expected: usize) -> Result<f64, String> {
    let (flashes, (clicks, _)) = (flashes(path), clicks(path));
    let apart = flashes.iter().zip(&clicks).map(|(flash, click)| (flash - click).abs()).fold(0.0, f64::max);
    let are_there = flashes.len() == expected && clicks.len() == expected;
    let is_good = are_there && apart < 0.5 / rate(rate_text).fps();
    is_good.then_some(apart).ok_or_else(|| format!("{}: {flashes:.4?}, {clicks:.4?}", path.display()))
}

/// Sources, and outputs that between them copy and encode everything that can be.
const SOURCES: [(&str, u32, &str, &[&str]); 13] = [
    ("aac.mp4", 48_000, "-c:v libx264 -c:a aac", &["mp4", "mkv", "webm"]),
    ("aac.mkv", 48_000, "-c:v libx264 -c:a aac", &["mp4"]),
    ("aac44.mov", 44_100, "-c:v libx264 -c:a aac", &["mp4"]),
    ("aac.ts", 48_000, "-c:v libx264 -c:a aac", &["mkv"]),
    ("mp3.mp4", 44_100, "-c:v libx264 -c:a libmp3lame", &["mp4"]),
    ("mp3.mkv", 48_000, "-c:v libx264 -c:a libmp3lame", &["webm"]),
    ("pcm.mov", 44_100, "-c:v libx264 -c:a pcm_s16le", &["mp4"]),
    ("pcm24.mkv", 48_000, "-c:v libx264 -c:a pcm_s24le", &["mkv"]),
    ("opus.webm", 48_000, "-c:v libvpx-vp9 -deadline realtime -c:a libopus", &["mp4", "webm"]),
    ("opus.mkv", 48_000, "-c:v libx264 -c:a libopus", &["mkv"]),
    ("vorbis.webm", 44_100, "-c:v libvpx-vp9 -deadline realtime -c:a libvorbis", &["webm"]),
    ("flac.mkv", 48_000, "-c:v libx264 -c:a flac", &["mkv"]),
    ("ac3.mkv", 48_000, "-c:v libx264 -c:a ac3", &["mp4"]),
];

#[test]
fn flash_and_click_stay_together() {
    let folder = Folder::new();
    let mut wrong = Vec::new();
    for (i, (name, samples, coding, containers)) in SOURCES.into_iter().enumerate() {
        let rate_text = ["25", "30000/1001"][i % 2];
        let from = folder.at(name);
        clapper(&from, rate_text, samples, coding);
        let own = together(&from, rate_text, 3).unwrap();
        for container in containers {
            let to = folder.at(&format!("{name}.{container}"));
            let (written, sound) = copied(&from, &to, rate_text, usize::MAX);
            assert_eq!(written.notes, [""; 0], "{name} to {container}");
            match together(&to, rate_text, 3) {
                Ok(apart) => println!("{name} {container}: {:.1} ms, {:.1} before; {sound}", apart * 1e3, own * 1e3),
                Err(found) => wrong.push(found),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn flash_and_click_stay_together_where_the_start_is_cut_off() {
    let folder = Folder::new();
    let mut wrong = Vec::new();
    for (i, name) in ["aac.mp4", "mp3.mkv", "opus.webm", "aac.ts", "pcm.mov"].into_iter().enumerate() {
        let (_, samples, coding, _) = SOURCES.into_iter().find(|source| source.0 == name).unwrap();
        let rate_text = ["25", "30000/1001"][i % 2];
        let from = folder.at(name);
        clapper(&from, rate_text, samples, coding);
        // Reached by reading everything on the way, and by seeking.
        for (start, expected, container) in [(0.7, 3, "mp4"), (2.2, 1, "webm")] {
            let to = folder.at(&format!("{name}-{start}.{container}"));
            let (written, sound) = cut(&from, &to, rate_text, start);
            assert!(written.notes.is_empty() && matches!(sound, SoundUse::Encoded { .. }), "{written:?}, {sound}");
            match together(&to, rate_text, expected) {
                Ok(apart) => println!("{name} {container} from {start}: {:.1} ms", apart * 1e3),
                Err(found) => wrong.push(found),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The packets of a file's sound, by checksum.
fn checksums(path: &Path) -> Vec<String> {
    let text = probe(path, "-select_streams a:0 -show_entries packet=data_hash -show_data_hash md5 -of csv=p=0");
    text.lines().map(|line| line.trim_matches(',').to_owned()).filter(|line| !line.is_empty()).collect()
}

#[test]
fn copied_sound_is_untouched() {
    let folder = Folder::new();
    for (name, container, codec, coding) in [
        ("aac.mp4", "mp4", "aac", "-c:v libx264 -c:a aac"),
        ("aac.ts", "mp4", "aac", "-c:v libx264 -c:a aac"),
        ("mp3.mkv", "mkv", "mp3", "-c:v libx264 -c:a libmp3lame"),
        ("opus.mkv", "webm", "opus", "-c:v libx264 -c:a libopus"),
        ("flac.mkv", "mkv", "flac", "-c:v libx264 -c:a flac"),
    ] {
        let (from, to) = (folder.at(name), folder.at(&format!("{name}.{container}")));
        clapper(&from, "25", 48_000, coding);
        let (_, sound) = copied(&from, &to, "25", usize::MAX);
        assert!(matches!(sound, SoundUse::Copied { .. }), "{name}: {sound}");
        let shape = |path: &Path| {
            probe(path, "-select_streams a:0 -show_entries stream=codec_name,sample_rate,channels -of default=nw=1")
        };
        // Programs of transport streams are listed again.
        assert!(shape(&from).starts_with(&shape(&to)) && shape(&to).contains(codec), "{name}: {}", shape(&to));
        // But for the packet of the encoder's delay, which comes before the first frame, and what comes after the last.
        let (before, after) = (checksums(&from), checksums(&to));
        // Packets of transport streams have headers of their own, which files do without.
        if !name.ends_with(".ts") {
            let skipped = before.iter().position(|packet| *packet == after[0]).unwrap();
            assert!(skipped <= 1, "{name}: {skipped}");
            assert_eq!(after[..], before[skipped..skipped + after.len()], "{name}");
        }
        assert!(before.len() - after.len() <= 3, "{name}: {} of {}", after.len(), before.len());
    }
}

/// Seconds that the pictures and the sound of a file last: where the last packet ends.
fn ends(path: &Path) -> (f64, f64) {
    let text = probe(path, "-show_entries packet=codec_type,pts_time,duration_time -of csv=p=0");
    let (mut pictures, mut sound) = (0.0f64, 0.0f64);
    for line in text.lines() {
        let fields: Vec<&str> = line.split(',').collect();
        let number = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok());
        let Some((time, length)) = number(1).zip(number(2)) else { continue };
        let end = if fields[0] == "video" { &mut pictures } else { &mut sound };
        *end = end.max(time + length);
    }
    (pictures, sound)
}

#[test]
fn the_sound_ends_with_the_frames_or_before() {
    let folder = Folder::new();
    let from = folder.at("long.mp4");
    clapper(&from, "25", 48_000, "-c:v libx264 -c:a aac");
    // A run that was cut short after 30 of 80 frames: copied, and encoded.
    for (name, slack) in [("a.mp4", 0.022), ("a.mkv", 0.022), ("a.webm", 0.021)] {
        let to = folder.at(name);
        let (written, _) = copied(&from, &to, "25", 30);
        assert_eq!(written.frames, 30);
        let (pictures, sound) = ends(&to);
        assert!((pictures - 1.2).abs() < 0.002, "{name}: {pictures}");
        assert!(sound > 1.17 && sound < 1.2 + slack, "{name}: {sound}");
    }
    // Sound that is over after one second; sound that begins when the frames are over, and when half of them are.
    let parts = [
        ("short.mp4", "-to 1", 0.97, 1.03, &["mp4", "mkv", "webm"][..]),
        ("late.mp4", "-itsoffset 9", 0.0, 0.1, &["mkv", "webm"]),
        ("gap.mp4", "-itsoffset 1.5", 3.1, 3.23, &["mp4"]),
    ];
    for (name, shift, least, most, containers) in parts {
        let source = folder.at(name);
        let arguments = format!("-i {0} {shift} -i {0} -map 0:v -map 1:a -c copy", from.display());
        ffmpeg(&arguments, &source);
        for container in containers {
            let to = folder.at(&format!("{name}.{container}"));
            let (written, use_of_it) = copied(&source, &to, "25", usize::MAX);
            assert_eq!(written.notes, [""; 0], "{name}");
            let (pictures, sound) = ends(&to);
            assert!((pictures - LENGTH).abs() < 0.002, "{name}, {container}: {pictures}");
            let is_silence = name == "late.mp4" && matches!(use_of_it, SoundUse::Encoded { .. });
            let is_right = if is_silence { sound < LENGTH + 0.03 } else { sound >= least && sound <= most };
            assert!(is_right, "{name}, {container}: {sound}; {use_of_it}");
        }
    }
    let (clicks, _) = clicks(&folder.at("gap.mp4.mp4"));
    assert!(clicks.len() == 1 && (clicks[0] - 2.5).abs() < 0.003, "{clicks:?}");
}

#[test]
fn what_becomes_of_the_sound_is_told() {
    let folder = Folder::new();
    let (from, mute) = (folder.at("a.mp4"), folder.at("mute.mp4"));
    clapper(&from, "25", 48_000, "-c:v libx264 -c:a aac");
    ffmpeg(&format!("-i {} -an -c copy", from.display()), &mute);
    for name in ["a.gif", "a.png", "frames", "shot_%03d.png"] {
        let (sink, sound) = opened(&folder.at(name), FrameRate::FPS_25, &soundtrack(&from, 0.0));
        assert_eq!(sound, SoundUse::NotHeld);
        sink.abort();
    }
    let to = folder.at("b.mp4");
    let (written, sound) = copied(&mute, &to, "25", 5);
    assert_eq!((sound, written.frames), (SoundUse::Silent, 5));
    assert_eq!(stream(&to, "a:0", "codec_name"), "");

    // Sound alone is welcome, from its own start on.
    let (wav, to) = (folder.at("a.wav"), folder.at("c.mp4"));
    ffmpeg(&format!("-i {} -vn", from.display()), &wav);
    let (mut sink, sound) = opened(&to, FrameRate::FPS_25, &soundtrack(&wav, 0.0));
    assert_eq!(sound.to_string(), "the sound is encoded anew, from PCM to AAC");
    for frame in VideoReader::open(&Source::from(&from)).unwrap() {
        sink.write(&Arc::new(frame.unwrap().1)).unwrap();
    }
    sink.finish().unwrap();
    together(&to, "25", 3).unwrap();

    // A limit, and what makes no sense.
    let to = folder.at("d.mkv");
    let limited = Soundtrack { duration: Some(0.5), ..soundtrack(&from, 0.0) };
    let (mut sink, _) = opened(&to, FrameRate::FPS_25, &limited);
    (0..25).for_each(|_| sink.write(&Arc::new(RgbImage::new(64, 48))).unwrap());
    sink.finish().unwrap();
    assert!((ends(&to).1 - 0.5).abs() < 0.03, "{:?}", ends(&to));
    let output = Output::parse(folder.at("e.mp4").to_str().unwrap()).unwrap();
    let open = |soundtrack: &Soundtrack| {
        let format = VideoFormat::new(64, 48, FrameRate::FPS_25);
        let error = output.open_with_sound(&format, &EncoderSettings::default(), soundtrack, false).err().unwrap();
        error.to_string()
    };
    assert!(open(&soundtrack(&folder.at("none.mp4"), 0.0)).contains("no such file"));
    assert!(open(&soundtrack(&from, -1.0)).contains("not before 0"));
    assert!(open(&Soundtrack { duration: Some(0.0), ..limited }).contains("above it"));
    assert!(!folder.names().iter().any(|name| name.starts_with('.') || name == "e.mp4"), "{:?}", folder.names());
}

#[test]
fn a_source_that_vanishes_or_breaks_off_costs_the_sound_and_not_the_film() {
    let folder = Folder::new();
    let (whole, from) = (folder.at("whole.mkv"), folder.at("a.mkv"));
    clapper(&whole, "25", 48_000, "-c:v libx264 -c:a pcm_s16le");
    let bytes = fs::read(&whole).unwrap();
    // Half of the file: the sound ends there, and the film goes on.
    fs::write(&from, &bytes[..bytes.len() / 2]).unwrap();
    let write = |sink: &mut Box<dyn Sink>| {
        (0..80).for_each(|_| sink.write(&Arc::new(RgbImage::new(64, 48))).unwrap());
    };
    let to = folder.at("half.mp4");
    let (mut sink, sound) = opened(&to, FrameRate::FPS_25, &soundtrack(&from, 0.0));
    assert!(matches!(sound, SoundUse::Encoded { .. }), "{sound}");
    write(&mut sink);
    let written = sink.finish().unwrap();
    let (pictures, sound) = ends(&to);
    assert!((pictures - LENGTH).abs() < 0.002 && sound > 1.0 && sound < 2.2, "{pictures}, {sound}, {written:?}");

    let to = folder.at("gone.mp4");
    let (mut sink, _) = opened(&to, FrameRate::FPS_25, &soundtrack(&whole, 0.0));
    write(&mut sink);
    fs::remove_file(&whole).unwrap();
    let written = sink.finish().unwrap();
    assert!(written.notes[0].contains("the sound was left out"), "{written:?}");
    assert_eq!((stream(&to, "v:0", "nb_frames"), stream(&to, "a:0", "codec_name")), ("80".to_owned(), String::new()));
    assert_eq!(boxes(&fs::read(&to).unwrap())[..2], ["ftyp", "moov"], "the index comes first all the same");
}

/// The outermost boxes of an ISO media file, without padding.
fn boxes(bytes: &[u8]) -> Vec<String> {
    let (mut at, mut kinds) = (0, Vec::new());
    while at + 8 <= bytes.len() {
        let size = u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
        kinds.push(String::from_utf8_lossy(&bytes[at + 4..at + 8]).into_owned());
        at += size.max(8) as usize;
    }
    kinds.retain(|kind| kind != "free");
    kinds
}

#[test]
fn the_second_pass_leaves_the_pictures_alone() {
    let folder = Folder::new();
    let from = folder.at("a.mp4");
    clapper(&from, "30000/1001", 48_000, "-c:v libx264 -c:a aac");
    for container in ["mp4", "mkv", "webm"] {
        let (with, without) = (folder.at(&format!("with.{container}")), folder.at(&format!("without.{container}")));
        copied(&from, &with, "30000/1001", usize::MAX);
        let output = Output::parse(without.to_str().unwrap()).unwrap();
        let format = VideoFormat::new(64, 48, rate("30000/1001"));
        let mut sink = output.open(&format, &EncoderSettings::default(), false).unwrap();
        for frame in VideoReader::open(&Source::from(&from)).unwrap() {
            sink.write(&Arc::new(frame.unwrap().1)).unwrap();
        }
        sink.finish().unwrap();
        let entries = "codec_name,profile,pix_fmt,color_range,color_space,color_primaries,color_transfer,chroma_location,\
                       r_frame_rate,avg_frame_rate,start_time,sample_aspect_ratio";
        for entries in [format!("stream={entries}"), "packet=pts_time,data_hash".to_owned()] {
            let arguments = format!("-select_streams v:0 -show_data_hash md5 -show_entries {entries} -of default=nw=1");
            assert_eq!(probe(&with, &arguments), probe(&without, &arguments), "{container}");
        }
    }
    let bytes = fs::read(folder.at("with.mp4")).unwrap();
    assert_eq!(boxes(&bytes), ["ftyp", "moov", "mdat"]);
}
