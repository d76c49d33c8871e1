//! Diffusion where the expression asks for it, the mesh in between.
//!
//! ```text
//! asked of all frames ─► keyframes ─► painter ─┬─ the one before ─► carried by the mesh's flow ─┐
//!                                              └─ the one after ──► carried by the mesh's flow ─┴─► blended ─► frame
//! ```
//!
//! # Invariants
//! - A keyframe is what the painter paints. A frame that is asked for the same as the keyframe before it is that
//!   keyframe, to the byte.
//! - Every other frame depends on the two keyframes around it and on what it is asked for: a part of a shot that is
//!   rendered by itself is the same as in the whole.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use image::RgbImage;
use moue_bridge::LinearMap;
use moue_mesh::{Flow, sample};
use moue_timeline::{Expression, FlameExpression};

use crate::keyframes::{Keyframing, keyframes};
use crate::{AnimationError, Asked, BatchObserver, FaceFlow, Portrait, Renderer, expression_distance};

/// Keyframes that stay in memory beside the group that is painted together.
const KEPT: usize = 2;
/// What a pixel still counts that the mesh says was covered in a keyframe: next to nothing where the other keyframe
/// shows it, and an even blend of what lies nearest where neither does.
const COVERED: f32 = 0.02;

/// Renders a shot from paintings of some of its frames.
pub struct Mixed {
    painter: Box<dyn Renderer>,
    /// How the face moves in what it paints.
    face: FaceFlow,
    /// What the keyframes are asked for, ascending by their frames' numbers.
    keys: Vec<Asked>,
    /// Paintings of the keyframes with these places in `keys`.
    painted: Mutex<VecDeque<(usize, Arc<RgbImage>)>>,
}

/// The numbers of the frames of a shot that [`Mixed`] has painted, ascending. `shot` is what all its frames are asked
/// for.
pub fn painted_frames(shot: &[FlameExpression], how: Keyframing) -> Vec<usize> {
    keyframes(shot.len(), how, |a, b| expression_distance(&shot[a], &shot[b]))
}

impl Mixed {
    /// `painter` paints squares of the aligned portrait; `shot` is what all frames of the shot are asked for, in their
    /// order. With a `map` the mesh knows how the whole face moves; lids and jaw it knows anyway.
    ///
    /// # Errors
    /// A face that cannot be aligned, or fitted by the mesh.
    pub fn new(
        painter: Box<dyn Renderer>,
        portrait: &Portrait,
        shot: &[FlameExpression],
        how: Keyframing,
        map: Option<&LinearMap>,
    ) -> Result<Self, AnimationError> {
        let face = FaceFlow::of(portrait, painter.size().0, map)?;
        let keys = painted_frames(shot, how);
        tracing::info!(frames = shot.len(), keyframes = keys.len(), %how, "keyframes chosen");
        let asked = |frame| Asked { index: frame as u64, expression: Expression::NEUTRAL, flame: shot[frame] };
        let keys = keys.into_iter().map(asked).collect();
        Ok(Self { painter, face, keys, painted: Mutex::default() })
    }

    /// The numbers of the frames that are painted.
    pub fn keyframes(&self) -> impl Iterator<Item = u64> + '_ {
        self.keys.iter().map(|key| key.index)
    }

    /// The painting of a keyframe. Keyframes are painted in groups that are the same whichever frames are rendered.
    fn painting(&self, key: usize, observer: &dyn BatchObserver) -> Result<Arc<RgbImage>, AnimationError> {
        let mut painted = self.painted.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, painting)) = painted.iter().find(|(known, _)| *known == key) {
            return Ok(Arc::clone(painting));
        }
        let size = self.painter.batch().max(1);
        let first = key / size * size;
        let group = &self.keys[first..(first + size).min(self.keys.len())];
        let mut paintings: Vec<RgbImage> = group.iter().map(|_| self.painter.new_frame()).collect();
        self.painter.render(group, &mut paintings, observer)?;
        let paintings: Vec<_> = paintings.into_iter().map(Arc::new).collect();
        let wanted = Arc::clone(&paintings[key - first]);
        painted.extend((first..).zip(paintings));
        while painted.len() > KEPT * size + KEPT {
            painted.pop_front();
        }
        Ok(wanted)
    }

    fn draw(&self, asked: &Asked, frame: &mut RgbImage, observer: &dyn BatchObserver) -> Result<(), AnimationError> {
        let after = self.keys.partition_point(|key| key.index <= asked.index);
        // The first frame is a keyframe.
        let before = after.saturating_sub(1);
        let from = self.painting(before, observer)?;
        let gone = expression_distance(&self.keys[before].flame, &asked.flame);
        // Squares: what is a number of pixels along one side is one along the other.
        let moved = |key: &Asked| self.face.flow(Some(&key.flame), &asked.flame, self.painter.size().0 as usize);
        if gone == 0.0 {
            frame.copy_from_slice(&from);
            return Ok(());
        }
        let from = Carried { painting: &from, flow: moved(&self.keys[before])? };
        let Some(next) = self.keys.get(after) else {
            // After the last keyframe there is nothing to come.
            blend(&from, None, frame);
            return Ok(());
        };
        let to = self.painting(after, observer)?;
        let left = expression_distance(&asked.flame, &next.flame);
        let to = Carried { painting: &to, flow: moved(next)? };
        blend(&from, Some((&to, gone / (gone + left).max(f32::MIN_POSITIVE))), frame);
        Ok(())
    }
}

/// A keyframe on its way to a frame.
struct Carried<'a> {
    painting: &'a RgbImage,
    flow: Flow,
}

impl Carried<'_> {
    fn colour(&self, pixel: usize) -> [f32; 3] {
        sample(self.painting, self.flow.sources()[pixel].map(f64::from))
    }

    /// How much of a pixel's surroundings the keyframe shows, 0 to 1: edges between what is seen and what is not are as
    /// soft as a picture's own.
    fn seen(&self, pixel: usize) -> f32 {
        let (width, height) = self.flow.size();
        let (x, y) = (pixel as u32 % width, pixel as u32 / width);
        let (rows, columns) =
            (y.saturating_sub(1)..=(y + 1).min(height - 1), x.saturating_sub(1)..=(x + 1).min(width - 1));
        let (mut seen, mut all) = (0.0, 0.0);
        for y in rows {
            for x in columns.clone() {
                all += 1.0;
                seen += f32::from(u8::from(self.flow.visible()[(y * width + x) as usize]));
            }
        }
        seen / all
    }
}

/// Blends the keyframe before with the one after, which has a share of the way behind it. What only one of them shows
/// is that one's.
fn blend(from: &Carried<'_>, to: Option<(&Carried<'_>, f32)>, frame: &mut RgbImage) {
    for (index, pixel) in frame.pixels_mut().enumerate() {
        let mut colour = from.colour(index);
        if let Some((to, share)) = to {
            let here = (1.0 - share) * from.seen(index).max(COVERED);
            let there = share * to.seen(index).max(COVERED);
            let share = there / (here + there);
            for (level, other) in colour.iter_mut().zip(to.colour(index)) {
                *level += (other - *level) * share;
            }
        }
        pixel.0 = colour.map(|level| (level + 0.5) as u8);
    }
}

impl Renderer for Mixed {
    fn name(&self) -> &'static str {
        "mesh+diffusion"
    }

    fn device(&self) -> String {
        self.painter.device()
    }

    fn size(&self) -> (u32, u32) {
        self.painter.size()
    }

    fn is_parallel(&self) -> bool {
        self.painter.is_parallel()
    }

    fn render(
        &self,
        asked: &[Asked],
        frames: &mut [RgbImage],
        observer: &dyn BatchObserver,
    ) -> Result<(), AnimationError> {
        asked.iter().zip(frames).try_for_each(|(asked, frame)| self.draw(asked, frame, observer))
    }
}

#[cfg(test)]
#[path = "mixed_tests.rs"]
mod tests;
