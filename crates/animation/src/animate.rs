//! The run: portrait and motion in, files out.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use moue_diffusion::Preparation;
use moue_engine::{CancelToken, Report};
use moue_face::FaceTracker;
use moue_media::{Sink, VideoFormat, Written};
use moue_timeline::{Channel, Expression, Shape, Span};
use moue_tracks::{LoadedTrack, ReadOptions};

use crate::{
    AnimateJob, AnimationError, Asked, Fidelity, Layout, MeshInLayout, MotionSummary, OutputSummary, Painted, Portrait,
    PortraitSummary, QueueSummary, Renderer, RendererKind, StageSummary, Summary,
    stages::{self, Frames, Measurement, NamedSink},
};

/// Is told how a run goes. Called from several threads; must not block for long.
pub trait Observer: Sync {
    /// Something that the user should know although all is well.
    fn note(&self, _text: &str) {}
    /// The portrait was read and its face found.
    fn portrait(&self, _portrait: &Portrait) {}
    /// The diffusion renderer gets ready: what comes next.
    fn preparing(&self, _what: Preparation) {}
    /// The batch of `frames` frames from `first` on is at step `done` of `of`.
    fn step(&self, _first: u64, _frames: usize, _done: usize, _of: usize) {}
    /// Rendering begins; `frames` will come.
    fn started(&self, _frames: u64) {}
    /// So many frames are rendered.
    fn rendered(&self, _frames: u64) {}
    /// All frames are rendered and handed over; the files are being completed.
    fn finishing(&self) {}
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
    let motion = ReadOptions { rate: job.motion_rate }.read(&job.motion)?;
    let name = job.motion.display();
    motion.notes.iter().for_each(|note| observer.note(&format!("{name}: {note}")));
    check_motion(job, &motion, observer)?;
    let span = motion
        .track
        .span(job.start, job.end)
        .map_err(|problem| AnimationError::Span { path: job.motion.clone(), problem })?;

    tracing::info!(kind = %motion.kind, rows = motion.track.times().len(), ?span, "motion read");

    let tracker = FaceTracker::new().map_err(|source| AnimationError::face(job.portrait.clone(), source))?;
    let portrait = Portrait::load(&job.portrait, job.face, &tracker)?;
    let face_box = portrait.face().box_in_image;
    tracing::info!(face = portrait.chosen + 1, of = portrait.faces.len(), ?face_box, "portrait read");
    observer.portrait(&portrait);
    let total = span.frame_count(job.rate);
    let (renderer, place): (Box<dyn Renderer>, _) = match job.renderer {
        RendererKind::Mesh => {
            let layout = Layout::new(portrait.image.dimensions(), &portrait.face().landmarks, job.framing, job.size)?;
            tracing::debug!(?layout, "layout");
            let place = layout.output_from_source(centre(&portrait));
            (Box::new(MeshInLayout::new(&portrait, layout)?), place)
        }
        RendererKind::Diffusion => {
            let painted = Painted::new(job, &portrait, total, observer, token)?;
            let (width, height) = painted.size();
            (Box::new(painted), [f64::from(width) / 2.0, f64::from(height) / 2.0])
        }
    };

    let (width, height) = renderer.size();
    let format = VideoFormat { width, height, rate: job.rate, expected_frames: Some(total) };
    let sinks = open(job, &format)?;
    if token.is_finishing() {
        return Err(AnimationError::Interrupted);
    }

    observer.started(total);
    let began = Instant::now();
    let rest = portrait.measured();
    let frames = Frames {
        total,
        workers: job.workers.unwrap_or_else(default_workers).max(1),
        asked: &|index| asked(job, &motion, span, &rest, index),
    };
    let measurement = job.measure_every.map(|every| Measurement::new(every, &tracker, place));
    let outcome = stages::run(&frames, &*renderer, sinks, measurement.as_ref(), observer, token)?;
    for queue in &outcome.report.channels {
        tracing::debug!(
            name = queue.name,
            capacity = queue.capacity,
            most = queue.max_depth,
            sent = queue.sent,
            "queue"
        );
    }
    observer.finishing();
    let finishing = Instant::now();
    let written = finish(outcome.sinks, token)?;
    let fidelity = measurement.map(|measurement| measurement.result());
    Ok(summary(&Done {
        job,
        portrait: &portrait,
        motion: &motion,
        span,
        renderer: &*renderer,
        report: &outcome.report,
        frames: outcome.frames,
        interrupted: outcome.frames < total,
        finishing: finishing.elapsed(),
        seconds: began.elapsed().as_secs_f64(),
        written,
        fidelity,
    }))
}

/// Refuses a motion that cannot move the renderer, and notes what of it is left out.
fn check_motion(job: &AnimateJob, motion: &LoadedTrack, observer: &dyn Observer) -> Result<(), AnimationError> {
    const ARKIT: &str = "ARKit shapes";
    const FLAME: &str = "FLAME coefficients";
    let channels = motion.track.channels();
    let flame = channels.iter().filter(|channel| matches!(channel, Channel::Flame(_))).count();
    let (renderer, expected, other, unused, hint) = match job.renderer {
        RendererKind::Mesh => (
            "mesh",
            ARKIT,
            FLAME,
            flame,
            "use --renderer diffusion, or a table whose columns are named after the shapes (jawOpen, ...)",
        ),
        RendererKind::Diffusion => (
            "diffusion",
            FLAME,
            ARKIT,
            channels.len() - flame,
            "its adapter was trained on 50 expression coefficients, eyelids and jaw of FLAME 2020, to which ARKit \
             shapes do not translate one to one; use --renderer mesh, or FLAME coefficients (.npy, .npz, or columns \
             exp_00, eyelid_left, jaw_x, ... of a table)",
        ),
    };
    let path = &job.motion;
    if unused == channels.len() {
        return Err(AnimationError::NothingToMove { path: path.clone(), found: other, renderer, expected, hint });
    }
    if unused > 0 {
        let family = other.split(' ').next().unwrap_or(other);
        let text = format!("{unused} {family} columns are left out: the {renderer} renderer is moved by {expected}");
        observer.note(&format!("{}: {text}", path.display()));
    }
    Ok(())
}

/// What frame `index` shows, in absolute coefficients.
fn asked(job: &AnimateJob, motion: &LoadedTrack, span: Span, rest: &Expression, index: u64) -> Asked {
    let time = span.time_of(job.rate, index);
    let mut expression = motion.track.sample(time, job.interpolation);
    job.gains.apply(&mut expression);
    if job.relative {
        for shape in Shape::ALL {
            expression.set(shape, expression.get(shape) + rest.get(shape));
        }
    }
    let mut flame = motion.track.sample_flame(time, job.interpolation);
    job.gains.apply_flame(&mut flame);
    Asked { index, expression, flame: flame.constrained() }
}

fn open(job: &AnimateJob, format: &VideoFormat) -> Result<Vec<NamedSink>, AnimationError> {
    let open = |(output, settings): &(moue_media::Output, _)| {
        let sink = output.open(format, settings, job.overwrite)?;
        Ok((output.path().display().to_string(), sink))
    };
    job.outputs.iter().map(open).collect()
}

/// Completes all outputs at once: encoders that still hold frames work side by side.
fn finish(sinks: Vec<Box<dyn Sink>>, token: &CancelToken) -> Result<Vec<Written>, AnimationError> {
    if token.is_aborting() {
        return Err(AnimationError::Interrupted);
    }
    let results: Vec<Mutex<Option<_>>> = sinks.iter().map(|_| Mutex::new(None)).collect();
    let outcome = moue_engine::run(&CancelToken::new(), |scope| {
        for (sink, result) in sinks.into_iter().zip(&results) {
            scope.stage("finish", move |_| {
                let written = sink.finish().map_err(AnimationError::from)?;
                *result.lock().unwrap_or_else(PoisonError::into_inner) = Some(written);
                Ok(())
            });
        }
    });
    outcome?;
    let take = |slot: Mutex<Option<Written>>| slot.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(results.into_iter().filter_map(take).collect())
}

fn default_workers() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get())
}

/// The middle of the face's box, in source pixels.
fn centre(portrait: &Portrait) -> [f64; 2] {
    let [x, y, width, height] = portrait.face().box_in_image.map(f64::from);
    [x + width / 2.0, y + height / 2.0]
}

struct Done<'a> {
    job: &'a AnimateJob,
    portrait: &'a Portrait,
    motion: &'a LoadedTrack,
    span: Span,
    renderer: &'a dyn Renderer,
    report: &'a Report,
    frames: u64,
    interrupted: bool,
    finishing: Duration,
    seconds: f64,
    written: Vec<Written>,
    fidelity: Option<Fidelity>,
}

fn summary(done: &Done<'_>) -> Summary {
    let Done { job, portrait, motion, span, report, .. } = done;
    let mut stages: Vec<StageSummary> = Vec::new();
    for stage in &report.stages {
        let (busy, waited) = (stage.busy.as_secs_f64(), stage.waited.as_secs_f64());
        stages.push(StageSummary { name: stage.name.clone(), threads: stage.threads, busy, waited });
    }
    let busy = done.finishing.as_secs_f64();
    stages.push(StageSummary { name: "finish".to_owned(), threads: job.outputs.len(), busy, waited: 0.0 });
    let queue = |queue: &moue_engine::ChannelStats| QueueSummary {
        name: queue.name.clone(),
        capacity: queue.capacity,
        most: queue.max_depth,
    };
    let output = |((output, _), written): (&(moue_media::Output, _), &Written)| OutputSummary {
        path: written.path.display().to_string(),
        kind: output.kind().to_string(),
        frames: written.frames,
        bytes: written.bytes,
    };
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
        motion: MotionSummary {
            path: job.motion.display().to_string(),
            kind: motion.kind.to_string(),
            rows: motion.track.times().len(),
            duration: motion.track.duration(),
            start: span.start(),
            end: span.end(),
            relative: job.relative,
        },
        stages,
        queues: report.channels.iter().map(queue).collect(),
        outputs: job.outputs.iter().zip(&done.written).map(output).collect(),
        fidelity: done.fidelity.clone(),
    }
}
