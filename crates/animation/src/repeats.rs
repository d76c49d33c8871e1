//! Pictures that were painted lately: a frame that asks for what another has is that one.

use std::collections::VecDeque;
use std::sync::Arc;

use image::RgbImage;
use moue_timeline::FlameChannel;

use crate::{Asked, NoiseMode};

/// All that the frames of one shot differ by, to the last bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    expression: [u32; FlameChannel::COUNT],
    /// Where each frame has noise of its own.
    frame: Option<u64>,
}

impl Key {
    pub fn of(asked: &Asked, noise: NoiseMode) -> Self {
        let frame = (noise == NoiseMode::Independent).then_some(asked.index);
        // 0 and -0 paint the same.
        Self { expression: asked.flame.as_array().map(|value| (value + 0.0).to_bits()), frame }
    }
}

/// As many pictures as fit into [`BYTES`], at least two.
pub(crate) struct Repeats {
    pictures: VecDeque<(Key, Arc<RgbImage>)>,
    most: usize,
}

/// 80 pictures of 512x512.
const BYTES: usize = 64 << 20;

impl Repeats {
    /// Of pictures of that width and height.
    pub fn new((width, height): (u32, u32)) -> Self {
        Self { pictures: VecDeque::new(), most: (BYTES / (width as usize * height as usize * 3).max(1)).max(2) }
    }

    /// The picture of a key, if it is there.
    pub fn get(&mut self, key: &Key) -> Option<Arc<RgbImage>> {
        let at = self.pictures.iter().position(|(known, _)| known == key)?;
        // What was asked for last goes last.
        let found = self.pictures.remove(at)?;
        let picture = Arc::clone(&found.1);
        self.pictures.push_back(found);
        Some(picture)
    }

    /// Keeps a picture, and drops the one that nobody has asked for the longest.
    pub fn put(&mut self, key: Key, picture: Arc<RgbImage>) {
        if self.pictures.len() == self.most {
            self.pictures.pop_front();
        }
        self.pictures.push_back((key, picture));
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.pictures.clear();
    }
}

#[cfg(test)]
mod tests {
    use moue_timeline::{Expression, FlameExpression};

    use super::*;

    fn asked(index: u64, value: f32) -> Asked {
        let mut values = [0.0; FlameChannel::COUNT];
        values[3] = value;
        Asked { index, expression: Expression::NEUTRAL, flame: FlameExpression::from_array(values) }
    }

    #[test]
    fn a_frame_is_told_by_what_it_shows() {
        let shared = |index, value| Key::of(&asked(index, value), NoiseMode::Shared);
        assert_eq!(shared(1, 0.5), shared(9, 0.5));
        assert_eq!(shared(1, 0.0), shared(1, -0.0));
        assert_ne!(shared(1, 0.5), shared(1, 0.5 + f32::EPSILON));
        let own = |index| Key::of(&asked(index, 0.5), NoiseMode::Independent);
        assert!(own(1) == own(1) && own(1) != own(2));
    }

    #[test]
    fn what_was_not_asked_for_the_longest_goes() {
        let mut repeats = Repeats::new((8192, 4096));
        let picture = |shade| Arc::new(RgbImage::from_pixel(1, 1, image::Rgb([shade; 3])));
        let keys = [0, 1, 2].map(|i| Key::of(&asked(0, i as f32), NoiseMode::Shared));
        repeats.put(keys[0], picture(0));
        repeats.put(keys[1], picture(1));
        assert_eq!(repeats.get(&keys[0]), Some(picture(0)));
        repeats.put(keys[2], picture(2));
        assert!(repeats.get(&keys[1]).is_none() && repeats.get(&keys[0]).is_some() && repeats.get(&keys[2]).is_some());
        repeats.clear();
        assert!(repeats.get(&keys[0]).is_none());
    }
}
