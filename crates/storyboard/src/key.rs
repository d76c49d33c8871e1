//! What a shot's frames depend on, as bytes.

use std::path::PathBuf;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::written::{OutputSize, Region, View};
use crate::{Action, ActionKind, Character, Motion, Pose, Shot, Storyboard};

/// What a shot's frames depend on, apart from the content of files and the program: two shots with equal keys and equal
/// files have equal frames.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ShotKey {
    /// The shot after defaults, poses as numbers and times as frames, as JSON with sorted keys. Neither its name nor
    /// its place in the film, nor what is written or heard or dissolves, is in it.
    pub content: String,
    /// The files whose content counts as well, in an order that belongs to the key: the portrait, the shot's motions,
    /// then those that lead to its start. Their names do not count.
    pub files: Vec<PathBuf>,
}

impl Storyboard {
    /// The key of a shot (an index below `shots.len()`).
    pub fn key(&self, shot: usize) -> ShotKey {
        let mut files = vec![self.cast[self.shots[shot].character].portrait.clone()];
        files.extend(self.shots[shot].motions.iter().map(|motion| motion.path.clone()));
        // What leads here is a digest, so that the keys of a long chain stay short.
        let mut carried = Value::Null;
        for before in self.carry_chain(shot) {
            let performance = self.performance(before, &carried).to_string();
            carried = hex(&Sha256::digest(performance)).into();
            files.extend(self.lasting_motions(before).map(|motion| motion.path.clone()));
        }
        let own = &self.shots[shot];
        let content = json!({
            "version": 1,
            "output": self.output_value(),
            "character": character(&self.cast[own.character]),
            "frames": own.rendered_frames(),
            "framing": {
                "from": view(own.framing.from),
                "to": view(own.framing.to),
                "ease": own.framing.easing.to_string(),
            },
            "performance": self.performance(shot, &carried),
        });
        ShotKey { content: content.to_string(), files }
    }

    /// What the face does.
    fn performance(&self, shot: usize, carried: &Value) -> Value {
        let own = &self.shots[shot];
        let start = if carried.is_null() { pose(&self.cast[own.character].rest) } else { carried.clone() };
        json!({
            "start": start,
            "length": own.length,
            "rate": self.output.rate.to_string(),
            "actions": own.beats.iter().filter_map(|beat| {
                beat.action.as_ref().map(|act| json!([beat.at, beat.end, action(act)]))
            }).collect::<Vec<_>>(),
            "motions": own.motions.iter().map(motion).collect::<Vec<_>>(),
            "life": life(own),
        })
    }

    fn output_value(&self) -> Value {
        let size = match self.output.size {
            OutputSize::Source => json!("source"),
            OutputSize::Pixels { width, height } => json!([width, height]),
        };
        json!({"size": size, "renderer": self.output.renderer.name(), "background": self.output.background})
    }
}

fn character(character: &Character) -> Value {
    let rendering = &character.rendering;
    let diffusion = &rendering.diffusion;
    json!({
        "face": character.face,
        "seed": rendering.seed,
        "relative": rendering.relative,
        "diffusion": [
            diffusion.scheduler.map(|scheduler| scheduler.name()),
            diffusion.steps,
            diffusion.guidance,
            diffusion.expression_scale,
            diffusion.reference_scale,
        ],
    })
}

fn view(view: View) -> Value {
    let region = match view.region {
        Region::Whole => json!("whole"),
        Region::Head => json!("head"),
        Region::Face => json!("face"),
        Region::Crop(crop) => json!(crop),
    };
    json!([region, view.zoom])
}

fn pose(pose: &Pose) -> Value {
    Value::Object(pose.iter().map(|(channel, value)| (channel.name().to_owned(), value.into())).collect())
}

fn action(action: &Action) -> Value {
    let kind = match action.kind {
        ActionKind::Express => "express",
        ActionKind::Also => "also",
        ActionKind::Flash => "flash",
    };
    let channels = action.ease.channels.iter();
    json!({
        "kind": kind,
        "pose": pose(&action.pose),
        "start": action.start,
        "ease": action.ease.all.to_string(),
        "channels": channels.map(|(channel, easing)| json!([channel.name(), easing.to_string()])).collect::<Vec<_>>(),
    })
}

fn motion(motion: &Motion) -> Value {
    let factors: Vec<Value> = moue_timeline::Channel::all()
        .filter(|channel| motion.gains.get(*channel) != 1.0)
        .map(|channel| json!([channel.name(), motion.gains.get(channel)]))
        .collect();
    json!([motion.at, motion.end, motion.from, motion.speed, motion.fade, factors])
}

fn life(shot: &Shot) -> Value {
    // A face without a life of its own has nothing that a seed could change.
    let alive = shot.life.blink.is_some() || shot.life.idle > 0.0;
    json!([shot.life.blink, shot.life.idle, alive.then_some(shot.life.seed)])
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
