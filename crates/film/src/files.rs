//! A storyboard's files on this machine.

use std::cell::{OnceCell, RefCell};
use std::collections::{HashMap, HashSet};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use moue_animation::{AnimationError, Portrait};
use moue_face::FaceTracker;
use moue_media::{Source, probe, resolved};
use moue_storyboard::{Files, Storyboard};
use moue_tracks::{ContentKind, ReadOptions, open_file, sniff_kind};

use crate::FilmError;

type Known<T, K = PathBuf> = RefCell<HashMap<K, Result<T, String>>>;

/// The files of this machine, each looked at once.
#[derive(Default)]
pub struct DiskFiles {
    portraits: Known<()>,
    faces: Known<(), (PathBuf, Option<usize>)>,
    /// Loaded where the first face is looked for.
    tracker: OnceCell<FaceTracker>,
    sounds: Known<f64>,
    motions: Known<f64>,
}

impl DiskFiles {
    fn find_face(&self, path: &Path, face: Option<usize>) -> Result<(), AnimationError> {
        let tracker = match self.tracker.get() {
            Some(tracker) => tracker,
            None => {
                let loaded = FaceTracker::new()
                    .map_err(|source| AnimationError::Face { path: "face tracker".into(), source: Box::new(source) })?;
                self.tracker.get_or_init(|| loaded)
            }
        };
        Portrait::load(path, face, tracker).map(drop)
    }
}

/// The answer for a file, found out the first time it is asked for.
fn once<T: Clone>(known: &Known<T>, path: &Path, find: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    if let Some(answer) = known.borrow().get(path) {
        return answer.clone();
    }
    let answer = find();
    known.borrow_mut().insert(path.to_owned(), answer.clone());
    answer
}

/// What an error says, without the file's name, which stands at the place where it is reported.
fn without_name(error: &dyn std::error::Error, path: &Path) -> String {
    let text = error.to_string();
    let name = format!("{}: ", path.display());
    text.strip_prefix(&name).unwrap_or(&text).to_owned()
}

/// The files that a storyboard is made of, itself among them.
pub fn inputs_of(storyboard: &Storyboard) -> impl Iterator<Item = &Path> {
    let files = storyboard.files.iter().chain(storyboard.cast.iter().map(|character| &character.portrait));
    let of_shots = storyboard.shots.iter().flat_map(|shot| {
        let motions = shot.motions.iter().map(|motion| &motion.path);
        motions.chain(shot.sound.as_ref().map(|sound| &sound.path))
    });
    files.chain(of_shots).map(PathBuf::as_path)
}

/// Refuses outputs that would replace what they are made of, or each other.
///
/// # Errors
/// [`FilmError::OutputIsInput`], [`AnimationError::SameOutput`].
pub fn check_outputs<'a>(
    inputs: impl IntoIterator<Item = &'a Path>,
    outputs: impl IntoIterator<Item = &'a Path>,
) -> Result<(), FilmError> {
    let inputs: HashSet<PathBuf> = inputs.into_iter().map(resolved).collect();
    let mut seen = HashSet::new();
    for path in outputs {
        let full = resolved(path);
        if inputs.contains(&full) {
            return Err(FilmError::OutputIsInput { path: path.to_owned() });
        }
        if !seen.insert(full) {
            return Err(AnimationError::SameOutput { path: path.to_owned() }.into());
        }
    }
    Ok(())
}

impl Files for DiskFiles {
    fn read(&self, path: &Path) -> Result<Vec<u8>, String> {
        let unreadable = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => "there is no such file".to_owned(),
            io::ErrorKind::PermissionDenied => "that is not allowed\nhint: check the file's permissions".to_owned(),
            io::ErrorKind::TimedOut => {
                format!("{error}\nhint: start what writes into the pipe, then this; or name a file")
            }
            _ => format!("the system says: {error}\nhint: check that the file can be read to its end"),
        };
        if path.is_dir() {
            return Err("it is a folder\nhint: name a file, e.g. film.yaml".to_owned());
        }
        let mut content = Vec::new();
        open_file(path).and_then(|mut file| file.read_to_end(&mut content)).map_err(unreadable)?;
        Ok(content)
    }

    fn check_portrait(&self, path: &Path) -> Result<(), String> {
        once(&self.portraits, path, || {
            moue_media::load_picture(path).map(drop).map_err(|error| without_name(&error, path))
        })
    }

    fn check_face(&self, path: &Path, face: Option<usize>) -> Result<(), String> {
        let key = (path.to_owned(), face);
        if let Some(answer) = self.faces.borrow().get(&key) {
            return answer.clone();
        }
        let answer = self.find_face(path, face).map_err(|error| without_name(&error, path));
        self.faces.borrow_mut().insert(key, answer.clone());
        answer
    }

    fn sound_seconds(&self, path: &Path) -> Result<f64, String> {
        once(&self.sounds, path, || {
            let info = probe(&Source::from(path)).map_err(|error| without_name(&error, path))?;
            if info.sound.is_none() {
                return Err("there is no sound in it\nhint: name a file with sound, or leave `sound` out".to_owned());
            }
            info.duration
                .ok_or_else(|| "it does not say how long it is\nhint: convert it, e.g. to WAV or MP4".to_owned())
        })
    }

    fn motion_seconds(&self, path: &Path) -> Result<f64, String> {
        once(&self.motions, path, || motion_seconds(path))
    }
}

fn motion_seconds(path: &Path) -> Result<f64, String> {
    let kind = sniff_kind(path).map_err(|error| without_name(&error, path))?;
    if matches!(kind, ContentKind::Video | ContentKind::PictureFolder) {
        let info = probe(&Source::from(path)).map_err(|error| without_name(&error, path))?;
        if info.video.is_none() {
            return Err("there are no pictures in it\nhint: name a video of a face, or a track".to_owned());
        }
        return info.duration.ok_or_else(|| {
            "it does not say how long it is\nhint: `moue track` makes a track of it, which does".to_owned()
        });
    }
    let options = ReadOptions { rate: None, format: None };
    let loaded = options.read(path).map_err(|error| without_name(&error, path))?;
    Ok(loaded.track.duration())
}

/// The files of this machine where nothing is drawn, and portraits may be any pictures.
#[cfg(test)]
#[derive(Default)]
pub(crate) struct Faceless(DiskFiles);

#[cfg(test)]
impl Files for Faceless {
    fn read(&self, path: &Path) -> Result<Vec<u8>, String> {
        self.0.read(path)
    }

    fn check_portrait(&self, path: &Path) -> Result<(), String> {
        self.0.check_portrait(path)
    }

    fn sound_seconds(&self, path: &Path) -> Result<f64, String> {
        self.0.sound_seconds(path)
    }

    fn motion_seconds(&self, path: &Path) -> Result<f64, String> {
        self.0.motion_seconds(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_is_known_as_an_input_however_it_is_called() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("in")).unwrap();
        let portrait = folder.path().join("me.png");
        std::fs::write(&portrait, b"x").unwrap();
        let check = |names: &[&str]| {
            let outputs: Vec<PathBuf> = names.iter().map(|name| folder.path().join(name)).collect();
            check_outputs([portrait.as_path()], outputs.iter().map(PathBuf::as_path))
        };
        assert!(matches!(check(&["in/../me.png"]), Err(FilmError::OutputIsInput { .. })));
        assert!(matches!(
            check(&["a.png", "in/../a.png"]),
            Err(FilmError::Animation(AnimationError::SameOutput { .. }))
        ));
        check(&["a.png", "in/me.png"]).unwrap();
    }
}
