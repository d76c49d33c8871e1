//! From a storyboard to a plan.

use std::path::{Path, PathBuf};
use std::time::Instant;

use moue_animation::Painting;
use moue_document::Diagnostics;
use moue_engine::CancelToken;
use moue_film::{
    Coding, Cut, DRAFT_RATE, Drawing, FilmObserver, ModelPrint, Props, Shoot, ShotFrames, check_outputs, draft,
    inputs_of, model_folder, program, shot_keyframes,
};
use moue_media::{Codec, EncoderSettings};
use moue_storyboard::{Renderer, Storyboard};

use crate::inputs::{Recorder, go_on};
use crate::plan::{FilmPlan, Models, Pieces, Plan, Recipe, Shots, VERSION, Work};
use crate::sample::sample;
use crate::split::Split;
use crate::{FarmError, Place};

/// What is to be planned.
#[derive(Clone, Debug)]
pub struct PlanJob {
    /// The storyboard.
    pub storyboard: PathBuf,
    /// The shots that are shown alone; the whole film where there is none.
    pub only: Vec<String>,
    /// Whether it is a draft.
    pub is_draft: bool,
    /// How the film is encoded: H.264 or VP9.
    pub codec: Codec,
    /// How frames are drawn.
    pub drawing: Drawing,
    /// The file of the map between ARKit and FLAME.
    pub map: Option<PathBuf>,
    /// How large tasks are.
    pub split: Split,
    /// Whether some frames are drawn now, to know what all of them cost.
    pub is_sampled: bool,
    /// Threads that draw the sample.
    pub workers: Option<usize>,
    /// Whether a plan that is there is replaced.
    pub overwrite: bool,
}

/// Plans a film, and writes the plan to its place; inputs from outside of a folder, and all of them in a bucket, are
/// copied there before. The second value is what is probably not meant in the storyboard.
///
/// # Errors
/// Whatever is wrong with the storyboard, its files, the models or the place. No plan is left behind then.
pub fn plan(
    job: &PlanJob,
    place: &Place,
    name: &str,
    props: &Props,
    observer: &dyn FilmObserver,
    token: &CancelToken,
) -> Result<(Plan, Diagnostics), FarmError> {
    let began = Instant::now();
    place.check()?;
    if !job.overwrite && place.read(name)?.is_some() {
        return Err(FarmError::Output {
            path: place.name_of(name).into(),
            problem: "there is a file of that name".to_owned(),
            hint: "--overwrite replaces it; finished pieces that did not change are kept",
        });
    }
    let stem = Path::new(name).file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let results = format!("{stem}.farm");

    let recorder = Recorder::new(&job.storyboard);
    let rate = job.is_draft.then_some(DRAFT_RATE);
    let read = Storyboard::read_at(&job.storyboard, &recorder, rate);
    let (mut storyboard, warnings) = read.map_err(FarmError::Storyboard)?;
    if let Some(map) = &job.map {
        recorder.add(map);
    }
    // In a bucket nothing that is read by its path can be replaced.
    if let Some(folder) = place.local() {
        let plan = folder.join(name);
        check_outputs(inputs_of(&storyboard).chain(job.map.as_deref()), [plan.as_path()])?;
    }
    if job.is_draft {
        draft(&mut storyboard, props)?;
    }
    if storyboard.output.renderer == Renderer::Mixed {
        return Err(FarmError::Input {
            path: job.storyboard.clone(),
            problem: "found `renderer: mesh+diffusion`, and a farm paints every frame".to_owned(),
            hint: "write `renderer: diffusion`, or make the film on one machine with `moue storyboard`",
        });
    }
    job.drawing.check(&storyboard)?;
    // Which frames are painted together counts for their last bit, and free memory must not decide it.
    let batch = job.drawing.painting.batch.unwrap_or(1);
    let painting = Painting { batch: Some(batch), ..job.drawing.painting.clone() };
    let drawing = &Drawing { painting, ..job.drawing.clone() };
    let scratch = tempfile::tempdir().map_err(FarmError::io(std::env::temp_dir(), "making a folder"))?;
    let cut = Cut::of_shots(&storyboard, &job.only, &job.storyboard)?;
    let shoot = Shoot::new(&storyboard, &cut, drawing, scratch.path(), job.workers, props)?;
    let pieces = shoot.pieces()?;
    let coding = Coding::new(job.codec, &EncoderSettings::default());
    let measured = match job.is_sampled {
        true => {
            let path = scratch.path();
            Some(sample(&storyboard, &cut, &shoot, &pieces, &coding, path, began, observer, token)?)
        }
        false => None,
    };

    let inputs = recorder.inputs(place, &results, props, token)?;
    let place_of = |path: &Path| {
        let name = recorder.name(path);
        inputs.name.iter().position(|known| *known == name).and_then(|input| u32::try_from(input).ok())
    };
    let shown = cut.shots();
    let mut shots = Shots::default();
    for (index, shot) in storyboard.shots.iter().enumerate() {
        let painted = if shown.contains(&index) { shoot.painted(index)? } else { None };
        let painted = painted.and_then(|folder| folder.file_name().map(|name| name.to_string_lossy().into_owned()));
        let rest = if shown.contains(&index) { shoot.at_rest(index)? } else { None };
        let rest = rest.as_deref().and_then(Path::parent).and_then(Path::file_name);
        shots.rest.push(rest.map(|name| name.to_string_lossy().into_owned()));
        shots.name.push(shot.name.clone());
        shots.inputs.push(storyboard.key(index).files.iter().filter_map(|path| place_of(path)).collect());
        shots.painted.push(painted);
    }
    let is_painted = storyboard.output.renderer == Renderer::Diffusion;
    let mut phases = Vec::new();
    if is_painted {
        let wanted = cut.frames_of_shots(std::iter::once(0..cut.frame_count()));
        let mut keys = ShotFrames::new();
        for shot in wanted.keys() {
            let count = shot_keyframes(&storyboard, *shot, drawing, props, token)?.plan.keyframes().len() as u64;
            if count > 0 {
                keys.insert(*shot, (0..count).collect());
            }
        }
        if !keys.is_empty() {
            phases.push(job.split.paint(Work::Keys, &keys, 1, measured.as_ref()));
        }
        phases.push(job.split.paint(Work::Paint, &wanted, batch as u64, measured.as_ref()));
    }
    phases.push(job.split.film(&pieces, measured.as_ref()));
    let (width, height) = shoot.size();
    let plan = Plan {
        moue_farm: VERSION,
        id: String::new(),
        program: program(),
        storyboard: recorder.name(&job.storyboard),
        results,
        film: FilmPlan {
            frames: cut.frame_count(),
            size: [width, height],
            rate: storyboard.output.rate.to_string(),
            renderer: if is_painted { "diffusion" } else { "mesh" }.to_owned(),
            codec: if job.codec == Codec::Vp9 { "vp9" } else { "h264" }.to_owned(),
            draft: job.is_draft,
            only: job.only.clone(),
        },
        drawing: Recipe::of(drawing, job.map.as_deref().map(|map| recorder.name(map))),
        inputs,
        models: if is_painted { models(drawing, props)? } else { Models::default() },
        shots,
        pieces: Pieces {
            end: pieces.iter().map(|piece| piece.frames.end).collect(),
            shot: pieces.iter().map(|piece| u32::try_from(piece.shots[0]).unwrap_or(u32::MAX)).collect(),
            name: pieces.iter().map(|piece| piece.name(&coding)).collect(),
        },
        phases,
        sample: measured,
    };
    let (plan, text) = plan.sealed();
    go_on(token)?;
    place.write(name, text.into_bytes())?;
    Ok((plan, warnings))
}

/// What is known of the models on this machine.
fn models(drawing: &Drawing, props: &Props) -> Result<Models, FarmError> {
    let ModelPrint { side, files } = ModelPrint::of(&model_folder(drawing.painting.models.as_deref())?, props)?;
    let (file, sha256) = files.into_iter().unzip();
    Ok(Models { side: Some(side), file, sha256 })
}
