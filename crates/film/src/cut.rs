//! Which frames of a storyboard a film shows.

use std::ops::Range;
use std::path::Path;

use moue_media::{Cue, Source};
use moue_storyboard::{FilmFrame, Layer, Storyboard};
use moue_timeline::nearest_name;

use crate::{FilmError, ShotFrames};

/// What is shown of a storyboard: all of it, or some shots without their transitions.
#[derive(Clone, Debug)]
pub struct Cut<'a> {
    storyboard: &'a Storyboard,
    /// The shots that are shown alone, each with the frame at which it begins.
    chosen: Option<Vec<(usize, u64)>>,
}

impl<'a> Cut<'a> {
    /// The whole film.
    pub fn whole(storyboard: &'a Storyboard) -> Self {
        Self { storyboard, chosen: None }
    }

    /// Some shots by their names, one after the other as they are named, or the whole film where none is.
    ///
    /// # Errors
    /// [`FilmError::NoSuchShot`].
    pub fn of_shots(storyboard: &'a Storyboard, names: &[String], file: &Path) -> Result<Self, FilmError> {
        if names.is_empty() {
            return Ok(Self::whole(storyboard));
        }
        let mut at = 0;
        let mut chosen = Vec::new();
        for name in names {
            let shot = shot_named(storyboard, name, file)?;
            chosen.push((shot, at));
            at += storyboard.shots[shot].frames;
        }
        Ok(Self { storyboard, chosen: Some(chosen) })
    }

    /// How many frames it has.
    pub fn frame_count(&self) -> u64 {
        match &self.chosen {
            None => self.storyboard.frame_count(),
            Some(chosen) => chosen.last().map_or(0, |(shot, at)| at + self.storyboard.shots[*shot].frames),
        }
    }

    /// What is seen in one of them.
    pub(crate) fn frame(&self, index: u64) -> Option<FilmFrame> {
        let Some(chosen) = &self.chosen else { return self.storyboard.film_frame(index) };
        let place = chosen.partition_point(|(_, at)| *at <= index).checked_sub(1)?;
        let (shot, at) = chosen[place];
        let front = Layer { shot, frame: index - at };
        (front.frame < self.storyboard.shots[shot].frames).then_some(FilmFrame { front, opacity: 1.0, below: None })
    }

    /// The shots that are seen, each once.
    pub fn shots(&self) -> Vec<usize> {
        match &self.chosen {
            None => (0..self.storyboard.shots.len()).collect(),
            Some(chosen) => {
                let mut shots: Vec<usize> = chosen.iter().map(|(shot, _)| *shot).collect();
                shots.sort_unstable();
                shots.dedup();
                shots
            }
        }
    }

    /// The shots that are seen in a run of frames, each once.
    pub fn shots_in(&self, frames: &Range<u64>) -> Vec<usize> {
        let seen = frames.clone().filter_map(|index| self.frame(index));
        let mut shots: Vec<usize> = seen
            .flat_map(|frame| [Some(frame.front), frame.below])
            .filter_map(|layer| layer.map(|layer| layer.shot))
            .collect();
        shots.sort_unstable();
        shots.dedup();
        shots
    }

    /// The frames of shots that are seen in runs of the film's frames, each once, in order.
    pub fn frames_of_shots(&self, runs: impl IntoIterator<Item = Range<u64>>) -> ShotFrames {
        let mut wanted = ShotFrames::new();
        for frame in runs.into_iter().flatten().filter_map(|index| self.frame(index)) {
            for layer in [Some(frame.front), frame.below].into_iter().flatten() {
                wanted.entry(layer.shot).or_default().push(layer.frame);
            }
        }
        for frames in wanted.values_mut() {
            frames.sort_unstable();
            frames.dedup();
        }
        wanted
    }

    /// What is heard.
    pub fn cues(&self) -> Vec<Cue> {
        let rate = self.storyboard.output.rate;
        let begins: Vec<(usize, u64)> = match &self.chosen {
            Some(chosen) => chosen.clone(),
            None => self.storyboard.shots.iter().enumerate().map(|(shot, own)| (shot, own.start)).collect(),
        };
        let cues = begins.into_iter().filter_map(|(shot, at)| {
            let sound = self.storyboard.shots[shot].sound.as_ref()?;
            let source = Source::File(sound.path.clone());
            Some(Cue { source, at: rate.seconds_at(at) + sound.at, from: sound.from, seconds: sound.seconds })
        });
        cues.collect()
    }
}

/// The index of the shot of that name; a shot that has a name may be called by its number too.
pub fn shot_named(storyboard: &Storyboard, name: &str, file: &Path) -> Result<usize, FilmError> {
    let numbered = || name.parse::<usize>().ok()?.checked_sub(1).filter(|shot| *shot < storyboard.shots.len());
    storyboard.shots.iter().position(|shot| shot.name == name).or_else(numbered).ok_or_else(|| {
        let names = || storyboard.shots.iter().map(|shot| shot.name.as_str());
        let hint = match nearest_name(name, names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("its shots are {}", listed(names())),
        };
        FilmError::NoSuchShot { path: file.to_owned(), name: name.to_owned(), hint }
    })
}

fn listed<'a>(names: impl ExactSizeIterator<Item = &'a str>) -> String {
    const LISTED: usize = 12;
    let more = names.len().saturating_sub(LISTED);
    let listed = names.take(LISTED).collect::<Vec<_>>().join(", ");
    if more == 0 { listed } else { format!("{listed} and {more} more") }
}
