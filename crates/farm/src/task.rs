//! One task: from its number to its result.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use moue_animation::read_map;
use moue_engine::CancelToken;
use moue_film::{Coding, Cut, Drawing, FilmObserver, Props, Shoot, ShotFrames, frame_path, program};
use moue_media::{Codec, EncoderSettings};
use moue_models::ModelFile;
use moue_storyboard::{OutputSize, Renderer, Storyboard};

use crate::error::PlanProblem;
use crate::inputs::Supplies;
use crate::make::model_folder;
use crate::receipt::{Made, Receipt, is_whole, parts};
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
        Work::Keys | Work::Paint => work.paint(&found, observer, token)?,
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

    /// Paints frames of a shot; those that were painted before, for this plan or another, are found.
    fn paint(
        &self,
        task: &Task,
        observer: &dyn FilmObserver,
        token: &CancelToken,
    ) -> Result<(Vec<Made>, u64), FarmError> {
        let shot = task.shot.unwrap_or_default();
        let mut made = self.painted(task)?;
        let missing: Vec<u64> =
            (task.first..task.first + task.count).filter(|frame| !made.contains_key(frame)).collect();
        let drawn = missing.len() as u64;
        if drawn > 0 {
            self.check_models()?;
            let storyboard = self.storyboard(&[shot])?;
            let (cut, drawing) = (self.cut(&storyboard)?, self.drawing()?);
            let folder = self.scratch.join("painted");
            let shoot = Shoot::new(&storyboard, &cut, &drawing, &folder, self.job.workers, self.props)?;
            let own = shoot.painted(shot)?;
            if own.as_deref().and_then(Path::file_name).and_then(|name| name.to_str())
                != self.plan.shots.painted[shot].as_deref()
            {
                return Err(self.damaged(format!("its hash of shot {} is another one", self.plan.shots.name[shot])));
            }
            let mut failure = None;
            let mut keep = |painted: moue_film::PaintedFrame<'_>| match self.keep(
                task,
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
        }
        Ok((made.into_values().collect(), drawn))
    }

    /// The task's frames that are painted already, and whole.
    fn painted(&self, task: &Task) -> Result<BTreeMap<u64, Made>, FarmError> {
        let folder = self.plan.folder_of(task, "");
        let wanted = task.first..task.first + task.count;
        let mut names: BTreeMap<u64, String> = BTreeMap::new();
        for entry in self.place.list(&folder)? {
            let frame = parts(&entry.name).and_then(|(stem, _)| stem.parse().ok());
            if let Some(frame) = frame.filter(|frame| wanted.contains(frame)) {
                names.entry(frame).or_insert(entry.name);
            }
        }
        let mut made = BTreeMap::new();
        for (frame, name) in names {
            if let Some(content) = self.place.read(&name)?.filter(|content| is_whole(&name, content)) {
                made.insert(frame, Made::new(&folder, &format!("{frame:06}"), "png", &content));
            }
        }
        Ok(made)
    }

    /// Puts a finished file into its place.
    fn keep(&self, task: &Task, stem: &str, ending: &str, path: &Path) -> Result<Made, FarmError> {
        let content = std::fs::read(path).map_err(FarmError::io(path, "reading it"))?;
        let made = Made::new(&self.plan.folder_of(task, stem), stem, ending, &content);
        self.place.send(&made.name, path)?;
        Ok(made)
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
        for (piece, stem) in (task.first..).zip(self.plan.stems(task)) {
            match self.piece(task, &stem)? {
                Some(found) => drop(made.insert(piece, found)),
                None => missing.push((piece, stem)),
            }
        }
        let drawn: u64 =
            missing.iter().map(|(piece, _)| self.plan.piece(*piece)).map(|frames| frames.end - frames.start).sum();
        if drawn > 0 {
            // The cut says which shots are seen; their files are brought after that.
            let bare = self.storyboard(&[])?;
            let runs = || missing.iter().map(|(piece, _)| self.plan.piece(*piece));
            let wanted = self.cut(&bare)?.frames_of_shots(runs());
            let shots: Vec<usize> = wanted.keys().copied().collect();
            let storyboard = self.storyboard(&shots)?;
            let (cut, drawing) = (self.cut(&storyboard)?, self.drawing()?);
            let folder = self.scratch.join("painted");
            let workers = self.job.workers;
            let shoot = match storyboard.output.renderer {
                Renderer::Mesh => Shoot::new(&storyboard, &cut, &drawing, &folder, workers, self.props)?,
                Renderer::Diffusion => {
                    self.bring_painted(task, &wanted, &folder)?;
                    let painted = (folder.as_path(), self.plan.shots.painted.clone());
                    Shoot::of_painted(&storyboard, &cut, &drawing, painted, workers, self.props)?
                }
            };
            let coding = coding(self.plan);
            let rendered = AtomicU64::new(0);
            observer.started(drawn);
            for (piece, stem) in missing {
                if token.is_finishing() {
                    return Err(FarmError::Interrupted);
                }
                let path = self.scratch.join(format!("{stem}.mkv"));
                shoot.shoot(&self.plan.piece(piece), &coding, path.clone(), &rendered, observer, token)?;
                made.insert(piece, self.keep(task, &stem, "mkv", &path)?);
                std::fs::remove_file(&path).map_err(FarmError::io(&path, "removing it"))?;
            }
        }
        Ok((made.into_values().collect(), drawn))
    }

    /// A piece that is drawn already, and whole.
    fn piece(&self, task: &Task, stem: &str) -> Result<Option<Made>, FarmError> {
        let folder = self.plan.folder_of(task, stem);
        for entry in self.place.list(&folder)? {
            if let Some(content) = self.place.read(&entry.name)?.filter(|content| is_whole(&entry.name, content))
                && parts(&entry.name).is_some_and(|(own, _)| own == stem)
            {
                return Ok(Some(Made::new(&folder, stem, "mkv", &content)));
            }
        }
        Ok(None)
    }

    /// Brings painted frames to this machine: those that the receipts of their tasks list.
    fn bring_painted(&self, task: &Task, wanted: &ShotFrames, folder: &Path) -> Result<(), FarmError> {
        let receipts: RefCell<HashMap<u64, Receipt>> = RefCell::default();
        let painters = Painters::of(self.plan);
        for (shot, frames) in wanted {
            let Some(own) = &self.plan.shots.painted[*shot] else { continue };
            let own = folder.join(own);
            std::fs::create_dir_all(&own).map_err(FarmError::io(&own, "making this folder"))?;
            for frame in frames {
                let Some(painter) = painters.of_frame(*shot, *frame) else {
                    return Err(self.damaged(format!("nobody paints frame {frame} of {}", self.plan.shots.name[*shot])));
                };
                let early = || FarmError::TooEarly {
                    place: self.place.name_of(self.name),
                    index: task.index,
                    needs: painter.index,
                };
                if !receipts.borrow().contains_key(&painter.index) {
                    let found =
                        Receipt::read(self.place, self.plan, &painter)?.and_then(Result::ok).ok_or_else(early)?;
                    receipts.borrow_mut().insert(painter.index, found);
                }
                let receipts = receipts.borrow();
                let made = &receipts[&painter.index].files[(frame - painter.first) as usize];
                let content = self.place.read(&made.name)?;
                if made.mistake(content.as_deref()).is_some() {
                    return Err(early());
                }
                let path = frame_path(&own, *frame);
                std::fs::write(&path, content.unwrap_or_default()).map_err(FarmError::io(&path, "writing it"))?;
            }
        }
        Ok(())
    }
}

/// Who paints which frames.
struct Painters(HashMap<usize, Vec<Task>>);

impl Painters {
    fn of(plan: &Plan) -> Self {
        let mut painters: HashMap<usize, Vec<Task>> = HashMap::new();
        let tasks = plan.phases().filter(|(work, _)| *work != Work::Film).flat_map(|(_, range)| range);
        for task in tasks.filter_map(|index| plan.task(index)) {
            painters.entry(task.shot.unwrap_or_default()).or_default().push(task);
        }
        painters.values_mut().for_each(|tasks| tasks.sort_by_key(|task| task.first));
        Self(painters)
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
