//! The painted frames of a shot: those in files, and those that the mesh makes between them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use image::RgbImage;
use moue_animation::{
    AnimationError, Asked, BatchObserver, Keyframing, LinearMap, Mixed, Portrait, Renderer, painted_frames,
};
use moue_timeline::{Expression, FlameExpression};

use crate::FilmError;

/// The file of a shot's frame in the folder of its painted frames.
pub fn frame_path(folder: &Path, frame: u64) -> PathBuf {
    folder.join(format!("{frame:06}.png"))
}

/// Whether a painting is there: a whole PNG, of that side. Others are painted again.
pub(crate) fn is_painted(path: &Path, side: u32) -> bool {
    let Ok(bytes) = std::fs::read(path) else { return false };
    let side = side.to_be_bytes();
    let begins =
        bytes.starts_with(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR") && bytes.get(16..24) == Some(&[side, side].concat());
    begins && bytes.ends_with(b"\0\0\0\0IEND\xae\x42\x60\x82")
}

/// The frames that have to be painted to show `frames` of a shot whose keyframes follow from all that it is asked for:
/// the keyframes around them.
pub(crate) fn painted_around(frames: &[u64], shot: &[FlameExpression], how: Keyframing) -> Vec<u64> {
    let keys: Vec<u64> = painted_frames(shot, how).into_iter().map(|frame| frame as u64).collect();
    let around = frames.iter().flat_map(|frame| {
        let after = keys.partition_point(|key| key <= frame);
        [after.checked_sub(1), Some(after)].into_iter().flatten().filter_map(|place| keys.get(place).copied())
    });
    around.collect::<BTreeSet<u64>>().into_iter().collect()
}

/// A shot's painted frames. They are in their folder when the first frame is drawn, not before.
pub(crate) struct Album {
    pub folder: PathBuf,
    /// How the frames between keyframes are made, where not all are painted.
    pub between: Option<Between>,
}

/// What makes frames between keyframes.
pub(crate) struct Between {
    pub portrait: Arc<Portrait>,
    /// What all frames of the shot are asked for.
    pub shot: Vec<FlameExpression>,
    pub how: Keyframing,
    pub map: Option<LinearMap>,
    /// Made with the first frame: the size of the paintings is theirs.
    pub mixed: Mutex<Option<Arc<Mixed>>>,
}

impl Album {
    /// A frame as if it had been painted.
    pub fn frame(&self, frame: u64) -> Result<RgbImage, FilmError> {
        let Some(between) = &self.between else {
            return Ok(moue_media::load_picture(&frame_path(&self.folder, frame))?.image);
        };
        let mixed = between.mixed(&self.folder, frame)?;
        let flame = between.shot[(frame as usize).min(between.shot.len() - 1)];
        let mut picture = [mixed.new_frame()];
        mixed.render(&[Asked { index: frame, expression: Expression::NEUTRAL, flame }], &mut picture, &Unheard)?;
        let [picture] = picture;
        Ok(picture)
    }
}

impl Between {
    fn mixed(&self, folder: &Path, frame: u64) -> Result<Arc<Mixed>, FilmError> {
        let mut mixed = self.mixed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(made) = &*mixed {
            return Ok(Arc::clone(made));
        }
        let near = painted_around(&[frame], &self.shot, self.how);
        let first = moue_media::load_picture(&frame_path(folder, near.first().copied().unwrap_or(0)))?.image;
        let files = Files { folder: folder.to_owned(), size: first.dimensions() };
        let made = Mixed::new(Box::new(files), &self.portrait, &self.shot, self.how, self.map.as_ref())?;
        Ok(Arc::clone(mixed.insert(Arc::new(made))))
    }
}

/// Gives frames that were painted before.
struct Files {
    folder: PathBuf,
    size: (u32, u32),
}

impl Renderer for Files {
    fn name(&self) -> &'static str {
        "files"
    }

    fn size(&self) -> (u32, u32) {
        self.size
    }

    fn render(&self, asked: &[Asked], frames: &mut [RgbImage], _: &dyn BatchObserver) -> Result<(), AnimationError> {
        for (asked, frame) in asked.iter().zip(frames) {
            *frame = moue_media::load_picture(&frame_path(&self.folder, asked.index))?.image;
        }
        Ok(())
    }
}

/// Nobody waits for a step of what is read from files.
struct Unheard;

impl BatchObserver for Unheard {
    fn step(&self, _: u64, _: usize, _: usize, _: usize) -> Result<(), AnimationError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use moue_timeline::FlameChannel;

    use super::*;

    #[test]
    fn the_keyframes_around_a_run_of_frames_are_painted_for_it() {
        let shot = vec![FlameExpression::NEUTRAL; 21];
        let around = |frames: &[u64]| painted_around(frames, &shot, Keyframing::Every(5));
        assert_eq!(around(&[0]), [0, 5]);
        assert_eq!(around(&[6, 7]), [5, 10]);
        assert_eq!(around(&[9, 10, 11]), [5, 10, 15]);
        assert_eq!(around(&[20]), [20]);
        assert_eq!(around(&(0..21).collect::<Vec<_>>()), [0, 5, 10, 15, 20]);
        // A face that moves once has two.
        let jaw = FlameChannel::all().find(|channel| channel.name() == "jaw_x").unwrap();
        let mut shot = shot;
        shot[9].set(jaw, 0.4);
        assert_eq!(painted_around(&[8], &shot, Keyframing::Within(0.25)), [0, 9]);
    }
}
