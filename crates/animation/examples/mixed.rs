//! What `mesh+diffusion` loses against painting every frame, and what it saves: on the toy checkpoint, whose faces can
//! be read. Prints a table for docs/whole-picture.md.
//!
//! `cargo run --release -p moue-animation --example mixed -- [STEPS] [FRAMES] [FOLDER]`; a contact sheet goes into
//! FOLDER.

#[allow(dead_code, reason = "the tests read more than is measured here")]
#[path = "../../diffusion/tests/toyfaces/readback.rs"]
mod readback;

use std::{
    io::Write,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use image::{RgbImage, imageops};
use moue_animation::{
    AnimationError, Asked, BatchObserver, Device, Family, Keyframing, Mixed, Motion, MotionJob, PaintJob, Painted,
    Painting, Portrait, Renderer, read_map,
};
use moue_engine::CancelToken;
use moue_face::FaceTracker;
use moue_media::Source;
use moue_timeline::{Expression, FlameExpression, FrameRate, Interpolation};
use readback::{Reading, read};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// What the checkpoint is asked for, as it is read.
const PARTS: [fn(&Reading) -> f64; 8] = [
    |reading| reading.jaw_open,
    |reading| reading.smile,
    |reading| reading.mouth_width,
    |reading| reading.mouth_asymmetry,
    |reading| reading.lid_left,
    |reading| reading.lid_right,
    |reading| reading.brows,
    |reading| reading.brow_asymmetry,
];

struct Deaf;

impl BatchObserver for Deaf {
    fn step(&self, _: u64, _: usize, _: usize, _: usize) -> Result<(), AnimationError> {
        Ok(())
    }
}

/// Hands out what was painted before, so that all choices of keyframes are compared on the same paintings.
struct Album(Vec<RgbImage>);

impl Renderer for Album {
    fn name(&self) -> &'static str {
        "album"
    }

    fn size(&self) -> (u32, u32) {
        self.0[0].dimensions()
    }

    fn render(&self, asked: &[Asked], frames: &mut [RgbImage], _: &dyn BatchObserver) -> Result<(), AnimationError> {
        for (asked, frame) in asked.iter().zip(frames) {
            frame.clone_from(&self.0[asked.index as usize]);
        }
        Ok(())
    }
}

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let steps: usize = arguments.next().map_or(Ok(8), |steps| steps.parse())?;
    let most: u64 = arguments.next().map_or(Ok(u64::MAX), |frames| frames.parse())?;
    let folder = arguments.next().map(PathBuf::from);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let tracker = FaceTracker::new()?;
    let portrait = Portrait::load(&root.join("examples/portraits/toyface.png"), None, &tracker)?;
    let shot = shot(&root.join("examples/tracks/toyface.csv"), most, &tracker)?;

    let painting =
        Painting { models: Some(root.join("examples/models/toyfaces")), steps: Some(steps), ..Painting::default() };
    let job = PaintJob { painting: &painting, device: Device::Cpu, seed: 0, size: None, map: None };
    let painter = Painted::new(&job, &portrait, shot.len() as u64, &(), &CancelToken::new())?;
    let began = Instant::now();
    let mut painted = Vec::new();
    for asked in &shot {
        let mut frame = [painter.new_frame()];
        painter.render(std::slice::from_ref(asked), &mut frame, &Deaf)?;
        painted.extend(frame);
    }
    let per_painting = began.elapsed() / shot.len() as u32;
    let read_all: Vec<Reading> = painted.iter().map(read).collect();

    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "{} frames of {}x{}, {steps} steps, {:.3} s for each painting\n",
        shot.len(),
        painter.size().0,
        painter.size().1,
        per_painting.as_secs_f64()
    )?;
    writeln!(
        out,
        "| frames painted | of all | mean abs. error | PSNR between | expression | flicker | seconds | of all |"
    )?;
    writeln!(out, "| --- | --- | --- | --- | --- | --- | --- | --- |")?;
    let whole = per_painting * shot.len() as u32;
    let row = Row { error: 0.0, psnr: f64::INFINITY, expression: 0.0, flicker: flicker(&painted), took: whole };
    row.write(&mut out, "all", shot.len(), shot.len(), whole)?;
    let mut sheet = vec![painted.clone()];
    let flames: Vec<FlameExpression> = shot.iter().map(|asked| asked.flame).collect();
    let map = read_map(&root.join("examples/models/toyfaces/map.npz"))?;
    for (how, map) in [
        (Keyframing::Share(1.0 / 2.0), Some(&map)),
        (Keyframing::Share(1.0 / 4.0), Some(&map)),
        (Keyframing::Share(1.0 / 8.0), Some(&map)),
        (Keyframing::Every(2), Some(&map)),
        (Keyframing::Every(4), Some(&map)),
        (Keyframing::Every(8), Some(&map)),
        (Keyframing::Within(0.125), Some(&map)),
        (Keyframing::Within(0.25), Some(&map)),
        (Keyframing::Within(0.5), Some(&map)),
        (Keyframing::Share(1.0 / 4.0), None),
        (Keyframing::Share(1.0 / 8.0), None),
    ] {
        let mixed = Mixed::new(Box::new(Album(painted.clone())), &portrait, &flames, how, map)?;
        let keys: Vec<u64> = mixed.keyframes().collect();
        let began = Instant::now();
        let mut frames: Vec<RgbImage> = shot.iter().map(|_| mixed.new_frame()).collect();
        mixed.render(&shot, &mut frames, &Deaf)?;
        let took = began.elapsed() + per_painting * keys.len() as u32;
        let between: Vec<usize> = (0..shot.len()).filter(|frame| !keys.contains(&(*frame as u64))).collect();
        let squares = mean(between.iter().map(|&i| difference(&frames[i], &painted[i], |d| d * d)));
        let row = Row {
            error: mean(between.iter().map(|&i| difference(&frames[i], &painted[i], f64::abs))),
            psnr: 10.0 * (255.0 * 255.0 / squares.max(1e-9)).log10(),
            expression: expression_error(&frames, &read_all),
            flicker: flicker(&frames),
            took,
        };
        let name = how.to_string() + if map.is_some() { "" } else { ", no map" };
        row.write(&mut out, &name, keys.len(), shot.len(), whole)?;
        sheet.push(frames);
    }
    if let Some(folder) = folder {
        std::fs::create_dir_all(&folder)?;
        contact_sheet(&sheet).save(folder.join("mixed.png"))?;
    }
    Ok(())
}

/// What the frames of a track are asked for, at 25 frames per second.
fn shot(track: &Path, most: u64, tracker: &FaceTracker) -> Outcome<Vec<Asked>> {
    let job = MotionJob::plain(Source::from(track));
    let motion = Motion::load(&job, &[Family::Flame], tracker, &(), &CancelToken::new())?;
    let span = motion.span(None, None)?;
    let ask = |index| {
        let time = span.time_of(FrameRate::FPS_25, index);
        let flame = motion.track.sample_flame(time, Interpolation::Linear).constrained();
        Asked { index, expression: Expression::NEUTRAL, flame }
    };
    Ok((0..span.frame_count(FrameRate::FPS_25).min(most)).map(ask).collect())
}

struct Row {
    error: f64,
    psnr: f64,
    expression: f64,
    flicker: f64,
    took: Duration,
}

impl Row {
    fn write(&self, out: &mut impl Write, name: &str, keys: usize, frames: usize, whole: Duration) -> Outcome<()> {
        let Self { error, psnr, expression, flicker, took } = self;
        let (seconds, share) = (took.as_secs_f64(), took.as_secs_f64() / whole.as_secs_f64());
        let part = keys as f64 / frames as f64;
        writeln!(
            out,
            "| {name} | {keys}, {part:.2} | {error:.2} | {psnr:.1} dB | {:.1} % | {flicker:.2} | {seconds:.1} | {share:.2} |",
            expression * 100.0
        )?;
        Ok(())
    }
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0), |(sum, count), value| (sum + value, count + 1));
    if count == 0 { 0.0 } else { sum / f64::from(count) }
}

/// The mean of what becomes of the differences of two pictures' levels.
fn difference(a: &RgbImage, b: &RgbImage, of: impl Fn(f64) -> f64) -> f64 {
    mean(a.iter().zip(b.iter()).map(|(a, b)| of(f64::from(*a) - f64::from(*b))))
}

/// How far what is read in the frames is from what is read where all are painted: mean over the parts, each in parts of
/// its range.
fn expression_error(frames: &[RgbImage], all: &[Reading]) -> f64 {
    let found: Vec<Reading> = frames.iter().map(read).collect();
    mean(PARTS.iter().map(|part| {
        let values: Vec<f64> = all.iter().map(part).collect();
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        mean(found.iter().zip(&values).map(|(found, value)| (part(found) - value).abs())) / (high - low).max(1e-9)
    }))
}

/// What changes from frame to frame and back: the mean absolute second difference in time, in levels.
fn flicker(frames: &[RgbImage]) -> f64 {
    mean(frames.windows(3).map(|three| {
        let [before, now, after] = [0, 1, 2].map(|i| three[i].iter().map(|level| f64::from(*level)));
        mean(before.zip(now).zip(after).map(|((before, now), after)| (before - 2.0 * now + after).abs()))
    }))
}

/// Clips below each other, some of their frames from left to right.
fn contact_sheet(clips: &[Vec<RgbImage>]) -> RgbImage {
    const COLUMNS: usize = 16;
    let (width, height) = clips[0][0].dimensions();
    let mut sheet = RgbImage::new(width * COLUMNS as u32, height * clips.len() as u32);
    for (row, clip) in clips.iter().enumerate() {
        for column in 0..COLUMNS {
            let frame = &clip[column * (clip.len() - 1) / (COLUMNS - 1)];
            imageops::replace(&mut sheet, frame, i64::from(width) * column as i64, i64::from(height) * row as i64);
        }
    }
    sheet
}
