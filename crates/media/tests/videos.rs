//! What is written is decoded again, here and by ffmpeg's tools, and compared with what was rendered.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use image::{Rgb, RgbImage};
use moue_media::{EncoderSettings, MediaError, Output, Sink, Source, VideoFormat, VideoReader, Written};
use moue_timeline::FrameRate;

const COLOURS: [[u8; 3]; 12] = [
    [255, 0, 0],
    [0, 255, 0],
    [0, 0, 255],
    [255, 255, 0],
    [0, 255, 255],
    [255, 0, 255],
    [255, 255, 255],
    [0, 0, 0],
    [128, 128, 128],
    [224, 172, 140],
    [92, 58, 42],
    [30, 200, 90],
];

/// Flat patches, four by three, which trade places from frame to frame.
fn patches(width: u32, height: u32, frame: u64) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| Rgb(COLOURS[patch(width, height, frame, x, y)]))
}

fn patch(width: u32, height: u32, frame: u64, x: u32, y: u32) -> usize {
    ((y * 3 / height * 4 + x * 4 / width) as u64 + frame / 5) as usize % COLOURS.len()
}

/// A textured picture in motion.
fn moving(width: u32, height: u32, frame: u64) -> RgbImage {
    let t = frame as f64 * 0.3;
    // Products of a wave along x and a wave along y, one pair per colour.
    let table = |length: u32, value: &dyn Fn(f64) -> f64| (0..length).map(|i| value(f64::from(i))).collect::<Vec<_>>();
    let waves = [(0.0, 19.0), (1.0, 13.0), (2.0, 29.0)].map(|(phase, scale): (f64, f64)| {
        let along_x = table(width, &|x| ((x + 3.0 * t) / scale + phase).sin());
        let along_y = table(height, &|y| ((y - t) / scale - phase).cos());
        (along_x, along_y)
    });
    RgbImage::from_fn(width, height, |x, y| {
        let value = |wave: &(Vec<f64>, Vec<f64>)| (128.0 + 90.0 * wave.0[x as usize] * wave.1[y as usize]) as u8;
        Rgb([value(&waves[0]), value(&waves[1]), value(&waves[2])])
    })
}

fn rate(text: &str) -> FrameRate {
    text.parse().unwrap()
}

fn open(path: &Path, format: &VideoFormat, settings: &str) -> Result<Box<dyn Sink>, MediaError> {
    let settings: EncoderSettings = serde_json::from_str(settings).unwrap();
    Output::parse(path.to_str().unwrap())?.open(format, &settings, false)
}

fn write(path: &Path, format: &VideoFormat, frames: u64, picture: impl Fn(u32, u32, u64) -> RgbImage) -> Written {
    let mut sink = open(path, format, "{}").unwrap();
    for index in 0..frames {
        sink.write(&Arc::new(picture(format.width, format.height, index))).unwrap();
    }
    sink.finish().unwrap()
}

fn probe(path: &Path, arguments: &[&str]) -> String {
    let output =
        Command::new("ffprobe").args(["-v", "error"]).args(arguments).arg(path).output().expect("ffprobe runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn stream(path: &Path, entry: &str) -> String {
    let entries = format!("stream={entry}");
    probe(path, &["-select_streams", "v:0", "-show_entries", &entries, "-of", "default=nw=1:nk=1"])
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

#[test]
fn colours_counts_and_times_come_back() {
    let folder = Folder::new();
    for (name, width, height, rate_text, frames, slack_ns) in [
        ("a.mp4", 512, 512, "25", 31, 0),
        ("b.mp4", 500, 282, "30000/1001", 47, 40_000),
        ("c.mkv", 500, 282, "30000/1001", 31, 500_000),
        ("d.webm", 500, 282, "25", 21, 500_000),
        ("e.webm", 512, 512, "30000/1001", 11, 500_000),
    ] {
        let path = folder.at(name);
        let format = VideoFormat::new(width, height, rate(rate_text));
        let written = write(&path, &format, frames, patches);
        assert_eq!((written.frames, written.bytes), (frames, fs::metadata(&path).unwrap().len()));

        let decoded: Vec<_> = VideoReader::open(&Source::from(&path)).unwrap().map(|frame| frame.unwrap()).collect();
        assert_eq!(decoded.len() as u64, frames, "{name}");
        assert_eq!(stream_count(&path), frames.to_string(), "{name}");
        let mut worst = 0;
        for (index, (pts, image)) in (0..).zip(&decoded) {
            let expected = format.rate.pts(index).0;
            assert!(pts.0.abs_diff(expected) <= slack_ns, "{name}, frame {index}: {} ns, not {expected}", pts.0);
            assert_eq!(image.dimensions(), (width, height));
            for (x, y, expected) in centres(width, height, index) {
                let found = image.get_pixel(x, y).0;
                worst = found.iter().zip(expected).map(|(a, b)| a.abs_diff(b)).fold(worst, u8::max);
            }
        }
        assert!(worst <= 2, "{name}: off by {worst} levels");
    }
}

/// The middle of each patch and a point near its corner, with the colour rendered there.
fn centres(width: u32, height: u32, frame: u64) -> impl Iterator<Item = (u32, u32, [u8; 3])> {
    let points = (0..12).flat_map(move |i| {
        let (left, top) = (i % 4 * width / 4, i / 4 * height / 3);
        [(left + width / 8, top + height / 6), (left + width / 16, top + height / 12)]
    });
    points.map(move |(x, y)| (x, y, COLOURS[patch(width, height, frame, x, y)]))
}

fn stream_count(path: &Path) -> String {
    probe(
        path,
        &["-count_frames", "-select_streams", "v:0", "-show_entries", "stream=nb_read_frames", "-of", "csv=p=0"],
    )
}

#[test]
fn an_mp4_plays_everywhere() {
    let folder = Folder::new();
    let path = folder.at("a.mp4");
    write(&path, &VideoFormat::new(256, 192, rate("30000/1001")), 150, moving);
    for (entry, expected) in [
        ("codec_name", "h264"),
        ("profile", "High"),
        ("pix_fmt", "yuv420p"),
        ("color_range", "tv"),
        ("color_space", "bt709"),
        ("color_transfer", "bt709"),
        ("color_primaries", "bt709"),
        ("chroma_location", "left"),
        ("has_b_frames", "0"),
        ("width", "256"),
        ("height", "192"),
        ("sample_aspect_ratio", "1:1"),
        ("r_frame_rate", "30000/1001"),
        ("avg_frame_rate", "30000/1001"),
        ("nb_frames", "150"),
        ("start_pts", "0"),
    ] {
        assert_eq!(stream(&path, entry), expected, "{entry}");
    }
    let seconds: f64 = stream(&path, "duration").parse().unwrap();
    assert!((seconds - 150.0 * 1001.0 / 30000.0).abs() < 1e-4, "{seconds}");
    // One IDR frame at least every 2 s.
    let flags = probe(&path, &["-select_streams", "v:0", "-show_entries", "packet=flags", "-of", "csv=p=0"]);
    let keys: Vec<usize> =
        flags.lines().enumerate().filter(|(_, flags)| flags.starts_with('K')).map(|(i, _)| i).collect();
    assert!(keys[0] == 0 && keys.windows(2).all(|pair| pair[1] - pair[0] <= 60) && keys.len() >= 3, "{keys:?}");
    // The index comes before the pictures.
    assert_eq!(
        boxes(&fs::read(&path).unwrap()).iter().filter(|kind| *kind != "free").collect::<Vec<_>>(),
        ["ftyp", "moov", "mdat"]
    );
    assert_eq!(folder.names(), ["a.mp4"]);
}

/// The outermost boxes of an ISO media file.
fn boxes(bytes: &[u8]) -> Vec<String> {
    let (mut at, mut kinds) = (0, Vec::new());
    while at + 16 <= bytes.len() {
        let size = u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
        kinds.push(String::from_utf8_lossy(&bytes[at + 4..at + 8]).into_owned());
        at += match size {
            1 => u64::from_be_bytes(bytes[at + 8..at + 16].try_into().unwrap()) as usize,
            size => size as usize,
        };
    }
    assert_eq!(at, bytes.len());
    kinds
}

#[test]
fn a_webm_and_an_mkv_say_their_colours_and_last_as_long_as_their_frames() {
    let folder = Folder::new();
    for (name, codec) in [("a.webm", "vp9"), ("a.mkv", "h264")] {
        let path = folder.at(name);
        write(&path, &VideoFormat::new(320, 240, rate("25")), 30, moving);
        assert_eq!(stream(&path, "codec_name"), codec);
        assert_eq!(stream(&path, "pix_fmt"), "yuv420p");
        assert_eq!(stream(&path, "color_range"), "tv");
        assert_eq!(stream(&path, "color_space"), "bt709");
        assert_eq!(stream(&path, "avg_frame_rate"), "25/1");
        let seconds: f64 = probe(&path, &["-show_entries", "format=duration", "-of", "csv=p=0"]).parse().unwrap();
        assert!((seconds - 1.2).abs() < 0.002, "{name}: {seconds}");
    }
}

#[test]
fn pictures_in_motion_stay_close_to_what_was_rendered() {
    let folder = Folder::new();
    for (name, least_db) in [("a.mp4", 38.0), ("a.webm", 36.0)] {
        let path = folder.at(name);
        write(&path, &VideoFormat::new(320, 240, rate("25")), 20, moving);
        let mut worst = f64::MAX;
        for (index, frame) in (0..).zip(VideoReader::open(&Source::from(&path)).unwrap()) {
            let (expected, found) = (moving(320, 240, index), frame.unwrap().1);
            let squares = expected.iter().zip(found.iter()).map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2));
            let mean = squares.sum::<f64>() / f64::from(320 * 240 * 3);
            worst = worst.min(10.0 * (255.0f64 * 255.0 / mean).log10());
        }
        assert!(worst > least_db, "{name}: {worst:.1} dB");
    }
}

#[test]
fn settings_reach_the_encoder() {
    let folder = Folder::new();
    let format = VideoFormat::new(320, 240, rate("25"));
    let bytes = |name: &str, settings: &str| {
        let path = folder.at(name);
        let mut sink = open(&path, &format, settings).unwrap();
        for index in 0..30 {
            sink.write(&Arc::new(moving(320, 240, index))).unwrap();
        }
        sink.finish().unwrap().bytes
    };
    for (container, settings) in [("mp4", ""), ("webm", ""), ("mkv", r#", "codec": "vp9", "speed": "slow""#)] {
        let fine = bytes(&format!("fine.{container}"), &format!(r#"{{"crf": 12{settings}}}"#));
        let coarse = bytes(&format!("coarse.{container}"), &format!(r#"{{"crf": 40{settings}}}"#));
        assert!(fine > 2 * coarse, "{container}: {fine}, {coarse}");
    }
    assert_eq!(stream(&folder.at("fine.mkv"), "codec_name"), "vp9");
    bytes("keys.mp4", r#"{"idr_interval_secs": 0.2}"#);
    let flags = probe(&folder.at("keys.mp4"), &["-show_entries", "packet=flags", "-of", "csv=p=0"]);
    assert_eq!(flags.lines().filter(|flags| flags.starts_with('K')).count(), 6);
}

#[test]
fn the_rate_is_not_capped() {
    // x264enc's own default would hold noise down to 2 Mbit/s.
    let folder = Folder::new();
    let noise = |width, height, frame| {
        let mut state = frame as u32 + 1;
        RgbImage::from_fn(width, height, |_, _| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            Rgb([(state >> 24) as u8, (state >> 16) as u8, (state >> 8) as u8])
        })
    };
    for name in ["a.mp4", "a.webm"] {
        let written = write(&folder.at(name), &VideoFormat::new(256, 256, rate("25")), 10, noise);
        assert!(written.bytes * 8 * 25 / 10 > 6_000_000, "{name}: {} bytes", written.bytes);
    }
}

#[test]
fn nothing_appears_before_the_end_or_after_an_abort() {
    let folder = Folder::new();
    for name in ["a.mp4", "a.mkv", "a.webm", "a.gif", "a.png", "frames", "shot_%03d.png"] {
        for is_dropped in [false, true] {
            let format = VideoFormat::new(64, 48, FrameRate::FPS_25);
            let mut sink = open(&folder.at(name), &format, "{}").unwrap();
            for index in 0..20 {
                sink.write(&Arc::new(moving(64, 48, index))).unwrap();
            }
            assert!(folder.names().iter().all(|name| name.starts_with('.')), "{name}: {:?}", folder.names());
            if is_dropped {
                drop(sink)
            } else {
                sink.abort()
            }
            assert_eq!(folder.names(), [""; 0], "{name}");
        }
        let format = VideoFormat::new(64, 48, FrameRate::FPS_25);
        let error = open(&folder.at(name), &format, "{}").unwrap().finish().unwrap_err();
        assert!(matches!(error, MediaError::NoFrames { .. }), "{name}: {error}");
        assert_eq!(folder.names(), [""; 0], "{name}");
    }
}

#[test]
fn a_name_that_is_taken_is_refused_at_the_start_and_at_the_end() {
    let folder = Folder::new();
    let format = VideoFormat::new(64, 48, FrameRate::FPS_25);
    for name in ["a.mp4", "a.webm", "a.gif", "a.png"] {
        let path = folder.at(name);
        fs::write(&path, "mine").unwrap();
        let refused = open(&path, &format, "{}").err().unwrap();
        assert!(
            matches!(refused, MediaError::Exists { .. }) && refused.to_string().contains("--overwrite"),
            "{refused}"
        );
        fs::remove_file(&path).unwrap();

        let mut sink = open(&path, &format, "{}").unwrap();
        sink.write(&Arc::new(moving(64, 48, 0))).unwrap();
        fs::write(&path, "mine").unwrap();
        let refused = sink.finish().unwrap_err();
        assert!(matches!(refused, MediaError::Exists { .. }), "{refused}");
        assert_eq!(fs::read(&path).unwrap(), b"mine");

        let output = Output::parse(path.to_str().unwrap()).unwrap();
        let mut sink = output.open(&format, &EncoderSettings::default(), true).unwrap();
        sink.write(&Arc::new(moving(64, 48, 0))).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"mine");
        assert!(sink.finish().unwrap().bytes > 100);
        assert_ne!(fs::read(&path).unwrap(), b"mine");
        fs::remove_file(&path).unwrap();
        assert_eq!(folder.names(), [""; 0]);
    }
}

#[test]
fn a_frame_of_another_size_is_refused() {
    let folder = Folder::new();
    for name in ["a.mp4", "a.gif", "a.png", "frames"] {
        let mut sink = open(&folder.at(name), &VideoFormat::new(64, 48, FrameRate::FPS_25), "{}").unwrap();
        let error = sink.write(&Arc::new(RgbImage::new(64, 50))).unwrap_err().to_string();
        assert!(error.contains("64x50") && error.contains("expected 64x48"), "{error}");
    }
}

#[test]
fn names_that_gstreamer_might_misread_are_written() {
    let folder = Folder::new();
    let path = folder.at("ä clip, 'quoted' #1.mp4");
    let written = write(&path, &VideoFormat::new(64, 48, FrameRate::FPS_25), 3, moving);
    assert_eq!(written.path, path);
    assert_eq!(VideoReader::open(&Source::from(&path)).unwrap().map(Result::unwrap).count(), 3);
}

#[test]
fn files_that_are_no_videos_are_refused_in_time() {
    let folder = Folder::new();
    let path = folder.at("a.mp4");
    assert!(matches!(VideoReader::open(&Source::from(&path)), Err(MediaError::Missing { .. })));
    fs::write(&path, "no video at all, but text that goes on for a while").unwrap();
    let error =
        VideoReader::open(&Source::from(&path)).and_then(|reader| reader.collect::<Result<Vec<_>, _>>()).unwrap_err();
    assert!(error.to_string().starts_with(path.to_str().unwrap()), "{error}");
}

#[test]
fn a_machine_without_plugins_is_told_what_to_install() {
    const ALONE: &str = "MOUE_TEST_WITHOUT_PLUGINS";
    if std::env::var_os(ALONE).is_some() {
        let folder = Folder::new();
        let error = open(&folder.at("a.mp4"), &VideoFormat::new(64, 48, FrameRate::FPS_25), "{}").err().unwrap();
        let text = error.to_string();
        assert!(matches!(error, MediaError::MissingElement { .. }), "{text}");
        assert!(text.contains("'appsrc'") && text.contains("apt-get install gstreamer1.0-plugins-base"), "{text}");
        assert_eq!(folder.names(), [""; 0]);
        let findings = moue_media::doctor::probe();
        assert!(findings.missing().any(|element| element.name == "x264enc" && element.absence.contains("MP4")));
        assert!(findings.missing_packages().contains(&"gstreamer1.0-plugins-ugly"), "{findings:?}");
        return;
    }
    // GStreamer reads its plugins once per process, so this takes another one.
    let empty = Folder::new();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_machine_without_plugins_is_told_what_to_install", "--nocapture"])
        .env(ALONE, "1")
        .env("GST_PLUGIN_SYSTEM_PATH_1_0", empty.0.path())
        .env("GST_PLUGIN_SYSTEM_PATH", empty.0.path())
        .env("GST_PLUGIN_PATH", empty.0.path())
        .env("GST_REGISTRY", empty.at("registry.bin"))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}
