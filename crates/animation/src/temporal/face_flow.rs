//! How the painted face moves, by the mesh.

use image::RgbImage;
use image::imageops::{FilterType, resize};
use moue_bridge::{Family, LinearMap, bridge};
use moue_face::align::{ALIGNED_SIDE, AlignedFace};
use moue_mesh::{Flow, MeshRenderer, View};
use moue_timeline::{Channel, Expression, FlameChannel, FlameExpression, Interpolation, Track};

use crate::{AnimationError, Portrait};

/// The mesh of the portrait's face as it is painted: aligned, and moved by FLAME coefficients.
pub struct FaceFlow {
    mesh: MeshRenderer,
    /// Side of the painted picture in pixels.
    side: u32,
    rest: Expression,
    map: Option<LinearMap>,
}

impl FaceFlow {
    /// Of a portrait's face in a painted picture of so many pixels along each side.
    ///
    /// # Errors
    /// Where the face cannot be aligned, or the mesh not fitted.
    pub fn of(portrait: &Portrait, side: u32, map: Option<&LinearMap>) -> Result<Self, AnimationError> {
        let aligned = portrait.face().aligned(&portrait.image);
        let aligned = aligned.map_err(|source| AnimationError::face(portrait.path.clone(), source))?;
        let picture = resize(&aligned.picture, side, side, FilterType::Lanczos3);
        Self::new(portrait, &aligned, &picture, map)
    }

    /// `aligned` is where the portrait's face lies in the picture, `picture` that at the size in which it is painted.
    ///
    /// # Errors
    /// Where the mesh cannot be fitted.
    pub(crate) fn new(
        portrait: &Portrait,
        aligned: &AlignedFace,
        picture: &RgbImage,
        map: Option<&LinearMap>,
    ) -> Result<Self, AnimationError> {
        let side = picture.width();
        let into = aligned.source_from_aligned().inverse();
        let scale = f64::from(side) / f64::from(ALIGNED_SIDE);
        // To the alignment, whole numbers are pixel centres; to the mesh, pixel i covers i..i + 1.
        let landmarks = portrait.face().landmarks.map(|[x, y, z]| {
            let [u, v] = into.apply([f64::from(x), f64::from(y)]);
            [((u + 0.5) * scale) as f32, ((v + 0.5) * scale) as f32, (f64::from(z) * into.scale() * scale) as f32]
        });
        let rest = portrait.measured();
        let view = View { origin: [0.0, 0.0], scale: 1.0 };
        let mesh = MeshRenderer::new(picture, &landmarks, &rest.shapes, view, picture.dimensions())?;
        // One that leads to FLAME alone says nothing to the mesh.
        let map = map.filter(|map| map.to(Family::Arkit).is_some()).cloned();
        Ok(Self { mesh, side, rest, map })
    }

    /// From one expression to another, in a picture of so many pixels along each side; from the portrait's own where
    /// there is none.
    ///
    /// # Errors
    /// A map that leads elsewhere.
    pub fn flow(
        &self,
        from: Option<&FlameExpression>,
        to: &FlameExpression,
        side: usize,
    ) -> Result<Flow, AnimationError> {
        let source = from.map_or(Ok(self.rest), |from| self.moved(from))?;
        let view = View { origin: [0.0, 0.0], scale: side as f64 / f64::from(self.side) };
        Ok(self.mesh.flow(&source, &self.moved(to)?, view, (side as u32, side as u32))?)
    }

    /// What the mesh is asked for: what follows from FLAME's coefficients, and else the portrait's own.
    fn moved(&self, flame: &FlameExpression) -> Result<Expression, AnimationError> {
        let channels: Vec<Channel> = FlameChannel::all().map(Channel::Flame).collect();
        let problem = |problem| AnimationError::Tracked { path: "the shot".into(), problem };
        let track = Track::new(channels, vec![0.0], flame.as_array().to_vec()).map_err(problem)?;
        let bridged = bridge(&track, Family::Arkit, self.map.as_ref())?;
        let found = bridged.track.sample(0.0, Interpolation::Linear);
        let mut expression = self.rest;
        for channel in bridged.by_rule.iter().chain(&bridged.by_map) {
            if let Channel::Shape(shape) = channel {
                expression.set(*shape, found.get(*shape));
            }
        }
        Ok(expression)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use moue_face::FaceTracker;

    use super::*;

    const SIDE: usize = 128;

    fn expression(name: &str, value: f32) -> FlameExpression {
        let mut expression = FlameExpression::NEUTRAL;
        expression.set(FlameChannel::all().find(|channel| channel.name() == name).unwrap(), value);
        expression
    }

    #[test]
    fn a_painted_face_moves_as_its_mesh_does() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/portraits/toyface.png");
        let portrait = Portrait::load(&path, None, &FaceTracker::new().unwrap()).unwrap();
        let flow = FaceFlow::of(&portrait, SIDE as u32, None).unwrap();
        let rest = FlameExpression::NEUTRAL;
        let jaw = flow.flow(Some(&rest), &expression("jaw_x", 0.4), SIDE).unwrap();
        // The chin of an aligned face lies below its middle: it came from above, and the forehead from where it is.
        let moved = |x: usize, y: usize| {
            let [u, v] = jaw.sources()[y * SIDE + x];
            [x as f32 + 0.5 - u, y as f32 + 0.5 - v]
        };
        let chin = (90..115).map(|y| moved(64, y)[1]).fold(0.0, f32::max);
        assert!(chin > 3.0, "the chin went down by {chin}");
        assert_eq!(moved(64, 20), [0.0, 0.0]);
        // The same in pixels of another size; without a map, components say nothing to the mesh.
        let small = flow.flow(Some(&rest), &expression("jaw_x", 0.4), SIDE / 8).unwrap();
        assert!((small.largest() * 8.0 - jaw.largest()).abs() < 2.0, "{} and {}", small.largest(), jaw.largest());
        assert_eq!(flow.flow(Some(&rest), &expression("exp_00", 2.0), SIDE).unwrap().largest(), 0.0);
        assert!(flow.flow(None, &expression("eyelid_left", 1.0), SIDE).unwrap().largest() > 2.0);
    }

    #[test]
    fn with_a_map_components_move_it_too() {
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
        let portrait = Portrait::load(&examples.join("portraits/toyface.png"), None, &FaceTracker::new().unwrap());
        let map = crate::read_map(&examples.join("models/toyfaces/map.npz")).unwrap();
        let flow = FaceFlow::of(&portrait.unwrap(), SIDE as u32, Some(&map)).unwrap();
        let rest = FlameExpression::NEUTRAL;
        let raised = flow.flow(Some(&rest), &expression("exp_02", 2.0), SIDE).unwrap();
        // Around the left brow, which lies at 0.36 of the side: what is there came from below.
        let risen = (36..48).map(|y| raised.sources()[y * SIDE + 80][1] - (y as f32 + 0.5)).fold(0.0, f32::max);
        assert!(risen > 1.0, "the brow went up by {risen} pixels");
    }
}
