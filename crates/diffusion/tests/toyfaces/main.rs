//! Does the diffusion renderer do what it is told? Asked of `examples/models/toyfaces`, a small trained checkpoint
//! whose faces can be read back from the pictures. `tools/toyfaces/evaluate.py` asks the same of more persons.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test may fail, and says how far it is")]

mod painted;
mod readback;

use std::sync::LazyLock;

use image::RgbImage;
use moue_diffusion::{PainterSettings, Sampling};
use painted::{Expression, Person, SIDE, identities};
use readback::{Reading, read};

/// A part that moves.
struct Driven {
    name: &'static str,
    /// Place among the 55 values.
    index: usize,
    range: [f32; 2],
    read: fn(&Reading) -> f64,
}

const fn driven(name: &'static str, index: usize, range: [f32; 2], read: fn(&Reading) -> f64) -> Driven {
    Driven { name, index, range, read }
}

/// What the correlation of asked and read must reach.
const LEAST: f64 = 0.9;

const DRIVEN: [Driven; 8] = [
    driven("jaw_open", 52, [0.0, 0.4], |read| read.jaw_open),
    driven("smile", 0, [-2.0, 2.0], |read| read.smile),
    driven("mouth_width", 1, [-2.0, 2.0], |read| read.mouth_width),
    driven("mouth_asymmetry", 3, [-2.0, 2.0], |read| read.mouth_asymmetry),
    driven("lid_left", 50, [0.0, 1.0], |read| read.lid_left),
    driven("lid_right", 51, [0.0, 1.0], |read| read.lid_right),
    driven("brows", 2, [-2.0, 2.0], |read| read.brows),
    driven("brow_asymmetry", 4, [-2.0, 2.0], |read| read.brow_asymmetry),
];
const AT_REST: Expression = [0.0; 55];

struct Clip {
    person: Person,
    expressions: Vec<Expression>,
    frames: Vec<RgbImage>,
}

/// Each part alone at both ends of its range and in the middle.
static CLIP: LazyLock<Clip> = LazyLock::new(|| {
    let person = Person::first();
    let expressions: Vec<Expression> = DRIVEN
        .iter()
        .flat_map(|driven| {
            let [low, high] = driven.range;
            [low, (low + high) / 2.0, high].map(|value| {
                let mut expression = AT_REST;
                expression[driven.index] = value;
                expression
            })
        })
        .collect();
    let frames = person.paint(&expressions);
    Clip { person, expressions, frames }
});

fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut both, mut own_a, mut own_b) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(b) {
        let (a, b) = (a - mean_a, b - mean_b);
        both += a * b;
        own_a += a * a;
        own_b += b * b;
    }
    both / (own_a * own_b).sqrt()
}

/// Mean difference where no expression reaches: hair and background, 0 to 1.
fn difference_around(a: &RgbImage, b: &RgbImage) -> f64 {
    let at = |i: u32| (f64::from(i) + 0.5) / f64::from(SIDE);
    let outside = |x: u32, y: u32| (at(x) - 0.5).abs() > 0.33 || at(y) < 0.22;
    let differences: Vec<f64> = a
        .enumerate_pixels()
        .filter(|(x, y, _)| outside(*x, *y))
        .flat_map(|(x, y, pixel)| (0..3).map(move |c| (pixel.0[c], b.get_pixel(x, y).0[c])))
        .map(|(a, b)| f64::from(a.abs_diff(b)) / 255.0)
        .collect();
    differences.iter().sum::<f64>() / differences.len() as f64
}

/// How what is read follows what is asked in frames of the clip's expressions, part by part.
fn followed(frames: &[RgbImage]) -> [(&'static str, f64); 8] {
    let readings: Vec<Reading> = frames.iter().map(read).collect();
    DRIVEN.map(|Driven { name, index, read, .. }| {
        let asked: Vec<f64> = CLIP.expressions.iter().map(|expression| f64::from(expression[index])).collect();
        let seen: Vec<f64> = readings.iter().map(read).collect();
        let found = correlation(&asked, &seen);
        eprintln!("{name:<16} correlation {found:.3}");
        (name, found)
    })
}

#[test]
fn every_part_moves_as_asked() {
    let faults: Vec<_> = followed(&CLIP.frames).into_iter().filter(|(_, found)| *found < LEAST).collect();
    assert!(faults.is_empty(), "{faults:?}, expected {LEAST} or more");
}

/// The checkpoint has no LCM-LoRA; the official default takes few steps too.
#[test]
fn four_steps_still_follow() {
    let sampling = Sampling { steps: 4, ..Sampling::default() };
    let frames = CLIP.person.paint_as(&CLIP.expressions, sampling, PainterSettings::default().reference_scale);
    let found = followed(&frames);
    let mean = found.iter().map(|(_, found)| found).sum::<f64>() / found.len() as f64;
    assert!(mean > 0.8 && found[0].1 > LEAST, "mean {mean:.3}, {found:?}");
}

#[test]
fn a_person_stays_who_they_are_and_two_are_two() {
    let second = Person::second();
    let others = identities(&second.paint(&CLIP.expressions[..6]));
    let frames = identities(&CLIP.frames);
    let pairs = |a: &[moue_face::Identity], b: &[moue_face::Identity]| -> Vec<f32> {
        a.iter().flat_map(|one| b.iter().map(|other| one.cosine(other))).collect()
    };
    let least = |cosines: Vec<f32>| cosines.into_iter().fold(1.0, f32::min);
    let most = |cosines: Vec<f32>| cosines.into_iter().fold(-1.0, f32::max);
    let within = least(pairs(&frames, &frames));
    let between = most(pairs(&frames, &others));
    eprintln!("cosines within the clip from {within:.3}, between persons up to {between:.3}");
    assert!(within > 0.6 && between < 0.4, "within the clip {within}, between persons {between}");
    let portraits = [CLIP.person.identity.clone(), second.identity.clone()];
    for (at, painted) in [&frames, &others].into_iter().enumerate() {
        let (own, other) = (&portraits[at..=at], &portraits[1 - at..=1 - at]);
        let (own, other) = (least(pairs(painted, own)), most(pairs(painted, other)));
        eprintln!("with their portrait from {own:.3}, with the other one up to {other:.3}");
        assert!(own > other, "with their portrait {own}, with the other one {other}");
    }
}

#[test]
fn the_reference_brings_hair_and_background() {
    let aligned = &CLIP.person.aligned;
    let plain = CLIP.person.paint_with(&CLIP.expressions[..2], 3.0, None);
    let mean = |frames: &[RgbImage]| {
        frames.iter().map(|frame| difference_around(frame, aligned)).sum::<f64>() / frames.len() as f64
    };
    let (with, without) = (mean(&CLIP.frames), mean(&plain));
    eprintln!("error around the face: {with:.3} with the reference, {without:.3} without");
    assert!(with < 0.35 * without, "{with} with the reference, {without} without");
}

/// The jaw opens as far as it can without guidance too.
#[test]
fn guidance_makes_smiles_larger() {
    // From corners down to corners up.
    let unguided = CLIP.person.paint_with(&CLIP.expressions[3..6], 1.0, Some(0.8));
    let rise = |frames: &[RgbImage]| read(&frames[2]).smile - read(&frames[0]).smile;
    let (with, without) = (rise(&CLIP.frames[3..6]), rise(&unguided));
    eprintln!("the corners of the mouth rise by {with:.4} at guidance 3, by {without:.4} at 1");
    assert!(with > 1.3 * without, "{with} at guidance 3, {without} at 1");
}

/// What Python reads in the example portrait.
#[test]
fn pictures_are_read_as_the_tool_reads_them() {
    let portrait = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/portraits/toyface.png");
    let found = read(&image::open(portrait).unwrap().into_rgb8());
    for (name, found, expected) in [
        ("jaw_open", found.jaw_open, 0.06953),
        ("smile", found.smile, 0.00539),
        ("mouth_width", found.mouth_width, 0.22266),
        ("mouth_asymmetry", found.mouth_asymmetry, 0.00004),
        ("lid_left", found.lid_left, -0.12268),
        ("lid_right", found.lid_right, -0.12284),
        ("brows", found.brows, -0.01116),
        ("brow_asymmetry", found.brow_asymmetry, 0.0),
    ] {
        assert!((found - expected).abs() < 1e-4, "{name}: {found}, by Python {expected}");
    }
}
