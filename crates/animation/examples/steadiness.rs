//! How steady painted frames are, and what that costs: every part of the temporal conditioning on and off, in one table.
//!
//! ```text
//! cargo run --release -p moue-animation --example steadiness
//! cargo run --release -p moue-animation --example steadiness -- --models DIR --steps 8 --frames 17 --seeds 2 --sweep
//! ```
//!
//! Asked of the toy faces, whose expressions can be read back from the pictures. Figures, of slow ramps of one part of
//! the face through its range (the jaw, both lids, the brows, the width of the mouth), each a shot of its own:
//!
//! - **held**: largest difference of two frames of one held expression, in levels of 255.
//! - **flicker**: mean of |frame(t+1) - 2 frame(t) + frame(t-1)| in levels: even motion has next to none.
//! - **warping error**: root mean square over visible pixels of frame t, warped by the mesh's flow to where the face was,
//!   against frame t-1, in levels.
//! - **expression error**: mean distance of what is read back from what was asked, in parts of the range, after a straight
//!   line that is fitted for each part to the frames of independent noise, without history and start.
//! - **identity**: mean cosine of the recogniser's vector of a frame with the portrait's.
//! - **CPU seconds a frame**: what all threads took together, as the system counts it, keyframes included.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a measurement that cannot go on says so"
)]

#[allow(dead_code, reason = "the tests read more than is measured here")]
#[path = "../../diffusion/tests/toyfaces/readback.rs"]
mod readback;

use std::path::{Path, PathBuf};

use image::RgbImage;
use moue_animation::{
    Asked, AskedConditioning, BatchObserver, Device, FaceFlow, HistoryMode, NoiseMode, PaintJob, Painted, Painting,
    Portrait, Renderer as _, ShotJob, read_map,
};
use moue_bridge::LinearMap;
use moue_engine::CancelToken;
use moue_face::align::identity_crop;
use moue_face::{FaceTracker, Identity, Recogniser};
use moue_timeline::{Expression, FlameChannel, FlameExpression};
use readback::{POINTS, Reading, read};

/// What the checkpoint was trained on, in pixels.
const SIDE: u32 = 128;

/// One part of the face from one end of its range to the other.
struct Ramp {
    name: &'static str,
    channels: &'static [&'static str],
    range: [f32; 2],
    read: fn(&Reading) -> f64,
}

const RAMPS: [Ramp; 4] = [
    Ramp { name: "jaw", channels: &["jaw_x"], range: [0.0, 0.4], read: |r| r.jaw_open },
    Ramp {
        name: "lids",
        channels: &["eyelid_left", "eyelid_right"],
        range: [0.0, 1.0],
        read: |r| (r.lid_left + r.lid_right) / 2.0,
    },
    Ramp { name: "brows", channels: &["exp_02"], range: [-2.0, 2.0], read: |r| r.brows },
    Ramp { name: "width", channels: &["exp_01"], range: [-2.0, 2.0], read: |r| r.mouth_width },
];

impl Ramp {
    fn expression(&self, share: f32) -> FlameExpression {
        let mut expression = FlameExpression::NEUTRAL;
        for channel in FlameChannel::all().filter(|channel| self.channels.contains(&channel.name())) {
            expression.set(channel, self.range[0] + (self.range[1] - self.range[0]) * share);
        }
        expression
    }
}

/// A row of the table.
struct Row {
    name: String,
    asked: AskedConditioning,
}

fn rows(is_sweep: bool) -> Vec<Row> {
    use HistoryMode::{Keyframe, None as Nothing};
    use NoiseMode::{Carried, Independent, Shared};
    let row = |noise: NoiseMode, history: HistoryMode, weight: f64, distance: f64, strength: f64| {
        let mut name = noise.to_string();
        if history == Keyframe {
            name += &format!(", history {weight}");
        }
        if strength < 1.0 {
            name += &format!(", start {strength}");
        }
        if distance != USUAL_DISTANCE {
            name += &format!(", distance {distance}");
        }
        let asked = AskedConditioning {
            noise: Some(noise),
            history: Some(history),
            history_weight: Some(weight),
            keyframe_distance: Some(distance),
            start_strength: Some(strength),
        };
        Row { name, asked }
    };
    let d = USUAL_DISTANCE;
    let mut rows = vec![
        row(Independent, Nothing, 1.0, d, 1.0),
        row(Shared, Nothing, 1.0, d, 1.0),
        row(Carried, Nothing, 1.0, d, 1.0),
        row(Independent, Keyframe, 1.0, d, 1.0),
        row(Independent, Nothing, 1.0, d, 0.5),
        row(Shared, Keyframe, 1.0, d, 1.0),
        row(Shared, Nothing, 1.0, d, 0.5),
        row(Shared, Keyframe, 1.0, d, 0.5),
        row(Carried, Keyframe, 1.0, d, 0.5),
    ];
    if is_sweep {
        rows.extend([
            row(Shared, Keyframe, 0.25, d, 1.0),
            row(Shared, Keyframe, 0.5, d, 1.0),
            row(Shared, Nothing, 1.0, d, 0.75),
            row(Shared, Keyframe, 0.5, d, 0.75),
            row(Shared, Nothing, 1.0, 0.25, 0.5),
            row(Shared, Nothing, 1.0, 0.25, 0.75),
            row(Shared, Keyframe, 0.5, 0.25, 0.75),
            row(Carried, Nothing, 1.0, d, 0.75),
        ]);
    }
    rows
}

const USUAL_DISTANCE: f64 = 0.5;

struct Silent;

impl BatchObserver for Silent {
    fn step(&self, _: u64, _: usize, _: usize, _: usize) -> Result<(), moue_animation::AnimationError> {
        Ok(())
    }
}

struct Options {
    models: PathBuf,
    steps: usize,
    frames: usize,
    seeds: u64,
    is_sweep: bool,
}

impl Options {
    fn read() -> Self {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let models = repository.join("examples/models/toyfaces");
        let mut options = Self { models, steps: 8, frames: 17, seeds: 2, is_sweep: false };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            let mut value = || words.next().unwrap_or_else(|| panic!("{word} takes a value"));
            match &*word {
                "--models" => options.models = value().into(),
                "--steps" => options.steps = value().parse().unwrap(),
                "--frames" => options.frames = value().parse().unwrap(),
                "--seeds" => options.seeds = value().parse().unwrap(),
                "--sweep" => options.is_sweep = true,
                other => panic!("found {other}, expected --models DIR, --steps N, --frames N, --seeds N or --sweep"),
            }
        }
        options
    }
}

/// The frames of one row.
struct Painted1 {
    /// For each seed, each ramp's.
    ramps: Vec<Vec<Vec<RgbImage>>>,
    held: u8,
    seconds: f64,
}

fn paint(options: &Options, portrait: &Portrait, map: &LinearMap, asked: AskedConditioning) -> Painted1 {
    let painting = Painting {
        models: Some(options.models.clone()),
        steps: Some(options.steps),
        conditioning: asked,
        ..Painting::default()
    };
    let (mut ramps, mut held, mut seconds) = (Vec::new(), 0, 0.0);
    for seed in 0..options.seeds {
        let (device, size) = (Device::Cpu, Some((SIDE, SIDE)));
        let job = PaintJob { painting: &painting, device, seed, size, map: Some(map) };
        let mut painted = Painted::new(&job, portrait, 1, &(), &CancelToken::new()).unwrap();
        let mut paint = |expressions: &[FlameExpression]| -> Vec<RgbImage> {
            painted.begin(&ShotJob { expressions: Some(expressions), keyframes: None });
            let mut frames = vec![RgbImage::new(SIDE, SIDE); expressions.len()];
            for (index, (flame, frame)) in expressions.iter().zip(&mut frames).enumerate() {
                let asked = Asked { index: index as u64, expression: Expression::NEUTRAL, flame: *flame };
                painted.render(&[asked], std::slice::from_mut(frame), &Silent).unwrap();
            }
            frames
        };
        let began = cpu_seconds();
        let share = |frame: usize| frame as f32 / (options.frames - 1) as f32;
        ramps.push(
            RAMPS
                .iter()
                .map(|ramp| paint(&(0..options.frames).map(|i| ramp.expression(share(i))).collect::<Vec<_>>()))
                .collect(),
        );
        seconds += cpu_seconds() - began;
        // Held for three frames, left, and come back to.
        let (a, b) = (RAMPS[0].expression(0.6), RAMPS[1].expression(0.4));
        let hold = paint(&[a, a, b, a]);
        let pairs = [(0, 1), (0, 3)].map(|(i, j)| difference(&hold[i], &hold[j]));
        held = pairs.into_iter().fold(held, u8::max);
    }
    Painted1 { ramps, held, seconds }
}

/// What this process has taken of all processors, on Linux.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    // After the name in brackets: the state is the third field, user and system time the 14th and 15th, in hundredths.
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    [11, 12].map(|field: usize| fields[field].parse::<f64>().unwrap() / 100.0).iter().sum()
}

fn difference(a: &RgbImage, b: &RgbImage) -> u8 {
    a.iter().zip(b.iter()).map(|(a, b)| a.abs_diff(*b)).max().unwrap()
}

fn mean(values: impl IntoIterator<Item = f64>) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    values.into_iter().for_each(|value| (sum, count) = (sum + value, count + 1.0));
    sum / count
}

fn flicker(frames: &[RgbImage]) -> f64 {
    mean(frames.windows(3).map(|three| {
        let [a, b, c] = [0, 1, 2].map(|i| three[i].iter().map(|level| f64::from(*level)));
        mean(a.zip(b).zip(c).map(|((a, b), c)| (a - 2.0 * b + c).abs()))
    }))
}

fn warping_error(ramp: &Ramp, flow: &FaceFlow, frames: &[RgbImage]) -> f64 {
    let share = |frame: usize| ramp.expression(frame as f32 / (frames.len() - 1) as f32);
    mean((1..frames.len()).map(|t| {
        // Where each pixel of the frame before is in this one.
        let flow = flow.flow(Some(&share(t)), &share(t - 1), SIDE as usize).unwrap();
        let pairs = flow.sources().iter().zip(flow.visible()).zip(frames[t - 1].pixels());
        let errors = pairs.filter(|((_, visible), _)| **visible).flat_map(|((at, _), before)| {
            let now = sample(&frames[t], *at);
            [0, 1, 2].map(|c| (now[c] - f64::from(before.0[c])).powi(2))
        });
        mean(errors).sqrt()
    }))
}

fn sample(frame: &RgbImage, [x, y]: [f32; 2]) -> [f64; 3] {
    let last = (SIDE - 1) as f32;
    let (x, y) = ((x - 0.5).clamp(0.0, last), (y - 0.5).clamp(0.0, last));
    let (left, top) = (x as u32, y as u32);
    let (right, bottom) = ((left + 1).min(SIDE - 1), (top + 1).min(SIDE - 1));
    let (fx, fy) = (f64::from(x.fract()), f64::from(y.fract()));
    let at = |x, y| frame.get_pixel(x, y).0.map(f64::from);
    let (a, b, c, d) = (at(left, top), at(right, top), at(left, bottom), at(right, bottom));
    std::array::from_fn(|i| (a[i] * (1.0 - fx) + b[i] * fx) * (1.0 - fy) + (c[i] * (1.0 - fx) + d[i] * fx) * fy)
}

/// What is read in each frame of a ramp, with the share of the range that was asked for.
fn readings(ramp: &Ramp, frames: &[RgbImage]) -> Vec<(f64, f64)> {
    let share = |frame: usize| frame as f64 / (frames.len() - 1) as f64;
    frames.iter().enumerate().map(|(i, frame)| (share(i), (ramp.read)(&read(frame)))).collect()
}

/// The line a + b x by least squares.
fn line(points: &[(f64, f64)]) -> (f64, f64) {
    let (x, y) = (mean(points.iter().map(|p| p.0)), mean(points.iter().map(|p| p.1)));
    let b = mean(points.iter().map(|p| (p.0 - x) * (p.1 - y))) / mean(points.iter().map(|p| (p.0 - x).powi(2)));
    (y - b * x, b)
}

fn main() {
    let options = Options::read();
    let portrait = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/portraits/toyface.png");
    let tracker = FaceTracker::new().unwrap();
    let portrait = Portrait::load(&portrait, None, &tracker).unwrap();
    let map = read_map(&options.models.join("map.npz")).unwrap();
    let flow = FaceFlow::of(&portrait, SIDE, Some(&map)).unwrap();
    let recogniser = Recogniser::load(options.models.join("antelopev2/arcface.onnx")).unwrap();
    let own = recogniser.embed(&portrait.face().identity_crop(&portrait.image).unwrap()).unwrap();
    let points = POINTS.map(|point| point.map(|at| at * f64::from(SIDE) - 0.5));
    let identity =
        |frame: &RgbImage| -> Identity { recogniser.embed(&identity_crop(frame, &points).unwrap()).unwrap() };

    let Options { steps, frames, seeds, .. } = options;
    println!("DPM-Solver++ in {steps} steps, {frames} frames of each ramp, {seeds} seeds\n");
    println!("| conditioning | held | flicker | warping error | expression error | identity | CPU seconds a frame |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    let mut lines: Option<Vec<(f64, f64)>> = None;
    for Row { name, asked } in rows(options.is_sweep) {
        let painted = paint(&options, &portrait, &map, asked);
        let each = || painted.ramps.iter().flat_map(|ramps| RAMPS.iter().zip(ramps));
        // The first row is what the others are compared with, and what reading is fitted to.
        let lines = lines.get_or_insert_with(|| {
            let of = |ramp: usize| painted.ramps.iter().flat_map(move |ramps| readings(&RAMPS[ramp], &ramps[ramp]));
            (0..RAMPS.len()).map(|ramp| line(&of(ramp).collect::<Vec<_>>())).collect()
        });
        let expression = |(i, (ramp, frames)): (usize, (&Ramp, &Vec<RgbImage>))| {
            let (a, b) = lines[i % RAMPS.len()];
            mean(readings(ramp, frames).into_iter().map(|(asked, seen)| ((seen - a) / b - asked).abs()))
        };
        let expression_errors: Vec<f64> = each().enumerate().map(expression).collect();
        let warping = each().map(|(ramp, frames)| warping_error(ramp, &flow, frames));
        let identities =
            each().flat_map(|(_, frames)| frames.iter().step_by(4)).map(|f| f64::from(identity(f).cosine(&own)));
        let (flicker, warping) = (mean(each().map(|(_, frames)| flicker(frames))), mean(warping));
        let count = painted.ramps.len() * RAMPS.len() * frames;
        println!(
            "| {name} | {} | {flicker:.2} | {warping:.2} | {:.3} | {:.2} | {:.2} |",
            painted.held,
            mean(expression_errors.iter().copied()),
            mean(identities),
            painted.seconds / count as f64,
        );
        let parts: Vec<String> = RAMPS
            .iter()
            .enumerate()
            .map(|(i, ramp)| {
                let own = expression_errors.iter().skip(i).step_by(RAMPS.len()).copied();
                format!("{} {:.3}", ramp.name, mean(own))
            })
            .collect();
        eprintln!("{name}: {}", parts.join(", "));
    }
}
