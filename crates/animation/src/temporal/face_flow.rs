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
        Ok(Self { mesh, side, rest, map: map.cloned() })
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
