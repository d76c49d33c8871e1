//! The stages of a piece and the queues between them.
//!
//! ```text
//! frames -> draw (N threads, in order) -> hand out -> write (one thread for each output)
//!                                         \-> what is watched, in real time
//! ```

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use image::RgbImage;
use moue_animation::{AnimationError, Asked, Broadcast, Filled, NamedSink, Takers, WAITING_FRAMES};
use moue_engine::{CancelToken, Pool, Report, StageError};
use moue_storyboard::{FilmFrame, Storyboard};
use moue_timeline::{Expression, FlameExpression};

use crate::stage::{Composed, Scene};
use crate::{Cut, FilmError, FilmObserver};

/// What a run leaves behind.
pub(crate) struct Drawn {
    /// The sinks, and why those that failed have not got what they should.
    pub filled: Vec<Filled>,
    /// Where the time went.
    pub report: Report,
    /// Whether all frames were drawn for which there was somebody; it may have been interrupted.
    pub is_whole: bool,
}

/// One piece on its way through the stages: frames in order, drawn by several threads, written by one each.
pub(crate) struct Run<'a> {
    pub cut: &'a Cut<'a>,
    /// The film's frames.
    pub frames: Range<u64>,
    pub scenes: &'a [(usize, Arc<Scene>)],
    pub storyboard: &'a Storyboard,
    pub size: (u32, u32),
    pub workers: usize,
    pub rendered: &'a AtomicU64,
    pub broadcast: Option<&'a Broadcast>,
}

impl Run<'_> {
    /// What the face in front is asked for in a frame of the film.
    fn asked(&self, index: u64) -> Asked {
        let front = self.cut.frame(index).map(|frame| frame.front);
        let seen = front.and_then(|front| {
            let scene = self.scenes.iter().find(|(shot, _)| *shot == front.shot);
            scene.map(|(_, scene)| scene.asked(front.frame))
        });
        let (expression, flame) = seen.unwrap_or((Expression::NEUTRAL, FlameExpression::NEUTRAL));
        Asked { index, expression, flame }
    }

    /// Draws the frames into every sink; nothing where the run was torn down, and the sinks are lost.
    pub(crate) fn render(
        &self,
        sinks: Vec<NamedSink>,
        observer: &dyn FilmObserver,
        token: &CancelToken,
    ) -> Result<Option<Drawn>, FilmError> {
        let (width, height) = self.size;
        let outputs = Takers::new(sinks.len(), self.broadcast, observer);
        let takers = &outputs;
        let spare = 2 * self.workers + WAITING_FRAMES * (sinks.len() + 1);
        let pool = Pool::new(spare, move || RgbImage::new(width, height));
        let composed = Composed { scenes: self.scenes, background: self.storyboard.output.background };
        let done = AtomicU64::new(0);
        let result = moue_engine::run(token, |scope| {
            if let Some(broadcast) = self.broadcast {
                broadcast.watch(scope.monitor());
            }
            let (asked, to_draw) = scope.channel::<FilmFrame>("asked", 2 * self.workers);
            let (drawn, to_hand_out) = scope.channel::<Arc<RgbImage>>("drawn", 1);
            scope.stage("frames", move |stage| {
                for frame in self.frames.clone().filter_map(|index| self.cut.frame(index)) {
                    if stage.is_finishing() || takers.is_over() {
                        break;
                    }
                    asked.send(frame)?;
                }
                asked.close();
                Ok(())
            });
            let source = pool.clone();
            let composed = &composed;
            let draw = move |spare: &mut RgbImage, frame: FilmFrame| -> Result<Arc<RgbImage>, StageError> {
                let mut into = source.take();
                composed.draw(frame, &mut into, spare)?;
                Ok(Arc::new(into))
            };
            scope.fan_out("draw", self.workers, to_draw, drawn, move |_| Ok(RgbImage::new(width, height)), draw);
            let writers = takers.start(scope, sinks, &pool, |frame| frame);
            let (done, pool) = (&done, pool.clone());
            scope.stage("hand out", move |stage| {
                let mut numbers = self.frames.clone();
                while let Some(frame) = to_hand_out.recv()? {
                    for writer in &writers {
                        writer.send(frame.clone())?;
                    }
                    if let (Some(broadcast), Some(index)) = (self.broadcast, numbers.next()) {
                        broadcast.show(stage, &self.asked(index), &frame).map_err(FilmError::from)?;
                    }
                    pool.give_shared(frame);
                    done.fetch_add(1, Ordering::Relaxed);
                    observer.rendered(self.rendered.fetch_add(1, Ordering::Relaxed) + 1);
                }
                writers.into_iter().for_each(moue_engine::Sender::close);
                Ok(())
            });
        });
        let report = match result.map_err(FilmError::from) {
            Ok(((), report)) => report,
            Err(FilmError::Animation(AnimationError::Interrupted)) => return Ok(None),
            Err(error) => return Err(error),
        };
        let filled = outputs.filled();
        // Where nobody was left to draw for, it ended there.
        let are_all_lost = !filled.is_empty() && filled.iter().all(Result::is_err);
        let is_whole = done.into_inner() >= self.frames.end - self.frames.start || are_all_lost;
        Ok(Some(Drawn { filled, report, is_whole }))
    }
}
