//! Runs the program as a user would, in a folder of its own.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use image::{RgbImage, imageops};

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_moue");

/// A path in the repository.
pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// A folder to work in, with a portrait and a motion; it goes away with the value.
pub struct Bench {
    folder: tempfile::TempDir,
}

/// What a finished run has said.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Bench {
    /// `me.png` is the head of the example portrait, `motion.csv` opens the jaw and blinks for 0.4 s.
    pub fn new() -> Self {
        let bench = Self { folder: tempfile::tempdir().unwrap() };
        bench.save("me.png", &head());
        bench.write("motion.csv", motion(0.4).as_bytes());
        bench
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path(name), bytes).unwrap();
    }

    pub fn save(&self, name: &str, picture: &RgbImage) {
        picture.save(self.path(name)).unwrap();
    }

    /// The program with these arguments, in the folder, with nothing on stdin and no colours.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(arguments).current_dir(self.folder.path()).stdin(Stdio::null()).env("NO_COLOR", "1");
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(&mut self.command(arguments))
    }

    /// Animates `portrait` with `motion` at a size that is quick.
    pub fn animate(&self, portrait: &str, motion: &str, more: &[&str]) -> Ran {
        let mut arguments = vec!["animate", portrait, motion, "--size", "96x96"];
        arguments.extend(more);
        self.run(&arguments)
    }

    /// Names of all files in the folder, hidden and temporary ones too, but for those that [`Self::new`] made.
    pub fn made(&self) -> Vec<String> {
        let names = fs::read_dir(self.folder.path()).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.filter(|name| name != "me.png" && name != "motion.csv").collect();
        names.sort();
        names
    }
}

impl Ran {
    pub fn of(command: &mut Command) -> Self {
        let output = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let ran =
            Self { code: output.status.code().unwrap_or(-1), stdout: text(output.stdout), stderr: text(output.stderr) };
        ran.check_manners();
        ran
    }

    /// What holds for every run, whatever it was asked.
    fn check_manners(&self) {
        for trace in ["panicked at", "RUST_BACKTRACE", "CRITICAL", "Segmentation"] {
            assert!(!self.stderr.contains(trace), "{}", self.stderr);
        }
        // Those of a farm's tasks say whether to try again.
        assert!([0, 1, 2, 65, 75, 130].contains(&self.code), "{self:?}");
        if ![0, 75, 130].contains(&self.code) {
            assert!(self.stderr.contains("error: "), "{self:?}");
            // But for what was made all the same.
            let is_summary = self.stdout.contains("\"failures\": [");
            assert!(self.stdout.is_empty() || is_summary, "an error leaves nothing on stdout: {}", self.stdout);
        }
    }

    #[track_caller]
    pub fn succeeded(&self) -> &Self {
        assert_eq!(self.code, 0, "{}", self.stderr);
        self
    }

    /// Failed with `code`, and stderr holds each of `words` and a hint.
    #[track_caller]
    pub fn failed(&self, code: i32, words: &[&str]) -> &Self {
        assert_eq!(self.code, code, "{}", self.stderr);
        for word in words {
            assert!(self.stderr.contains(word), "expected {word:?} in:\n{}", self.stderr);
        }
        self
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }
}

/// The head of the example portrait, 200x200.
pub fn head() -> RgbImage {
    let portrait = image::open(repository("examples/portraits/astronaut.png")).unwrap().to_rgb8();
    imageops::crop_imm(&portrait, 125, 10, 200, 200).to_image()
}

/// A table that opens the jaw and closes the eyes over `seconds`, with a key every 0.1 s.
pub fn motion(seconds: f64) -> String {
    let mut text = "time,jawOpen,eyeBlinkLeft,eyeBlinkRight\n".to_owned();
    let keys = (seconds * 10.0).round() as u32;
    for key in 0..=keys {
        let (time, phase) = (f64::from(key) / 10.0, f64::from(key % 8) / 7.0);
        writeln!(text, "{time},{:.3},{:.3},{:.3}", phase * 0.7, 1.0 - phase, 1.0 - phase).unwrap();
    }
    text
}

/// What ffprobe says about the video stream of a file, decoded to its end.
pub fn probe(path: &Path) -> serde_json::Value {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-select_streams", "v:0", "-count_frames", "-of", "json"])
        .args(["-show_streams", "-show_entries", "frame=pts_time,pict_type"])
        .arg(path)
        .output()
        .expect("ffprobe is part of the ffmpeg package, which `make test` installs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Presentation times of all frames, in seconds.
pub fn times(probed: &serde_json::Value) -> Vec<f64> {
    let frames = probed["frames"].as_array().unwrap();
    frames.iter().map(|frame| frame["pts_time"].as_str().unwrap().parse().unwrap()).collect()
}

/// All frames of a video as RGB pictures, decoded by ffmpeg.
pub fn decode(path: &Path, width: u32, height: u32) -> Vec<RgbImage> {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(path)
        .args(["-vf", "scale=flags=accurate_rnd+full_chroma_int", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let frame = (width * height * 3) as usize;
    output.stdout.chunks(frame).map(|bytes| RgbImage::from_raw(width, height, bytes.to_vec()).unwrap()).collect()
}

impl Ran {
    /// All that a failing run says on stderr, colours included.
    pub fn of_coloured(command: &mut Command) -> String {
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    }
}
