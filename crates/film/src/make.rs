//! The run: a storyboard in, films out.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use moue_animation::{
    Beside, Broadcast, Framing, LiveJob, LiveSummary, Observer, Programme, QueueSummary, StageSummary, pose_renderer,
};
use moue_engine::CancelToken;
use moue_media::{EncoderSettings, Output, RawOutput, VideoFormat};
use moue_storyboard::{Renderer, Storyboard};
use moue_timeline::Channel;
use serde::Serialize;

use crate::files::{check_outputs, inputs_of};
use crate::keep::Keep;
use crate::making::{Finished, Making, Progress};
use crate::stage::film_size;
use crate::{Coding, Cut, Drawing, FilmError, Props, Shoot};

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

/// An output of a film, and what it is called.
pub(crate) struct Named<'a> {
    pub name: String,
    pub kind: String,
    /// Where it is joined of pieces: in which coding. Others take every frame as it is drawn.
    pub film: Option<(&'a Output, Coding)>,
}

impl FilmJob {
    /// All outputs that get every frame, in order: files, then those in GStreamer's words.
    pub(crate) fn named(&self) -> impl Iterator<Item = Named<'_>> {
        let files = self.outputs.iter().map(|(output, settings)| Named {
            name: output.path().display().to_string(),
            kind: output.kind().to_string(),
            film: Coding::of(output, settings).map(|coding| (output, coding)),
        });
        let raw = self.raw.iter();
        files.chain(raw.map(|raw| Named { name: raw.to_string(), kind: "GStreamer".to_owned(), film: None }))
    }

    /// What takes the frames of a coding is called: as the first of those outputs.
    pub(crate) fn taker(&self, coding: Coding) -> String {
        self.of_coding(coding).next().unwrap_or_default()
    }

    /// The names of those that are joined of pieces in that coding.
    pub(crate) fn of_coding(&self, coding: Coding) -> impl Iterator<Item = String> {
        let is_so = move |named: &Named<'_>| named.film.as_ref().is_some_and(|(_, of)| *of == coding);
        self.named().filter(is_so).map(|named| named.name)
    }
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
    /// The stages it passed through, with where their time went; of several parts, all together.
    pub stages: Vec<StageSummary>,
    /// The queues between them.
    pub queues: Vec<QueueSummary>,
    /// What was written.
    pub outputs: Vec<FilmOutput>,
    /// What was streamed.
    pub live: Vec<LiveSummary>,
    /// Whether it was interrupted, and then what is kept.
    #[serde(serialize_with = "is_some")]
    pub interrupted: Option<String>,
    /// What failed while the rest went on.
    pub failures: Vec<String>,
    /// Pieces in the folder that this film does not use, and their bytes.
    pub unused: (usize, u64),
}

fn is_some<S: serde::Serializer>(text: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bool(text.is_some())
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
    for (_, coding) in job.named().filter_map(|named| named.film) {
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
    // What is drawn once and watched alone leaves nothing to keep.
    let keeps = !codings.is_empty() || storyboard.output.renderer != Renderer::Mesh;
    let keep = keeps.then(|| Keep::open(&job.keep, job.restart)).transpose()?;
    let painted = keep.as_ref().map(Keep::painted).unwrap_or_default();
    let shoot = Shoot::new(storyboard, cut, drawing, &painted, job.workers, props)?;
    let pieces = shoot.pieces()?;
    let mut missing = Vec::new();
    for piece in &pieces {
        let count = piece.frames.end - piece.frames.start;
        let mut wanted = Vec::new();
        for coding in &codings {
            if !keep.as_ref().map_or(Ok(false), |keep| keep.has(&piece.name(coding), count))? {
                wanted.push(*coding);
            }
        }
        missing.push(wanted);
    }
    let mut progress = Progress::new(missing);
    // Outputs of single frames take every frame, and so every frame is drawn.
    for (place, named) in job.named().enumerate().filter(|(_, named)| named.film.is_none()) {
        let sink = match job.outputs.get(place) {
            Some((output, settings)) => output.open(&format, settings, job.overwrite)?,
            None => job.raw[place - job.outputs.len()].open(&format, token)?,
        };
        progress.direct.push((place, (named.name, sink)));
    }
    let programme = programme(storyboard, cut, job, size, props)?;
    let broadcast = Broadcast::open(&job.live, &format, &cut.cues(), programme, observer)?;
    let is_watched = broadcast.as_ref().is_some_and(Broadcast::is_watched);
    let is_drawn = |index: usize| is_watched || !progress.direct.is_empty() || !progress.missing[index].is_empty();
    let drawn: Vec<bool> = (0..pieces.len()).map(is_drawn).collect();
    let making = Making {
        storyboard,
        cut,
        job,
        shoot: &shoot,
        pieces: &pieces,
        keep: keep.as_ref(),
        format,
        broadcast: broadcast.as_ref(),
        token,
        drawn: &drawn,
        painting: AtomicU64::new(0),
    };
    observer.planned(cut.frame_count(), making.frames());
    let played = Broadcast::around(broadcast.as_ref(), observer, token, || making.play(&mut progress, observer));
    let live = broadcast.as_ref().map(Broadcast::summaries).unwrap_or_default();
    let streams: Vec<String> = live.iter().filter_map(|leg| leg.failure.clone()).collect();
    let finished = match played {
        Ok(Some(finished)) => Ok(finished),
        Ok(None) => making.finish(&mut progress, observer),
        Err(error) => Err(error),
    };
    let mut interrupted = None;
    let Finished { outputs, failures: mut lost } = match finished {
        Err(FilmError::Interrupted(kept)) => {
            let outputs = making.end_raw(&mut progress, observer);
            // Why a stream ended explains why the film did.
            if let Some(problem) = streams.first().filter(|_| !token.is_finishing()) {
                return Err(FilmError::Stream { problem: problem.clone(), kept });
            }
            if live.is_empty() && outputs.is_empty() {
                return Err(FilmError::Interrupted(kept));
            }
            interrupted = Some(FilmError::Interrupted(kept).to_string());
            Finished { outputs, failures: Vec::new() }
        }
        finished => finished?,
    };
    if outputs.is_empty() && live.is_empty() && !lost.is_empty() {
        return Err(lost.remove(0));
    }
    let failures: Vec<String> = lost.iter().map(ToString::to_string).chain(streams).collect();
    failures.iter().for_each(|failure| observer.failed(failure));
    let names = |coding: &Coding| pieces.iter().map(|piece| piece.name(coding)).collect::<Vec<_>>();
    let used: HashSet<String> = codings.iter().flat_map(names).collect();
    Ok(FilmSummary {
        frames: cut.frame_count(),
        rendered: if interrupted.is_some() { progress.rendered() } else { making.frames() },
        duration: rate.seconds_at(cut.frame_count()),
        frame_rate: rate.to_string(),
        size: size.into(),
        renderer: storyboard.output.renderer.name(),
        shots: cut.shots().len(),
        rendered_shots: progress.shots.clone(),
        seconds: began.elapsed().as_secs_f64(),
        stages: making.stages(&progress),
        queues: QueueSummary::all(&progress.report).collect(),
        outputs,
        live,
        failures,
        unused: keep.map(|keep| keep.unused(&used)).unwrap_or_default(),
        interrupted,
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
            .named()
            .map(|Named { name, kind, film }| match film {
                Some((_, coding)) => Beside { name, kind, taker: job.taker(coding) },
                None => Beside::new(name, kind),
            })
            .collect(),
        is_live: false,
    })
}
