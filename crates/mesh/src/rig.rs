//! The expression rig: control displacements per ARKit shape, spread over the mesh.
//!
//! The data is `rig/arkit.yaml`, which explains its own format.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use glam::{Vec2, Vec3};
use moue_timeline::Shape;
use moue_topology as topology;
use serde::Deserialize;

use crate::error::RigError;
use crate::field::{Control, LONGEST_REACH, Spreader};

/// What one shape does at a coefficient of 1.
#[derive(Clone, Debug, Default)]
pub(crate) struct Motion {
    /// Displacement of mesh vertices in the canonical frame, cm.
    pub deltas: Vec<(u16, Vec3)>,
    /// Part of the eye's opening travelled by the upper and the lower lid, for the right and the left eye.
    pub lids: [[f32; 2]; 2],
    /// Shift of the right and the left iris as part of the eye's width.
    pub gaze: [Vec2; 2],
    /// Displacement of the lower teeth, cm.
    pub jaw: Vec3,
    /// How far the tongue comes out, 0 to 1.
    pub tongue: f32,
    /// How the motion depends on the coefficient, see [`Motion::amount`].
    bend: f32,
}

impl Motion {
    /// The share of the motion at a coefficient: the coefficient itself, but `bend` more (or less) in the middle.
    pub fn amount(&self, coefficient: f32) -> f32 {
        let inside = coefficient.clamp(0.0, 1.0);
        coefficient + self.bend * inside * (1.0 - inside)
    }
}

/// The motions of the 52 shapes on the canonical face.
#[derive(Clone, Debug)]
pub(crate) struct Rig {
    motions: Vec<Motion>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RigFile {
    points: BTreeMap<String, u16>,
    shapes: BTreeMap<String, ShapeEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ShapeEntry {
    #[serde(default)]
    reach: f32,
    #[serde(default, rename = "move")]
    moves: BTreeMap<String, [f32; 3]>,
    #[serde(default)]
    hold: Vec<String>,
    #[serde(default)]
    lips: Option<Lips>,
    #[serde(default)]
    lids: Lids,
    #[serde(default)]
    gaze: [f32; 2],
    #[serde(default)]
    jaw: [f32; 3],
    #[serde(default)]
    tongue: f32,
    #[serde(default)]
    bend: f32,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Lids {
    upper: f32,
    lower: f32,
}

/// Displacement along the lips, see the rig file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Lips {
    corner: [f32; 3],
    upper: [f32; 3],
    upper_mid: [f32; 3],
    lower: [f32; 3],
    lower_mid: [f32; 3],
    #[serde(default)]
    thicken: [f32; 2],
    #[serde(default)]
    whole: bool,
}

impl Lips {
    /// Controls along both edges of both lips.
    fn controls(&self, sided: bool) -> Vec<Control> {
        let lip = |upper: bool| match upper {
            true => {
                (self.upper_mid, self.upper, self.thicken[0], &topology::OUTER_LIP_UPPER, &topology::INNER_LIP_UPPER)
            }
            false => {
                (self.lower_mid, self.lower, -self.thicken[1], &topology::OUTER_LIP_LOWER, &topology::INNER_LIP_LOWER)
            }
        };
        let corner = Vec3::from(self.corner);
        let mut controls = Vec::new();
        for (upper, (middle, half, thicken, outer, inner)) in [true, false].map(|upper| (upper, lip(upper))) {
            let (middle, half) = (Vec3::from(middle), Vec3::from(half));
            for (edge, rim) in [(outer, thicken), (inner, 0.0)] {
                let end = topology::vertices()[edge[10] as usize][0];
                for &vertex in if upper { &edge[..] } else { &edge[1..10] } {
                    let u = topology::vertices()[vertex as usize][0] / end;
                    let away = u.abs().min(1.0);
                    let mut along = parabola(middle, half, corner, away);
                    let level = level_curve(middle, half, corner, away);
                    (along.y, along.z) = (level.y, level.z);
                    if self.whole {
                        along.x = level.x;
                    }
                    let displacement = match (u < -1e-3, sided, self.whole) {
                        (true, true, false) => middle * (1.0 - away / 0.6).max(0.0).powi(2),
                        (true, false, _) => along * Vec3::new(-1.0, 1.0, 1.0),
                        _ => along,
                    };
                    controls.push((vertex, displacement + Vec3::Y * rim * (1.0 - away * away)));
                }
            }
        }
        controls
    }
}

/// The parabola through the middle (0), half the way (0.5) and the corner (1).
fn parabola(middle: Vec3, half: Vec3, corner: Vec3, u: f32) -> Vec3 {
    middle * (2.0 * (u - 0.5) * (u - 1.0)) + half * (4.0 * u * (1.0 - u)) + corner * (2.0 * u * (u - 0.5))
}

/// The even curve of fourth degree through the same points: no kink where the two sides meet in the middle.
fn level_curve(middle: Vec3, half: Vec3, corner: Vec3, u: f32) -> Vec3 {
    let (to_half, to_corner) = (half - middle, corner - middle);
    let square = (to_half * 16.0 - to_corner) / 3.0;
    middle + square * u.powi(2) + (to_corner - square) * u.powi(4)
}

pub(crate) const RIGHT: usize = 0;
pub(crate) const LEFT: usize = 1;

impl Rig {
    /// The rig that comes with the program.
    ///
    /// # Errors
    /// Never for the rig as released: a test reads it.
    pub fn builtin() -> Result<&'static Rig, RigError> {
        static BUILTIN: OnceLock<Result<Rig, RigError>> = OnceLock::new();
        BUILTIN.get_or_init(|| Rig::parse(include_str!("../rig/arkit.yaml"))).as_ref().map_err(Clone::clone)
    }

    /// Reads a rig in the format of `rig/arkit.yaml`.
    ///
    /// # Errors
    /// [`RigError`] names the line of what YAML or the format does not allow, or the shape and the point it does not
    /// know.
    pub fn parse(text: &str) -> Result<Rig, RigError> {
        let file: RigFile = serde_yaml::from_str(text).map_err(|error| RigError::Syntax(error.to_string()))?;
        let mut solver = Solver { points: &file.points, spreader: Spreader::default() };
        let mut motions = vec![Motion::default(); Shape::COUNT];
        for (name, entry) in &file.shapes {
            let shape = Shape::from_name(name).ok_or_else(|| RigError::UnknownShape(name.clone()))?;
            let sided = shape.mirrored() != shape;
            if sided && !name.ends_with("Left") {
                return Err(RigError::RightSide(name.clone()));
            }
            let controls = solver.controls(name, entry, sided)?;
            motions[shape.index()] = solver.motion(entry, &controls, if sided { &[LEFT] } else { &[RIGHT, LEFT] });
            if sided {
                let controls: Vec<_> = controls.into_iter().map(mirrored).collect();
                let twin = &mut motions[shape.mirrored().index()];
                *twin = solver.motion(entry, &controls, &[RIGHT]);
                twin.jaw.x = -twin.jaw.x;
            }
        }
        Ok(Rig { motions })
    }

    pub fn motion(&self, shape: Shape) -> &Motion {
        &self.motions[shape.index()]
    }
}

fn mirrored((vertex, d): Control) -> Control {
    (topology::mirror(vertex), Vec3::new(-d.x, d.y, d.z))
}

struct Solver<'a> {
    points: &'a BTreeMap<String, u16>,
    spreader: Spreader,
}

impl Solver<'_> {
    fn controls(&self, shape: &str, entry: &ShapeEntry, sided: bool) -> Result<Vec<Control>, RigError> {
        let mut controls = entry.lips.as_ref().map_or_else(Vec::new, |lips| lips.controls(sided));
        let still = entry.hold.iter().map(|name| (name, [0.0; 3]));
        for (name, displacement) in entry.moves.iter().map(|(name, d)| (name, *d)).chain(still) {
            let control = (self.vertex(shape, name)?, Vec3::from(displacement));
            controls.push(control);
            if !sided && mirrored(control).0 != control.0 {
                controls.push(mirrored(control));
            }
        }
        let usable = entry.reach > 0.0 && entry.reach <= LONGEST_REACH;
        if !controls.is_empty() && !usable {
            return Err(RigError::Reach { shape: shape.to_owned(), found: entry.reach });
        }
        if !(-0.9..=0.9).contains(&entry.bend) {
            return Err(RigError::Bend { shape: shape.to_owned(), found: entry.bend });
        }
        Ok(controls)
    }

    fn motion(&mut self, entry: &ShapeEntry, controls: &[Control], eyes: &[usize]) -> Motion {
        let mut motion = Motion { deltas: self.spreader.through(controls, entry.reach), ..Motion::default() };
        for &eye in eyes {
            motion.lids[eye] = [entry.lids.upper, entry.lids.lower];
            motion.gaze[eye] = Vec2::new(if eye == LEFT { entry.gaze[0] } else { -entry.gaze[0] }, entry.gaze[1]);
        }
        motion.jaw = Vec3::from(entry.jaw);
        motion.tongue = entry.tongue;
        motion.bend = entry.bend;
        motion
    }

    fn vertex(&self, shape: &str, name: &str) -> Result<u16, RigError> {
        let (stem, right) = name.strip_prefix("right_").map_or((name, false), |stem| (stem, true));
        let unknown = || RigError::UnknownPoint { shape: shape.to_owned(), point: name.to_owned() };
        let vertex = *self.points.get(stem).ok_or_else(unknown)?;
        if vertex as usize >= topology::VERTEX_COUNT {
            return Err(unknown());
        }
        Ok(if right { topology::mirror(vertex) } else { vertex })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delta(motion: &Motion, vertex: u16) -> Vec3 {
        motion.deltas.iter().find(|(v, _)| *v == vertex).map_or(Vec3::ZERO, |(_, d)| *d)
    }

    #[test]
    fn every_shape_moves_something() {
        let rig = Rig::builtin().unwrap();
        for shape in Shape::ALL {
            let motion = rig.motion(shape);
            let still = motion.deltas.is_empty()
                && motion.lids == [[0.0; 2]; 2]
                && motion.gaze == [Vec2::ZERO; 2]
                && motion.tongue == 0.0;
            assert!(!still, "{} does nothing", shape.name());
        }
    }

    #[test]
    fn fields_pass_through_their_controls_and_end() {
        let rig = Rig::builtin().unwrap();
        let smile = rig.motion(Shape::MouthSmileLeft);
        let corner = delta(smile, 291);
        assert!(corner.x > 0.5 && corner.y > 0.5, "the corner goes out and up: {corner}");
        assert_eq!(delta(smile, 10), Vec3::ZERO, "the forehead does not smile");
        let jaw = rig.motion(Shape::JawOpen);
        assert!(delta(jaw, 14).y < -2.0 && delta(jaw, 13).y > -0.4, "the lips part");
    }

    #[test]
    fn right_shapes_mirror_left_ones() {
        let rig = Rig::builtin().unwrap();
        let (left, right) = (rig.motion(Shape::MouthSmileLeft), rig.motion(Shape::MouthSmileRight));
        for vertex in 0..topology::VERTEX_COUNT as u16 {
            let (twin, d) = mirrored((vertex, delta(left, vertex)));
            assert!((delta(right, twin) - d).length() < 0.05, "landmark {vertex}");
        }
        let (open, twin) = (rig.motion(Shape::JawOpen), delta(rig.motion(Shape::JawOpen), 321));
        assert!((delta(open, 91) - Vec3::new(-twin.x, twin.y, twin.z)).length() < 5e-3, "an even shape is even");
    }

    #[test]
    fn faults_in_a_rig_are_named() {
        let shape = |body: &str| format!("points: {{a: 13}}\nshapes:\n  {body}\n");
        let error = |body: &str| Rig::parse(&shape(body)).unwrap_err().to_string();
        assert!(error("jawOpn: {reach: 1}").contains("jawOpn"));
        assert!(error("jawOpen: {reach: 1, move: {b: [0, 0, 0]}}").contains("'b'"));
        assert!(error("jawOpen: {move: {a: [0, 0, 0]}}").contains("reach"));
        assert!(error("jawRight: {reach: 1}").contains("jawRight"));
        assert!(error("jawOpen: {speed: 1}").contains("line 3"));
    }
}
