//! The plan: a film cut into tasks, as a file.
//!
//! Lists are kept as columns, so that a plan of a hundred thousand tasks is a few megabytes. Numbers are whole and
//! everything else is text: a plan that is read is written again byte for byte, and its checksum holds.

mod check;

use std::ops::Range;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use moue_film::ModelPrint;

use crate::FarmError;
use crate::error::PlanProblem;
use crate::place::Place;

/// The version of the plan's form.
pub const VERSION: u64 = 1;

/// A film cut into tasks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The version of this form.
    pub moue_farm: u64,
    /// The SHA-256 of all the rest: the plan's name in its results.
    pub id: String,
    /// The version of the program that made it; another one may draw other frames.
    pub program: String,
    /// The storyboard, as it names itself among the inputs.
    pub storyboard: String,
    /// The folder of results, and of inputs that were copied, beside the plan.
    pub results: String,
    /// What comes out.
    pub film: FilmPlan,
    /// How it is drawn, as far as the storyboard does not say.
    pub drawing: Recipe,
    /// The files that it is made of.
    pub inputs: Inputs,
    /// The files of the diffusion renderer's models.
    pub models: Models,
    /// The storyboard's shots.
    pub shots: Shots,
    /// The pieces of the film, in its order.
    pub pieces: Pieces,
    /// The tasks: those of one phase need what those before have made. Tasks are counted on from phase to phase.
    pub phases: Vec<Phase>,
    /// What a short sample took.
    pub sample: Option<Sample>,
}

/// What comes out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FilmPlan {
    /// Frames of the film.
    pub frames: u64,
    /// Width and height in pixels.
    pub size: [u32; 2],
    /// Frames per second.
    pub rate: String,
    /// `mesh` or `diffusion`.
    pub renderer: String,
    /// `h264` or `vp9`.
    pub codec: String,
    /// Whether it is a draft.
    pub draft: bool,
    /// The shots that are shown alone, if not the whole film.
    pub only: Vec<String>,
}

/// How frames are drawn. What is `None` is the storyboard's, or the renderer's usual.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "as `moue storyboard` names them")]
pub struct Recipe {
    pub device: String,
    pub scheduler: Option<String>,
    pub steps: Option<usize>,
    pub guidance: Option<String>,
    pub expression_scale: Option<String>,
    pub reference_scale: Option<String>,
    pub no_reference: bool,
    pub compose: Option<String>,
    pub paint_size: Option<u32>,
    pub detail: String,
    pub noise: Option<String>,
    pub history: Option<String>,
    pub history_weight: Option<String>,
    pub keyframe_distance: Option<String>,
    pub start_strength: Option<String>,
    pub batch: Option<usize>,
    pub precision: Option<String>,
    /// The map between ARKit and FLAME, as the inputs name it.
    pub map: Option<String>,
}

/// Files, in columns.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inputs {
    /// What the storyboard calls it. Never opened.
    pub name: Vec<String>,
    /// Where it lies, relative to the plan.
    pub at: Vec<String>,
    /// The SHA-256 of its content; of a folder, that of its files and their names.
    pub sha256: Vec<String>,
    /// How long a sound or a motion is, in seconds.
    pub seconds: Vec<Option<String>>,
}

/// Model files, in columns.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Models {
    /// Pixels along a side of the pictures that they have learned; nothing where nothing is painted.
    pub side: Option<u32>,
    /// As `moue models list` names it.
    pub file: Vec<String>,
    /// The SHA-256 of its content.
    pub sha256: Vec<String>,
}

impl Models {
    /// What paintings depend on of them; nothing where nothing is painted.
    pub(crate) fn print(&self) -> Option<ModelPrint> {
        let files = self.file.iter().cloned().zip(self.sha256.iter().cloned()).collect();
        Some(ModelPrint { side: self.side?, files })
    }
}

/// Shots, in columns.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shots {
    /// Its name.
    pub name: Vec<String>,
    /// The inputs that its frames depend on, by their place in [`Inputs`].
    pub inputs: Vec<Vec<u32>>,
    /// What the folder of its painted frames is called.
    pub painted: Vec<Option<String>>,
    /// What the folder of the face at rest is called, by which the colours of its painted frames are fitted.
    pub rest: Vec<Option<String>>,
}

/// Pieces of the film, in columns.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pieces {
    /// The frame after its last; it begins where the one before ends.
    pub end: Vec<u64>,
    /// The shot that it shows, in front where there are two.
    pub shot: Vec<u32>,
    /// Its name: a hash of all that its frames depend on, and of how they are encoded.
    pub name: Vec<String>,
}

/// What tasks do, in the order in which they are done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Work {
    /// Paint keyframes, which the shot's frames are painted from.
    Keys,
    /// Paint frames of a shot.
    Paint,
    /// Draw pieces of the film, or put together what was painted, and encode them.
    Film,
}

impl Work {
    /// The word in the plan.
    pub fn name(self) -> &'static str {
        match self {
            Self::Keys => "keys",
            Self::Paint => "paint",
            Self::Film => "film",
        }
    }
}

/// Tasks that do not need each other, in columns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Phase {
    /// What they do.
    pub work: Work,
    /// The shot whose frames are painted; empty for pieces.
    pub shot: Vec<u32>,
    /// The first keyframe or frame of the shot, or the first piece of the film.
    pub first: Vec<u64>,
    /// How many.
    pub count: Vec<u64>,
    /// What it is expected to take, in milliseconds; empty where nothing was measured.
    pub cost: Vec<u64>,
}

/// What a short sample took on the machine that planned, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    /// Frames that were drawn.
    pub frames: u64,
    /// Until the first one was begun: reading, loading, looking for faces.
    pub start: u64,
    /// A frame that is painted; the mesh renderer paints none.
    pub paint: u64,
    /// A frame of the film that is drawn and encoded.
    pub film: u64,
}

/// A task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Task {
    /// Its number in the plan.
    pub index: u64,
    /// What it does.
    pub work: Work,
    /// The shot whose frames it paints.
    pub shot: Option<usize>,
    /// The first frame of the shot, or piece of the film.
    pub first: u64,
    /// How many.
    pub count: u64,
    /// Milliseconds that it is expected to take.
    pub cost: Option<u64>,
}

impl Plan {
    /// Reads a plan and checks it.
    ///
    /// # Errors
    /// There is none, it has another version, or somebody changed it.
    pub fn read(place: &Place, name: &str) -> Result<Self, FarmError> {
        let wrong = |problem| FarmError::Plan { place: place.name_of(name), problem };
        let Some(text) = place.read(name)? else {
            place.check()?;
            return Err(wrong(PlanProblem::Absent));
        };
        Self::parse(&text).map_err(wrong)
    }

    /// The plan in a text.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &[u8]) -> Result<Self, PlanProblem> {
        #[derive(Deserialize)]
        struct Head {
            moue_farm: u64,
        }
        let damaged = |error: serde_json::Error| PlanProblem::Damaged(error.to_string());
        // The version first: of another one, nothing else is known.
        let head: Head = serde_json::from_slice(text).map_err(damaged)?;
        if head.moue_farm != VERSION {
            return Err(PlanProblem::Version { found: head.moue_farm, expected: VERSION });
        }
        let plan: Self = serde_json::from_slice(text).map_err(damaged)?;
        if plan.checksum() != plan.id {
            return Err(PlanProblem::Changed);
        }
        plan.check().map_err(PlanProblem::Damaged)?;
        Ok(plan)
    }

    /// The text of the plan, under its checksum.
    pub fn sealed(mut self) -> (Self, String) {
        self.id = self.checksum();
        let text = self.text();
        (self, text)
    }

    fn checksum(&self) -> String {
        let bare = Self { id: String::new(), ..self.clone() };
        hex(&Sha256::digest(bare.text()))
    }

    fn text(&self) -> String {
        // Numbers and strings always have a JSON form.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// How many tasks there are.
    pub fn tasks(&self) -> u64 {
        self.phases.iter().map(|phase| phase.first.len() as u64).sum()
    }

    /// The numbers of the tasks of each phase.
    pub fn phases(&self) -> impl Iterator<Item = (Work, Range<u64>)> {
        self.phases.iter().scan(0, |at, phase| {
            let begin = *at;
            *at += phase.first.len() as u64;
            Some((phase.work, begin..*at))
        })
    }

    /// A task by its number.
    pub fn task(&self, index: u64) -> Option<Task> {
        let mut row = usize::try_from(index).ok()?;
        for phase in &self.phases {
            if row < phase.first.len() {
                return Some(Task {
                    index,
                    work: phase.work,
                    shot: phase.shot.get(row).map(|shot| *shot as usize),
                    first: phase.first[row],
                    count: phase.count[row],
                    cost: phase.cost.get(row).copied(),
                });
            }
            row -= phase.first.len();
        }
        None
    }

    /// The film's frames in a piece.
    pub fn piece(&self, piece: u64) -> Range<u64> {
        let piece = piece as usize;
        let begin = piece.checked_sub(1).map_or(0, |before| self.pieces.end[before]);
        begin..self.pieces.end[piece]
    }

    /// What a task draws, for people.
    pub fn shots_of(&self, task: &Task) -> String {
        let names = &self.shots.name;
        if let Some(shot) = task.shot {
            let last = task.first + task.count - 1;
            let what = if task.work == Work::Keys { "keyframes" } else { "frames" };
            return format!("shot {}, its {what} {} to {last}", names[shot], task.first);
        }
        let mut seen: Vec<usize> =
            (task.first..task.first + task.count).map(|piece| self.pieces.shot[piece as usize] as usize).collect();
        seen.dedup();
        let (first, last) = (self.piece(task.first).start, self.piece(task.first + task.count - 1).end - 1);
        let shots = match seen.as_slice() {
            [one] => format!("shot {}", names[*one]),
            [first, .., last] => format!("shots {} to {}", names[*first], names[*last]),
            [] => "nothing".to_owned(),
        };
        format!("{shots}, frames {first} to {last} of the film")
    }

    /// How many frames a task draws.
    pub fn frames(&self, task: &Task) -> u64 {
        match task.work {
            Work::Keys | Work::Paint => task.count,
            Work::Film => self.piece(task.first + task.count - 1).end - self.piece(task.first).start,
        }
    }

    /// Whether tasks of a kind of work want a GPU.
    pub fn wants_gpu(&self, work: Work) -> bool {
        work != Work::Film && self.drawing.device != "cpu"
    }

    /// Where the result of a task is told.
    pub fn receipt(&self, task: u64) -> String {
        format!("{}/{task:06}.json", self.receipts())
    }

    /// The folder of all that is told of results.
    pub fn receipts(&self) -> String {
        format!("{}/receipts/{}", self.results, &self.id[..16])
    }

    /// What tasks have been measured to take altogether; nothing where there was no sample.
    pub fn cost(&self) -> Option<Duration> {
        let known = self.phases.iter().all(|phase| phase.cost.len() == phase.first.len());
        known.then(|| Duration::from_millis(self.phases.iter().flat_map(|phase| &phase.cost).sum()))
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
pub(crate) mod tests;
