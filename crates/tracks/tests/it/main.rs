//! Whole files: what is read, what is refused, and in which words.

mod arkit_arrays;
mod audio2face;
mod examples;
mod folders;
mod formats;
mod ifacialmocap;
mod live_link_face;
mod mediapipe;
mod messages;
mod moue_csv;
mod numpy;
mod numpy_messages;
mod properties;
mod writing;

use moue_timeline::{Expression, Interpolation, Shape};
use moue_tracks::{LoadedTrack, read_bytes};

fn load(text: impl AsRef<[u8]>) -> LoadedTrack {
    read_bytes("take", text.as_ref()).unwrap_or_else(|error| panic!("{error}"))
}

fn refusal(text: impl AsRef<[u8]>) -> String {
    match read_bytes("take", text.as_ref()) {
        Ok(loaded) => panic!("read: {loaded:?}"),
        Err(error) => error.to_string(),
    }
}

fn at(loaded: &LoadedTrack, t: f64) -> Expression {
    loaded.track.sample(t, Interpolation::Linear)
}

/// Live Link Face's header, PascalCase.
fn llf_header() -> String {
    let pascal = |name: &str| format!("{}{}", name[..1].to_uppercase(), &name[1..]);
    let shapes: Vec<String> = Shape::ALL.into_iter().map(|shape| pascal(shape.name())).collect();
    let angles =
        "HeadYaw,HeadPitch,HeadRoll,LeftEyeYaw,LeftEyePitch,LeftEyeRoll,RightEyeYaw,RightEyePitch,RightEyeRoll";
    format!("Timecode,BlendShapeCount,{},{angles}", shapes.join(","))
}

/// A row with `jaw` in JawOpen and `head` as yaw, pitch and roll.
fn llf_row(timecode: &str, jaw: f32, head: [f32; 3]) -> String {
    let shapes: Vec<String> =
        Shape::ALL.into_iter().map(|shape| if shape == Shape::JawOpen { jaw } else { 0.0 }.to_string()).collect();
    format!("{timecode},61,{},{},{},{},0,0,0,0,0,0", shapes.join(","), head[0], head[1], head[2])
}

fn llf(rows: &[String]) -> String {
    format!("{}\n{}\n", llf_header(), rows.join("\n"))
}
