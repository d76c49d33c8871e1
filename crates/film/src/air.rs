//! A film that is watched while it is made: what is seen waits for nothing that can be done before or beside it.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

use moue_animation::{Broadcast, Observer};

use crate::make::FilmObserver;
use crate::making::{Finished, Making, Progress, Step};
use crate::{FilmError, PaintedFrame};

/// Passes on nothing but notes: what is done beside something else has no progress of its own.
struct Aside<'a>(&'a dyn FilmObserver);

impl Observer for Aside<'_> {
    fn note(&self, text: &str) {
        self.0.note(text);
    }
}

impl FilmObserver for Aside<'_> {}

impl Making<'_> {
    /// Draws the film, and shows it to those who watch as often as they want. What there is beside that is left to be
    /// finished where nothing goes on after the first time: nobody is to look at a picture that stands still meanwhile.
    ///
    /// # Errors
    /// As [`film`](crate::film()).
    pub fn play(&self, progress: &mut Progress, observer: &dyn FilmObserver) -> Result<Option<Finished>, FilmError> {
        let Some(broadcast) = self.broadcast.filter(|broadcast| broadcast.is_watched()) else {
            self.paint(observer).map_err(|error| self.ended(error, progress))?;
            observer.started(self.frames());
            self.draw(progress, observer)?;
            return self.finish(progress, observer).map(Some);
        };
        let motions = self.shoot.read_motions(&self.cut.shots(), observer, self.token);
        motions.map_err(|error| self.ended(error, progress))?;
        self.shoot.stay_ready();
        self.draw(progress, observer)?;
        if !broadcast.goes_on(self.token) {
            return Ok(None);
        }
        std::thread::scope(|threads| {
            let finishing = threads.spawn(|| {
                let finished = self.finish(progress, observer)?;
                if broadcast.goes_on(self.token) {
                    observer.on_air(finished.outputs.len());
                }
                Ok::<_, FilmError>(finished)
            });
            while broadcast.plays_again(self.token) {
                let mut again = Progress::new(vec![Vec::new(); self.pieces.len()]);
                match self.draw(&mut again, &()) {
                    Err(FilmError::Interrupted(_)) => {}
                    outcome => outcome?,
                }
            }
            finishing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)).map(Some)
        })
    }

    /// Does that while what is seen after it is being prepared.
    pub fn beside<R>(
        &self,
        following: &[Step],
        observer: &dyn FilmObserver,
        work: impl FnOnce() -> R,
    ) -> (R, Result<(), FilmError>) {
        let is_done = AtomicBool::new(false);
        std::thread::scope(|threads| {
            let preparing = threads.spawn(|| {
                let Some((next, later)) = following.split_first() else { return Ok(()) };
                self.prepare(next, &Aside(observer))?;
                // Short ones are over before what comes after them is ready.
                for step in later.iter().take(2) {
                    if is_done.load(Ordering::Relaxed) {
                        break;
                    }
                    self.shoot.prepare(&step.frames, &Aside(observer), self.token)?;
                }
                Ok(())
            });
            let result = work();
            is_done.store(true, Ordering::Relaxed);
            (result, preparing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        })
    }

    /// Gets frames ready to be drawn, and paints them where they are painted.
    pub fn prepare(&self, step: &Step, observer: &dyn FilmObserver) -> Result<(), FilmError> {
        let is_cut = || self.broadcast.is_some_and(Broadcast::is_cut);
        let mut goes_on = |_: PaintedFrame<'_>| match is_cut() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        };
        let wanted = self.cut.frames_of_shots([step.frames.clone()]);
        self.timed(|| self.shoot.paint(&wanted, &mut goes_on, observer, self.token))?;
        self.shoot.prepare(&step.frames, observer, self.token)
    }
}
