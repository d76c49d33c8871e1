//! Sources that are no videos, or broken ones, are refused in words, after giving what they have.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use moue_media::{MediaError, Source, VideoReader};

use support::{Folder, X264, counted, ffmpeg, look, read, refused, split};

#[test]
fn sound_alone_is_no_video_but_can_be_looked_at() {
    let folder = Folder::new();
    for (name, coding, codec, rate) in [
        ("a.wav", "", "PCM", 44_100),
        ("a.mp3", "", "MP3", 44_100),
        ("a.m4a", "-c:a aac", "AAC", 48_000),
        ("a.ogg", "-c:a libvorbis", "Vorbis", 48_000),
        ("a.mka", "-c:a flac", "FLAC", 48_000),
    ] {
        let path = folder.at(name);
        ffmpeg(&format!("-f lavfi -i sine=d=1 -ac 2 -ar {rate} {coding}"), &path);
        let error = refused(&path);
        assert!(matches!(error, MediaError::NoPictures { .. }), "{name}: {error}");
        assert!(error.to_string().contains(&format!("sound ({codec})")), "{name}: {error}");
        let info = look(&path);
        let sound = info.sound.unwrap();
        assert_eq!((sound.codec.as_str(), sound.rate, sound.channels), (codec, Some(rate), Some(2)), "{name}");
        assert!(info.video.is_none());
    }
}

#[test]
fn files_that_are_cut_off_give_what_they_have_and_say_so() {
    let folder = Folder::new();
    for (name, coding) in [
        ("a.mp4", "-c:v libx264 -qp 4 -movflags +faststart"),
        ("a.mkv", "-c:v libx264 -qp 4"),
        ("a.webm", "-c:v libvpx-vp9 -deadline realtime -crf 4"),
        ("a.avi", "-c:v mpeg4 -q:v 2"),
    ] {
        let (whole, path) = (folder.at(name), folder.at(&format!("cut-{name}")));
        // Noise, so that the bytes are spread evenly over the frames.
        counted(&whole, 60, "25", ",noise=alls=20:allf=t", coding);
        let bytes = fs::read(&whole).unwrap();
        fs::write(&path, &bytes[..bytes.len() * 6 / 10]).unwrap();
        let (frames, ending) = read(&path);
        assert!((20..50).contains(&frames.len()), "{name}: {} frames", frames.len());
        for (i, (pts, _)) in frames.iter().enumerate().take(20) {
            assert!((pts.as_seconds() - i as f64 / 25.0).abs() < 0.0011, "{name}");
        }
        let Some(MediaError::EndsEarly { at, frames: count, .. }) = &ending else { panic!("{name}: {ending:?}") };
        assert_eq!(*count, frames.len() as u64);
        let end = frames.last().unwrap().0.as_seconds() + 0.04;
        assert!((at - end).abs() < 0.03, "{name}: {at}, {end}");
        let text = ending.unwrap().to_string();
        assert!(text.contains("breaks off after") && text.contains("hint: "), "{text}");

        // The part before the break is whole.
        let reader = VideoReader::open_range(&Source::from(&path), None, Some(0.4)).unwrap();
        let (frames, ending) = split(reader);
        assert!(frames.len() == 10 && ending.is_none(), "{name}: {} frames, {ending:?}", frames.len());
    }
    // A recording that was not finished has no index.
    let (whole, path) = (folder.at("b.mp4"), folder.at("cut-b.mp4"));
    counted(&whole, 60, "25", ",noise=alls=20:allf=t", X264);
    let bytes = fs::read(&whole).unwrap();
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let error = refused(&path);
    assert!(matches!(error, MediaError::Truncated { format: "MP4", .. }), "{error:?}");
    assert!(error.to_string().contains("index is missing"), "{error}");
}

#[test]
fn what_is_no_video_is_named() {
    let folder = Folder::new();
    let path = folder.at("a.mp4");
    assert!(matches!(refused(&path), MediaError::Missing { .. }));
    fs::write(&path, "").unwrap();
    assert!(matches!(refused(&path), MediaError::Empty { .. }));
    fs::write(&path, "timecode,blendshapecount,eyeblinkleft\n00:00:00:00.0,61,0.1\n".repeat(50)).unwrap();
    let error = refused(&path);
    assert!(matches!(error, MediaError::NotAVideo { .. }) && error.to_string().contains("found text"), "{error}");
    let noise: Vec<u8> = (0..5000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    fs::write(&path, &noise).unwrap();
    let error = refused(&path);
    assert!(!error.to_string().is_empty(), "{error}");
    // The head of a video, then nothing that makes sense.
    let real = folder.at("real.mp4");
    counted(&real, 10, "25", "", "-c:v libx264 -movflags +faststart");
    let mut bytes = fs::read(&real).unwrap();
    let media = bytes.windows(4).position(|kind| kind == b"mdat").unwrap() + 4;
    bytes[media..].fill(0x55);
    fs::write(&path, &bytes).unwrap();
    let outcome = VideoReader::open(&Source::from(&path)).map(|reader| split(reader).0.len());
    assert!(matches!(outcome, Err(_) | Ok(0)), "{outcome:?}");
    for address in ["http://127.0.0.1:9/a.mp4", "rtmp://127.0.0.1:9/live/key", "v4l2:///dev/video99"] {
        let error = VideoReader::open(&Source::parse(address).unwrap()).err().unwrap();
        assert!(matches!(error, MediaError::Unreachable { .. }), "{address}: {error:?}");
    }
    let error = VideoReader::open(&Source::parse("gopher://127.0.0.1/a.mp4").unwrap()).err().unwrap();
    assert!(matches!(error, MediaError::Address { .. }) && error.to_string().contains("'gopher://'"), "{error}");
}

#[test]
fn frames_that_are_too_large_are_refused_before_they_are_decoded() {
    let folder = Folder::new();
    let (small, path) = (folder.at("small.mp4"), folder.at("large.mp4"));
    counted(&small, 3, "25", "", X264);
    let mut bytes = fs::read(&small).unwrap();
    // Width and height in the description of the samples: 24 bytes after the kind `avc1`.
    let at = bytes.windows(4).position(|kind| kind == b"avc1").unwrap();
    let at = bytes[at + 4..].windows(4).position(|kind| kind == b"avc1").map_or(at, |next| at + 4 + next) + 4 + 24;
    assert_eq!(bytes[at..at + 4], [0, 64, 0, 48]);
    bytes[at..at + 4].copy_from_slice(&[0x75, 0x30, 0x75, 0x30]);
    fs::write(&path, &bytes).unwrap();
    let error = refused(&path);
    assert!(matches!(error, MediaError::PictureTooLarge { .. }), "{error:?}");
    assert!(error.to_string().contains("30000x30000"), "{error}");
}

#[test]
fn a_missing_decoder_is_named_with_its_package() {
    const ALONE: &str = "MOUE_TEST_WITHOUT_H264";
    if let Some(path) = std::env::var_os(ALONE) {
        let error = refused(Path::new(&path));
        assert!(matches!(error, MediaError::NoDecoder { .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.contains("no decoder for H.264") && text.contains("apt-get install gstreamer1.0-libav"), "{text}");
        return;
    }
    let folder = Folder::new();
    for (name, coding) in [("a.mp4", "-an"), ("b.mkv", "-f lavfi -i sine=d=1 -shortest -c:a aac")] {
        let path = folder.at(name);
        let source = "-f lavfi -i color=s=64x48:d=1";
        ffmpeg(&format!("{source} {coding} -c:v libx264 -pix_fmt yuv420p"), &path);
        // GStreamer ranks its decoders once per process, so this takes another one.
        let decoders = [
            "avdec_h264",
            "openh264dec",
            "v4l2h264dec",
            "v4l2slh264dec",
            "nvh264dec",
            "nvh264sldec",
            "vah264dec",
            "vaapih264dec",
            "vaapidecodebin",
            "msdkh264dec",
            "d3d11h264dec",
            "vtdec",
            "vtdec_hw",
        ];
        let ranks = decoders.map(|name| format!("{name}:NONE")).join(",");
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_missing_decoder_is_named_with_its_package", "--nocapture"])
            .env(ALONE, &path)
            .env("GST_PLUGIN_FEATURE_RANK", ranks)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && text.contains("1 passed"), "{name}: {text}");
    }
}

/// How a server treats those who ask.
#[derive(Clone, Copy, PartialEq)]
enum Manners {
    Good,
    /// Hangs up half-way, whatever part is asked for.
    HangsUp,
    /// Says nothing more half-way, and waits.
    FallsSilent,
}

/// Serves one file to anybody who asks, until the test ends; the address.
fn served(bytes: Vec<u8>, manners: Manners) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/clip.mp4", listener.local_addr().unwrap());
    let bytes = Arc::new(bytes);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let bytes = bytes.clone();
            std::thread::spawn(move || answer(stream, &bytes, manners));
        }
    });
    address
}

fn answer(mut stream: TcpStream, bytes: &[u8], manners: Manners) {
    let mut start = None;
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    for line in reader.by_ref().lines().map_while(Result::ok).take_while(|line| !line.is_empty()) {
        let range = line.to_lowercase().strip_prefix("range: bytes=").map(str::to_owned);
        start = range.and_then(|range| range.split('-').next()?.parse::<usize>().ok()).or(start);
    }
    let from = start.unwrap_or(0).min(bytes.len());
    let status = if start.is_some() { "206 Partial Content" } else { "200 OK" };
    let (length, last) = (bytes.len() - from, bytes.len() - 1);
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: video/mp4\r\nAccept-Ranges: bytes\r\nContent-Length: {length}\r\n\
         Content-Range: bytes {from}-{last}/{}\r\nConnection: close\r\n\r\n",
        bytes.len()
    );
    let until = if manners == Manners::Good { bytes.len() } else { bytes.len() / 2 };
    let _ = stream.write_all(head.as_bytes());
    let _ = stream.write_all(bytes.get(from..until).unwrap_or_default());
    if manners == Manners::FallsSilent {
        // Until the other side hangs up.
        let _ = reader.read_line(&mut String::new());
    }
}

#[test]
fn a_video_comes_over_the_network() {
    let folder = Folder::new();
    let path = folder.at("a.mp4");
    counted(&path, 100, "25", ",noise=alls=20:allf=t", "-c:v libx264 -qp 4 -g 25 -movflags +faststart");
    let bytes = fs::read(&path).unwrap();
    let source = |manners| Source::parse(&served(bytes.clone(), manners)).unwrap();
    let reader = VideoReader::open(&source(Manners::Good)).unwrap();
    assert!(!reader.is_live() && reader.expected_frames() == Some(100), "{:?}", reader.info());
    let (frames, ending) = split(reader);
    assert!(frames.len() == 100 && ending.is_none(), "{} frames, {ending:?}", frames.len());
    let (frames, _) = split(VideoReader::open_range(&source(Manners::Good), Some(3.0), None).unwrap());
    assert_eq!(frames.len(), 25);

    let (frames, ending) = split(VideoReader::open(&source(Manners::HangsUp)).unwrap());
    assert!((20..80).contains(&frames.len()), "{} frames", frames.len());
    assert!(matches!(ending, Some(MediaError::EndsEarly { .. })), "{ending:?}");

    // Left while nothing comes any more.
    let mut reader = VideoReader::open(&source(Manners::FallsSilent)).unwrap();
    assert_eq!(reader.by_ref().take(10).filter(Result::is_ok).count(), 10);
    drop(reader);
}
