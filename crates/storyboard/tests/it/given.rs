//! Storyboards in texts and in files, with media that are only names.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use moue_document::Diagnostics;
use moue_storyboard::{Files, ShotTimeline, Storyboard};
use moue_timeline::{FrameRate, Track};

/// Media are what their names say: `voice-3.2s.wav` lasts 3.2 s, `missing.png` is missing, `broken.png` is no picture.
/// Texts are those that were given, else files of this machine.
#[derive(Default)]
pub struct Given {
    texts: HashMap<PathBuf, Vec<u8>>,
    folder: PathBuf,
}

impl Given {
    /// Texts lie in a folder.
    pub fn in_folder(folder: PathBuf) -> Self {
        Self { texts: HashMap::new(), folder }
    }
}

fn media(path: &Path) -> Result<f64, String> {
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    if name.starts_with("missing") {
        return Err("No such file or directory (os error 2)".to_owned());
    }
    if name.starts_with("broken") {
        return Err("it is not what its name says\nhint: export it again".to_owned());
    }
    let seconds = name.rsplit('-').next().and_then(|last| last.strip_suffix('s'));
    Ok(seconds.and_then(|seconds| seconds.parse().ok()).unwrap_or(4.0))
}

impl Files for Given {
    fn read(&self, path: &Path) -> Result<Vec<u8>, String> {
        match self.texts.get(path) {
            Some(text) => Ok(text.clone()),
            None => std::fs::read(self.folder.join(path)).map_err(|error| error.to_string()),
        }
    }

    fn check_portrait(&self, path: &Path) -> Result<(), String> {
        media(path).map(|_| ())
    }

    fn sound_seconds(&self, path: &Path) -> Result<f64, String> {
        media(path)
    }

    fn motion_seconds(&self, path: &Path) -> Result<f64, String> {
        media(path)
    }
}

/// Reads a storyboard with `moue: 1`, a cast of one and no life of its own above `text`.
pub fn board(text: &str) -> Storyboard {
    board_at("25", None, text)
}

pub fn board_at(fps: &str, rate: Option<FrameRate>, text: &str) -> Storyboard {
    let head = format!(
        "moue: 1\noutput: {{fps: {fps}}}\ncast: {{ada: ada.png}}\ndefaults: {{blink: false, idle: false, ease: linear}}\n"
    );
    whole(&format!("{head}{text}"), rate).unwrap_or_else(|wrong| panic!("{wrong}")).0
}

/// Reads a whole storyboard.
pub fn whole(text: &str, rate: Option<FrameRate>) -> Result<(Storyboard, Diagnostics), Diagnostics> {
    let mut given = Given::default();
    given.texts.insert("board.yaml".into(), text.into());
    Storyboard::read_at(Path::new("board.yaml"), &given, rate)
}

/// Reads a storyboard that includes others.
pub fn including(files: &[(&str, &str)]) -> Result<(Storyboard, Diagnostics), Diagnostics> {
    let texts = files.iter().map(|(name, text)| (PathBuf::from(name), text.as_bytes().to_vec())).collect();
    Storyboard::read(Path::new(files[0].0), &Given { texts, ..Given::default() })
}

/// The timeline of a shot without motions.
pub fn timeline(storyboard: &Storyboard, shot: usize) -> ShotTimeline {
    storyboard.timeline(shot, |motion| -> Result<std::sync::Arc<Track>, String> { Err(format!("{motion:?}")) }).unwrap()
}
