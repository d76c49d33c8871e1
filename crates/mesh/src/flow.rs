//! Where each pixel of one expression's frame was in another's: the mesh says where every vertex is in both.

use glam::Vec2;

use crate::eye::Eye;
use crate::mouth;
use crate::pose::{Model, Pose};
use crate::raster::{Corner, scan};
use crate::renderer::{faces_us, is_still};
use crate::stage::Stage;
use crate::surface::Gap;

/// Backward flow between the frames of two expressions of one portrait in one view.
///
/// Positions are in pixels from the top left corner; the centre of pixel `i` is at `i + 0.5`. Around the face the
/// motion fades to nothing, as it does in the frames, and beyond that each pixel was where it is. Between the lids and
/// the lips the eyeballs and the teeth move, not the skin.
#[derive(Clone, Debug, PartialEq)]
pub struct Flow {
    width: u32,
    height: u32,
    sources: Vec<[f32; 2]>,
    visible: Vec<bool>,
}

/// How far a position may be from itself after it went to the other frame and back, in pixels, to be the same place:
/// coming back starts at the nearest pixel's centre, and lids are pressed to a third of their height.
const RETURN: f32 = 1.5;

impl Flow {
    /// Nothing moves.
    pub fn still((width, height): (u32, u32)) -> Flow {
        let centres = (0..height).flat_map(|y| (0..width).map(move |x| [x as f32 + 0.5, y as f32 + 0.5]));
        let sources: Vec<_> = centres.collect();
        Flow { width, height, visible: vec![true; sources.len()], sources }
    }

    /// The flow of a frame, from its own geometry (`back`: target to source) and that of the other (`forth`).
    pub(crate) fn new(size: (u32, u32), back: &Moved<'_>, forth: &Moved<'_>) -> Flow {
        let (width, height) = size;
        if back.here.displacement == back.there.displacement && back.is_same_gaze() {
            return Flow::still(size);
        }
        let (back, forth) = (back.places(size), forth.places(size));
        let visible = back.iter().enumerate().map(|(i, place)| {
            let centre = Vec2::new((i as u32 % width) as f32 + 0.5, (i as u32 / width) as f32 + 0.5);
            let (column, row) = (place.at.x.floor(), place.at.y.floor());
            if column < 0.0 || row < 0.0 || column >= width as f32 || row >= height as f32 {
                return false;
            }
            let (column, row) = (column as u32, row as u32);
            let rows = row.saturating_sub(1)..=(row + 1).min(height - 1);
            rows.into_iter().any(|y| {
                let columns = column.saturating_sub(1)..=(column + 1).min(width - 1);
                columns.into_iter().any(|x| {
                    let other = &forth[(y * width + x) as usize];
                    // The neighbour's own offset is taken off: what counts is where the position itself returns to.
                    let offset = place.at - Vec2::new(x as f32 + 0.5, y as f32 + 0.5);
                    other.part == place.part && (other.at + offset).distance(centre) <= RETURN
                })
            })
        });
        let visible = visible.collect();
        Flow { width, height, sources: back.iter().map(|place| place.at.to_array()).collect(), visible }
    }

    /// Width and height in pixels.
    pub fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    /// Where the centre of each pixel of the target was in the source, x and y in pixels, row after row. It may lie
    /// outside the frame.
    pub fn sources(&self) -> &[[f32; 2]] {
        &self.sources
    }

    /// Whether what each pixel of the target shows can be seen in the source, row after row: not what lids or lips
    /// covered there, nor what lay outside the frame.
    pub fn visible(&self) -> &[bool] {
        &self.visible
    }

    /// How far the pixels of the target have come, in pixels: the largest distance.
    pub fn largest(&self) -> f32 {
        let still = Flow::still(self.size());
        let pairs = self.sources.iter().zip(&still.sources);
        pairs.map(|(a, b)| (a[0] - b[0]).hypot(a[1] - b[1])).fold(0.0, f32::max)
    }
}

/// What a pixel shows, and where that is in the other frame.
#[derive(Clone, Copy)]
struct Place {
    part: Part,
    at: Vec2,
}

/// What moves together.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// The skin, and what is around the face.
    Skin,
    Eye(usize),
    UpperTeeth,
    LowerTeeth,
}

/// One portrait in two poses; positions `here` are asked for by those `there`.
pub(crate) struct Moved<'a> {
    pub model: &'a Model<'a>,
    pub stage: &'a Stage,
    pub eyes: &'a [Eye; 2],
    /// In the order in which they are drawn.
    pub triangles: &'a [([u16; 3], Option<Gap>)],
    pub here: &'a Pose,
    pub there: &'a Pose,
}

impl Moved<'_> {
    fn is_same_gaze(&self) -> bool {
        self.here.eyes.iter().zip(&self.there.eyes).all(|(a, b)| a.gaze == b.gaze)
    }

    /// Of every pixel of the frame, row after row.
    fn places(&self, size: (u32, u32)) -> Vec<Place> {
        let still = Flow::still(size).sources;
        let mut places: Vec<Place> = still.iter().map(|&at| Place { part: Part::Skin, at: Vec2::from(at) }).collect();
        // Triangles that have not moved here are under those that have: the frame shows them where no other is drawn.
        for moved in [false, true] {
            let drawn = self.triangles.iter().map(|(triangle, _)| *triangle);
            for triangle in drawn.filter(|triangle| is_still(*triangle, self.stage, self.here) != moved) {
                self.skin(triangle, size, &mut places);
            }
        }
        let openings = [0, 1].map(|side| self.eyes[side].opening(self.stage, self.model, self.here));
        let lips = mouth::opening(self.stage, self.model, self.here);
        for (place, &centre) in places.iter_mut().zip(&still) {
            let centre = Vec2::from(centre);
            for side in [0, 1] {
                if openings[side].at(centre).is_some_and(|inside| inside.depth() > 0.0) {
                    *place = Place { part: Part::Eye(side), at: self.eyeball(side, centre) };
                }
            }
            if let Some(inside) = lips.at(centre).filter(|inside| inside.depth() > 0.0) {
                *place = self.teeth(inside.below_upper > inside.above_lower, centre);
            }
        }
        places
    }

    fn skin(&self, triangle: [u16; 3], size: (u32, u32), places: &mut [Place]) {
        let corners = triangle.map(|v| Corner {
            out: self.stage.moved(self.model, self.here, v),
            texture: self.stage.moved(self.model, self.there, v),
        });
        if !faces_us(corners.map(|corner| corner.out)) {
            return;
        }
        scan(corners, size, |row, columns, mut at, per_x| {
            let line = row * size.0 as usize;
            for place in &mut places[line + columns.start..line + columns.end] {
                *place = Place { part: Part::Skin, at };
                at += per_x;
            }
        });
    }

    fn eyeball(&self, side: usize, centre: Vec2) -> Vec2 {
        let (stage, eye) = (self.stage, &self.eyes[side]);
        let (here, there) = (&self.here.eyes[side], &self.there.eyes[side]);
        let texels = stage.texture.scale;
        let place = stage.texture_position(here.skull.undo(stage.picture_position(centre)));
        let part = eye.part_at(place, here.gaze * texels);
        let place = eye.place_of(part, there.gaze * texels) / texels;
        stage.output_position(there.skull.apply(place))
    }

    fn teeth(&self, lower: bool, centre: Vec2) -> Place {
        let (here, there) = (&self.here.mouth, &self.there.mouth);
        let skull = here.skull.undo(self.stage.picture_position(centre));
        let (part, moved) =
            if lower { (Part::LowerTeeth, skull - here.jaw + there.jaw) } else { (Part::UpperTeeth, skull) };
        Place { part, at: self.stage.output_position(there.skull.apply(moved)) }
    }
}

#[cfg(test)]
#[path = "flow_tests.rs"]
mod tests;
