//! `moue inspect`

use std::{collections::BTreeMap, path::Path};

use anyhow::bail;
use moue_animation::{Portrait, annotate};
use moue_face::{BLENDSHAPE_NAMES, Face, FaceTracker};
use serde::Serialize;

use super::Outcome;
use crate::{
    args::InspectArgs,
    exit,
    printer::{Printer, strong},
    progress::largest,
};

/// What `--json` prints.
#[derive(Serialize)]
struct Inspection<'a> {
    width: u32,
    height: u32,
    faces: Vec<FaceData<'a>>,
}

#[derive(Serialize)]
struct FaceData<'a> {
    score: f32,
    #[serde(rename = "box")]
    box_in_image: [f32; 4],
    landmarks: &'a [[f32; 3]],
    blendshapes: BTreeMap<&'static str, f32>,
    pose: [[f32; 4]; 4],
}

pub fn inspect(args: &InspectArgs, printer: Printer) -> Outcome {
    if let Some(out) = &args.annotate {
        check_annotated(out, args.overwrite).map_err(super::Stop::usage)?;
    }
    let tracker = FaceTracker::new()?;
    let portrait = Portrait::load(&args.image, None, &tracker)?;
    let name = args.image.display();
    portrait.notes.iter().for_each(|note| printer.note(&format!("{name}: {note}")));
    // First what can fail: a failure leaves nothing on stdout.
    if let Some(out) = &args.annotate {
        let (picture, factor) = annotate(&portrait.image, &portrait.faces);
        moue_media::save_png(&picture, out, args.overwrite)?;
        let enlarged = if factor > 1 { format!(", enlarged {factor} times") } else { String::new() };
        printer.say(&format!("{} {}{enlarged}", strong("wrote"), out.display()));
    }
    let (width, height) = portrait.image.dimensions();
    if args.json {
        let faces = portrait.faces.iter().map(data).collect();
        printer.data(&serde_json::to_string(&Inspection { width, height, faces })?);
    } else {
        printer.data(&describe(&portrait));
    }
    Ok(exit::DONE)
}

fn check_annotated(out: &Path, overwrite: bool) -> anyhow::Result<()> {
    if out.extension().is_none_or(|ending| !ending.eq_ignore_ascii_case("png")) {
        bail!("--annotate {}: expected a name ending in .png", out.display());
    }
    if !overwrite && out.exists() {
        bail!("--annotate {}: the file exists\nhint: choose another name, or add --overwrite", out.display());
    }
    Ok(())
}

fn data(face: &Face) -> FaceData<'_> {
    FaceData {
        score: face.score,
        box_in_image: face.box_in_image,
        landmarks: &face.landmarks,
        blendshapes: BLENDSHAPE_NAMES.into_iter().zip(face.blendshapes).collect(),
        pose: face.pose,
    }
}

fn describe(portrait: &Portrait) -> String {
    let (width, height) = portrait.image.dimensions();
    let count = portrait.faces.len();
    let plural = if count == 1 { "face" } else { "faces, the largest first" };
    let mut text = format!("{}: {width}x{height} pixels, {count} {plural}", portrait.path.display());
    for (index, face) in portrait.faces.iter().enumerate() {
        let [x, y, width, height] = face.box_in_image;
        let [yaw, pitch, roll] = angles(&face.pose).map(|angle| angle.to_degrees().round() + 0.0);
        let shapes = moue_animation::expression_of(face).shapes;
        let expression = largest(&shapes);
        let expression = if expression.is_empty() { "neutral".to_owned() } else { expression.join(", ") };
        text += &format!(
            "\n{} score {:.2}\n  box         {width:.0}x{height:.0} at {x:.0},{y:.0}\n  \
             head        yaw {yaw:.0}, pitch {pitch:.0}, roll {roll:.0} degrees (to the face's own left, up, to its \
             own left shoulder)\n  expression  {expression}",
            strong(format!("face {}", index + 1)),
            face.score,
        );
    }
    text
}

/// Yaw, pitch and roll in radians of a pose: positive to the face's own left, up, and to its own left shoulder.
///
/// The pose's rotation is taken apart as R = Ry(yaw) Rx(-pitch) Rz(roll) in a frame with x to the viewer's right, y up
/// and z to the viewer; the face's own left is the viewer's right.
fn angles(pose: &[[f32; 4]; 4]) -> [f32; 3] {
    // Columns may carry the face's size.
    let length = |column: usize| (0..3).map(|row| pose[row][column].powi(2)).sum::<f32>().sqrt().max(1e-9);
    let r = |row: usize, column: usize| pose[row][column] / length(column);
    let pitch = r(1, 2).clamp(-1.0, 1.0).asin();
    let yaw = r(0, 2).atan2(r(2, 2));
    let roll = -r(1, 0).atan2(r(1, 1));
    [yaw, pitch, roll]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn product(a: [[f32; 4]; 4], b: [[f32; 4]; 4]) -> [[f32; 4]; 4] {
        std::array::from_fn(|row| std::array::from_fn(|column| (0..4).map(|k| a[row][k] * b[k][column]).sum()))
    }

    #[test]
    fn angles_come_apart_again() {
        let (yaw, pitch, roll) = (0.4f32, -0.3f32, 0.2f32);
        let about_y = [
            [yaw.cos(), 0.0, yaw.sin(), 0.0],
            [0.0, 1.0, 0.0, 0.0],
            [-yaw.sin(), 0.0, yaw.cos(), 0.0],
            [0.0, 0.0, 0.0, 1.0],
        ];
        // Up is the face's normal (0, 0, 1) moving towards +y.
        let about_x = [
            [1.0, 0.0, 0.0, 0.0],
            [0.0, pitch.cos(), pitch.sin(), 0.0],
            [0.0, -pitch.sin(), pitch.cos(), 0.0],
            [0.0, 0.0, 0.0, 1.0],
        ];
        // To the own left shoulder, the viewer's right: clockwise for the viewer.
        let about_z = [
            [roll.cos(), roll.sin(), 0.0, 0.0],
            [-roll.sin(), roll.cos(), 0.0, 0.0],
            [0.0, 0.0, 1.0, 0.0],
            [0.0, 0.0, 0.0, 1.0],
        ];
        let found = angles(&product(about_y, product(about_x, about_z)));
        for (found, expected) in found.into_iter().zip([yaw, pitch, roll]) {
            assert!((found - expected).abs() < 1e-5, "{found} {expected}");
        }
    }
}
