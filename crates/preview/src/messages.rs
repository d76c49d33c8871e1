//! What a page and the server say to each other.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Bytes;
use moue_timeline::Channel;
use serde::{Deserialize, Serialize};

use crate::pose::range;
use crate::scene::{Command, Scene};
use crate::status::{LegStatus, Status};

/// From a page.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
pub(crate) enum Asked {
    /// The picture with this number has been drawn, and another one may be sent.
    Shown { sequence: u32 },
    /// Answered at once, with the server's time: so the page learns how the clocks differ.
    Echo { at: f64 },
    /// Whether it shows the film's pictures now, or nothing or a tried pose.
    Watch { film: bool },
    /// Draw this expression. Only the newest one counts.
    Pose { id: u32, name: String, values: BTreeMap<String, f64> },
    /// A button.
    Command { command: Button },
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Button {
    Pause,
    Play,
    Loop(bool),
    Restart,
    Stop,
}

impl From<Button> for Command {
    fn from(button: Button) -> Self {
        match button {
            Button::Pause => Self::Pause,
            Button::Play => Self::Play,
            Button::Loop(on) => Self::Loop(on),
            Button::Restart => Self::Restart,
            Button::Stop => Self::Stop,
        }
    }
}

/// To a page, as text.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(crate) enum Told<'a> {
    Scene(SceneMessage<'a>),
    /// The run's state, with the page's own leg.
    Status {
        #[serde(flatten)]
        status: &'a Status,
        preview: LegStatus,
    },
    /// The server's clock, in milliseconds since it was opened.
    Echo {
        at: f64,
        server: f64,
    },
    /// How a storyboard writes the pose that was asked for.
    Yaml {
        id: u32,
        yaml: String,
    },
    /// What cannot be done.
    Refused {
        id: Option<u32>,
        message: String,
    },
}

impl Told<'_> {
    pub(crate) fn text(&self) -> String {
        // Only maps with keys that are no text cannot be written, and there are none.
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct SceneMessage<'a> {
    title: &'a str,
    renderer: &'a str,
    width: u32,
    height: u32,
    fps: f64,
    frames: Option<u64>,
    can_pose: bool,
    controls: BTreeMap<&'static str, bool>,
    channels: Vec<ChannelMessage>,
}

/// A channel in the units that people write.
#[derive(Debug, Serialize)]
struct ChannelMessage {
    name: &'static str,
    group: &'static str,
    min: f64,
    max: f64,
    unit: &'static str,
    /// Index of the channel that it is in a mirror, and its sign there; none where there is none.
    mirror: Option<(usize, f32)>,
}

impl<'a> SceneMessage<'a> {
    pub(crate) fn new(scene: &'a Scene, can_pose: bool) -> Self {
        let channel = |channel: &Channel| ChannelMessage {
            name: channel.name(),
            group: group(*channel),
            min: *range(*channel).start(),
            max: *range(*channel).end(),
            unit: if let Channel::Head(_) = channel { "°" } else { "" },
            mirror: channel.mirrored().and_then(|(other, sign)| {
                let index = scene.channels.iter().position(|one| *one == other)?;
                Some((index, sign))
            }),
        };
        let controls = scene.controls;
        Self {
            title: &scene.title,
            renderer: &scene.renderer,
            width: scene.size.0,
            height: scene.size.1,
            fps: scene.rate.fps(),
            frames: scene.frames,
            can_pose,
            controls: BTreeMap::from([
                ("pause", controls.pause),
                ("loop", controls.repeat),
                ("restart", controls.restart),
                ("stop", controls.stop),
            ]),
            channels: scene.channels.iter().map(channel).collect(),
        }
    }
}

/// The part of the face that a channel moves.
fn group(channel: Channel) -> &'static str {
    let name = channel.name();
    let groups = [
        ("brow", "Brows"),
        ("eyeLook", "Gaze"),
        ("eye", "Eyes"),
        ("jaw", "Jaw"),
        ("mouth", "Mouth"),
        ("tongue", "Mouth"),
        ("cheek", "Cheeks and nose"),
        ("nose", "Cheeks and nose"),
        ("head", "Head"),
    ];
    groups.into_iter().find(|(prefix, _)| name.starts_with(prefix)).map_or("Expression", |(_, group)| group)
}

/// What a binary message carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// A frame of the film: coefficients and, where the page shows the film, a picture.
    Film = 0,
    /// The picture of a pose that was asked for.
    Pose = 1,
}

/// The coefficients of a frame.
#[derive(Debug, PartialEq)]
pub(crate) struct Row {
    /// The frame, from 0.
    pub number: u64,
    /// On the server's clock.
    pub rendered_ms: f64,
    /// By the scene's channels, in the units that people write.
    pub values: Vec<f32>,
}

/// A binary message, in little-endian order: kind (u8), 0 (u8), values in a row (u16), how many rows (u32), sequence
/// (u32), 0 (u32); then the rows, the newest last, each with the frame's number (f64), when it was rendered in
/// milliseconds of the server's clock (f64) and its values (f32); then a JPEG file, which may be missing.
pub(crate) fn binary(kind: Kind, sequence: u32, rows: &[Arc<Row>], jpeg: &[u8]) -> Bytes {
    let columns = rows.first().map_or(0, |row| row.values.len());
    let mut message = Vec::with_capacity(16 + rows.len() * (16 + 4 * columns) + jpeg.len());
    message.extend([kind as u8, 0]);
    // A scene has each of the 110 channels once at most, and some hundred rows are kept.
    message.extend((columns as u16).to_le_bytes());
    message.extend((rows.len() as u32).to_le_bytes());
    message.extend(sequence.to_le_bytes());
    message.extend(0u32.to_le_bytes());
    for row in rows {
        message.extend((row.number as f64).to_le_bytes());
        message.extend(row.rendered_ms.to_le_bytes());
        message.extend(row.values.iter().flat_map(|value| value.to_le_bytes()));
    }
    message.extend(jpeg);
    message.into()
}

#[cfg(test)]
mod tests {
    use moue_timeline::{FrameRate, Shape};
    use serde_json::{Value, json};

    use super::*;
    use crate::scene::Controls;

    #[test]
    fn messages_of_pages_are_read_strictly() {
        let read = |text: &str| serde_json::from_str::<Asked>(text);
        assert_eq!(read(r#"{"type":"shown","sequence":7}"#).unwrap(), Asked::Shown { sequence: 7 });
        let looping = Asked::Command { command: Button::Loop(true) };
        assert_eq!(read(r#"{"type":"command","command":{"loop":true}}"#).unwrap(), looping);
        let stop = Asked::Command { command: Button::Stop };
        assert_eq!(read(r#"{"type":"command","command":"stop"}"#).unwrap(), stop);
        let pose = r#"{"type":"pose","id":1,"name":"a","values":{"jawOpen":0.5}}"#;
        assert!(matches!(read(pose).unwrap(), Asked::Pose { id: 1, .. }));
        for wrong in [
            "",
            "7",
            "{}",
            r#"{"type":"shown"}"#,
            r#"{"type":"shown","sequence":-1}"#,
            r#"{"type":"shown","sequence":1,"more":1}"#,
            r#"{"type":"pose","id":1,"name":"a","values":{"jawOpen":1e999}}"#,
            r#"{"type":"pose","id":1,"name":"a","values":{"jawOpen":"wide"}}"#,
            r#"{"type":"command","command":"exec"}"#,
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_scene_tells_groups_ranges_and_mirrors() {
        let scene = Scene {
            title: "Ada".to_owned(),
            renderer: "mesh".to_owned(),
            size: (64, 48),
            rate: FrameRate::FPS_25,
            frames: Some(10),
            channels: Scene::arkit(),
            controls: Controls::ALL,
        };
        let told: Value = serde_json::from_str(&Told::Scene(SceneMessage::new(&scene, true)).text()).unwrap();
        assert_eq!((&told["type"], &told["width"], &told["fps"]), (&json!("scene"), &json!(64), &json!(25.0)));
        let channel = |name: &str| {
            let channels = told["channels"].as_array().unwrap();
            let index = channels.iter().position(|channel| channel["name"] == name).unwrap();
            (index, channels[index].clone())
        };
        let (left, _) = channel("mouthSmileLeft");
        assert_eq!(channel("mouthSmileRight").1["mirror"], json!([left, 1.0]));
        let (yaw, told_yaw) = channel("head_yaw");
        let expected =
            json!({"name": "head_yaw", "group": "Head", "min": -40.0, "max": 40.0, "unit": "°", "mirror": [yaw, -1.0]});
        assert_eq!(told_yaw, expected);
        assert_eq!(channel("eyeLookInLeft").1["group"], "Gaze");
        for shape in Shape::ALL {
            assert_ne!(channel(shape.name()).1["group"], "Expression", "{}", shape.name());
        }
    }

    #[test]
    fn binary_messages_have_a_fixed_layout() {
        let row = |number, rendered_ms, values: [f32; 2]| Arc::new(Row { number, rendered_ms, values: values.into() });
        let message = binary(Kind::Pose, 5, &[row(8, 1.5, [0.0, 0.5]), row(9, 2.5, [0.25, -1.0])], b"jpeg");
        assert_eq!(message[..16], [1, 0, 2, 0, 2, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(message[16..24], 8f64.to_le_bytes());
        let second = &message[40..];
        assert_eq!(second[..8], 9f64.to_le_bytes());
        assert_eq!(second[8..16], 2.5f64.to_le_bytes());
        assert_eq!(second[16..20], 0.25f32.to_le_bytes());
        assert_eq!(second[20..24], (-1f32).to_le_bytes());
        assert_eq!(&second[24..], b"jpeg");
        assert_eq!(binary(Kind::Film, 1, &[], b"").len(), 16);
    }
}
