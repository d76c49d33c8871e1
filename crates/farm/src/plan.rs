//! The plan: a film cut into tasks, as a file.
//!
//! Lists are kept as columns, so that a plan of a hundred thousand tasks is a few megabytes. Numbers are whole and
//! everything else is text: a plan that is read is written again byte for byte, and its checksum holds.

use std::ops::Range;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::FarmError;
use crate::error::PlanProblem;
use crate::place::{Place, is_within};

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
    /// As `moue models list` names it.
    pub file: Vec<String>,
    /// The SHA-256 of its content.
    pub sha256: Vec<String>,
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
    /// Paint frames that others are painted from.
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
    /// The first frame of the shot, or the first piece of the film.
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
        let text = place.read(name)?.ok_or_else(|| wrong(PlanProblem::Absent))?;
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

    /// Refuses what this program would not have written, whoever wrote it.
    fn check(&self) -> Result<(), String> {
        let Self { inputs, shots, pieces, .. } = self;
        let columns = |name: &str, lengths: &[usize]| {
            let same = lengths.windows(2).all(|pair| pair[0] == pair[1]);
            if same { Ok(()) } else { Err(format!("the columns of `{name}` have different lengths")) }
        };
        columns("inputs", &[inputs.name.len(), inputs.at.len(), inputs.sha256.len(), inputs.seconds.len()])?;
        columns("models", &[self.models.file.len(), self.models.sha256.len()])?;
        columns("shots", &[shots.name.len(), shots.inputs.len(), shots.painted.len()])?;
        columns("pieces", &[pieces.end.len(), pieces.shot.len(), pieces.name.len()])?;
        if let Some(name) = inputs.at.iter().chain([&self.results]).find(|name| !is_within(name)) {
            return Err(format!("`{name}` is no path within the plan's folder"));
        }
        if shots.inputs.iter().flatten().any(|input| *input as usize >= inputs.name.len()) {
            return Err("a shot names an input that is not there".to_owned());
        }
        if pieces.shot.iter().any(|shot| *shot as usize >= shots.name.len()) {
            return Err("a piece shows a shot that is not there".to_owned());
        }
        let is_name = |name: &String| name.len() == 32 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !pieces.name.iter().chain(shots.painted.iter().flatten()).all(is_name) {
            return Err("a piece has a name that no piece has".to_owned());
        }
        let rising = pieces.end.iter().try_fold(0, |last, end| if *end > last { Ok(*end) } else { Err(()) });
        if rising != Ok(self.film.frames) {
            return Err("the pieces do not make the film".to_owned());
        }
        let mut next = 0;
        for phase in &self.phases {
            let paints = phase.work != Work::Film;
            columns("phases", &[phase.first.len(), phase.count.len()])?;
            columns("phases", &[phase.shot.len(), if paints { phase.first.len() } else { 0 }])?;
            columns("phases", &[phase.cost.len(), if phase.cost.is_empty() { 0 } else { phase.first.len() }])?;
            if phase.count.contains(&0)
                || phase.first.iter().zip(&phase.count).any(|(a, b)| a.checked_add(*b).is_none())
            {
                return Err("a task has no work".to_owned());
            }
            if phase.shot.iter().any(|shot| shots.painted.get(*shot as usize).is_none_or(Option::is_none)) {
                return Err("a task paints a shot that is not there".to_owned());
            }
            if !paints {
                for (first, count) in phase.first.iter().zip(&phase.count) {
                    if *first != next {
                        return Err("the tasks do not make the film".to_owned());
                    }
                    next = first + count;
                }
            }
        }
        if next != pieces.end.len() as u64 {
            return Err("the tasks do not make the film".to_owned());
        }
        Ok(())
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
            return format!("shot {}, its frames {} to {last}", names[shot], task.first);
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
pub(crate) mod tests {
    use super::*;

    /// A plan of two shots that are painted, and three pieces.
    pub(crate) fn painted() -> Plan {
        let name = |digit: &str| digit.repeat(32);
        let plan = Plan {
            moue_farm: VERSION,
            id: String::new(),
            program: moue_film::program(),
            storyboard: "film.yaml".to_owned(),
            results: "plan.farm".to_owned(),
            film: FilmPlan {
                frames: 30,
                size: [64, 64],
                rate: "25".to_owned(),
                renderer: "diffusion".to_owned(),
                codec: "h264".to_owned(),
                draft: false,
                only: Vec::new(),
            },
            drawing: Recipe { device: "auto".to_owned(), ..Recipe::default() },
            inputs: Inputs {
                name: vec!["film.yaml".to_owned(), "../me.png".to_owned()],
                at: vec!["film.yaml".to_owned(), "plan.farm/inputs/a.png".to_owned()],
                sha256: vec!["1".repeat(64), "2".repeat(64)],
                seconds: vec![None, None],
            },
            models: Models::default(),
            shots: Shots {
                name: vec!["one".to_owned(), "two".to_owned()],
                inputs: vec![vec![1], vec![1]],
                painted: vec![Some(name("a")), Some(name("b"))],
            },
            pieces: Pieces { end: vec![10, 20, 30], shot: vec![0, 1, 1], name: vec![name("1"), name("2"), name("3")] },
            phases: vec![
                Phase {
                    work: Work::Paint,
                    shot: vec![0, 0, 1],
                    first: vec![0, 8, 0],
                    count: vec![8, 7, 15],
                    cost: vec![800, 700, 1500],
                },
                Phase { work: Work::Film, shot: vec![], first: vec![0, 2], count: vec![2, 1], cost: vec![20, 10] },
            ],
            sample: None,
        };
        plan.sealed().0
    }

    fn resealed(change: impl FnOnce(&mut Plan)) -> Result<Plan, PlanProblem> {
        let mut plan = painted();
        change(&mut plan);
        Plan::parse(plan.sealed().1.as_bytes())
    }

    #[test]
    fn a_plan_is_read_as_it_was_written() {
        let plan = painted();
        let text = plan.clone().sealed().1;
        assert_eq!(Plan::parse(text.as_bytes()).unwrap(), plan);
        // Other white space is the same plan.
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert!(matches!(Plan::parse(b"{}"), Err(PlanProblem::Damaged(_))));
        assert_eq!(value["phases"][0]["work"], "paint");
        assert_eq!(plan.tasks(), 5);
        assert_eq!(plan.phases().map(|(_, range)| range).collect::<Vec<_>>(), [0..3, 3..5]);
        let (painting, filming) = (plan.task(1).unwrap(), plan.task(4).unwrap());
        assert_eq!((painting.shot, painting.first, plan.frames(&painting)), (Some(0), 8, 7));
        assert_eq!((filming.work, filming.first, plan.frames(&filming)), (Work::Film, 2, 10));
        assert_eq!(plan.frames(&plan.task(3).unwrap()), 20);
        assert_eq!(plan.task(5), None);
        assert_eq!(plan.cost(), Some(Duration::from_millis(3030)));
        assert_eq!(plan.shots_of(&painting), "shot one, its frames 8 to 14");
        assert_eq!(plan.shots_of(&filming), "shot two, frames 20 to 29 of the film");
        assert!(plan.shots_of(&plan.task(3).unwrap()).starts_with("shots one to two"));
    }

    #[test]
    fn a_plan_that_was_changed_is_refused() {
        let text = painted().sealed().1;
        for (from, to) in [
            ("\"draft\":false", "\"draft\":true"),
            ("\"first\":[0,8,0]", "\"first\":[0,9,0]"),
            ("\"results\":\"plan.farm\"", "\"results\":\"other.farm\""),
        ] {
            assert!(text.contains(from));
            assert!(matches!(Plan::parse(text.replace(from, to).as_bytes()), Err(PlanProblem::Changed)), "{to}");
        }
        let later = text.replace("\"moue_farm\":1", "\"moue_farm\":2");
        assert!(matches!(Plan::parse(later.as_bytes()), Err(PlanProblem::Version { found: 2, expected: 1 })));
        for damaged in ["", "[]", "{\"moue_farm\":1}", &text[..text.len() / 2], &text.replace("\"id\"", "\"ids\"")] {
            assert!(matches!(Plan::parse(damaged.as_bytes()), Err(PlanProblem::Damaged(_))));
        }
    }

    #[test]
    fn a_plan_that_fits_its_checksum_and_not_itself_is_refused() {
        let wrong = |change: fn(&mut Plan)| match resealed(change) {
            Err(PlanProblem::Damaged(text)) => text,
            other => panic!("{other:?}"),
        };
        assert!(wrong(|plan| plan.inputs.at[1] = "../me.png".to_owned()).contains("../me.png"));
        assert!(wrong(|plan| plan.inputs.at[1] = "/etc/passwd".to_owned()).contains("/etc/passwd"));
        assert!(wrong(|plan| plan.results = "..".to_owned()).contains("no path within"));
        assert!(wrong(|plan| plan.pieces.name[0] = "../../x".to_owned()).contains("name"));
        assert!(wrong(|plan| plan.pieces.end = vec![10, 5, 30]).contains("pieces"));
        assert!(wrong(|plan| plan.inputs.seconds.clear()).contains("columns of `inputs`"));
        assert!(wrong(|plan| plan.phases[0].shot[0] = 7).contains("shot"));
        assert!(wrong(|plan| (plan.phases[0].first[1], plan.phases[0].count[1]) = (2, u64::MAX)).contains("no work"));
        assert!(wrong(|plan| plan.phases[1].first[1] = 1).contains("do not make the film"));
        assert!(wrong(|plan| plan.phases[1].count[1] = 9).contains("do not make the film"));
        assert!(wrong(|plan| plan.shots.inputs[0] = vec![9]).contains("input"));
    }

    #[test]
    fn a_plan_of_a_hundred_thousand_tasks_is_small_and_quick() {
        let mut plan = painted();
        let tasks = 100_000u64;
        let phase = &mut plan.phases[0];
        phase.shot = vec![0; tasks as usize];
        phase.first = (0..tasks).map(|task| task * 16).collect();
        phase.count = vec![16; tasks as usize];
        phase.cost = vec![123_456; tasks as usize];
        let text = plan.sealed().1;
        assert!(text.len() < 4_000_000, "{}", text.len());
        assert_eq!(Plan::parse(text.as_bytes()).unwrap().tasks(), tasks + 2);
    }
}
