//! One task: from its number to its result.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use moue_animation::read_map;
use moue_engine::CancelToken;
use moue_film::{
    Coding, Cut, Drawing, FilmObserver, KEYFRAMES, PaintedFrame, Props, Shoot, ShotFrames, frame_path, model_folder,
    paint_keyframes, program,
};
use moue_media::{Codec, EncoderSettings};
use moue_models::ModelFile;
use moue_storyboard::{OutputSize, Renderer, Storyboard};

use crate::error::PlanProblem;
use crate::inputs::Supplies;
use crate::receipt::{Made, REST, Receipt, is_whole, parts};
use crate::{FarmError, Place, Plan, Task, Work};

/// What one task is done with.
#[derive(Clone, Debug, Default)]
pub struct TaskJob {
    /// The folder of models on this machine.
    pub models: Option<PathBuf>,
    /// Threads that draw; as many as there are cores by default.
    pub workers: Option<usize>,
    /// The folder for what is under way; the system's by default.
    pub scratch: Option<PathBuf>,
}

/// A task that has a result.
#[derive(Clone, Debug)]
pub struct TaskSummary {
    /// What was done.
    pub task: Task,
    /// The shots that it draws, by name.
    pub shots: String,
    /// What came of it.
    pub receipt: Receipt,
    /// Whether it had been done before.
    pub was_done: bool,
}

/// Does a task of a plan, unless it is done.
///
/// # Errors
/// [`FarmError::verdict`] says whether to try again. What was finished is kept, and found again then.
pub fn task(
    job: &TaskJob,
    place: &Place,
    name: &str,
    index: u64,
    observer: &dyn FilmObserver,
    token: &CancelToken,
) -> Result<TaskSummary, FarmError> {
    let began = Instant::now();
    let plan = Plan::read(place, name)?;
    if plan.program != program() {
        let problem = PlanProblem::Program { found: plan.program, expected: program() };
        return Err(FarmError::Plan { place: place.name_of(name), problem });
    }
    let tasks = plan.tasks();
    let found = plan.task(index).ok_or_else(|| FarmError::NoSuchTask { place: place.name_of(name), index, tasks })?;
    let shots = plan.shots_of(&found);
    match Receipt::read(place, &plan, &found)? {
        Some(Ok(receipt)) if receipt.mistake(place)?.is_none() => {
            return Ok(TaskSummary { task: found, shots, receipt, was_done: true });
        }
        Some(Err(problem)) => tracing::warn!(problem, "the task is done anew"),
        Some(Ok(_)) => tracing::warn!("its result is damaged: the task is done anew"),
        None => {}
    }
    let scratch = match &job.scratch {
        Some(folder) => tempfile::tempdir_in(folder),
        None => tempfile::tempdir(),
    };
    let scratch =
        scratch.map_err(FarmError::io(job.scratch.clone().unwrap_or_else(std::env::temp_dir), "making a folder"))?;
    let props = Props::new()?;
    let supplies = Supplies::new(place, &plan, &props, scratch.path());
    let work = Bench { job, place, plan: &plan, name, supplies: &supplies, props: &props, scratch: scratch.path() };
    let (files, drawn) = match found.work {
        Work::Keys => work.keys(&found, observer, token)?,
        Work::Paint => work.paint(&found, observer, token)?,
        Work::Film => work.film(&found, observer, token)?,
    };
    if token.is_finishing() {
        return Err(FarmError::Interrupted);
    }
    let receipt = Receipt::new(&plan, &found, drawn, began.elapsed(), files);
    place.write(&plan.receipt(index), receipt.text().into_bytes())?;
    Ok(TaskSummary { task: found, shots, receipt, was_done: false })
}

/// What lies ready for one task.
struct Bench<'a> {
    job: &'a TaskJob,
    place: &'a Place,
    plan: &'a Plan,
    name: &'a str,
    supplies: &'a Supplies<'a>,
    props: &'a Props,
    scratch: &'a Path,
}

impl Bench<'_> {
    fn damaged(&self, problem: String) -> FarmError {
        FarmError::Plan { place: self.place.name_of(self.name), problem: PlanProblem::Damaged(problem) }
    }

    /// The storyboard as it was planned, with the files of these shots.
    fn storyboard(&self, shots: &[usize]) -> Result<Storyboard, FarmError> {
        let mut storyboard = self.supplies.storyboard()?;
        if storyboard.shots.len() != self.plan.shots.name.len() {
            return Err(self.damaged(format!(
                "the storyboard has {} shots, and the plan {}",
                storyboard.shots.len(),
                self.plan.shots.name.len()
            )));
        }
        let [width, height] = self.plan.film.size;
        storyboard.output.size = OutputSize::Pixels { width, height };
        storyboard.output.renderer =
            if self.plan.film.renderer == "diffusion" { Renderer::Diffusion } else { Renderer::Mesh };
        self.supplies.bring_shots(&mut storyboard, shots)?;
        Ok(storyboard)
    }

    fn drawing(&self) -> Result<Drawing, FarmError> {
        let map = match &self.plan.drawing.map {
            Some(name) => {
                let input = self.supplies.named(name).ok_or_else(|| self.damaged(format!("there is no `{name}`")))?;
                let map = read_map(&self.supplies.get(input)?);
                Some(map.map_err(|error| FarmError::Film(error.into()))?)
            }
            None => None,
        };
        self.plan.drawing.drawing(self.job.models.clone(), map).map_err(|problem| self.damaged(problem))
    }

    fn cut<'s>(&self, storyboard: &'s Storyboard) -> Result<Cut<'s>, FarmError> {
        let cut = Cut::of_shots(storyboard, &self.plan.film.only, Path::new(&self.plan.storyboard))?;
        if cut.frame_count() != self.plan.film.frames {
            return Err(self.damaged(format!(
                "the storyboard has {} frames, and the plan {}",
                cut.frame_count(),
                self.plan.film.frames
            )));
        }
        Ok(cut)
    }

    /// This machine's models are those that were planned with.
    fn check_models(&self) -> Result<(), FarmError> {
        let folder = model_folder(self.job.models.as_deref())?;
        for file in ModelFile::ALL {
            let planned = self.plan.models.file.iter().position(|name| name == file.path());
            let planned = planned.map(|row| self.plan.models.sha256[row].as_str());
            let (found, path) = match folder.path(file) {
                Some(path) => (Some(self.props.digest(&path)?), path),
                None => (None, folder.dir().join(file.path())),
            };
            if planned == found.as_deref() {
                continue;
            }
            let problem = match (planned, &found) {
                (Some(planned), Some(found)) => {
                    format!(
                        "this is not the model that was planned with: SHA-256 {}, expected {}",
                        &found[..16],
                        &planned[..16]
                    )
                }
                (Some(_), None) => "this model is not here, and was planned with".to_owned(),
                (None, _) => "this model was not there when the film was planned".to_owned(),
            };
            let hint = "give every machine the same models: `--models DIR` or $MOUE_MODELS names their folder";
            return Err(FarmError::Input { path, problem, hint });
        }
        Ok(())
    }

    /// The folder in which paintings lie while they are needed here.
    fn painted(&self) -> PathBuf {
        self.scratch.join("painted")
    }

    /// Paints keyframes of a shot.
    fn keys(
        &self,
        task: &Task,
        observer: &dyn FilmObserver,
        token: &CancelToken,
    ) -> Result<(Vec<Made>, u64), FarmError> {
        self.check_models()?;
        let shot = task.shot.unwrap_or_default();
        let (storyboard, drawing) = (self.storyboard(&[shot])?, self.drawing()?);
        let indices: Vec<usize> = (task.first..task.first + task.count).map(|index| index as usize).collect();
        paint_keyframes(&storyboard, shot, &indices, &self.painted(), &drawing, self.props, observer, token)?;
        let folder = self.painted().join(KEYFRAMES);
        let reading = |error| FarmError::io(&folder, "reading it")(error);
        let found = std::fs::read_dir(&folder).map_err(reading)?;
        let mut paths = found.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>().map_err(reading)?;
        paths.sort();
        if paths.len() != indices.len() {
            return Err(self.damaged(format!("it plans {} keyframes where there are {}", indices.len(), paths.len())));
        }
        let part = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
        let keep =
            |path: &PathBuf| self.keep(&self.plan.keyframes(), &part(path.file_stem()), &part(path.extension()), path);
        Ok((paths.iter().map(keep).collect::<Result<_, _>>()?, task.count))
    }

    /// Paints frames of a shot; those that were painted before, for this plan or another, are found.
    fn paint(
        &self,
        task: &Task,
        observer: &dyn FilmObserver,
        token: &CancelToken,
    ) -> Result<(Vec<Made>, u64), FarmError> {
        let shot = task.shot.unwrap_or_default();
        let spots = self.plan.places(task);
        let mut made = BTreeMap::new();
        let folder = spots.first().map(|spot| spot.folder.clone()).unwrap_or_default();
        let wanted = task.first..task.first + task.count;
        let frame_of = |stem: &str| stem.parse::<u64>().ok().filter(|frame| wanted.contains(frame));
        for (stem, found) in self.found(&folder, |stem| frame_of(stem).is_some())? {
            if let Some(frame) = frame_of(&stem) {
                made.insert(frame, found);
            }
        }
        let missing: Vec<u64> =
            (task.first..task.first + task.count).filter(|frame| !made.contains_key(frame)).collect();
        let drawn = missing.len() as u64;
        let rest = self.plan.shots.rest[shot].as_deref();
        let mut at_rest = match rest {
            Some(name) => self.found(&self.plan.painted_folder(name), |stem| stem == REST)?.remove(REST),
            None => None,
        };
        if drawn > 0 || at_rest.is_none() && rest.is_some() {
            self.check_models()?;
            let storyboard = self.storyboard(&[shot])?;
            let (cut, drawing) = (self.cut(&storyboard)?, self.drawing()?);
            if let (Some(name), Some(made)) = (rest, &at_rest) {
                self.bring(made, &self.painted().join(name).join(format!("{REST}.png")))?;
            }
            self.bring_keyframes(task, shot)?;
            let shoot = Shoot::new(&storyboard, &cut, &drawing, &self.painted(), self.job.workers, self.props)?;
            let own = shoot.painted(shot)?;
            if own.as_deref().and_then(name_of) != self.plan.shots.painted[shot].as_deref() {
                return Err(self.damaged(format!("its hash of shot {} is another one", self.plan.shots.name[shot])));
            }
            let mut failure = None;
            let mut keep = |painted: PaintedFrame<'_>| match self.keep(
                &folder,
                &format!("{:06}", painted.frame),
                "png",
                painted.path,
            ) {
                Ok(kept) => {
                    made.insert(painted.frame, kept);
                    ControlFlow::Continue(())
                }
                Err(error) => {
                    failure = Some(error);
                    ControlFlow::Break(())
                }
            };
            let done = shoot.paint(&ShotFrames::from([(shot, missing)]), &mut keep, observer, token);
            if let Some(error) = failure {
                return Err(error);
            }
            done?;
            if let (Some(name), None, Some(path)) = (rest, &at_rest, shoot.at_rest(shot)?) {
                at_rest = Some(self.keep(&self.plan.painted_folder(name), REST, "png", &path)?);
            }
        }
        Ok((made.into_values().chain(at_rest).collect(), drawn))
    }

    /// What lies in a folder of results under one of these stems and is whole.
    fn found(&self, folder: &str, is_wanted: impl Fn(&str) -> bool) -> Result<BTreeMap<String, Made>, FarmError> {
        let mut made = BTreeMap::new();
        for entry in self.place.list(folder)? {
            let Some((stem, _)) = parts(&entry.name) else { continue };
            if !is_wanted(stem) || made.contains_key(stem) {
                continue;
            }
            if let Some(content) = self.place.read(&entry.name)?.filter(|content| is_whole(&entry.name, content)) {
                let ending = entry.name.rsplit('.').next().unwrap_or_default();
                made.insert(stem.to_owned(), Made::new(folder, stem, ending, &content));
            }
        }
        Ok(made)
    }

    /// Puts a finished file into its place.
    fn keep(&self, folder: &str, stem: &str, ending: &str, path: &Path) -> Result<Made, FarmError> {
        let content = std::fs::read(path).map_err(FarmError::io(path, "reading it"))?;
        let made = Made::new(folder, stem, ending, &content);
        self.place.send(&made.name, path)?;
        Ok(made)
    }

    /// Brings a result to this machine; whether it was whole.
    fn bring(&self, made: &Made, path: &Path) -> Result<bool, FarmError> {
        let content = self.place.read(&made.name)?;
        if made.mistake(content.as_deref()).is_some() {
            return Ok(false);
        }
        let parent = path.parent().unwrap_or(path);
        std::fs::create_dir_all(parent).map_err(FarmError::io(parent, "making this folder"))?;
        std::fs::write(path, content.unwrap_or_default()).map_err(FarmError::io(path, "writing it"))?;
        Ok(true)
    }

    /// Brings the keyframes of a shot.
    fn bring_keyframes(&self, task: &Task, shot: usize) -> Result<(), FarmError> {
        let keys = self.plan.phases().filter(|(work, _)| *work == Work::Keys).flat_map(|(_, range)| range);
        for painter in keys.filter_map(|index| self.plan.task(index)).filter(|painter| painter.shot == Some(shot)) {
            for made in &self.receipt_of(task, &painter)?.files {
                let Some((stem, _)) = parts(&made.name) else { continue };
                let ending = made.name.rsplit('.').next().unwrap_or_default();
                if !self.bring(made, &self.painted().join(KEYFRAMES).join(format!("{stem}.{ending}")))? {
                    return Err(self.early(task, &painter));
                }
            }
        }
        Ok(())
    }

    /// What a task has made that another one needs.
    fn receipt_of(&self, task: &Task, painter: &Task) -> Result<Receipt, FarmError> {
        let found = Receipt::read(self.place, self.plan, painter)?;
        found.and_then(Result::ok).ok_or_else(|| self.early(task, painter))
    }

    fn early(&self, task: &Task, painter: &Task) -> FarmError {
        FarmError::TooEarly { place: self.place.name_of(self.name), index: task.index, needs: painter.index }
    }

    /// Draws pieces of the film; those that were drawn before, for this plan or another, are found.
    fn film(
        &self,
        task: &Task,
        observer: &dyn FilmObserver,
        token: &CancelToken,
    ) -> Result<(Vec<Made>, u64), FarmError> {
        let mut made = BTreeMap::new();
        let mut missing = Vec::new();
        for (piece, spot) in (task.first..).zip(self.plan.places(task)) {
            let stem = spot.stem.unwrap_or_default();
            match self.found(&spot.folder, |own| own == stem)?.remove(&stem) {
                Some(found) => drop(made.insert(piece, found)),
                None => missing.push((piece, spot.folder, stem)),
            }
        }
        let length = |(piece, ..): &(u64, String, String)| {
            let frames = self.plan.piece(*piece);
            frames.end - frames.start
        };
        let drawn: u64 = missing.iter().map(length).sum();
        if drawn > 0 {
            // The cut says which shots are seen; their files are brought after that.
            let bare = self.storyboard(&[])?;
            let runs = missing.iter().map(|(piece, ..)| self.plan.piece(*piece));
            let wanted = self.cut(&bare)?.frames_of_shots(runs);
            let shots: Vec<usize> = wanted.keys().copied().collect();
            let storyboard = self.storyboard(&shots)?;
            let (cut, drawing) = (self.cut(&storyboard)?, self.drawing()?);
            let (folder, workers) = (self.painted(), self.job.workers);
            let shoot = match storyboard.output.renderer {
                Renderer::Mesh => Shoot::new(&storyboard, &cut, &drawing, &folder, workers, self.props)?,
                Renderer::Diffusion | Renderer::Mixed => {
                    self.bring_painted(task, &wanted)?;
                    let models = self.plan.models.print();
                    let models = models.ok_or_else(|| self.damaged("it does not say which models paint".to_owned()))?;
                    Shoot::of_painted(&storyboard, &cut, &drawing, (&folder, &models), workers, self.props)?
                }
            };
            let coding = coding(self.plan);
            let rendered = AtomicU64::new(0);
            observer.started(drawn);
            for (piece, folder, stem) in missing {
                if token.is_finishing() {
                    return Err(FarmError::Interrupted);
                }
                let path = self.scratch.join(format!("{stem}.mkv"));
                shoot.shoot(&self.plan.piece(piece), &coding, path.clone(), &rendered, observer, token)?;
                made.insert(piece, self.keep(&folder, &stem, "mkv", &path)?);
                std::fs::remove_file(&path).map_err(FarmError::io(&path, "removing it"))?;
            }
        }
        Ok((made.into_values().collect(), drawn))
    }

    /// Brings painted frames to this machine: those that the receipts of their tasks list.
    fn bring_painted(&self, task: &Task, wanted: &ShotFrames) -> Result<(), FarmError> {
        let mut receipts: HashMap<u64, Receipt> = HashMap::new();
        let painters = Painters::of(self.plan);
        let mut bring = |painter: &Task, row: Option<usize>, path: &Path| -> Result<(), FarmError> {
            let receipt = match receipts.entry(painter.index) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(unknown) => unknown.insert(self.receipt_of(task, painter)?),
            };
            let files = &receipt.files;
            let is_there = match row.map_or(files.last(), |row| files.get(row)) {
                Some(made) => self.bring(made, path)?,
                None => false,
            };
            if is_there { Ok(()) } else { Err(self.early(task, painter)) }
        };
        for (shot, frames) in wanted {
            let Some(own) = &self.plan.shots.painted[*shot] else { continue };
            for frame in frames {
                let Some(painter) = painters.of_frame(*shot, *frame) else {
                    return Err(self.damaged(format!("nobody paints frame {frame} of {}", self.plan.shots.name[*shot])));
                };
                let row = (frame - painter.first) as usize;
                bring(&painter, Some(row), &frame_path(&self.painted().join(own), *frame))?;
            }
            // Of several that painted the face at rest, all take the first one's.
            if let Some(name) = &self.plan.shots.rest[*shot] {
                let of_same = |shot: &usize| self.plan.shots.rest[*shot].as_ref() == Some(name);
                let Some(painter) = painters.first(of_same) else { continue };
                bring(&painter, None, &self.painted().join(name).join(format!("{REST}.png")))?;
            }
        }
        Ok(())
    }
}

fn name_of(path: &Path) -> Option<&str> {
    path.file_name().and_then(|name| name.to_str())
}

/// Who paints which frames.
struct Painters(HashMap<usize, Vec<Task>>);

impl Painters {
    fn of(plan: &Plan) -> Self {
        let mut painters: HashMap<usize, Vec<Task>> = HashMap::new();
        let tasks = plan.phases().filter(|(work, _)| *work == Work::Paint).flat_map(|(_, range)| range);
        for task in tasks.filter_map(|index| plan.task(index)) {
            painters.entry(task.shot.unwrap_or_default()).or_default().push(task);
        }
        painters.values_mut().for_each(|tasks| tasks.sort_by_key(|task| task.first));
        Self(painters)
    }

    /// The first task that paints one of these shots.
    fn first(&self, is_wanted: impl Fn(&usize) -> bool) -> Option<Task> {
        let tasks = self.0.iter().filter(|(shot, _)| is_wanted(shot)).flat_map(|(_, tasks)| tasks);
        tasks.min_by_key(|task| task.index).copied()
    }

    fn of_frame(&self, shot: usize, frame: u64) -> Option<Task> {
        let tasks = self.0.get(&shot)?;
        let at = tasks.partition_point(|task| task.first <= frame).checked_sub(1)?;
        Some(tasks[at]).filter(|task| frame < task.first + task.count)
    }
}

/// How a plan's pieces are encoded.
pub(crate) fn coding(plan: &Plan) -> Coding {
    let codec = if plan.film.codec == "vp9" { Codec::Vp9 } else { Codec::H264 };
    Coding::new(codec, &EncoderSettings::default())
}
