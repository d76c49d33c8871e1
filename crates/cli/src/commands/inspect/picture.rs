//! `moue inspect PICTURE`

use std::{collections::BTreeMap, path::Path};

use moue_animation::{Portrait, annotate, head_of};
use moue_face::{BLENDSHAPE_NAMES, Face, FaceTracker};
use moue_timeline::HeadPose;
use serde::Serialize;

use super::super::Outcome;
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

pub fn inspect(path: &Path, args: &InspectArgs, printer: Printer) -> Outcome {
    let tracker = FaceTracker::new()?;
    let portrait = Portrait::load(path, None, &tracker)?;
    let name = path.display();
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
        let HeadPose { yaw, pitch, roll } = head_of(face);
        let [yaw, pitch, roll] = [yaw, pitch, roll].map(|angle| angle.to_degrees().round() + 0.0);
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
