//! Which frames of a storyboard a film shows.

use std::path::Path;

use moue_media::{Cue, Source};
use moue_storyboard::{FilmFrame, Layer, Storyboard};
use moue_timeline::nearest_name;

use crate::FilmError;

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
    pub(crate) fn shots(&self) -> Vec<usize> {
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

    /// What is heard.
    pub(crate) fn cues(&self) -> Vec<Cue> {
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

/// The index of the shot of that name.
pub(crate) fn shot_named(storyboard: &Storyboard, name: &str, file: &Path) -> Result<usize, FilmError> {
    storyboard.shots.iter().position(|shot| shot.name == name).ok_or_else(|| {
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
