//! A portrait that does what a live source does, at a constant rate.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use image::{RgbImage, imageops};
use moue_engine::{CancelToken, Pool, Report};
use moue_timeline::{Expression, FlameExpression, FrameRate, Track};

use super::driver::{Driver, DriverReport};
use crate::renderer::{Asked, BatchObserver};
use crate::stages::{Steps, lock};
use crate::takers::{Filled, NamedSink, Takers, WAITING_FRAMES};
use crate::{AnimationError, Broadcast, Observer, Renderer};

/// What is played, and how.
pub(crate) struct Performance<'a> {
    pub driver: Driver,
    pub renderer: &'a dyn Renderer,
    pub rate: FrameRate,
    /// After so many frames it ends by itself.
    pub most: Option<u64>,
    /// What a row of coefficients asks for.
    pub asked: &'a (dyn Fn(Option<&Track>, u64) -> Asked + Sync),
}

/// What it leaves behind.
pub(crate) struct Performed {
    pub frames: u64,
    pub sinks: Vec<Filled>,
    pub report: Report,
    pub driver: DriverReport,
}

impl Performance<'_> {
    /// Plays until the source ends, or the run is to finish.
    ///
    /// A frame is due every so often, whatever the source does: it shows the newest pose, or the one before once more.
    /// Where drawing takes longer than that, files get the frame several times, so that they keep the time.
    ///
    /// # Errors
    /// What broke the source before its first frame, and what the renderer cannot do.
    pub(crate) fn run(
        self,
        sinks: Vec<NamedSink>,
        broadcast: &Broadcast,
        observer: &dyn Observer,
        token: &CancelToken,
    ) -> Result<Performed, AnimationError> {
        let takers = Takers::new(sinks.len(), Some(broadcast), observer);
        let (width, height) = self.renderer.size();
        let pool = Pool::new(WAITING_FRAMES * (sinks.len() + 2), move || RgbImage::new(width, height));
        let done = Mutex::new((0, Latency::default()));
        let (this, done_inside) = (&self, &done);
        let ((), report) = moue_engine::run(token, |scope| {
            broadcast.watch(scope.monitor());
            let writers = takers.start(scope, sinks, &pool, |frame| frame);
            scope.stage("perform", move |stage| {
                let (mut playing, steps) = (Playing::new(), Steps { observer, token });
                let began = Instant::now();
                let mut number = 0;
                while !(stage.is_finishing() || broadcast.is_over() || this.driver.is_over()) {
                    if this.most.is_some_and(|most| number >= most) {
                        break;
                    }
                    let sight = this.driver.take();
                    this.driver.notes().iter().for_each(|note| observer.note(note));
                    let arrived = sight.as_ref().map(|sight| sight.arrived);
                    if let Some(frame) = playing.next(sight, this, number, &pool, &steps)? {
                        playing.frame = Some(frame);
                    }
                    let Some(frame) = &playing.frame else { continue };
                    broadcast.show(stage, &playing.asked, frame)?;
                    if let Some(arrived) = arrived {
                        let latency = arrived.elapsed();
                        lock(done_inside).1.add(latency);
                        broadcast.hear(this.driver.dropped(), latency);
                    }
                    // Frames for which there was no time are this one too.
                    let now = began.elapsed().as_secs_f64() * this.rate.fps();
                    let next = (number + 1).max(now as u64);
                    let next = this.most.map_or(next, |most| next.min(most));
                    for _ in number..next {
                        for writer in &writers {
                            writer.send(Arc::clone(frame))?;
                        }
                    }
                    number = next;
                    lock(done_inside).0 = number;
                    observer.rendered(number);
                }
                writers.into_iter().for_each(moue_engine::Sender::close);
                Ok(())
            });
        })?;
        let (frames, latency) = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut driver = self.driver.end()?;
        driver.latency_ms = latency.milliseconds();
        if frames == 0 {
            return Err(AnimationError::Interrupted);
        }
        Ok(Performed { frames, sinks: takers.filled(), report, driver })
    }
}

/// What is being shown.
struct Playing {
    asked: Asked,
    track: Option<Track>,
    inset: Option<RgbImage>,
    frame: Option<Arc<RgbImage>>,
}

impl Playing {
    fn new() -> Self {
        let asked = Asked { index: 0, expression: Expression::NEUTRAL, flame: FlameExpression::NEUTRAL };
        Self { asked, track: None, inset: None, frame: None }
    }

    /// The next frame, if it is another one than the last.
    fn next(
        &mut self,
        sight: Option<super::driver::Sight>,
        performance: &Performance<'_>,
        number: u64,
        pool: &Pool<RgbImage>,
        steps: &dyn BatchObserver,
    ) -> Result<Option<Arc<RgbImage>>, AnimationError> {
        match sight {
            Some(sight) => {
                self.track = sight.track.or(self.track.take());
                self.inset = sight.inset;
            }
            None if self.frame.is_some() => return Ok(None),
            None => {}
        }
        self.asked = (performance.asked)(self.track.as_ref(), number);
        let mut frame = [pool.take()];
        performance.renderer.render(std::slice::from_ref(&self.asked), &mut frame, steps)?;
        let [mut frame] = frame;
        if let Some(inset) = &self.inset {
            let (x, y) = (frame.width().saturating_sub(inset.width()), frame.height().saturating_sub(inset.height()));
            imageops::replace(&mut frame, inset, x.into(), y.into());
        }
        let frame = Arc::new(frame);
        if let Some(before) = self.frame.take() {
            pool.give_shared(before);
        }
        Ok(Some(frame))
    }
}

/// Times from a frame's arrival until its picture was shown.
#[derive(Clone, Copy, Default)]
struct Latency {
    count: u32,
    sum: f64,
    largest: f64,
}

impl Latency {
    fn add(&mut self, latency: Duration) {
        let seconds = latency.as_secs_f64();
        self.count += 1;
        self.sum += seconds;
        self.largest = self.largest.max(seconds);
    }

    /// Mean and largest.
    fn milliseconds(self) -> [f64; 2] {
        [self.sum / f64::from(self.count.max(1)) * 1e3, self.largest * 1e3]
    }
}
