//! A run whose motion is made while it goes on: a camera, or a stream.

use std::time::Instant;

use moue_engine::CancelToken;
use moue_face::FaceTracker;
use moue_media::{VideoFormat, VideoReader};
use moue_timeline::{Channel, Shape, Track};

use super::{Driver, Performance, programme};
use crate::animate::{Done, asked, families, finish, open, renderer, sorted, summary};
use crate::motion::rest_of_file;
use crate::{AnimateJob, AnimationError, Broadcast, MotionSummary, Observer, Portrait, Rest, Summary};

/// Animates a portrait by a source that goes on in real time, for outputs that do.
///
/// # Errors
/// As [`animate`](crate::animate); options that need the whole motion.
pub(crate) fn follow(
    job: &AnimateJob,
    portrait: Portrait,
    reader: VideoReader,
    tracker: &FaceTracker,
    observer: &dyn Observer,
    token: &CancelToken,
) -> Result<Summary, AnimationError> {
    check(job)?;
    let rest = match &job.motion.rest {
        Some(Rest::File(path)) => Some(rest_of_file(path, job.motion.smirk, tracker, observer, token)?),
        None | Some(Rest::Auto) => {
            observer.note(
                "the first 2 s of the driver's face are taken as its rest: look calm (--neutral off, or a picture)",
            );
            None
        }
        _ => None,
    };
    let most = job.end.map(|end| (end * job.rate.fps()).ceil() as u64);
    let (renderer, _) = renderer(job, &portrait, most.unwrap_or(u64::from(u32::MAX)), None, observer, token)?;
    let (width, height) = renderer.size();
    let format = VideoFormat { expected_frames: most, ..VideoFormat::new(width, height, job.rate) };
    let sinks = open(job, &format, None, observer, token)?;
    let programme = programme(job, &portrait, &*renderer, None)?;
    // There is one: a live source is followed for live outputs alone.
    let Some(broadcast) = Broadcast::open(&job.live, &format, &[], programme, observer)? else {
        return Err(AnimationError::NoOutput);
    };
    let inset = job.live.has_inset.then_some(width / 4);
    let driver = Driver::start(reader, &job.motion, families(job), rest, inset)?;

    observer.following(&job.motion.source.to_string(), most);
    let began = Instant::now();
    let measured = portrait.measured();
    // The driver at rest.
    let calm = Track::new(vec![Channel::Shape(Shape::JawOpen)], vec![0.0], vec![0.0])
        .map_err(|problem| AnimationError::Tracked { path: job.motion.source.to_string().into(), problem })?;
    let performance = Performance {
        driver,
        renderer: &*renderer,
        rate: job.rate,
        most,
        asked: &|track, index| asked(job, track.unwrap_or(&calm), 0.0, &measured, index),
    };
    let (performed, [finishing, worked], files) = Broadcast::around(Some(&broadcast), observer, token, || {
        let performed = performance.run(sinks, &broadcast, observer, token)?;
        observer.finishing();
        let finishing = Instant::now();
        let (sinks, rest) = (performed.sinks, (performed.frames, performed.report, performed.driver));
        let files = finish(sinks, job, rest.0, Some(&broadcast), false, observer, token)?;
        // The farewell to those who watch takes its own time.
        Ok::<_, AnimationError>((rest, [finishing.elapsed(), began.elapsed()], files))
    })?;
    let (frames, report, driver) = performed;
    if let Some(broke) = &driver.broke {
        observer.note(broke);
    }
    let live = broadcast.summaries();
    let (written, failures) = sorted(job, files, &live, observer)?;
    let duration = job.rate.seconds_at(frames);
    Ok(summary(&Done {
        job,
        portrait: &portrait,
        motion: MotionSummary {
            path: job.motion.source.to_string(),
            kind: "live source".to_owned(),
            rows: usize::try_from(driver.frames).unwrap_or(usize::MAX),
            duration,
            start: 0.0,
            end: duration,
            relative: job.relative,
            video: None,
            driver: Some(driver),
        },
        renderer: &*renderer,
        report: &report,
        frames,
        interrupted: token.is_finishing(),
        finishing,
        seconds: worked.as_secs_f64(),
        written,
        failures,
        live,
        fidelity: None,
    }))
}

/// Refuses what needs a motion that is known.
fn check(job: &AnimateJob) -> Result<(), AnimationError> {
    let refuse = |option, hint| Err(AnimationError::LiveSource { option, hint });
    if let Some(Rest::At(_) | Rest::Frame(_)) = &job.motion.rest {
        return refuse("--neutral TIME", "a picture of the driver works, or auto: the first two seconds");
    }
    if job.start.is_some() {
        return refuse("--start", "leave it out; --end says how long to go on");
    }
    if job.frames.is_some() {
        return refuse("--frames", "leave it out; --end says how long to go on");
    }
    if job.measure_every.is_some() {
        return refuse("--measure", "measure a recording");
    }
    if job.live.is_repeating {
        return refuse("--loop", "leave it out");
    }
    Ok(())
}
