//! Files to read, made by ffmpeg, and what ffmpeg makes of files that were written.
#![allow(dead_code, reason = "each test binary uses its share")]

pub mod legs;
pub mod rtmp;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use image::RgbImage;
use moue_media::{MediaError, Source, SourceInfo, VideoReader};
use moue_timeline::Pts;

pub type Frames = Vec<(Pts, RgbImage)>;

/// All frames, and the error they end with, if any.
pub fn read(path: &Path) -> (Frames, Option<MediaError>) {
    split(VideoReader::open(&Source::from(path)).unwrap())
}

pub fn split(reader: VideoReader) -> (Frames, Option<MediaError>) {
    let (mut frames, mut ending) = (Vec::new(), None);
    for item in reader {
        assert!(ending.is_none(), "an error is the last item");
        match item {
            Ok(frame) => frames.push(frame),
            Err(error) => ending = Some(error),
        }
    }
    (frames, ending)
}

pub fn look(path: &Path) -> SourceInfo {
    moue_media::probe(&Source::from(path)).unwrap()
}

pub fn refused(path: &Path) -> MediaError {
    let error = VideoReader::open(&Source::from(path)).expect_err("refused");
    assert!(error.to_string().starts_with(path.to_str().unwrap()), "{error}");
    error
}

/// Quick, and hardly any loss.
pub const X264: &str = "-c:v libx264 -qp 4";

/// A film whose frame `i` is grey, `20 + 2 i` in luma.
pub fn counted(path: &Path, frames: u32, rate: &str, filter: &str, coding: &str) {
    let source = format!("color=black:s=64x48:r={rate},geq=lum='20+2*N':cb=128:cr=128{filter}");
    ffmpeg(&format!("-f lavfi -i {source} -frames:v {frames} -pix_fmt yuv420p {coding}"), path);
}

/// A folder that goes away with the test.
pub struct Folder(tempfile::TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

/// Runs ffmpeg with arguments that are separated by blanks, then `path`.
pub fn ffmpeg(arguments: &str, path: &Path) {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-nostdin", "-y"]).args(arguments.split_whitespace()).arg(path);
    let output = command.output().expect("ffmpeg runs");
    assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
}

/// What ffmpeg writes to its standard output for a file.
pub fn decoded(before: &str, path: &Path, after: &str) -> Vec<u8> {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-nostdin"]).args(before.split_whitespace()).arg("-i").arg(path);
    let output = command.args(after.split_whitespace()).arg("-").output().expect("ffmpeg runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

pub fn probe(path: &Path, arguments: &str) -> String {
    let mut command = Command::new("ffprobe");
    let output = command.args(["-v", "error"]).args(arguments.split_whitespace()).arg(path).output();
    let output = output.expect("ffprobe runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// One entry of the first video (`v:0`) or audio (`a:0`) stream; empty where there is none.
pub fn stream(path: &Path, which: &str, entry: &str) -> String {
    let text = probe(path, &format!("-select_streams {which} -show_entries stream={entry} -of default=nw=1:nk=1"));
    text.lines().next().unwrap_or_default().to_owned()
}

/// The numbers of one entry of all packets of a stream.
pub fn packets(path: &Path, which: &str, entry: &str) -> Vec<f64> {
    let text = probe(path, &format!("-select_streams {which} -show_entries packet={entry} -of csv=p=0"));
    text.lines().filter_map(|line| line.split(',').next()?.parse().ok()).collect()
}

/// When white pictures come up among black ones, in seconds.
pub fn flashes(path: &Path) -> Vec<f64> {
    let times = probe(path, "-select_streams v:0 -show_entries frame=best_effort_timestamp_time -of csv=p=0");
    let times: Vec<f64> = times.lines().filter_map(|line| line.split(',').next()?.parse().ok()).collect();
    let levels = decoded("", path, "-map 0:v:0 -fps_mode passthrough -vf scale=1:1 -f rawvideo -pix_fmt gray");
    assert_eq!(times.len(), levels.len(), "{}", path.display());
    let is_white: Vec<bool> = levels.iter().map(|level| *level > 128).collect();
    (0..times.len()).filter(|&i| is_white[i] && (i == 0 || !is_white[i - 1])).map(|i| times[i]).collect()
}

/// When clicks begin that follow silence, in seconds; and how long the sound is.
pub fn clicks(path: &Path) -> (Vec<f64>, f64) {
    // Samples from time 0 on, whatever time the first one has.
    let filter = "-map 0:a:0 -af aresample=async=1:first_pts=0 -ar 48000 -ac 1 -f s16le";
    let bytes = decoded("-copyts", path, filter);
    let samples = bytes.as_chunks::<2>().0.iter().map(|pair| i16::from_le_bytes(*pair));
    let (mut clicks, mut latest) = (Vec::new(), None::<usize>);
    for (i, _) in samples.enumerate().filter(|(_, sample)| sample.unsigned_abs() > 6000) {
        if latest.is_none_or(|latest| i - latest > 4800) {
            clicks.push(i as f64 / 48_000.0);
        }
        latest = Some(i);
    }
    (clicks, bytes.len() as f64 / 96_000.0)
}
