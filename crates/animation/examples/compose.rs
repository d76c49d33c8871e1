//! How visible the seam is where a painted face goes back into its picture: gradients across the edge of the mask
//! against the portrait's own there, for the toy checkpoint's paintings and for perfect ones (the aligned portrait
//! itself). Prints the tables of docs/whole-picture.md.
//!
//! `cargo run --release -p moue-animation --example compose -- [STEPS] [FOLDER]`; pictures go into FOLDER.

use std::{
    io::Write,
    path::{Path, PathBuf},
    time::Instant,
};

use image::{Rgb, RgbImage, imageops};
use moue_animation::{
    AnimationError, Asked, BatchObserver, Composer, Device, Framing, Layout, PaintJob, Painted, Painting, Pasted,
    Portrait, Renderer, Seam, Size,
};
use moue_engine::CancelToken;
use moue_face::FaceTracker;
use moue_mesh::{View, sample};
use moue_timeline::{Expression, FlameChannel, FlameExpression, HeadPose, Shape};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

struct Deaf;

impl BatchObserver for Deaf {
    fn step(&self, _: u64, _: usize, _: usize, _: usize) -> Result<(), AnimationError> {
        Ok(())
    }
}

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let steps: usize = arguments.next().map_or(Ok(8), |steps| steps.parse())?;
    let folder = arguments.next().map(PathBuf::from);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let tracker = FaceTracker::new()?;
    let scratch = tempfile::tempdir()?;
    let toy = scratch.path().join("toy.png");
    in_a_larger_picture(&image::open(root.join("examples/portraits/toyface.png"))?.to_rgb8()).save(&toy)?;
    let portraits =
        [("astronaut", root.join("examples/portraits/astronaut.png")), ("toy face, turned, in 900x700", toy)];

    let mut out = std::io::stdout().lock();
    writeln!(out, "| portrait | painting | colours | across the seam | portrait's own | ratio | step | ms a frame |")?;
    writeln!(out, "| --- | --- | --- | --- | --- | --- | --- | --- |")?;
    let mut heads = Vec::new();
    for (name, path) in &portraits {
        let portrait = Portrait::load(path, None, &tracker)?;
        let aligned = portrait.face().aligned(&portrait.image)?.picture;
        let mut pictures = vec![portrait.image.clone()];
        for (painting, at_rest, open) in paintings(&root, &portrait, &aligned, steps)? {
            for matched in [false, true] {
                let composer = composer(&portrait)?;
                let composer = if matched { composer.matched(&at_rest) } else { composer };
                let (pasted, seam, took) = paste(&composer, &at_rest, &expression(0.0))?;
                let colours = if matched { "fitted" } else { "as painted" };
                write_row(&mut out, &[name, painting, colours], &seam, took)?;
                pictures.push(pasted);
                if matched {
                    pictures.push(paste(&composer, &open, &expression(0.6))?.0);
                }
            }
        }
        heads.push((*name, turned(&portrait, &aligned)?));
        if let Some(folder) = &folder {
            std::fs::create_dir_all(folder)?;
            let name = name.split(' ').next().unwrap_or(name);
            contact_sheet(&pictures).save(folder.join(format!("compose-{name}.png")))?;
        }
    }
    writeln!(
        out,
        "\n| portrait, head turned by 10 degrees | turned after pasting | turned before |\n| --- | --- | --- |"
    )?;
    for (name, [after, before]) in heads {
        writeln!(out, "| {name} | {after:.2} | {before:.2} |")?;
    }
    Ok(())
}

/// What is pasted: its name, a painting at rest and one with the jaw open.
fn paintings(
    root: &Path,
    portrait: &Portrait,
    aligned: &RgbImage,
    steps: usize,
) -> Outcome<Vec<(&'static str, RgbImage, RgbImage)>> {
    let darker = changed(aligned, |_, level| level * 0.8);
    let lit = changed(aligned, |x, level| level * (0.8 + 0.3 * x));
    let painting =
        Painting { models: Some(root.join("examples/models/toyfaces")), steps: Some(steps), ..Painting::default() };
    let job = PaintJob { painting: &painting, device: Device::Cpu, seed: 0, size: None, map: None };
    let painter = Painted::new(&job, portrait, 2, &(), &CancelToken::new())?;
    let mut open = Asked { expression: expression(0.6), ..Pasted::rest() };
    if let Some(jaw) = FlameChannel::from_index(FlameChannel::JAW.start) {
        open.flame = FlameExpression::NEUTRAL;
        open.flame.set(jaw, 0.3);
    }
    let mut painted = [painter.new_frame(), painter.new_frame()];
    for (asked, frame) in [Pasted::rest(), open].iter().zip(&mut painted) {
        painter.render(std::slice::from_ref(asked), std::slice::from_mut(frame), &Deaf)?;
    }
    let [at_rest, open] = painted;
    Ok(vec![
        ("the aligned portrait", aligned.clone(), aligned.clone()),
        ("the same, a fifth darker", darker.clone(), darker),
        ("the same, lit from the right", lit.clone(), lit),
        ("by the toy model", at_rest, open),
    ])
}

fn expression(jaw: f32) -> Expression {
    let mut expression = Expression::NEUTRAL;
    expression.set(Shape::JawOpen, jaw);
    expression
}

fn composer(portrait: &Portrait) -> Outcome<Composer> {
    let layout = layout(portrait)?;
    Ok(Composer::in_layout(portrait, &layout)?)
}

fn layout(portrait: &Portrait) -> Outcome<Layout> {
    let size = portrait.image.dimensions();
    Ok(Layout::new(size, &portrait.face().landmarks, Framing::Whole, Size::Source)?)
}

/// A pasted picture, its seam, and the milliseconds that it took.
fn paste(composer: &Composer, painting: &RgbImage, expression: &Expression) -> Outcome<(RgbImage, Seam, f64)> {
    let mut pasted = composer.canvas().picture.clone();
    let began = Instant::now();
    composer.paste(painting, expression, &mut pasted)?;
    let took = began.elapsed().as_secs_f64() * 1e3;
    let seam = composer.seam(&pasted, &composer.mask(expression));
    Ok((pasted, seam, took))
}

fn write_row(out: &mut impl Write, names: &[&str], seam: &Seam, took: f64) -> Outcome<()> {
    let Seam { composed, own, step, .. } = seam;
    let names = names.join(" | ");
    writeln!(out, "| {names} | {composed:.2} | {own:.2} | {:.2} | {step:+.2} | {took:.0} |", seam.ratio())?;
    Ok(())
}

/// Mean error of a turned head in levels, where painting and portrait mix: against the portrait itself, turned by the
/// mesh; for a perfect painting that is pasted before the head is turned, and for one that is pasted after.
fn turned(portrait: &Portrait, aligned: &RgbImage) -> Outcome<[f64; 2]> {
    let (composer, layout) = (composer(portrait)?, layout(portrait)?);
    let view = View { origin: layout.origin, scale: layout.scale };
    let head = HeadPose { yaw: 10f32.to_radians(), ..HeadPose::default() };
    let still = portrait.measured();
    let turned = Expression { head, ..still };
    let new = || RgbImage::new(layout.size.0, layout.size.1);
    // A painting that is the portrait to the byte: nothing is pasted, and all is turned.
    let (mut ideal, mut after) = (new(), new());
    let nothing = composer.canvas().picture.clone();
    composer.turn(view, &nothing, head, &mut ideal)?;
    composer.draw_in(view, aligned, &turned, &mut after)?;
    // Pasted after the turn, as the painting knows the face: straight.
    let mut before = composer.canvas().picture.clone();
    before.clone_from(&fitted(&ideal, before.dimensions()));
    composer.paste_over(aligned, &still, &mut before)?;
    let mask = composer.mask(&still);
    let error = |found: &RgbImage| {
        let (mut sum, mut count) = (0.0, 0.0);
        for (x, y, at) in composer.canvas().pixels_in_square() {
            if mask.at(at) > 0.02 && x < ideal.width() && y < ideal.height() {
                let (a, b) = (found.get_pixel(x, y).0, ideal.get_pixel(x, y).0);
                sum += a.iter().zip(b).map(|(a, b)| f64::from(a.abs_diff(b))).sum::<f64>() / 3.0;
                count += 1.0;
            }
        }
        sum / f64::max(count, 1.0)
    };
    Ok([error(&after), error(&before)])
}

/// A frame in a canvas that may be a row or column larger.
fn fitted(frame: &RgbImage, (width, height): (u32, u32)) -> RgbImage {
    let (last_x, last_y) = (frame.width() - 1, frame.height() - 1);
    RgbImage::from_fn(width, height, |x, y| *frame.get_pixel(x.min(last_x), y.min(last_y)))
}

fn changed(picture: &RgbImage, change: impl Fn(f64, f64) -> f64) -> RgbImage {
    let side = f64::from(picture.width());
    RgbImage::from_fn(picture.width(), picture.height(), |x, y| {
        Rgb(picture.get_pixel(x, y).0.map(|level| change(f64::from(x) / side, level.into()).clamp(0.0, 255.0) as u8))
    })
}

/// The toy face at three quarters of its size and turned by 8 degrees, in a picture with more around it.
fn in_a_larger_picture(face: &RgbImage) -> RgbImage {
    let (scale, angle) = (0.75, 8f64.to_radians());
    let (sine, cosine) = (angle.sin() / scale, angle.cos() / scale);
    RgbImage::from_fn(900, 700, |x, y| {
        let (dx, dy) = (f64::from(x) + 0.5 - 520.0, f64::from(y) + 0.5 - 330.0);
        let at = [256.0 + dx * cosine + dy * sine, 256.0 - dx * sine + dy * cosine];
        if at.iter().all(|at| (1.0..511.0).contains(at)) {
            return Rgb(sample(face, at).map(|level| level.round() as u8));
        }
        Rgb([90 + (x / 12) as u8, 120 + (y / 12) as u8, 150])
    })
}

/// Pictures beside each other, four in a row.
fn contact_sheet(pictures: &[RgbImage]) -> RgbImage {
    const COLUMNS: u32 = 4;
    let (width, height) = pictures[0].dimensions();
    let rows = (pictures.len() as u32).div_ceil(COLUMNS);
    let mut sheet = RgbImage::new(width * COLUMNS, height * rows);
    for (index, picture) in (0..).zip(pictures) {
        let (x, y) = (i64::from(index % COLUMNS * width), i64::from(index / COLUMNS * height));
        imageops::replace(&mut sheet, picture, x, y);
    }
    sheet
}
