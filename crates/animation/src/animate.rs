//! The run: portrait and motion in, files out.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use moue_bridge::Family;
use moue_diffusion::Preparation;
use moue_engine::{CancelToken, Report};
use moue_face::FaceTracker;
use moue_media::{Cue, LegEvent, MediaError, SoundUse, Soundtrack, VideoFormat, Written};
use moue_timeline::{Expression, FlameExpression, Shape, Track};

use crate::{
    AnimateJob, AnimationError, Asked, Broadcast, Compose, Fidelity, Framing, Layout, LiveSummary, MeshInLayout, Mixed,
    Motion, MotionJob, MotionSummary, OutputSummary, PaintJob, Painted, Pasted, Portrait, PortraitSummary,
    PoseRenderer, QueueSummary, Renderer, RendererKind, ShotJob, Size, StageSummary, Summary,
    live::{follow, live_reader, programme},
    read_map,
    stages::{self, Frames, Measurement, Steps},
    takers::{Filled, NamedSink, tell_failure},
};

/// Is told how a run goes. Called from several threads; must not block for long.
pub trait Observer: Sync {
    /// Something that the user should know although all is well.
    fn note(&self, _text: &str) {}
    /// A video is looked at, to its end; about so many frames will come, where that is known.
    fn tracking(&self, _source: &str, _frames: Option<u64>) {}
    /// So many of them were looked at.
    fn tracked(&self, _frames: u64) {}
    /// The portrait was read and its face found.
    fn portrait(&self, _portrait: &Portrait) {}
    /// The diffusion renderer gets ready: what comes next.
    fn preparing(&self, _what: Preparation) {}
    /// The batch of `frames` frames from `first` on is at step `done` of `of`.
    fn step(&self, _first: u64, _frames: usize, _done: usize, _of: usize) {}
    /// What becomes of a driving video's sound in an output.
    fn sound(&self, _output: &str, _sound: &SoundUse) {}
    /// Rendering begins; `frames` will come.
    fn started(&self, _frames: u64) {}
    /// So many frames are rendered.
    fn rendered(&self, _frames: u64) {}
    /// All frames are rendered and handed over; the files are being completed.
    fn finishing(&self) {}
    /// A live source is followed, for so many frames, or until it ends.
    fn following(&self, _source: &str, _frames: Option<u64>) {}
    /// A page is to be had at that address: `preview` or `metrics`.
    fn serving(&self, _what: &str, _url: &str) {}
    /// So many files are complete, and what is watched goes on.
    fn on_air(&self, _files: usize) {}
    /// Something has changed in a stream's life.
    fn leg(&self, _output: &str, _event: &LegEvent) {}
    /// An output has failed, and the others go on without it.
    fn failed(&self, _problem: &str) {}
}

/// An observer that does not care.
impl Observer for () {}

/// Animates a portrait.
///
/// Stages run on threads of their own with bounded queues between them, so memory does not depend on the motion's
/// length. Files appear under their final names only when all of them have got every frame.
///
/// # Errors
/// Whatever is wrong with the job, its files or the machine; see [`AnimationError`]. No output is half-written then.
pub fn animate(job: &AnimateJob, observer: &dyn Observer, token: &CancelToken) -> Result<Summary, AnimationError> {
    job.check()?;
    // What can be known of the outputs is said before a video is followed, or a network is loaded.
    for (output, _) in &job.outputs {
        output.check_name(job.overwrite)?;
    }
    job.raw.iter().try_for_each(|raw| raw.check_names(job.overwrite))?;
    let tracker = FaceTracker::new().map_err(|source| AnimationError::face(job.portrait.clone(), source))?;
    // The portrait first: to look at a video takes longer.
    let portrait = Portrait::load(&job.portrait, job.face, &tracker)?;
    if job.live.is_live()
        && let Some(reader) = live_reader(&job.motion.source, token)?
    {
        return follow(job, portrait, reader, &tracker, observer, token);
    }
    let ranged = MotionJob { start: job.start, end: job.end, ..job.motion.clone() };
    let motion = Motion::load(&ranged, families(job), &tracker, observer, token)?;
    let span = motion.span(job.start, job.end)?;

    let whole = span.frame_count(job.rate);
    let range = match &job.frames {
        Some(range) => range.within(whole).ok_or(AnimationError::Frames { asked: *range, whole })?,
        None => 0..whole,
    };
    let total = range.end - range.start;
    let first_shown = span.time_of(job.rate, range.start);
    let rest = portrait.measured();
    let asked_of = |index| asked(job, &motion.track, span.time_of(job.rate, index), &rest, index);
    // All of the shot, whichever part is rendered: what keeps it steady follows from the whole.
    let shot: Vec<FlameExpression> = match job.renderer {
        RendererKind::Mesh => Vec::new(),
        RendererKind::Diffusion | RendererKind::Mixed => (0..whole).map(|index| asked_of(index).flame).collect(),
    };
    let (renderer, place) = renderer(job, &portrait, whole, Some(&shot), observer, token)?;
    let (width, height) = renderer.size();
    let format = VideoFormat {
        expected_frames: Some(total),
        part_from: job.frames.map(|_| range.start),
        ..VideoFormat::new(width, height, job.rate)
    };
    let soundtrack = motion.soundtrack(span.start()).filter(|_| !job.mute);
    if soundtrack.is_some() && job.frames.is_some() {
        observer.note("a part has no sound: `moue join --sound` adds it to the whole");
    }
    let soundtrack = soundtrack.filter(|_| job.frames.is_none());
    let sinks = open(job, &format, soundtrack.as_ref(), observer, token)?;
    let heard = match &soundtrack {
        Some(soundtrack) if !job.live.streams.is_empty() => heard(soundtrack, span.duration(), observer)?,
        _ => Vec::new(),
    };
    let programme = programme(job, &portrait, &*renderer, Some(total))?;
    let broadcast = Broadcast::open(&job.live, &format, &heard, programme, observer)?;
    if token.is_finishing() {
        return Err(AnimationError::Interrupted);
    }

    observer.started(total);
    let began = Instant::now();
    let frames =
        Frames { range: range.clone(), workers: job.workers.unwrap_or_else(default_workers).max(1), asked: &asked_of };
    let measurement = job.measure_every.map(|every| Measurement::new(every, &tracker, place));
    let render = |sinks, measurement, observer: &dyn Observer| {
        stages::run(&frames, &*renderer, sinks, broadcast.as_ref(), measurement, observer, token)
    };
    let (outcome, [finishing, worked], files) = Broadcast::around(broadcast.as_ref(), observer, token, || {
        let outcome = render(sinks, measurement.as_ref(), observer)?;
        observer.finishing();
        let finishing = Instant::now();
        let goes_on = broadcast.as_ref().is_some_and(|broadcast| broadcast.goes_on(token));
        let files = finish(outcome.sinks, job, outcome.frames, broadcast.as_ref(), goes_on, observer, token)?;
        // What goes on air after that is no work on the files.
        let times = [finishing.elapsed(), began.elapsed()];
        if broadcast.as_ref().is_some_and(|broadcast| broadcast.goes_on(token)) {
            observer.on_air(files.iter().filter(|file| file.is_ok()).count());
        }
        // It is done when it was played to its end once, which need not be the first time.
        let mut played = outcome.frames;
        while broadcast.as_ref().is_some_and(|broadcast| broadcast.plays_again(token)) {
            match render(Vec::new(), None, &()) {
                Err(AnimationError::Interrupted) => break,
                again => played = played.max(again?.frames),
            }
        }
        Ok::<_, AnimationError>(((played, outcome.report), times, files))
    })?;
    for queue in &outcome.1.channels {
        tracing::debug!(
            name = queue.name,
            capacity = queue.capacity,
            most = queue.max_depth,
            sent = queue.sent,
            "queue"
        );
    }
    let live = broadcast.as_ref().map(Broadcast::summaries).unwrap_or_default();
    let (written, failures) = sorted(job, files, &live, observer)?;
    let fidelity = measurement.map(|measurement| measurement.result());
    Ok(summary(&Done {
        job,
        portrait: &portrait,
        motion: MotionSummary {
            path: motion.name.clone(),
            kind: motion.kind.clone(),
            rows: motion.track.times().len(),
            duration: motion.track.duration(),
            start: motion.origin + first_shown,
            end: motion.origin + job.frames.map_or(span.end(), |_| span.time_of(job.rate, range.end).min(span.end())),
            relative: job.relative,
            video: motion.video.clone(),
            driver: None,
        },
        renderer: &*renderer,
        report: &outcome.1,
        frames: outcome.0,
        interrupted: outcome.0 < total,
        finishing,
        seconds: worked.as_secs_f64(),
        written,
        failures,
        live,
        fidelity,
    }))
}

/// The files that were written, and what became of the outputs that failed.
///
/// # Errors
/// Where there is nothing but failures, the first of them.
pub(crate) fn sorted(
    job: &AnimateJob,
    files: Vec<Result<Written, MediaError>>,
    live: &[LiveSummary],
    observer: &dyn Observer,
) -> Result<(Vec<OutputSummary>, Vec<String>), AnimationError> {
    let mut written = Vec::new();
    let mut failed = Vec::new();
    for ((_, kind), file) in job.files().into_iter().zip(files) {
        match file {
            Ok(Written { path, frames, bytes, notes }) => {
                let path = path.display().to_string();
                notes.iter().for_each(|note| observer.note(&format!("{path}: {note}")));
                written.push(OutputSummary { path, kind, frames, bytes });
            }
            Err(error) => failed.push(error),
        }
    }
    if written.is_empty() && live.is_empty() && !failed.is_empty() {
        return Err(failed.remove(0).into());
    }
    let failures = failed.iter().map(ToString::to_string);
    let failures: Vec<String> = failures.chain(live.iter().filter_map(|leg| leg.failure.clone())).collect();
    failures.iter().for_each(|failure| observer.failed(failure));
    Ok((written, failures))
}

/// The coefficients that the renderer is moved by, and then those that the mesh follows beside it.
pub(crate) fn families(job: &AnimateJob) -> &'static [Family] {
    match (job.renderer, job.compose) {
        (RendererKind::Mesh, _) => &[Family::Arkit],
        (RendererKind::Diffusion | RendererKind::Mixed, Compose::Crop) => &[Family::Flame],
        (RendererKind::Diffusion | RendererKind::Mixed, Compose::Paste) => &[Family::Flame, Family::Arkit],
    }
}

/// What draws, and where the portrait's face is in its frames, in pixels. About `total` frames are asked for, of a shot
/// whose expressions are known or not.
pub(crate) fn renderer(
    job: &AnimateJob,
    portrait: &Portrait,
    total: u64,
    shot: Option<&[FlameExpression]>,
    observer: &dyn Observer,
    token: &CancelToken,
) -> Result<(Box<dyn Renderer>, [f64; 2]), AnimationError> {
    let face_box = portrait.face().box_in_image;
    tracing::info!(face = portrait.chosen + 1, of = portrait.faces.len(), ?face_box, "portrait read");
    observer.portrait(portrait);
    let in_picture = || {
        let layout = Layout::new(portrait.image.dimensions(), &portrait.face().landmarks, job.framing, job.size)?;
        tracing::debug!(?layout, "layout");
        Ok::<_, AnimationError>((layout, layout.output_from_source(centre(portrait))))
    };
    if job.renderer == RendererKind::Mesh {
        let (layout, place) = in_picture()?;
        return Ok((Box::new(MeshInLayout::new(portrait, layout)?), place));
    }
    if job.renderer == RendererKind::Mixed && shot.is_none() {
        let hint = "keyframes are chosen by the whole motion: paint every frame, or record the driver first";
        return Err(AnimationError::LiveSource { option: "--renderer mesh+diffusion", hint });
    }
    let map = job.motion.map.as_deref().map(read_map).transpose()?;
    let mut painted = Painted::new(&PaintJob::of(job, map.as_ref()), portrait, total, observer, token)?;
    let (width, height) = painted.size();
    let mut at_rest = painted.new_frame();
    if job.compose == Compose::Paste {
        painted.render(&[Pasted::rest()], std::slice::from_mut(&mut at_rest), &Steps { observer, token })?;
    }
    painted.begin(&ShotJob { expressions: shot, keyframes: job.painting.keyframes.as_deref() });
    let mut squares: Box<dyn Renderer> = Box::new(painted);
    if job.renderer == RendererKind::Mixed {
        let shot = shot.unwrap_or_default();
        let mixed = Mixed::new(squares, portrait, shot, job.keyframes.unwrap_or_default(), map.as_ref())?;
        let (keys, whole) = (mixed.keyframes().count(), shot.len());
        observer.note(&format!("{keys} of {whole} frames are painted, the mesh makes the others"));
        squares = Box::new(mixed);
    }
    match job.compose {
        Compose::Crop => Ok((squares, [f64::from(width) / 2.0, f64::from(height) / 2.0])),
        Compose::Paste => {
            let (layout, place) = in_picture()?;
            Ok((Box::new(Pasted::new(squares, &at_rest, portrait, layout, job.painting.detail)?), place))
        }
    }
}

/// Draws expressions on a portrait by its mesh, in a size.
///
/// # Errors
/// Where the mesh cannot be fitted.
pub fn pose_renderer(
    portrait: &Portrait,
    framing: Framing,
    (width, height): (u32, u32),
) -> Result<PoseRenderer, AnimationError> {
    let size = Size::Pixels { width, height };
    let layout = Layout::new(portrait.image.dimensions(), &portrait.face().landmarks, framing, size)?;
    let mesh = MeshInLayout::new(portrait, layout)?;
    Ok(Arc::new(move |expression: &Expression| {
        let mut frame = mesh.new_frame();
        mesh.draw(expression, &mut frame).map_err(|error| error.to_string())?;
        Ok(frame)
    }))
}

/// What frame `index` shows, in absolute coefficients: what a track says at a time, beside the portrait's own `rest`.
pub(crate) fn asked(job: &AnimateJob, track: &Track, time: f64, rest: &Expression, index: u64) -> Asked {
    let mut expression = track.sample(time, job.interpolation);
    job.gains.apply(&mut expression);
    if job.relative {
        for shape in Shape::ALL {
            expression.set(shape, expression.get(shape) + rest.get(shape));
        }
    }
    let mut flame = track.sample_flame(time, job.interpolation);
    job.gains.apply_flame(&mut flame);
    Asked { index, expression, flame: flame.constrained() }
}

pub(crate) fn open(
    job: &AnimateJob,
    format: &VideoFormat,
    soundtrack: Option<&Soundtrack>,
    observer: &dyn Observer,
    token: &CancelToken,
) -> Result<Vec<NamedSink>, AnimationError> {
    let mut said: Vec<SoundUse> = Vec::new();
    let mut sinks = Vec::new();
    for (output, settings) in &job.outputs {
        let name = output.path().display().to_string();
        let Some(soundtrack) = soundtrack else {
            sinks.push((name, output.open(format, settings, job.overwrite)?));
            continue;
        };
        let (sink, sound) = output.open_with_sound(format, settings, soundtrack, job.overwrite)?;
        // What holds no sound surprises nobody beside an output that does.
        match &sound {
            SoundUse::Silent => tracing::info!("{sound}"),
            _ if said.contains(&sound) => {}
            SoundUse::NotHeld if job.outputs.len() > 1 => {}
            SoundUse::Copied { .. } | SoundUse::Encoded { .. } => observer.sound(&name, &sound),
            _ => observer.note(&format!("{name}: {sound}")),
        }
        said.push(sound);
        sinks.push((name, sink));
    }
    for raw in &job.raw {
        sinks.push((raw.to_string(), raw.open(format, token)?));
    }
    Ok(sinks)
}

/// What streams play of a soundtrack.
fn heard(soundtrack: &Soundtrack, seconds: f64, observer: &dyn Observer) -> Result<Vec<Cue>, AnimationError> {
    let soundtrack = Soundtrack { duration: Some(seconds), ..soundtrack.clone() };
    let (sound, cues) = soundtrack.for_live()?;
    match sound {
        SoundUse::Silent | SoundUse::NotHeld => tracing::info!("{sound}"),
        SoundUse::Copied { .. } | SoundUse::Encoded { .. } => observer.sound("streams", &sound),
        SoundUse::Live | SoundUse::Unreadable { .. } => observer.note(&format!("streams: {sound}")),
    }
    Ok(cues)
}

/// Completes all outputs at once: encoders that still hold frames work side by side. Those that fail only now are told
/// of, so that whoever watches knows; `goes_on`: whether there will be time for that.
pub(crate) fn finish(
    sinks: Vec<Filled>,
    job: &AnimateJob,
    frames: u64,
    broadcast: Option<&Broadcast>,
    goes_on: bool,
    observer: &dyn Observer,
    token: &CancelToken,
) -> Result<Vec<Result<Written, MediaError>>, AnimationError> {
    let are_told: Vec<bool> = sinks.iter().map(Result::is_err).collect();
    if token.is_aborting() {
        return Err(AnimationError::Interrupted);
    }
    let results: Vec<Mutex<Option<_>>> = sinks.iter().map(|_| Mutex::new(None)).collect();
    let outcome = moue_engine::run(&CancelToken::new(), |scope| {
        for (sink, result) in sinks.into_iter().zip(&results) {
            scope.stage("finish", move |_| {
                let written = sink.and_then(|sink| sink.finish());
                *result.lock().unwrap_or_else(PoisonError::into_inner) = Some(written);
                Ok(())
            });
        }
    });
    outcome?;
    let take = |slot: Mutex<Option<_>>| slot.into_inner().unwrap_or_else(PoisonError::into_inner);
    let files: Vec<_> = results.into_iter().filter_map(take).collect();
    for (((name, _), file), is_told) in job.files().iter().zip(&files).zip(are_told) {
        if let (Err(error), false) = (file, is_told) {
            tell_failure(name, frames, error, goes_on, broadcast, observer);
        }
    }
    if let Some(broadcast) = broadcast {
        broadcast.files_done();
    }
    Ok(files)
}

fn default_workers() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get())
}

/// The middle of the face's box, in source pixels.
fn centre(portrait: &Portrait) -> [f64; 2] {
    let [x, y, width, height] = portrait.face().box_in_image.map(f64::from);
    [x + width / 2.0, y + height / 2.0]
}

pub(crate) struct Done<'a> {
    pub job: &'a AnimateJob,
    pub portrait: &'a Portrait,
    pub motion: MotionSummary,
    pub renderer: &'a dyn Renderer,
    pub report: &'a Report,
    pub frames: u64,
    pub interrupted: bool,
    pub finishing: Duration,
    pub seconds: f64,
    pub written: Vec<OutputSummary>,
    pub failures: Vec<String>,
    pub live: Vec<LiveSummary>,
    pub fidelity: Option<Fidelity>,
}

pub(crate) fn summary(done: &Done<'_>) -> Summary {
    let Done { job, portrait, report, .. } = done;
    let finish = StageSummary::of("finish", job.files().len(), done.finishing.as_secs_f64());
    let measured = portrait.measured();
    Summary {
        frames: done.frames,
        seconds: done.seconds,
        fps: done.frames as f64 / done.seconds.max(1e-9),
        duration: job.rate.seconds_at(done.frames),
        frame_rate: job.rate.to_string(),
        size: done.renderer.size().into(),
        framing: job.framing.name(),
        renderer: done.renderer.name(),
        device: done.renderer.device(),
        seed: job.seed,
        interrupted: done.interrupted,
        portrait: PortraitSummary {
            path: portrait.path.display().to_string(),
            size: portrait.image.dimensions().into(),
            faces: portrait.faces.len(),
            face: portrait.chosen + 1,
            expression: Shape::ALL.into_iter().map(|shape| (shape.name(), measured.get(shape))).collect(),
        },
        motion: done.motion.clone(),
        stages: StageSummary::all(report).chain([finish]).collect(),
        queues: QueueSummary::all(report).collect(),
        outputs: done.written.clone(),
        live: done.live.clone(),
        failures: done.failures.clone(),
        fidelity: done.fidelity.clone(),
    }
}
