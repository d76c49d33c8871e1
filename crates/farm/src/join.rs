//! From results to a film.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use moue_engine::CancelToken;
use moue_film::{Cut, DRAFT_RATE, FilmObserver, Props, check_outputs};
use moue_media::{EncoderSettings, Film, Output, OutputKind, VideoFormat, Written, join as join_pieces};

use crate::error::Gap;
use crate::inputs::{Supplies, within};
use crate::receipt::{Made, Receipt};
use crate::{FarmError, Place, Plan, Task, Work};

/// Puts a film together from the results of all tasks, each of which is looked at to its last byte.
///
/// # Errors
/// [`FarmError::Incomplete`] lists what is missing or damaged. Nothing is left behind.
pub fn join(
    place: &Place,
    name: &str,
    output: &Output,
    overwrite: bool,
    observer: &dyn FilmObserver,
    token: &CancelToken,
) -> Result<Written, FarmError> {
    let plan = Plan::read(place, name)?;
    // Before any piece is fetched.
    plan.check_film(place, name, output, overwrite)?;
    let scratch = tempfile::tempdir().map_err(FarmError::io(std::env::temp_dir(), "making a folder"))?;
    let pieces = pieces(place, &plan, name, scratch.path(), observer, token)?;
    observer.finishing();

    let props = Props::new()?;
    let supplies = Supplies::new(place, &plan, &props, scratch.path());
    let mut storyboard = supplies.storyboard()?;
    supplies.bring_sounds(&mut storyboard)?;
    let cut = Cut::of_shots(&storyboard, &plan.film.only, Path::new(&plan.storyboard))?;
    let sounds = cut.cues();
    let [width, height] = plan.film.size;
    let format = VideoFormat::new(width, height, storyboard.output.rate);
    let shown = output.path().display().to_string();
    Ok(join_pieces(output, &Film { format, pieces: &pieces, sounds: &sounds }, overwrite, &mut |frames| {
        observer.joined(&shown, frames);
        if token.is_finishing() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?)
}

impl Plan {
    /// Whether the plan's pieces become a film of that kind.
    ///
    /// # Errors
    /// They do not.
    pub fn fits(&self, output: &Output) -> Result<(), FarmError> {
        let fits = match output.kind() {
            OutputKind::Mp4 => self.film.codec == "h264",
            OutputKind::Mkv => true,
            OutputKind::Webm => self.film.codec == "vp9",
            _ => false,
        };
        if fits {
            return Ok(());
        }
        Err(FarmError::Output {
            path: output.path().to_owned(),
            problem: format!("pieces in {} do not become a film of that kind", self.film.codec),
            hint: "H.264 makes .mp4 and .mkv; a plan with `--codec vp9` makes .webm and .mkv",
        })
    }

    /// What can be known of a film before any task is run: whether it fits, replaces no input, and has a free name in a
    /// folder that is there.
    ///
    /// # Errors
    /// It does not, or cannot be written.
    pub fn check_film(&self, place: &Place, name: &str, output: &Output, overwrite: bool) -> Result<(), FarmError> {
        self.fits(output)?;
        self.keeps_inputs(place, name, output)?;
        let [width, height] = self.film.size;
        // Any rate: whether a file can be written does not depend on it.
        let format = VideoFormat::new(width, height, DRAFT_RATE);
        drop(output.open(&format, &EncoderSettings::default(), overwrite)?);
        Ok(())
    }

    /// Refuses a film that would replace what it is made of; in a bucket it cannot.
    fn keeps_inputs(&self, place: &Place, name: &str, output: &Output) -> Result<(), FarmError> {
        let Some(folder) = place.local() else { return Ok(()) };
        let inputs: Vec<PathBuf> = self.inputs.at.iter().map(|at| folder.join(at)).chain([folder.join(name)]).collect();
        Ok(check_outputs(inputs.iter().map(PathBuf::as_path), [output.path()])?)
    }
}

/// All pieces on this machine, each whole.
fn pieces(
    place: &Place,
    plan: &Plan,
    name: &str,
    scratch: &Path,
    observer: &dyn FilmObserver,
    token: &CancelToken,
) -> Result<Vec<PathBuf>, FarmError> {
    let receipts = receipts(place, plan)?;
    let mut gaps: Vec<Gap> = Vec::new();
    let mut pieces = Vec::new();
    observer.gathering(plan.film.frames);
    let is_film = |task: &Task| task.work == Work::Film;
    for (task, receipt) in receipts.iter().filter(|(task, _)| is_film(task)) {
        if token.is_finishing() {
            return Err(FarmError::Interrupted);
        }
        let mistake = match receipt {
            Ok(receipt) => {
                let mut mistake = None;
                for made in &receipt.files {
                    match piece(place, made, scratch)? {
                        Ok(path) => pieces.push(path),
                        Err(problem) => mistake = Some(problem),
                    }
                }
                mistake
            }
            Err(problem) => Some(problem.clone()),
        };
        gaps.extend(mistake.map(|problem| Gap { task: task.index, shots: plan.shots_of(task), problem }));
        observer.rendered(plan.piece(task.first + task.count - 1).end);
    }
    if gaps.is_empty() {
        return Ok(pieces);
    }
    // What the missing pieces wait for comes first.
    let before = receipts.iter().filter(|(task, _)| !is_film(task)).filter_map(|(task, receipt)| {
        let problem = receipt.as_ref().err()?.clone();
        Some(Gap { task: task.index, shots: plan.shots_of(task), problem })
    });
    let missing: Vec<Gap> = before.chain(gaps).collect();
    Err(FarmError::Incomplete { place: place.name_of(name), missing, of: plan.tasks() })
}

/// What a task's receipt says, or why it says nothing.
type Said = Result<Receipt, String>;

/// What the receipt of each task says.
pub(crate) fn receipts(place: &Place, plan: &Plan) -> Result<Vec<(Task, Said)>, FarmError> {
    let tasks: Vec<Task> = (0..plan.tasks()).filter_map(|index| plan.task(index)).collect();
    // Those that are not there are not asked for one by one.
    let there: std::collections::HashSet<String> =
        place.list(&plan.receipts())?.into_iter().map(|entry| entry.name).collect();
    let asked: Vec<&Task> = tasks.iter().filter(|task| there.contains(&plan.receipt(task.index))).collect();
    let names: Vec<String> = asked.iter().map(|task| plan.receipt(task.index)).collect();
    let mut texts = asked.iter().map(|task| task.index).zip(place.read_all(&names)?).peekable();
    let absent = || Err("there is no result".to_owned());
    let said = tasks.iter().map(|task| {
        let text = texts.next_if(|(index, _)| *index == task.index).and_then(|(_, text)| text);
        (*task, text.map_or_else(absent, |text| Receipt::parse(&text, plan, task)))
    });
    Ok(said.collect())
}

/// A piece on this machine, or what is wrong with it.
fn piece(place: &Place, made: &Made, scratch: &Path) -> Result<Result<PathBuf, String>, FarmError> {
    let path = match place.local() {
        Some(folder) => match within(folder, &made.name) {
            Ok(path) => path,
            Err(error @ FarmError::Input { .. }) => {
                return Ok(Err(error.to_string().lines().next().unwrap_or_default().to_owned()));
            }
            Err(error) => return Err(error),
        },
        None => {
            let path = scratch.join(made.name.rsplit('/').next().unwrap_or(&made.name));
            if !place.fetch(&made.name, &path)? {
                return Ok(Err(format!("{} is not there", made.name)));
            }
            path
        }
    };
    let content = std::fs::read(&path).map_err(FarmError::io(&path, "reading it"))?;
    Ok(match made.mistake(Some(&content)) {
        Some(mistake) => Err(format!("{} {mistake}", made.name)),
        None => Ok(path),
    })
}
