//! The run: a storyboard in, films out.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use moue_animation::{AnimationError, Broadcast, Framing, LiveJob, LiveSummary, Observer, Programme, pose_renderer};
use moue_engine::CancelToken;
use moue_media::{EncoderSettings, Film, Output, RawOutput, Sink, VideoFormat, join};
use moue_storyboard::{Renderer, Storyboard};
use moue_timeline::Channel;
use serde::Serialize;

use crate::files::{check_outputs, inputs_of};
use crate::keep::Keep;
use crate::stage::film_size;
use crate::{Coding, Cut, Drawing, FilmError, Piece, Props, Shoot};

/// Everything about a film but the storyboard.
#[derive(Clone, Debug)]
pub struct FilmJob {
    /// What is written; at least one of these or of [`Self::live`]. Not all kinds of [`Output`]: a contact sheet is a
    /// board's.
    pub outputs: Vec<(Output, EncoderSettings)>,
    /// Outputs in GStreamer's own words.
    pub raw: Vec<RawOutput>,
    /// What is watched meanwhile; every frame is drawn then, whatever is kept.
    pub live: LiveJob,
    /// Whether existing files are replaced.
    pub overwrite: bool,
    /// The folder in which finished pieces are kept.
    pub keep: PathBuf,
    /// Whether what is kept there is forgotten.
    pub restart: bool,
    /// Threads that render; as many as there are cores by default.
    pub workers: Option<usize>,
    /// How frames are drawn.
    pub drawing: Drawing,
}

/// Is told how a film goes, besides what any run tells.
pub trait FilmObserver: Observer {
    /// What there is to do: `missing` of `frames` frames are not there from an earlier run.
    fn planned(&self, _frames: u64, _missing: u64) {}
    /// Pieces that were made elsewhere, of so many frames, are fetched and looked at; [`Observer::rendered`] tells of them.
    fn gathering(&self, _frames: u64) {}
    /// So many frames of the film are in its output.
    fn joined(&self, _output: &str, _frames: u64) {}
}

impl FilmObserver for () {}

/// What was done.
#[derive(Clone, Debug, Serialize)]
pub struct FilmSummary {
    /// Frames of the film.
    pub frames: u64,
    /// Frames of them that were rendered now; the others were kept from an earlier run.
    pub rendered: u64,
    /// Seconds that it lasts.
    pub duration: f64,
    /// Frames per second, as an exact ratio.
    pub frame_rate: String,
    /// Width and height of the frames in pixels.
    pub size: [u32; 2],
    /// What drew them.
    pub renderer: &'static str,
    /// Shots that are seen, and those of which something was rendered now.
    pub shots: usize,
    /// The names of the shots of which something was rendered now.
    pub rendered_shots: Vec<String>,
    /// Seconds that all of it took.
    pub seconds: f64,
    /// What was written.
    pub outputs: Vec<FilmOutput>,
    /// What was streamed.
    pub live: Vec<LiveSummary>,
    /// What failed while the rest went on.
    pub failures: Vec<String>,
    /// Pieces in the folder that this film does not use, and their bytes.
    pub unused: (usize, u64),
}

/// An output in a [`FilmSummary`].
#[derive(Clone, Debug, Serialize)]
pub struct FilmOutput {
    /// Where it is.
    pub path: String,
    /// What it is.
    pub kind: String,
    /// Frames in it.
    pub frames: u64,
    /// Its size.
    pub bytes: u64,
}

/// Renders what is missing of a film and puts it together.
///
/// # Errors
/// Whatever is wrong with the job, its files or the machine; see [`FilmError`]. Finished pieces stay, and no output is
/// half-written.
pub fn film(
    storyboard: &Storyboard,
    cut: &Cut<'_>,
    job: &FilmJob,
    props: &Props,
    observer: &dyn FilmObserver,
    token: &CancelToken,
) -> Result<FilmSummary, FilmError> {
    let began = Instant::now();
    check(storyboard, job)?;
    let drawing = &job.drawing.here(storyboard)?;
    let mut codings: Vec<Coding> = Vec::new();
    for coding in job.outputs.iter().filter_map(|(output, settings)| Coding::of(output, settings)) {
        if !codings.contains(&coding) {
            codings.push(coding);
        }
    }
    let size = film_size(storyboard, drawing.compose, props)?;
    let rate = storyboard.output.rate;
    let format = VideoFormat { expected_frames: Some(cut.frame_count()), ..VideoFormat::new(size.0, size.1, rate) };
    // Names that are taken, folders that are missing: known before anything is rendered.
    job.raw.iter().try_for_each(|raw| raw.check_names(job.overwrite))?;
    for (output, settings) in &job.outputs {
        drop(output.open(&format, settings, job.overwrite)?);
    }
    let keep = Keep::open(&job.keep, job.restart)?;
    let shoot = Shoot::new(storyboard, cut, drawing, &keep.painted(), job.workers, props)?;
    let pieces = shoot.pieces()?;
    // Outputs of single frames take every frame, and so every frame is drawn.
    let mut direct: Vec<Box<dyn Sink>> = Vec::new();
    let mut missing: Vec<Vec<Coding>> = Vec::new();
    for piece in &pieces {
        let count = piece.frames.end - piece.frames.start;
        let mut wanted = Vec::new();
        for coding in &codings {
            if !keep.has(&piece.name(coding), count)? {
                wanted.push(*coding);
            }
        }
        missing.push(wanted);
    }
    for (output, settings) in job.outputs.iter().filter(|(output, settings)| Coding::of(output, settings).is_none()) {
        direct.push(output.open(&format, settings, job.overwrite)?);
    }
    for raw in &job.raw {
        direct.push(raw.open(&format, token)?);
    }
    let programme = programme(storyboard, cut, job, size, props)?;
    let broadcast = Broadcast::open(&job.live, &format, &cut.cues(), programme, observer)?;
    let is_watched = broadcast.as_ref().is_some_and(Broadcast::is_watched);
    let is_drawn = |index: usize| is_watched || !direct.is_empty() || !missing[index].is_empty();
    let drawn: Vec<bool> = (0..pieces.len()).map(is_drawn).collect();
    let count = |piece: &Piece| piece.frames.end - piece.frames.start;
    let to_render: u64 = pieces.iter().zip(&drawn).filter(|(_, drawn)| **drawn).map(|(piece, _)| count(piece)).sum();
    observer.planned(cut.frame_count(), to_render);

    let interrupted = |done: usize| FilmError::Interrupted { kept: done, of: pieces.len() };
    let ready = |missing: &[Vec<Coding>]| missing.iter().filter(|missing| missing.is_empty()).count();
    let chosen = pieces.iter().zip(&drawn).filter(|(_, drawn)| **drawn).map(|(piece, _)| piece.frames.clone());
    let painted = shoot.paint(&cut.frames_of_shots(chosen), &mut |_| ControlFlow::Continue(()), observer, token);
    painted.map_err(|error| match error {
        FilmError::Animation(AnimationError::Interrupted) => interrupted(ready(&missing)),
        error => error,
    })?;

    observer.started(to_render);
    let rendered = AtomicU64::new(0);
    let mut rendered_shots = Vec::new();
    // What is missing is written, and everything goes on air.
    let mut render = |missing: &mut [Vec<Coding>], direct: &mut Vec<Box<dyn Sink>>| -> Result<(), FilmError> {
        for (index, piece) in pieces.iter().enumerate().filter(|(index, _)| drawn[*index]) {
            let mut sinks: Vec<Box<dyn Sink>> = std::mem::take(direct);
            let kept_sinks = sinks.len();
            for coding in &missing[index] {
                sinks.push(shoot.open(&piece.frames, coding, keep.path(&piece.name(coding)))?);
            }
            let drawn = shoot.draw(&piece.frames, sinks, broadcast.as_ref(), &rendered, observer, token)?;
            let Some(mut sinks) = drawn else { return Err(interrupted(ready(missing))) };
            let parts = sinks.split_off(kept_sinks);
            *direct = sinks;
            for (sink, coding) in parts.into_iter().zip(&missing[index]) {
                sink.finish()?;
                keep.add(&piece.name(coding), count(piece))?;
            }
            missing[index].clear();
            for shot in piece.shots.iter().map(|shot| &storyboard.shots[*shot].name) {
                if !rendered_shots.contains(shot) {
                    rendered_shots.push(shot.clone());
                }
            }
            if token.is_finishing() && index + 1 < pieces.len() {
                return Err(interrupted(ready(missing)));
            }
        }
        Ok(())
    };
    let made = Broadcast::around(broadcast.as_ref(), observer, token, || {
        render(&mut missing, &mut direct)?;
        observer.finishing();
        let outputs = put_together(cut, job, &pieces, &keep, (format, direct), observer, token)?;
        if broadcast.as_ref().is_some_and(|broadcast| broadcast.goes_on(token)) {
            observer.on_air(outputs.len());
        }
        while broadcast.as_ref().is_some_and(|broadcast| broadcast.plays_again(token)) {
            match render(&mut missing, &mut Vec::new()) {
                Err(FilmError::Interrupted { .. }) => {}
                outcome => outcome?,
            }
        }
        Ok::<_, FilmError>(outputs)
    });
    let live = broadcast.as_ref().map(Broadcast::summaries).unwrap_or_default();
    let failures: Vec<String> = live.iter().filter_map(|leg| leg.failure.clone()).collect();
    let outputs = match (made, failures.first()) {
        (Ok(outputs), _) => outputs,
        // Why a stream ended explains why the film did.
        (Err(FilmError::Interrupted { kept, of }), Some(problem)) if !token.is_finishing() => {
            return Err(FilmError::Stream { problem: problem.clone(), kept, of });
        }
        (Err(error), _) => return Err(error),
    };
    failures.iter().for_each(|failure| observer.failed(failure));
    let names = |coding: &Coding| pieces.iter().map(|piece| piece.name(coding)).collect::<Vec<_>>();
    let used: HashSet<String> = codings.iter().flat_map(names).collect();
    Ok(FilmSummary {
        frames: cut.frame_count(),
        rendered: to_render,
        duration: rate.seconds_at(cut.frame_count()),
        frame_rate: rate.to_string(),
        size: size.into(),
        renderer: storyboard.output.renderer.name(),
        shots: cut.shots().len(),
        rendered_shots,
        seconds: began.elapsed().as_secs_f64(),
        outputs,
        live,
        failures,
        unused: keep.unused(&used),
    })
}

/// Refuses what can be refused before any file is touched.
fn check(storyboard: &Storyboard, job: &FilmJob) -> Result<(), FilmError> {
    let raw = job.raw.iter().flat_map(RawOutput::files);
    let outputs = job.outputs.iter().map(|(output, _)| output.path()).chain(job.live.playlists()).chain(raw);
    check_outputs(inputs_of(storyboard), outputs)?;
    job.live.check()?;
    Ok(())
}

/// What those who look at the film in a browser see. They try expressions on whoever comes first.
fn programme(
    storyboard: &Storyboard,
    cut: &Cut<'_>,
    job: &FilmJob,
    size: (u32, u32),
    props: &Props,
) -> Result<Programme, FilmError> {
    let first = cut.frame(0).map(|frame| &storyboard.cast[storyboard.shots[frame.front.shot].character]);
    let pose = match first.filter(|_| job.live.page.is_some()) {
        Some(character) => {
            let portrait = props.portrait(&character.portrait, character.face)?;
            Some(pose_renderer(&portrait, Framing::Head, size)?)
        }
        None => None,
    };
    let renderer = storyboard.output.renderer;
    // What moves: FLAME's coefficients where faces are painted, else ARKit's and the head.
    let is_painted = renderer != Renderer::Mesh;
    Ok(Programme {
        title: storyboard.title.clone().unwrap_or_else(|| "storyboard".to_owned()),
        renderer: renderer.name(),
        frames: Some(cut.frame_count()),
        channels: Channel::all().filter(|channel| matches!(channel, Channel::Flame(_)) == is_painted).collect(),
        pose,
        files: job
            .outputs
            .iter()
            .map(|(file, _)| (file.path().display().to_string(), file.kind().to_string()))
            .collect(),
        is_live: false,
    })
}

/// Joins pieces to films, and completes the outputs of single frames.
fn put_together(
    cut: &Cut<'_>,
    job: &FilmJob,
    pieces: &[Piece],
    keep: &Keep,
    (format, direct): (VideoFormat, Vec<Box<dyn Sink>>),
    observer: &dyn FilmObserver,
    token: &CancelToken,
) -> Result<Vec<FilmOutput>, FilmError> {
    let sounds = cut.cues();
    if !sounds.is_empty()
        && !job.outputs.is_empty()
        && job.outputs.iter().all(|(output, _)| !output.kind().holds_sound())
    {
        observer.note("none of the outputs holds sound: mp4, mkv and webm do");
    }
    tracing::info!(pieces = pieces.len(), sounds = sounds.len(), "joining");
    let mut direct = direct.into_iter();
    let mut outputs = Vec::new();
    for (output, settings) in &job.outputs {
        let name = output.path().display().to_string();
        let written = match Coding::of(output, settings) {
            Some(coding) => {
                let paths: Vec<PathBuf> = pieces.iter().map(|piece| keep.path(&piece.name(&coding))).collect();
                let film = Film { format, pieces: &paths, sounds: &sounds };
                join(output, &film, job.overwrite, &mut |frames| {
                    observer.joined(&name, frames);
                    if token.is_aborting() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                })?
            }
            None => match direct.next() {
                Some(sink) => sink.finish()?,
                None => continue,
            },
        };
        written.notes.iter().for_each(|note| observer.note(&format!("{name}: {note}")));
        outputs.push(FilmOutput {
            path: name,
            kind: output.kind().to_string(),
            frames: written.frames,
            bytes: written.bytes,
        });
    }
    for (raw, sink) in job.raw.iter().zip(direct) {
        let written = sink.finish()?;
        outputs.push(FilmOutput {
            path: raw.to_string(),
            kind: "GStreamer".to_owned(),
            frames: written.frames,
            bytes: written.bytes,
        });
    }
    Ok(outputs)
}
