//! Films put together from coded pieces are taken apart again, here and by ffmpeg's tools.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use image::{Rgb, RgbImage};
use moue_media::{Cue, EncoderSettings, Film, MediaError, Output, Source, VideoFormat, VideoReader, Written, join};

use support::{Folder, clicks, decoded, ffmpeg, packets, probe, stream};

const WIDTH: u32 = 96;
const HEIGHT: u32 = 48;
/// Columns of a picture, each white or black, which are the binary digits of its number.
const DIGITS: u32 = 12;

/// The picture of a number.
fn numbered(number: u64) -> RgbImage {
    RgbImage::from_fn(WIDTH, HEIGHT, |x, _| Rgb([if number >> (x * DIGITS / WIDTH) & 1 == 1 { 235 } else { 20 }; 3]))
}

/// The number of a picture, of which each pixel has `size` bytes.
fn number(picture: &[u8], size: usize) -> u64 {
    let row = (HEIGHT / 2 * WIDTH) as usize * size;
    let is_set = |digit: u32| picture[row + ((2 * digit + 1) * WIDTH / DIGITS / 2) as usize * size] > 128;
    (0..DIGITS).filter(|digit| is_set(*digit)).map(|digit| 1 << digit).sum()
}

/// The numbers of a film's pictures as our own reader sees them.
fn numbers(path: &Path) -> Vec<u64> {
    VideoReader::open(&Source::from(path)).unwrap().map(|frame| number(&frame.unwrap().1, 3)).collect()
}

/// And as ffmpeg does.
fn numbers_by_ffmpeg(path: &Path, before: &str, after: &str) -> Vec<u64> {
    let bytes = decoded(before, path, &format!("{after} -map 0:v -fps_mode passthrough -f rawvideo -pix_fmt gray"));
    bytes.chunks((WIDTH * HEIGHT) as usize).map(|picture| number(picture, 1)).collect()
}

fn format(rate: &str) -> VideoFormat {
    VideoFormat::new(WIDTH, HEIGHT, rate.parse().unwrap())
}

fn output(path: &Path) -> Output {
    Output::parse(path.to_str().unwrap()).unwrap()
}

/// Writes one file of numbered pictures.
fn piece(path: &Path, format: &VideoFormat, settings: &str, numbers: std::ops::Range<u64>) {
    let settings: EncoderSettings = serde_json::from_str(settings).unwrap();
    let mut sink = output(path).open(format, &settings, false).unwrap();
    for number in numbers {
        sink.write(&Arc::new(numbered(number))).unwrap();
    }
    sink.finish().unwrap();
}

/// Writes pieces of so many frames each, whose numbers go on from piece to piece.
fn pieces(folder: &Folder, name: &str, format: &VideoFormat, settings: &str, lengths: &[u64]) -> Vec<PathBuf> {
    let mut first = 0;
    let write = |(index, length): (usize, &u64)| {
        let path = folder.at(&format!("{name}-{index}.mkv"));
        piece(&path, format, settings, first..first + length);
        first += length;
        path
    };
    lengths.iter().enumerate().map(write).collect()
}

fn joined(to: &Path, format: VideoFormat, pieces: &[PathBuf], sounds: &[Cue]) -> Result<Written, MediaError> {
    join(&output(to), &Film { format, pieces, sounds }, false, &mut |_| ControlFlow::Continue(()))
}

fn cue(source: &Path, at: f64, from: f64, seconds: f64) -> Cue {
    Cue { source: Source::from(source), at, from, seconds }
}

const VP9: &str = r#"{"codec": "vp9"}"#;
/// In libvpx's good mode, with frames that are stored and never shown.
const VP9_SLOW: &str = r#"{"codec": "vp9", "speed": "slow", "crf": 20}"#;

/// The coded frames of a file, by checksum.
fn payloads(path: &Path) -> Vec<String> {
    let text = probe(path, "-select_streams v:0 -show_entries packet=data_hash -show_data_hash md5 -of csv=p=0");
    text.lines().map(|line| line.trim_matches(',').to_owned()).filter(|line| !line.is_empty()).collect()
}

#[test]
fn every_frame_is_there_untouched_and_at_its_time() {
    let folder = Folder::new();
    let lengths = [1, 7, 30, 1, 1, 51, 101, 1];
    let starts: Vec<u64> = lengths.iter().scan(0, |at, length| Some(std::mem::replace(at, *at + length))).collect();
    let count: u64 = lengths.iter().sum();
    for (name, rate, settings) in [
        ("a.mp4", "25", "{}"),
        ("b.mp4", "30000/1001", "{}"),
        ("c.mkv", "30000/1001", "{}"),
        ("d.mkv", "25", VP9_SLOW),
        ("e.webm", "24000/1001", VP9),
        ("f.mp4", "60", r#"{"speed": "medium", "idr_interval_secs": 0.2}"#),
    ] {
        let (to, format) = (folder.at(name), format(rate));
        let pieces = pieces(&folder, name, &format, settings, &lengths);
        let mut told = Vec::new();
        let film = Film { format, pieces: &pieces, sounds: &[] };
        let mut progress = |frames| {
            told.push(frames);
            ControlFlow::Continue(())
        };
        let written = join(&output(&to), &film, false, &mut progress).unwrap();
        assert_eq!((written.path.as_path(), written.frames, &written.notes[..]), (&*to, count, &[][..]));
        assert_eq!(written.bytes, fs::metadata(&to).unwrap().len());
        assert!(told.is_sorted() && told.last() == Some(&count), "{name}: {told:?}");

        // Every frame, once, in order.
        let expected: Vec<u64> = (0..count).collect();
        assert_eq!(numbers(&to), expected, "{name}");
        assert_eq!(numbers_by_ffmpeg(&to, "", ""), expected, "{name}");
        for (piece, (start, length)) in pieces.iter().zip(starts.iter().zip(&lengths)) {
            assert_eq!(numbers(piece), expected[*start as usize..(start + length) as usize], "{}", piece.display());
        }
        // Not encoded again.
        let before: Vec<String> = pieces.iter().flat_map(|piece| payloads(piece)).collect();
        assert_eq!(payloads(&to), before, "{name}");

        // At their times, to the container's last digit.
        let (num, den) = (format.rate.num(), format.rate.den());
        let times = packets(&to, "v:0", "pts");
        assert_eq!(times.len() as u64, count);
        if name.ends_with(".mp4") {
            let scale = stream(&to, "v:0", "time_base");
            let scale: f64 = scale.strip_prefix("1/").unwrap().parse().unwrap();
            assert_eq!(stream(&to, "v:0", "r_frame_rate"), format!("{num}/{den}"), "{name}");
            for (index, time) in times.iter().enumerate() {
                assert_eq!(*time * f64::from(num), index as f64 * f64::from(den) * scale, "{name}, frame {index}");
            }
            assert_eq!(times, packets(&to, "v:0", "dts"));
        } else {
            for (index, time) in (0..).zip(&times) {
                assert!(
                    (time - format.rate.seconds_at(index) * 1e3).abs() <= 0.5 + 1e-6,
                    "{name}, frame {index}: {time}"
                );
            }
        }
        let seconds: f64 = probe(&to, "-show_entries format=duration -of csv=p=0").parse().unwrap();
        assert!((seconds - format.rate.seconds_at(count)).abs() < 0.0011, "{name}: {seconds}");

        // Pieces begin with frames that one can go to.
        let flags = probe(&to, "-select_streams v:0 -show_entries packet=flags -of csv=p=0");
        let flags: Vec<&str> = flags.lines().collect();
        for start in &starts {
            assert!(flags[*start as usize].starts_with('K'), "{name}: {start}");
        }
        for start in &starts[5..] {
            let before = format!("-ss {:.6}", (format.rate.seconds_at(*start) - 0.0005).max(0.0));
            assert_eq!(numbers_by_ffmpeg(&to, &before, "-frames:v 1"), [*start], "{name}");
        }
        let reader = VideoReader::open_range(&Source::from(&to), Some(3.0), None).unwrap();
        let first = number(&reader.into_iter().next().unwrap().unwrap().1, 3);
        assert_eq!(first, format.rate.frames_in(3.0 + 1e-5).saturating_sub(1), "{name}");
    }
}

#[test]
fn a_film_is_the_file_that_would_have_been_written_at_once() {
    let folder = Folder::new();
    for (name, rate, settings) in
        [("a.mp4", "25", "{}"), ("b.mp4", "30000/1001", "{}"), ("c.mkv", "25", "{}"), ("d.webm", "25", VP9)]
    {
        let (to, at_once, format) = (folder.at(name), folder.at(&format!("at-once-{name}")), format(rate));
        let pieces = pieces(&folder, name, &format, settings, &[40]);
        joined(&to, format, &pieces, &[]).unwrap();
        piece(&at_once, &format, settings, 0..40);
        let look = |path: &Path| {
            let text = probe(path, "-show_streams -show_packets -show_data_hash md5 -of default=nw=1");
            // What the encoder says of itself is not kept, and so everything lies elsewhere in the file.
            let differs = |line: &&str| line.starts_with("pos=") || line.starts_with("TAG:");
            text.lines().filter(|line| !differs(line)).map(str::to_owned).collect::<Vec<_>>().join("\n")
        };
        assert_eq!(look(&to), look(&at_once), "{name}");
        if name.ends_with(".mp4") {
            for (found, expected) in described(&to).into_iter().zip(described(&at_once)) {
                assert!(found == expected, "{name}, {}: {:02x?}\n{:02x?}", found.0, found.1, expected.1);
            }
        }
    }
}

/// The boxes of an MP4 that say what its pictures are and when they are shown; in them, only places in the file differ.
fn described(path: &Path) -> Vec<(String, Vec<u8>)> {
    fn walk(bytes: &[u8], found: &mut Vec<(String, Vec<u8>)>) {
        let mut at = 0;
        while at + 8 <= bytes.len() {
            let size = u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()).max(8) as usize;
            let (kind, content) = (String::from_utf8_lossy(&bytes[at + 4..at + 8]), &bytes[at + 8..at + size]);
            match &*kind {
                "moov" | "trak" | "mdia" | "minf" | "stbl" => walk(content, found),
                "ftyp" | "edts" | "stsd" | "stts" | "ctts" | "stss" | "stsc" | "stsz" | "mdat" => {
                    found.push((kind.into_owned(), content.to_owned()));
                }
                _ => {}
            }
            at += size;
        }
    }
    let mut found = Vec::new();
    walk(&fs::read(path).unwrap(), &mut found);
    let kinds: Vec<&str> = found.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(kinds, ["ftyp", "edts", "stsd", "stts", "stss", "stsc", "stsz", "mdat"]);
    let description = &mut found[2].1;
    assert!(description.windows(4).any(|kind| kind == b"colr"));
    // Bit rates: the encoder states that of its settings, which it takes no notice of; the mean depends on rounding.
    let rates = description.windows(4).position(|kind| kind == b"btrt").unwrap() + 4;
    description[rates + 4..rates + 12].fill(0);
    found
}

/// Seconds at which clicks are made in files of sound, at whole samples of all usual rates.
const CLICKS: [f64; 3] = [0.5, 1.25, 2.75];

/// Makes a sound of 3.5 s with clicks, 5 ms long.
fn clapper(path: &Path, rate: u32, coding: &str) {
    let is_loud = CLICKS.map(|time| format!("between(t,{time},{:.4})", time + 0.004999)).join("+");
    let source = format!("aevalsrc='0.8*({is_loud})*cos(6283*t)':s={rate}:d=3.5");
    ffmpeg(&format!("-f lavfi -i {source} {coding}"), path);
}

/// How far clicks are from where they are expected, in seconds.
fn apart(path: &Path, expected: &[f64]) -> f64 {
    let (found, _) = clicks(path);
    assert_eq!(found.len(), expected.len(), "{}: {found:.4?}, expected {expected:.4?}", path.display());
    found.iter().zip(expected).map(|(found, expected)| (found - expected).abs()).fold(0.0, f64::max)
}

#[test]
fn sounds_are_heard_at_their_times() {
    let folder = Folder::new();
    let codings = [
        ("pcm.wav", 48_000, ""),
        ("pcm44.wav", 44_100, "-c:a pcm_s24le"),
        ("mono.flac", 48_000, "-ac 1"),
        ("stereo.flac", 44_100, "-ac 2"),
        ("opus.ogg", 48_000, "-c:a libopus"),
        ("vorbis.ogg", 44_100, "-c:a libvorbis"),
        ("aac.m4a", 48_000, "-c:a aac"),
        ("mp3.mp3", 44_100, "-c:a libmp3lame"),
    ];
    let format = format("30000/1001");
    let h264 = pieces(&folder, "h264", &format, "{}", &[50, 100, 1, 149]);
    let vp9 = pieces(&folder, "vp9", &format, VP9, &[150, 150]);
    for (index, (name, rate, coding)) in codings.into_iter().enumerate() {
        let sound = folder.at(name);
        clapper(&sound, rate, coding);
        // Whole; from a place that is read up to, and one that is sought; two at once; where the last is cut.
        let cues = [
            cue(&sound, 0.010_417, 0.0, 3.0),
            cue(&sound, 4.2, 0.9, 1.0),
            cue(&sound, 5.123_4, 2.5, f64::INFINITY),
            cue(&sound, 7.0, 0.2, 2.0),
            cue(&sound, 7.6, 0.2, 1.8),
            cue(&sound, 9.5, 0.0, 3.0),
        ];
        let heard = [0.510_417, 1.260_417, 2.760_417, 4.55, 5.373_4, 7.3, 7.9, 8.05, 8.65, 10.0];
        let containers = [("mp4", &h264), ("webm", &vp9), ("mkv", &h264)];
        let all = if index == 0 { 3 } else { 1 };
        for (container, pieces) in containers.into_iter().cycle().skip(index).take(all) {
            let to = folder.at(&format!("{name}.{container}"));
            let written = joined(&to, format, pieces, &cues).unwrap();
            assert_eq!((written.frames, &written.notes[..]), (300, &[][..]));
            let codec = if container == "webm" { "opus" } else { "aac" };
            let shape = ["codec_name", "sample_rate", "channels"].map(|entry| stream(&to, "a:0", entry));
            assert_eq!(shape, [codec, "48000", "2"]);
            let apart = apart(&to, &heard);
            assert!(apart < 0.001, "{name} in {container}: {apart} s");
            println!("{name} in {container}: {:.2} ms", apart * 1e3);
        }
    }
}

#[test]
fn hundreds_of_pieces_are_opened_one_after_another() {
    let folder = Folder::new();
    let format = format("25");
    let lengths: Vec<u64> = (0..300).map(|index| 1 + index % 4).collect();
    let count: u64 = lengths.iter().sum();
    // A few files under many names: what matters here is that they are opened.
    let few = pieces(&folder, "few", &format, "{}", &[1, 2, 3, 4]);
    let many: Vec<PathBuf> = (0..lengths.len())
        .map(|index| {
            let path = folder.at(&format!("piece-{index}.mkv"));
            fs::hard_link(&few[index % 4], &path).unwrap();
            path
        })
        .collect();
    let sound = folder.at("a.wav");
    clapper(&sound, 48_000, "");
    let cues: Vec<Cue> = (0..100).map(|index| cue(&sound, f64::from(index) * 0.3, 0.45, 0.1)).collect();
    let began = std::time::Instant::now();
    let mut most_open = 0;
    let mut progress = |_| {
        most_open = most_open.max(fs::read_dir("/proc/self/fd").unwrap().count());
        ControlFlow::Continue(())
    };
    let to = folder.at("a.mp4");
    let film = Film { format, pieces: &many, sounds: &cues };
    let written = join(&output(&to), &film, false, &mut progress).unwrap();
    println!("{} frames in {:.1} s, {most_open} files open", written.frames, began.elapsed().as_secs_f64());
    assert_eq!((written.frames, count), (750, 750));
    assert_eq!(stream(&to, "v:0", "nb_frames"), "750");
    assert!(most_open < 200, "{most_open}");
}

/// How loud each tenth of a second of a film's sound is, left and right: the root of the mean square.
fn loudness(path: &Path) -> Vec<[f64; 2]> {
    let bytes = decoded("", path, "-map 0:a:0 -ar 48000 -ac 2 -f f32le");
    let samples: Vec<f64> = bytes.as_chunks::<4>().0.iter().map(|four| f64::from(f32::from_le_bytes(*four))).collect();
    let level = |part: &[f64], side| {
        (part.iter().skip(side).step_by(2).map(|value| value * value).sum::<f64>() / (part.len() / 2) as f64).sqrt()
    };
    samples.chunks_exact(9600).map(|part| [level(part, 0), level(part, 1)]).collect()
}

#[test]
fn sounds_are_added_up_and_silence_is_silent() {
    let folder = Folder::new();
    let format = format("25");
    let tone = |name: &str, source: &str| {
        let path = folder.at(name);
        ffmpeg(&format!("-f lavfi -i aevalsrc={source}:s=48000:d=1"), &path);
        path
    };
    let (mono, left) = (tone("mono.wav", "0.4*sin(2765*t)"), tone("left.wav", "0.8*sin(4147*t)|0"));
    let h264 = pieces(&folder, "h264", &format, "{}", &[75]);
    let vp9 = pieces(&folder, "vp9", &format, VP9, &[75]);
    for (name, pieces) in [("a.mp4", &h264), ("b.mkv", &h264), ("c.webm", &vp9)] {
        let to = folder.at(name);
        // Alone from 0.5 s, with another from 1 s; the other alone until 2 s; and what the end of the film cuts off.
        let cues = [cue(&mono, 0.5, 0.0, 9.0), cue(&left, 1.0, 0.0, 9.0), cue(&mono, 2.5, 0.0, 1.0)];
        joined(&to, format, pieces, &cues).unwrap();
        let loudness = loudness(&to);
        assert!((29..=31).contains(&loudness.len()), "{name}: {}", loudness.len());
        let root = 0.5f64.sqrt();
        for (index, found) in loudness.iter().enumerate().take(30) {
            let expected = match index {
                5..10 | 25..30 => [0.4 * root; 2],
                // 1.2 at the most: it is turned down there.
                10..15 => [0.632 / 1.2, 0.283 / 1.2],
                15..20 => [0.8 * root, 0.0],
                _ => [0.0; 2],
            };
            // Coded sound rises a moment before it begins.
            let slack = if [4, 5, 10, 15, 20, 24, 25, 29].contains(&index) { 0.05 } else { 0.03 };
            let apart =
                found.iter().zip(expected).map(|(found, expected)| (found - expected).abs()).fold(0.0, f64::max);
            assert!(apart < slack, "{name}, at {:.1} s: {found:.3?}, expected {expected:.3?}", index as f64 * 0.1);
        }
        let seconds = |which| stream(&to, which, "duration").parse::<f64>().ok();
        assert!(seconds("a:0").is_none_or(|sound| (sound - 3.0).abs() < 0.03), "{name}: {:?}", seconds("a:0"));
    }
    let mute = folder.at("mute.mp4");
    joined(&mute, format, &h264, &[]).unwrap();
    assert_eq!(stream(&mute, "a:0", "codec_name"), "");
}

#[test]
fn what_does_not_fit_is_named_and_nothing_is_left() {
    let folder = Folder::new();
    let format = format("25");
    let good = pieces(&folder, "good", &format, "{}", &[10, 10]);
    let other = |name: &str, width, rate: &str, settings: &str| {
        let path = folder.at(name);
        let format = VideoFormat::new(width, HEIGHT, rate.parse().unwrap());
        let settings: EncoderSettings = serde_json::from_str(settings).unwrap();
        let mut sink = output(&path).open(&format, &settings, false).unwrap();
        (0..10).for_each(|_| sink.write(&Arc::new(RgbImage::new(width, HEIGHT))).unwrap());
        sink.finish().unwrap();
        path
    };
    let text = |name: &str, content: &[u8]| {
        let path = folder.at(name);
        fs::write(&path, content).unwrap();
        path
    };
    let whole = fs::read(&good[0]).unwrap();
    let mute = folder.at("sound.mkv");
    ffmpeg("-f lavfi -i sine=d=1 -c:a flac", &mute);
    let wrong = [
        (folder.at("none.mkv"), "the piece is missing"),
        (folder.path().to_owned(), "found a folder"),
        (text("empty.mkv", b""), "the piece is empty"),
        (text("text.mkv", b"this is no film, but some words that go on"), "found text"),
        (text("noise.mkv", &[0xA5; 4000]), "found something"),
        (text("cut.mkv", &whole[..whole.len() - 300]), "bytes are there"),
        (other("wide.mkv", 128, "25", "{}"), "its frames have 128x48 pixels, the film's 96x48"),
        (other("fast.mkv", WIDTH, "30", "{}"), "it has 30 frames a second, the film 25"),
        (other("vp9.mkv", WIDTH, "25", VP9), "coded as VP9, the film's as H.264"),
        (other("coarse.mkv", WIDTH, "25", r#"{"crf": 40}"#), "coded in another way than"),
        (mute.clone(), "no frames in it"),
    ];
    let names = || {
        let mut names = folder.names();
        names.sort();
        names
    };
    let before = names();
    let sound = folder.at("good-0.mkv");
    for (path, problem) in &wrong {
        for (index, sounds) in [(0, &[][..]), (1, &[cue(&mute, 0.0, 0.0, 9.0)]), (2, &[])] {
            let mut pieces = good.clone();
            pieces.insert(index, path.clone());
            // Where it comes first, what differs from it is the next one.
            let named = if index == 0 && problem.contains("another way") { &good[0] } else { path };
            let error = joined(&folder.at("film.mp4"), format, &pieces, sounds).unwrap_err();
            let text = error.to_string();
            assert!(matches!(error, MediaError::Piece { .. }), "{text}");
            assert!(text.starts_with(named.to_str().unwrap()) && text.contains(problem), "{text}");
            assert!(text.ends_with("\nhint: render this piece anew"), "{text}");
        }
    }
    let refused = |name: &str, pieces: &[PathBuf], sounds: &[Cue]| {
        joined(&folder.at(name), format, pieces, sounds).unwrap_err().to_string()
    };
    assert!(refused("film.webm", &good, &[]).contains("coded as H.264, the film's as VP9"));
    assert!(refused("film.gif", &good, &[]).contains("do not fit into a GIF"));
    assert!(refused("film.mp4", &[], &[]).contains("nothing was written"));
    assert!(refused("no/film.mp4", &good, &[]).contains("mkdir -p"));
    assert!(refused("good-1.mkv", &good, &[]).contains("already"));
    // Sounds: none in it, missing, unreadable, and numbers that make no sense.
    for (path, problem) in [
        (&sound, "there is no sound in it"),
        (&folder.at("none.wav"), "no such file"),
        (&folder.at("text.mkv"), "found text"),
        (&folder.at("noise.mkv"), "found something"),
    ] {
        let text = refused("film.mp4", &good, &[cue(&mute, 0.0, 0.0, 1.0), cue(path, 0.2, 0.0, 1.0)]);
        assert!(text.starts_with(path.to_str().unwrap()) && text.contains(problem), "{text}");
    }
    for (at, from, seconds) in [(-1.0, 0.0, 1.0), (0.0, f64::NAN, 1.0), (0.0, 0.0, 0.0)] {
        assert!(refused("film.mp4", &good, &[cue(&mute, at, from, seconds)]).contains("not before 0"));
    }
    // Stopped before anything is copied, and in the middle, with sound.
    for enough in [0, 12] {
        let film = Film { format, pieces: &good, sounds: &[cue(&mute, 0.0, 0.0, 1.0)] };
        let mut progress = |frames| if frames >= enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
        let error = join(&output(&folder.at("film.mp4")), &film, false, &mut progress).unwrap_err();
        assert!(matches!(error, MediaError::Interrupted { .. }), "{error}");
    }
    assert_eq!(names(), before);

    // A sound that was there and goes before its time comes.
    let gone = folder.at("gone.wav");
    ffmpeg("-f lavfi -i sine=d=1", &gone);
    let film = Film { format, pieces: &good, sounds: &[cue(&gone, 0.2, 0.0, 1.0)] };
    let mut progress = |_| {
        let _ = fs::remove_file(&gone);
        ControlFlow::Continue(())
    };
    let error = join(&output(&folder.at("film.mp4")), &film, false, &mut progress).unwrap_err();
    assert!(error.to_string().starts_with(gone.to_str().unwrap()), "{error}");
    assert_eq!(names(), before);

    // A film of that name stays until the new one is whole.
    let film = folder.at("film.mp4");
    fs::write(&film, "mine").unwrap();
    assert!(refused("film.mp4", &good, &[]).contains("--overwrite"));
    let whole = Film { format, pieces: &good, sounds: &[] };
    join(&output(&film), &whole, true, &mut |_| ControlFlow::Continue(())).unwrap();
    assert_eq!(numbers(&film), (0..20).collect::<Vec<_>>());
}
