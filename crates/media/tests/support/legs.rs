//! Live legs, numbered pictures for them, and clients that read the numbers.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use image::{Rgb, RgbImage};
use moue_media::{LegEvent, LegStats, LiveLeg, LiveOutput, LiveSettings, MediaError, VideoFormat};
use moue_timeline::{FrameRate, Pts};

use super::rtmp::PATIENCE;

pub const SIDE: u32 = 64;
const CELL: u32 = 16;

/// The number as 16 black and white squares.
pub fn numbered(number: u32) -> RgbImage {
    RgbImage::from_fn(SIDE, SIDE, |x, y| {
        let bit = y / CELL * 4 + x / CELL;
        Rgb([if number >> bit & 1 == 1 { 255 } else { 0 }; 3])
    })
}

pub fn number(image: &RgbImage) -> u32 {
    let is_white = |bit: &u32| image.get_pixel(bit % 4 * CELL + CELL / 2, bit / 4 * CELL + CELL / 2).0[1] > 128;
    (0..16).filter(is_white).map(|bit| 1 << bit).sum()
}

/// A leg of 25 small frames per second and what it told.
pub struct Leg {
    pub leg: LiveLeg,
    events: Arc<Mutex<Vec<LegEvent>>>,
    /// The number of the next picture.
    pub next: u32,
}

impl Leg {
    pub fn open(name: &str, settings: &str) -> Self {
        Self::try_open(name, settings).unwrap()
    }

    pub fn try_open(name: &str, settings: &str) -> Result<Self, MediaError> {
        Self::sized(name, settings, SIDE)
    }

    pub fn sized(name: &str, settings: &str, side: u32) -> Result<Self, MediaError> {
        let settings: LiveSettings = serde_json::from_str(settings).unwrap();
        let events = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&events);
        let format = VideoFormat::new(side, side, FrameRate::FPS_25);
        let on_event = move |event| heard.lock().unwrap().push(event);
        let leg = LiveLeg::open(&LiveOutput::parse(name)?, &format, &settings, &[], on_event)?;
        Ok(Self { leg, events, next: 1 })
    }

    pub fn show(&mut self) {
        self.leg.show(&Arc::new(numbered(self.next)), u64::from(self.next)).unwrap();
        self.next += 1;
    }

    /// Shows a picture every few milliseconds until it is so.
    pub fn show_until(&mut self, milliseconds: u64, what: &str, mut is_so: impl FnMut(&Self) -> bool) {
        let began = Instant::now();
        while !is_so(self) {
            assert!(began.elapsed() < PATIENCE, "{what} takes too long: {:?}, {:?}", self.events(), self.stats());
            self.show();
            std::thread::sleep(Duration::from_millis(milliseconds));
        }
    }

    /// Shows pictures until something of the kind was told.
    pub fn show_until_told(&mut self, what: &str, is_it: impl Fn(&LegEvent) -> bool) {
        self.show_until(40, what, |leg| leg.events().iter().any(&is_it));
    }

    /// Shows pictures until so many more were sent.
    pub fn show_more(&mut self, frames: u64) {
        let goal = self.stats().sent + frames;
        self.show_until(40, "sending", |leg| leg.stats().sent >= goal);
    }

    pub fn events(&self) -> Vec<LegEvent> {
        self.events.lock().unwrap().clone()
    }

    pub fn stats(&self) -> LegStats {
        self.leg.stats()
    }

    /// Ends it, and what it told until then and at its end.
    pub fn end(self) -> (Result<LegStats, MediaError>, Vec<LegEvent>) {
        let began = Instant::now();
        let ended = self.leg.end();
        assert!(began.elapsed() < Duration::from_secs(10), "the end took {:?}", began.elapsed());
        let events = self.events.lock().unwrap().clone();
        assert_eq!(events.iter().filter(|event| **event == LegEvent::Ended).count(), 1, "{events:?}");
        assert_eq!(events.last(), Some(&LegEvent::Ended));
        (ended, events)
    }
}

pub fn is_live(event: &LegEvent) -> bool {
    matches!(event, LegEvent::Live)
}

pub fn is_resumed(event: &LegEvent) -> bool {
    matches!(event, LegEvent::Resumed { .. })
}

pub fn is_lost(part: &str) -> impl Fn(&LegEvent) -> bool {
    move |event| matches!(event, LegEvent::Lost { why, hint } if why.contains(part) && !hint.is_empty())
}

/// Numbers and times of a recording, which may break off.
pub fn read_numbers(path: &Path) -> Vec<(Pts, u32)> {
    super::read(path).0.iter().map(|(pts, image)| (*pts, number(image))).collect()
}

/// Checks a session's recording: times at a constant rate, of which at most `skipped` are left out, and numbers that
/// rise or stay. How often one stayed.
pub fn check(frames: &[(Pts, u32)], skipped: u64) -> u64 {
    const STEP: u64 = 40_000_000;
    assert!(frames.len() > 5, "{frames:?}");
    let mut left_out = 0;
    for pair in frames.windows(2) {
        let step = pair[1].0.0 - pair[0].0.0;
        assert!(step > 0 && step % STEP == 0, "{step} ns in {frames:?}");
        left_out += step / STEP - 1;
        assert!(pair[1].1 >= pair[0].1, "{frames:?}");
    }
    assert!(left_out <= skipped, "{left_out} times are left out of {frames:?}");
    frames.windows(2).filter(|pair| pair[1].1 == pair[0].1).count() as u64
}

/// A client that reads a stream while it is made.
pub struct Client {
    process: Child,
    numbers: Arc<Mutex<Vec<u32>>>,
}

impl Client {
    /// ffmpeg, which writes a byte per pixel.
    pub fn of(input: &str) -> Self {
        let mut command = Command::new("ffmpeg");
        // Whoever comes between two IDR frames complains until the next one.
        command.args(["-v", "quiet", "-nostdin", "-fflags", "nobuffer", "-probesize", "20000", "-i", input]);
        command.args(["-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "gray", "-"]);
        let mut process = command.stdout(Stdio::piped()).spawn().expect("ffmpeg runs");
        let (mut output, numbers) = (process.stdout.take().unwrap(), Arc::new(Mutex::new(Vec::new())));
        let read = Arc::clone(&numbers);
        std::thread::spawn(move || {
            let mut bytes = vec![0; (SIDE * SIDE) as usize];
            while std::io::Read::read_exact(&mut output, &mut bytes).is_ok() {
                let image = RgbImage::from_fn(SIDE, SIDE, |x, y| Rgb([bytes[(y * SIDE + x) as usize]; 3]));
                read.lock().unwrap().push(number(&image));
            }
        });
        Self { process, numbers }
    }

    pub fn numbers(&self) -> Vec<u32> {
        self.numbers.lock().unwrap().clone()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
