//! A film in the making: its pieces are drawn, and its outputs filled. An output that fails leaves the others alone.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;

use moue_animation::{Broadcast, Filled, NamedSink, tell_failure};
use moue_engine::CancelToken;
use moue_media::{Cue, Film, MediaError, Output, VideoFormat, Written, join};
use moue_storyboard::Storyboard;

use crate::keep::Keep;
use crate::make::{FilmJob, FilmObserver, FilmOutput, Named};
use crate::{Coding, Cut, FilmError, Piece, Shoot};

/// What a film is made with.
pub(crate) struct Making<'a> {
    pub storyboard: &'a Storyboard,
    pub cut: &'a Cut<'a>,
    pub job: &'a FilmJob,
    pub shoot: &'a Shoot<'a>,
    pub pieces: &'a [Piece],
    pub keep: &'a Keep,
    pub format: VideoFormat,
    pub broadcast: Option<&'a Broadcast>,
    pub observer: &'a dyn FilmObserver,
    pub token: &'a CancelToken,
    /// Of each piece, whether it is drawn.
    pub drawn: &'a [bool],
    pub progress: Progress,
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
    /// The names of the shots of which something was drawn.
    pub shots: Vec<String>,
}

/// An output that there is not.
pub(crate) struct Failure {
    /// What is told of it beside others.
    pub text: String,
    pub error: FilmError,
}

impl Making<'_> {
    /// Draws what is to be drawn, for those who want it.
    ///
    /// # Errors
    /// [`FilmError::Interrupted`], and what ends all outputs alike.
    pub fn draw(&mut self) -> Result<(), FilmError> {
        for (index, piece) in self.pieces.iter().enumerate().filter(|(index, _)| self.drawn[*index]) {
            let wanted = std::mem::take(&mut self.progress.missing[index]);
            let is_broken = |coding: &Coding| self.progress.broken.iter().any(|(of, _)| of == coding);
            let (broken, codings): (Vec<Coding>, Vec<Coding>) = wanted.into_iter().partition(is_broken);
            self.progress.missing[index] = broken;
            let (places, mut sinks): (Vec<usize>, Vec<NamedSink>) = self.progress.direct.drain(..).unzip();
            let names: Vec<String> = sinks.iter().map(|(name, _)| name.clone()).collect();
            let mut parts = Vec::new();
            for coding in codings {
                match self.shoot.open(&piece.frames, &coding, self.keep.path(&piece.name(&coding))) {
                    Ok(sink) => {
                        sinks.push((format!("part {}", parts.len()), sink));
                        parts.push(coding);
                    }
                    Err(error) => self.give_up(index, coding, error, false),
                }
            }
            if sinks.is_empty() && !self.is_watched() {
                continue;
            }
            let (rendered, observer, token) = (&self.progress.rendered, self.observer, self.token);
            let Some(filled) = self.shoot.draw(&piece.frames, sinks, self.broadcast, rendered, observer, token)? else {
                if self.broadcast.is_some_and(|broadcast| broadcast.begins_again(token)) {
                    return Ok(());
                }
                self.progress.missing[index].extend(parts);
                return Err(self.interrupted());
            };
            let mut filled = filled.into_iter();
            for ((place, name), filled) in places.into_iter().zip(names).zip(&mut filled) {
                match filled {
                    Ok(sink) => self.progress.direct.push((place, (name, sink))),
                    Err(error) => self.progress.lost.push((place, error)),
                }
            }
            for (coding, filled) in parts.into_iter().zip(filled) {
                let is_told = filled.is_err();
                let written = filled.and_then(|sink| sink.finish()).map_err(FilmError::from);
                let frames = piece.frames.end - piece.frames.start;
                if let Err(error) = written.and_then(|_| self.keep.add(&piece.name(&coding), frames)) {
                    self.give_up(index, coding, error, is_told);
                }
            }
            for shot in piece.shots.iter().map(|shot| &self.storyboard.shots[*shot].name) {
                if !self.progress.shots.contains(shot) {
                    self.progress.shots.push(shot.clone());
                }
            }
            if self.token.is_finishing() && index + 1 < self.pieces.len() {
                return Err(self.interrupted());
            }
        }
        Ok(())
    }

    /// What is said where it ends before its end.
    pub fn interrupted(&self) -> FilmError {
        let kept = self.progress.missing.iter().filter(|missing| missing.is_empty()).count();
        FilmError::Interrupted { kept, of: self.pieces.len() }
    }

    fn is_watched(&self) -> bool {
        self.broadcast.is_some_and(Broadcast::is_watched)
    }

    /// There will be no films of that coding; what is kept of them stays, for the next time.
    fn give_up(&mut self, piece: usize, coding: Coding, error: FilmError, is_told: bool) {
        for name in self.job.of_coding(coding) {
            if let Some(broadcast) = self.broadcast {
                broadcast.file_failed(&name, 0, "a part of it could not be kept");
            }
        }
        // With its hint at the end; where it is the only output, that is now.
        if !is_told && (self.job.named().count() > 1 || self.is_watched()) {
            self.observer.note(error.to_string().lines().next().unwrap_or_default());
        }
        self.progress.missing[piece].push(coding);
        self.progress.broken.push((coding, error));
    }

    /// Joins pieces to films, and completes the outputs that took every frame.
    ///
    /// # Errors
    /// Where it is told to stop at once.
    pub fn put_together(&mut self) -> Result<(Vec<FilmOutput>, Vec<Failure>), FilmError> {
        let (job, progress) = (self.job, &mut self.progress);
        let sounds = self.cut.cues();
        if !sounds.is_empty()
            && !job.outputs.is_empty()
            && job.outputs.iter().all(|(output, _)| !output.kind().holds_sound())
        {
            self.observer.note("none of the outputs holds sound: mp4, mkv and webm do");
        }
        tracing::info!(pieces = self.pieces.len(), sounds = sounds.len(), "joining");
        let full = std::mem::take(&mut progress.direct).into_iter().map(|(place, (_, sink))| (place, Ok(sink)));
        let lost = std::mem::take(&mut progress.lost).into_iter().map(|(place, error)| (place, Err(error)));
        let mut direct: BTreeMap<usize, Filled> = full.chain(lost).collect();
        let broken = std::mem::take(&mut progress.broken);
        // What is drawn after this is watched alone.
        progress.missing.iter_mut().for_each(Vec::clear);
        let mut outputs = Vec::new();
        let mut failures: Vec<Failure> = Vec::new();
        for (place, Named { name, kind, film }) in job.named().enumerate() {
            let written = match film {
                Some((_, coding)) if broken.iter().any(|(of, _)| *of == coding) => continue,
                Some((output, coding)) => self.join(&name, output, &coding, &sounds),
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
                    notes.iter().for_each(|note| self.observer.note(&format!("{name}: {note}")));
                    outputs.push(FilmOutput { path: name, kind, frames, bytes });
                }
                Err(error) if self.token.is_aborting() => return Err(error.into()),
                Err(error) => {
                    let goes_on = self.broadcast.is_some_and(|broadcast| broadcast.goes_on(self.token));
                    let frames = self.cut.frame_count();
                    tell_failure(&name, frames, &error, goes_on, self.broadcast, self.observer);
                    failures.push(error.into());
                }
            }
        }
        failures.extend(broken.into_iter().map(|(coding, error)| {
            let names: Vec<String> = job.of_coding(coding).collect();
            Failure { text: format!("{}: not made, as a part of it is lost: {error}", names.join(", ")), error }
        }));
        Ok((outputs, failures))
    }

    fn join(&self, name: &str, output: &Output, coding: &Coding, sounds: &[Cue]) -> Result<Written, MediaError> {
        let paths: Vec<PathBuf> = self.pieces.iter().map(|piece| self.keep.path(&piece.name(coding))).collect();
        let film = Film { format: self.format, pieces: &paths, sounds };
        join(output, &film, self.job.overwrite, &mut |frames| {
            self.observer.joined(name, frames);
            if self.token.is_aborting() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
    }
}

impl From<MediaError> for Failure {
    fn from(error: MediaError) -> Self {
        Self { text: error.to_string(), error: error.into() }
    }
}
