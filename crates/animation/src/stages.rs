//! The stages of a run and the queues between them.
//!
//! ```text
//! sample -> render (N threads, batches in order) -> hand out -> write OUTPUT (one thread each)
//!                                                           |-> streams, in real time
//!                                                           \-> measure
//! ```

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use image::RgbImage;
use moue_engine::{CancelToken, Pool, Report, StageError};
use moue_face::{Face, FaceTracker};

use crate::renderer::{Asked, BatchObserver};
use crate::takers::{Filled, NamedSink, Takers, WAITING_FRAMES};
use crate::{AnimationError, Broadcast, Fidelity, FidelityMeter, Observer, Renderer};

/// Which frames to render.
pub(crate) struct Frames<'a> {
    /// By their numbers in the whole film.
    pub range: Range<u64>,
    pub workers: usize,
    pub asked: &'a (dyn Fn(u64) -> Asked + Sync),
}

/// What the stages leave behind.
pub(crate) struct Outcome {
    /// Frames rendered and written.
    pub frames: u64,
    /// The outputs, in the order they were given; each has all the frames or says why not, none is finished.
    pub sinks: Vec<Filled>,
    pub report: Report,
}

/// A rendered frame on its way to the outputs.
#[derive(Clone)]
struct Rendered {
    asked: Asked,
    frame: Arc<RgbImage>,
}

/// Re-measures some of the frames.
pub(crate) struct Measurement<'a> {
    tracker: &'a FaceTracker,
    /// Where the portrait's face is in a frame, in pixels.
    place: [f64; 2],
    meter: Mutex<FidelityMeter>,
}

impl<'a> Measurement<'a> {
    pub(crate) fn new(every: u64, tracker: &'a FaceTracker, place: [f64; 2]) -> Self {
        Self { tracker, place, meter: Mutex::new(FidelityMeter::new(every)) }
    }

    pub(crate) fn result(&self) -> Fidelity {
        self.lock().result()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, FidelityMeter> {
        lock(&self.meter)
    }

    fn measure(&self, rendered: &Rendered) -> Result<(), AnimationError> {
        let faces = self
            .tracker
            .analyze(&rendered.frame)
            .map_err(|source| AnimationError::face(format!("frame {}", rendered.asked.index), source))?;
        self.lock().add(&rendered.asked.expression, self.portraits_face(&faces));
        Ok(())
    }

    /// The face that lies over the portrait's: others in the picture are not animated.
    fn portraits_face<'f>(&self, faces: &'f [Face]) -> Option<&'f Face> {
        let [px, py] = self.place;
        let distance = |face: &Face| {
            let [x, y, width, height] = face.box_in_image.map(f64::from);
            let (dx, dy) = (x + width / 2.0 - px, y + height / 2.0 - py);
            let inside = dx.abs() < width / 2.0 && dy.abs() < height / 2.0;
            inside.then_some(dx.hypot(dy))
        };
        faces
            .iter()
            .filter_map(|face| distance(face).map(|distance| (distance, face)))
            .min_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(_, face)| face)
    }
}

/// Passes a renderer's steps on, and ends it where the run was told to stop at once.
pub(crate) struct Steps<'a> {
    pub observer: &'a dyn Observer,
    pub token: &'a CancelToken,
}

impl BatchObserver for Steps<'_> {
    fn step(&self, first: u64, frames: usize, done: usize, of: usize) -> Result<(), AnimationError> {
        self.observer.step(first, frames, done, of);
        if self.token.is_aborting() { Err(AnimationError::Interrupted) } else { Ok(()) }
    }
}

/// Renders all frames and hands each to every output.
pub(crate) fn run(
    frames: &Frames<'_>,
    renderer: &dyn Renderer,
    sinks: Vec<NamedSink>,
    broadcast: Option<&Broadcast>,
    measurement: Option<&Measurement<'_>>,
    observer: &dyn Observer,
    token: &CancelToken,
) -> Result<Outcome, AnimationError> {
    let rendered_frames = AtomicU64::new(0);
    let outputs = Takers::new(sinks.len(), broadcast, observer);
    let takers = &outputs;
    let (width, height) = renderer.size();
    let (workers, batch) = (if renderer.is_parallel() { 1 } else { frames.workers }, renderer.batch().max(1));
    let spare = 2 * workers * batch + WAITING_FRAMES * (sinks.len() + 1);
    let pool = Pool::new(spare, move || RgbImage::new(width, height));

    let ((), report) = moue_engine::run(token, |scope| {
        if let Some(broadcast) = broadcast {
            broadcast.watch(scope.monitor());
        }
        let (asked, to_render) = scope.channel::<Vec<Asked>>("asked", 2 * workers);
        let (rendered, to_hand_out) = scope.channel::<Vec<Rendered>>("rendered", 1);

        scope.stage("sample", move |stage| {
            for first in frames.range.clone().step_by(batch) {
                if stage.is_finishing() || takers.is_over() {
                    break;
                }
                let last = (first + batch as u64).min(frames.range.end);
                asked.send((first..last).map(frames.asked).collect())?;
            }
            asked.close();
            Ok(())
        });

        let source = pool.clone();
        let steps = Steps { observer, token };
        let render = move |_: &mut (), asked: Vec<Asked>| -> Result<Vec<Rendered>, StageError> {
            // One that takes all cores for a frame takes long: what it has not begun when the run is to finish is left.
            if renderer.is_parallel() && token.is_finishing() {
                return Ok(Vec::new());
            }
            let mut frames: Vec<RgbImage> = asked.iter().map(|_| source.take()).collect();
            renderer.render(&asked, &mut frames, &steps)?;
            let rendered = asked.into_iter().zip(frames);
            Ok(rendered.map(|(asked, frame)| Rendered { asked, frame: Arc::new(frame) }).collect())
        };
        scope.fan_out("render", workers, to_render, rendered, |_| Ok(()), render);

        let writers = takers.start(scope, sinks, &pool, |rendered: Rendered| rendered.frame);
        let tap = measurement.map(|measurement| {
            let (frames, to_measure) = scope.channel::<Rendered>("to measure", WAITING_FRAMES);
            let pool = pool.clone();
            scope.stage("measure", move |_| {
                while let Some(rendered) = to_measure.recv()? {
                    measurement.measure(&rendered)?;
                    pool.give_shared(rendered.frame);
                }
                Ok(())
            });
            (measurement, frames)
        });

        let rendered_frames = &rendered_frames;
        scope.stage("hand out", move |stage| {
            while let Some(batch) = to_hand_out.recv()? {
                for rendered in batch {
                    if let Some((measurement, frames)) = &tap
                        && measurement.lock().wants(rendered.asked.index)
                    {
                        frames.send(rendered.clone())?;
                    }
                    for writer in &writers {
                        writer.send(rendered.clone())?;
                    }
                    if let Some(broadcast) = broadcast {
                        broadcast.show(stage, &rendered.asked, &rendered.frame)?;
                    }
                    pool.give_shared(rendered.frame);
                    observer.rendered(rendered_frames.fetch_add(1, Ordering::Relaxed) + 1);
                }
            }
            writers.into_iter().for_each(moue_engine::Sender::close);
            if let Some((_, frames)) = tap {
                frames.close();
            }
            Ok(())
        });
    })?;

    let frames = rendered_frames.into_inner();
    if frames == 0 && !broadcast.is_some_and(|broadcast| broadcast.begins_again(token)) {
        // A motion has at least one frame: it was interrupted before that.
        return Err(AnimationError::Interrupted);
    }
    Ok(Outcome { frames, sinks: outputs.filled(), report })
}

/// Locks what stays meaningful even if a holder panicked.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use moue_media::{MediaError, Sink};
    use moue_timeline::{Expression, FlameExpression};

    use super::*;

    /// Takes all cores for long; while it paints frame `last`, the run is told to finish.
    struct Slow<'a> {
        token: &'a CancelToken,
        last: u64,
    }

    impl Renderer for Slow<'_> {
        fn name(&self) -> &'static str {
            "slow"
        }

        fn size(&self) -> (u32, u32) {
            (2, 2)
        }

        fn is_parallel(&self) -> bool {
            true
        }

        fn render(&self, asked: &[Asked], _: &mut [RgbImage], _: &dyn BatchObserver) -> Result<(), AnimationError> {
            if asked.iter().any(|asked| asked.index == self.last) {
                self.token.finish();
            }
            Ok(())
        }
    }

    struct Nowhere;

    impl Sink for Nowhere {
        fn write(&mut self, _: &Arc<RgbImage>) -> Result<(), MediaError> {
            Ok(())
        }

        fn finish(self: Box<Self>) -> Result<moue_media::Written, MediaError> {
            Err(MediaError::NoFrames { path: "nowhere".into() })
        }

        fn abort(self: Box<Self>) {}
    }

    #[test]
    fn what_a_slow_renderer_has_not_begun_when_a_run_is_to_finish_is_left() {
        let token = CancelToken::new();
        let slow = Slow { token: &token, last: 3 };
        let asked = |index| Asked { index, expression: Expression::NEUTRAL, flame: FlameExpression::NEUTRAL };
        let frames = Frames { range: 0..100, workers: 4, asked: &asked };
        let sinks: Vec<NamedSink> = vec![("nowhere".to_owned(), Box::new(Nowhere))];
        let outcome = run(&frames, &slow, sinks, None, None, &(), &token).map(|outcome| outcome.frames);
        assert!(matches!(outcome, Ok(4)), "{outcome:?}");
    }
}
