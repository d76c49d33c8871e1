//! A film in the making: its pieces are drawn, and its outputs filled. An output that fails leaves the others alone.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use moue_animation::{Broadcast, Filled, NamedSink, StageSummary, tell_failure};
use moue_engine::{CancelToken, Report};
use moue_media::{Cue, Film, MediaError, Output, VideoFormat, Written, join};
use moue_storyboard::Storyboard;

use crate::keep::Keep;
use crate::make::{FilmJob, FilmObserver, FilmOutput, Named};
use crate::run::Drawn;
use crate::{Coding, Cut, FilmError, Piece, Shoot};

/// How long a film may still be joined when the run is to finish: short ones are whole then.
const GRACE: Duration = Duration::from_millis(800);

/// What a film is made with.
pub(crate) struct Making<'a> {
    pub storyboard: &'a Storyboard,
    pub cut: &'a Cut<'a>,
    pub job: &'a FilmJob,
    pub shoot: &'a Shoot<'a>,
    pub pieces: &'a [Piece],
    /// Where pieces are kept, if anything is.
    pub keep: Option<&'a Keep>,
    pub format: VideoFormat,
    pub broadcast: Option<&'a Broadcast>,
    pub token: &'a CancelToken,
    /// Of each piece, whether it is drawn.
    pub drawn: &'a [bool],
    /// Milliseconds that painting took.
    pub painting: AtomicU64,
}

/// What has come of it so far. Outputs are called by their numbers in [`FilmJob::named`].
#[derive(Default)]
pub(crate) struct Progress {
    /// Of each piece, the codings in which it is not kept yet.
    pub missing: Vec<Vec<Coding>>,
    /// Outputs that take every frame, as they are drawn.
    pub direct: Vec<(usize, NamedSink)>,
    /// Those of them that failed.
    lost: Vec<(usize, MediaError)>,
    /// Codings in which a piece could not be kept: there are no films of them.
    broken: Vec<(Coding, FilmError)>,
    rendered: AtomicU64,
    /// Where the time went, and how long joining took.
    pub report: Report,
    joined: Duration,
    /// The names of the shots of which something was drawn.
    pub shots: Vec<String>,
}

impl Progress {
    /// Of a film of whose pieces these are not kept yet.
    pub fn new(missing: Vec<Vec<Coding>>) -> Self {
        Self { missing, ..Self::default() }
    }

    /// Frames that were drawn.
    pub fn rendered(&self) -> u64 {
        self.rendered.load(Ordering::Relaxed)
    }
}

/// Outputs that are whole, and why others are not.
pub(crate) struct Finished {
    pub outputs: Vec<FilmOutput>,
    pub failures: Vec<FilmError>,
}

/// A run of frames that is drawn at once: a piece, or some of it.
pub(crate) struct Step {
    piece: usize,
    pub frames: Range<u64>,
    begins: bool,
    ends: bool,
}

/// Where frames go.
enum Slot {
    /// To an output.
    Direct(usize),
    /// To the piece in that coding.
    Part(Coding),
}

impl Making<'_> {
    /// Paints all that will be drawn; what is watched is painted by and by.
    ///
    /// # Errors
    /// As [`film`](crate::film()).
    pub fn paint(&self, observer: &dyn FilmObserver) -> Result<(), FilmError> {
        let drawn = self.pieces.iter().zip(self.drawn).filter(|(_, drawn)| **drawn);
        let wanted = self.cut.frames_of_shots(drawn.map(|(piece, _)| piece.frames.clone()));
        self.timed(|| self.shoot.paint(&wanted, &mut |_| ControlFlow::Continue(()), observer, self.token))
    }

    pub fn timed<R>(&self, paint: impl FnOnce() -> R) -> R {
        let began = Instant::now();
        let result = paint();
        self.painting.fetch_add(began.elapsed().as_millis() as u64, Ordering::Relaxed);
        result
    }

    /// Where the time went.
    pub fn stages(&self, progress: &Progress) -> Vec<StageSummary> {
        let painting = self.painting.load(Ordering::Relaxed) as f64 / 1000.0;
        let paint = self.shoot.paints().then(|| StageSummary::of("paint", 1, painting));
        let join = StageSummary::of("join", 1, progress.joined.as_secs_f64());
        paint.into_iter().chain(StageSummary::all(&progress.report)).chain([join]).collect()
    }

    /// Draws what is to be drawn, for those who want it.
    ///
    /// # Errors
    /// [`FilmError::Interrupted`], and what ends all outputs alike.
    pub fn draw(&self, progress: &mut Progress, observer: &dyn FilmObserver) -> Result<(), FilmError> {
        let is_watched = self.broadcast.is_some_and(Broadcast::is_watched);
        let steps = self.steps(is_watched);
        if let Some(first) = steps.first().filter(|_| is_watched) {
            // Those after it are prepared while the one before them is seen.
            match self.prepare(first, observer) {
                Err(_) if self.begins_again() => return Ok(()),
                prepared => prepared.map_err(|error| self.ended(error, progress))?,
            }
            observer.started(self.frames());
        }
        let direct = progress.direct.drain(..).map(|(place, sink)| (Slot::Direct(place), sink));
        let mut takers: Vec<(Slot, NamedSink)> = direct.collect();
        for (number, step) in steps.iter().enumerate() {
            let piece = &self.pieces[step.piece];
            if step.begins {
                self.open(step.piece, &mut takers, progress, observer);
            }
            if takers.is_empty() && !is_watched {
                continue;
            }
            let (slots, sinks): (Vec<Slot>, Vec<NamedSink>) = takers.drain(..).unzip();
            let names: Vec<String> = sinks.iter().map(|(name, _)| name.clone()).collect();
            let draw =
                || self.shoot.draw(&step.frames, sinks, self.broadcast, &progress.rendered, observer, self.token);
            let following = &steps[number + 1..];
            let (drawn, prepared) = if is_watched { self.beside(following, observer, draw) } else { (draw(), Ok(())) };
            let Some(Drawn { filled, report, is_whole }) = drawn? else { return Err(self.interrupted(progress)) };
            progress.report.add(report);
            for ((slot, name), filled) in slots.into_iter().zip(names).zip(filled) {
                match (slot, filled) {
                    (slot, Ok(sink)) => takers.push((slot, (name, sink))),
                    (Slot::Direct(place), Err(error)) => progress.lost.push((place, error)),
                    (Slot::Part(coding), Err(error)) => {
                        self.give_up(step.piece, coding, error.into(), progress, None);
                    }
                }
            }
            if step.ends && is_whole {
                self.close(step.piece, &mut takers, progress, observer);
                for shot in piece.shots.iter().map(|shot| &self.storyboard.shots[*shot].name) {
                    if !progress.shots.contains(shot) {
                        progress.shots.push(shot.clone());
                    }
                }
            }
            let is_last = number + 1 == steps.len();
            if !is_whole || prepared.is_err() || self.token.is_finishing() && !is_last {
                for (slot, sink) in takers {
                    match slot {
                        Slot::Direct(place) => progress.direct.push((place, sink)),
                        Slot::Part(coding) => progress.missing[step.piece].push(coding),
                    }
                }
                if self.begins_again() {
                    return Ok(());
                }
                return Err(prepared.map_or_else(|error| self.ended(error, progress), |()| self.interrupted(progress)));
            }
        }
        let direct = takers.into_iter().filter_map(|(slot, sink)| match slot {
            Slot::Direct(place) => Some((place, sink)),
            Slot::Part(_) => None,
        });
        progress.direct.extend(direct);
        Ok(())
    }

    fn begins_again(&self) -> bool {
        self.broadcast.is_some_and(|broadcast| broadcast.begins_again(self.token))
    }

    /// How many frames are drawn.
    pub fn frames(&self) -> u64 {
        let drawn = self.pieces.iter().zip(self.drawn).filter(|(_, drawn)| **drawn);
        drawn.map(|(piece, _)| piece.frames.end - piece.frames.start).sum()
    }

    /// What is drawn, in order: pieces, or seconds of them where they are painted while somebody watches.
    fn steps(&self, is_watched: bool) -> Vec<Step> {
        let most = match is_watched && self.shoot.paints() {
            true => (self.storyboard.output.rate.fps().ceil() as u64).max(1),
            false => u64::MAX,
        };
        let mut steps = Vec::new();
        for (piece, Range { start, end }) in self.pieces.iter().map(|piece| piece.frames.clone()).enumerate() {
            let mut from = if self.drawn[piece] { start } else { end };
            while from < end {
                let to = from.saturating_add(most).min(end);
                steps.push(Step { piece, frames: from..to, begins: from == start, ends: to == end });
                from = to;
            }
        }
        steps
    }

    /// Opens the parts that are to be kept of a piece.
    fn open(
        &self,
        index: usize,
        takers: &mut Vec<(Slot, NamedSink)>,
        progress: &mut Progress,
        observer: &dyn FilmObserver,
    ) {
        let Some(keep) = self.keep else { return };
        let piece = &self.pieces[index];
        let wanted = std::mem::take(&mut progress.missing[index]);
        let is_broken = |coding: &Coding| progress.broken.iter().any(|(of, _)| of == coding);
        let (broken, codings): (Vec<Coding>, Vec<Coding>) = wanted.into_iter().partition(is_broken);
        progress.missing[index] = broken;
        for coding in codings {
            match self.shoot.open(&piece.frames, &coding, keep.path(&piece.name(&coding))) {
                Ok(sink) => takers.push((Slot::Part(coding), (self.job.taker(coding), sink))),
                Err(error) => self.give_up(index, coding, error, progress, Some(observer)),
            }
        }
    }

    /// Keeps the parts of a piece that have all their frames.
    fn close(
        &self,
        index: usize,
        takers: &mut Vec<(Slot, NamedSink)>,
        progress: &mut Progress,
        observer: &dyn FilmObserver,
    ) {
        let piece = &self.pieces[index];
        for (slot, (name, sink)) in std::mem::take(takers) {
            let Slot::Part(coding) = slot else {
                takers.push((slot, (name, sink)));
                continue;
            };
            let frames = piece.frames.end - piece.frames.start;
            let add = || self.keep.map_or(Ok(()), |keep| keep.add(&piece.name(&coding), frames));
            if let Err(error) = sink.finish().map_err(FilmError::from).and_then(|_| add()) {
                self.give_up(index, coding, error, progress, Some(observer));
            }
        }
    }

    /// What is said where it ends before its end.
    pub fn interrupted(&self, progress: &Progress) -> FilmError {
        let is_kept = self.job.named().any(|named| named.film.is_some());
        let kept = progress.missing.iter().filter(|missing| missing.is_empty()).count();
        FilmError::Interrupted(is_kept.then_some((kept, self.pieces.len())))
    }

    /// The same where a part of the work was interrupted.
    pub fn ended(&self, error: FilmError, progress: &Progress) -> FilmError {
        match error {
            FilmError::Animation(moue_animation::AnimationError::Interrupted) => self.interrupted(progress),
            error => error,
        }
    }

    /// There will be no films of that coding; what is kept of them stays, for the next time. It is told to the
    /// `observer`, if it was not.
    fn give_up(
        &self,
        piece: usize,
        coding: Coding,
        error: FilmError,
        progress: &mut Progress,
        observer: Option<&dyn FilmObserver>,
    ) {
        for name in self.job.of_coding(coding) {
            if let Some(broadcast) = self.broadcast {
                broadcast.file_failed(&name, 0, "a part of it could not be kept");
            }
        }
        // With its hint at the end; where it is the only output, that is now.
        let goes_on = self.job.named().count() > 1 || self.broadcast.is_some_and(Broadcast::is_watched);
        if let Some(observer) = observer.filter(|_| goes_on) {
            observer.note(error.to_string().lines().next().unwrap_or_default());
        }
        progress.missing[piece].push(coding);
        progress.broken.push((coding, error));
    }

    /// Makes all outputs whole, and tells those who watch that they are.
    ///
    /// # Errors
    /// Where it is interrupted.
    pub fn finish(&self, progress: &mut Progress, observer: &dyn FilmObserver) -> Result<Finished, FilmError> {
        observer.finishing();
        let began = Instant::now();
        let finished = self.put_together(progress, observer);
        progress.joined = began.elapsed();
        if let Some(broadcast) = self.broadcast {
            broadcast.files_done();
        }
        finished
    }

    /// Joins pieces to films, and completes the outputs that took every frame.
    fn put_together(&self, progress: &mut Progress, observer: &dyn FilmObserver) -> Result<Finished, FilmError> {
        let job = self.job;
        let sounds = self.cut.cues();
        if !sounds.is_empty()
            && !job.outputs.is_empty()
            && job.outputs.iter().all(|(output, _)| !output.kind().holds_sound())
        {
            observer.note("none of the outputs holds sound: mp4, mkv and webm do");
        }
        tracing::info!(pieces = self.pieces.len(), sounds = sounds.len(), "joining");
        let full = std::mem::take(&mut progress.direct).into_iter().map(|(place, (_, sink))| (place, Ok(sink)));
        let lost = std::mem::take(&mut progress.lost).into_iter().map(|(place, error)| (place, Err(error)));
        let mut direct: BTreeMap<usize, Filled> = full.chain(lost).collect();
        let broken = std::mem::take(&mut progress.broken);
        let mut outputs = Vec::new();
        let mut failures: Vec<FilmError> = Vec::new();
        let asked_to_finish = Cell::new(None);
        for (place, Named { name, kind, film }) in job.named().enumerate() {
            let written = match film {
                Some((_, coding)) if broken.iter().any(|(of, _)| *of == coding) => continue,
                Some((output, coding)) => self.join(&name, output, &coding, &sounds, &asked_to_finish, observer),
                None => match direct.remove(&place) {
                    Some(Ok(sink)) => sink.finish(),
                    Some(Err(error)) => {
                        // It was told when it failed.
                        failures.push(error.into());
                        continue;
                    }
                    None => continue,
                },
            };
            match written {
                Ok(Written { frames, bytes, notes, .. }) => {
                    notes.iter().for_each(|note| observer.note(&format!("{name}: {note}")));
                    outputs.push(FilmOutput { path: name, kind, frames, bytes });
                }
                Err(MediaError::Interrupted { .. }) => return Err(self.interrupted(progress)),
                Err(error) => {
                    let goes_on = self.broadcast.is_some_and(|broadcast| broadcast.goes_on(self.token));
                    tell_failure(&name, self.cut.frame_count(), &error, goes_on, self.broadcast, observer);
                    failures.push(error.into());
                }
            }
        }
        failures.extend(broken.into_iter().map(|(coding, error)| {
            let names: Vec<String> = job.of_coding(coding).collect();
            FilmError::Part { outputs: names.join(", "), source: Box::new(error) }
        }));
        Ok(Finished { outputs, failures })
    }

    /// Ends outputs in GStreamer's words where the film was interrupted: their files are theirs, and may be of use as far
    /// as they came. The others have nothing under their names yet, and are left out.
    pub fn end_raw(&self, progress: &mut Progress, observer: &dyn FilmObserver) -> Vec<FilmOutput> {
        let mut direct: BTreeMap<usize, NamedSink> = std::mem::take(&mut progress.direct).into_iter().collect();
        let mut outputs = Vec::new();
        for (place, Named { name, kind, .. }) in self.job.named().enumerate().skip(self.job.outputs.len()) {
            let Some((_, sink)) = direct.remove(&place) else { continue };
            match sink.finish() {
                Ok(Written { frames, bytes, .. }) => {
                    observer.note(&format!("{name}: it ends here; --overwrite begins it anew"));
                    outputs.push(FilmOutput { path: name, kind, frames, bytes });
                }
                Err(error) => observer.note(error.to_string().lines().next().unwrap_or_default()),
            }
        }
        outputs
    }

    fn join(
        &self,
        name: &str,
        output: &Output,
        coding: &Coding,
        sounds: &[Cue],
        asked_to_finish: &Cell<Option<Instant>>,
        observer: &dyn FilmObserver,
    ) -> Result<Written, MediaError> {
        let path = |piece: &Piece| self.keep.map_or_else(PathBuf::new, |keep| keep.path(&piece.name(coding)));
        let paths: Vec<PathBuf> = self.pieces.iter().map(path).collect();
        let film = Film { format: self.format, pieces: &paths, sounds };
        join(output, &film, self.job.overwrite, &mut |frames| {
            observer.joined(name, frames);
            if self.token.is_finishing() && asked_to_finish.get().is_none() {
                asked_to_finish.set(Some(Instant::now()));
            }
            let is_late = asked_to_finish.get().is_some_and(|asked| asked.elapsed() > GRACE);
            if self.token.is_aborting() || is_late { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
    }
}
