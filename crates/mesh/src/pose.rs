//! From coefficients to the positions of everything that moves.
//!
//! All motion is computed as a displacement from the portrait, so that the portrait's own expression gives exactly
//! zero and the portrait itself.

use glam::{Mat2, Mat3, Vec2, Vec3};
use moue_timeline::{Expression, HeadPose, Shape};
use moue_topology as topology;

use crate::error::MeshError;
use crate::field::Spreader;
use crate::fit::Fit;
use crate::lips::Lips;
use crate::rig::{LEFT, RIGHT, Rig};
use crate::skirt::Skirt;
use crate::surface::Surface;

/// Coefficients beyond this are clamped: the warp would fold.
const COEFFICIENT_RANGE: (f32, f32) = (-0.5, 1.5);
/// How far the lids' motion reaches into the skin around them, cm.
const LID_REACH: f32 = 1.9;
/// The point the head turns about, in the canonical frame, cm: where the skull sits on the spine.
const NECK_PIVOT: Vec3 = Vec3::new(0.0, -1.5, -6.0);
/// The head follows the track up to about this angle (radians) and never passes it: farther round, a photograph has
/// nothing to show.
const HEAD_LIMIT: f32 = 0.26;
/// One portrait, ready to be posed.
pub(crate) struct Model<'a> {
    rig: &'a Rig,
    pub fit: Fit,
    skirt: Skirt,
    /// Triangles over the surface's vertices followed by the skirt's.
    pub triangles: Vec<[u16; 3]>,
    /// Picture positions of all vertices.
    pub rest_px: Vec<Vec2>,
    rest_shapes: [f32; Shape::COUNT],
    rest_delta: Vec<Vec3>,
    eyes: [Lids; 2],
    pub lips: Lips,
}

struct Lids {
    /// Displacement of the skin when the upper and the lower lid travel the whole opening.
    fields: [Vec<(u16, Vec3)>; 2],
    width_cm: f32,
    centre: Vec3,
}

/// A piece of the picture that moves as one: the eyes and the teeth with the skull.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rigid {
    /// Picture position it turns about.
    pub centre: Vec2,
    /// Where that has gone.
    pub moved: Vec2,
    turn: Mat2,
    back: Mat2,
}

/// Where everything is in one frame, in picture pixels.
#[derive(Default)]
pub(crate) struct Pose {
    /// Displacement of every vertex.
    pub displacement: Vec<Vec2>,
    /// The right and the left eyeball.
    pub eyes: [EyePose; 2],
    /// The upper teeth, and what the lower ones and the tongue do beyond.
    pub mouth: MouthPose,
    frame_delta: Vec<Vec3>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct EyePose {
    pub skull: Rigid,
    /// Shift of the iris.
    pub gaze: Vec2,
    /// How closed the lids are, 0 to 1.
    pub closed: f32,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct MouthPose {
    pub skull: Rigid,
    /// Shift of the lower teeth and the tongue.
    pub jaw: Vec2,
    /// Part of the tongue that is out.
    pub tongue: f32,
}

impl Rigid {
    /// Where a picture position goes.
    #[inline]
    pub fn apply(&self, rest: Vec2) -> Vec2 {
        self.moved + self.turn * (rest - self.centre)
    }

    /// Where in the portrait a picture position comes from.
    #[inline]
    pub fn undo(&self, moved: Vec2) -> Vec2 {
        self.centre + self.back * (moved - self.moved)
    }
}

impl Default for Rigid {
    fn default() -> Self {
        Rigid { centre: Vec2::ZERO, moved: Vec2::ZERO, turn: Mat2::IDENTITY, back: Mat2::IDENTITY }
    }
}

impl<'a> Model<'a> {
    pub fn new(
        rig: &'a Rig,
        landmarks: &[[f32; 3]; topology::LANDMARK_COUNT],
        rest: &[f32; Shape::COUNT],
    ) -> Result<Model<'a>, MeshError> {
        let fit = Fit::new(landmarks)?;
        let skirt = Skirt::around(&fit.vertices);
        let mut triangles = Surface::get().triangles.clone();
        triangles.extend(skirt.triangles.iter().copied());
        let rest_px = fit.vertices.iter().chain(&skirt.vertices).map(|&v| fit.project(v)).collect();
        let rest_shapes = amounts(rig, rest);
        let mut spreader = Spreader::default();
        let eyes = [
            (&topology::RIGHT_LID_UPPER, &topology::RIGHT_LID_LOWER, RIGHT),
            (&topology::LEFT_LID_UPPER, &topology::LEFT_LID_LOWER, LEFT),
        ]
        .map(|(upper, lower, eye)| {
            let [above, below] = lid_amounts(rig, &rest_shapes, eye);
            Lids::new(&fit.vertices, upper, lower, above + below, &mut spreader)
        });
        let mut rest_delta = vec![Vec3::ZERO; fit.vertices.len()];
        add_shapes(rig, &rest_shapes, &mut rest_delta);
        let lips = Lips::new(&fit.vertices, &rest_delta, &mut spreader);
        let mut model = Model { rig, fit, skirt, triangles, rest_px, rest_shapes, rest_delta, eyes, lips };
        model.rest_delta = {
            let mut all = vec![Vec3::ZERO; model.fit.vertices.len()];
            model.add_expression(&rest_shapes, &mut all);
            all
        };
        Ok(model)
    }

    /// Everything that the shapes do to the skin, except for what holds the lips together.
    fn add_expression(&self, shapes: &[f32; Shape::COUNT], delta: &mut [Vec3]) {
        add_shapes(self.rig, shapes, delta);
        for eye in [RIGHT, LEFT] {
            let amounts = lid_amounts(self.rig, shapes, eye);
            for (amount, field) in amounts.into_iter().zip(&self.eyes[eye].fields) {
                for &(vertex, d) in field {
                    delta[vertex as usize] += d * amount;
                }
            }
        }
    }

    /// Poses the portrait. `pose` is a buffer that may be used again and again.
    pub fn pose(&self, expression: &Expression, pose: &mut Pose) {
        let shapes = amounts(self.rig, &expression.shapes);
        let delta = &mut pose.frame_delta;
        delta.clear();
        delta.resize(self.fit.vertices.len(), Vec3::ZERO);
        self.add_expression(&shapes, delta);
        for (moved, rest) in delta.iter_mut().zip(&self.rest_delta) {
            *moved -= *rest;
        }
        self.lips.settle(self.likeness(&shapes), &self.fit.vertices, delta);
        follow_parents(delta);

        let head = head_rotation(expression.head);
        let turn = head - Mat3::IDENTITY;
        let turned = |point: Vec3| point + turn * (point - NECK_PIVOT);
        pose.displacement.clear();
        let face = self.fit.vertices.iter().zip(delta.iter());
        pose.displacement.extend(face.map(|(&rest, &d)| self.fit.project_delta(turned(rest + d) - rest)));
        for (vertex, link) in self.skirt.vertices.iter().zip(&self.skirt.links) {
            let moved = *vertex + delta[link.oval as usize] * link.expression;
            let head_shift = (turned(moved) - moved) * link.head;
            pose.displacement.push(self.fit.project_delta(moved + head_shift - *vertex));
        }

        for eye in [RIGHT, LEFT] {
            let lids = &self.eyes[eye];
            let gaze = self.sum(&shapes, |motion| motion.gaze[eye]) - self.sum(&self.rest_shapes, |m| m.gaze[eye]);
            let [above, below] = lid_amounts(self.rig, &shapes, eye);
            pose.eyes[eye] = EyePose {
                skull: self.rigid(lids.centre, turned),
                gaze: self.fit.project_delta(head * (gaze * lids.width_cm).extend(0.0)),
                closed: (above + below).clamp(0.0, 1.0),
            };
        }
        let jaw = self.sum(&shapes, |motion| motion.jaw) - self.sum(&self.rest_shapes, |motion| motion.jaw);
        pose.mouth = MouthPose {
            skull: self.rigid(self.lips.centre, turned),
            jaw: self.fit.project_delta(head * jaw),
            tongue: self.sum(&shapes, |motion| motion.tongue).clamp(0.0, 1.0),
        };
    }

    /// The box in the picture that all vertices lie in: two corners.
    pub fn extent(&self) -> (Vec2, Vec2) {
        let points = self.rest_px.iter().copied();
        points.fold((Vec2::INFINITY, Vec2::NEG_INFINITY), |(low, high), p| (low.min(p), high.max(p)))
    }

    fn sum<T>(&self, shapes: &[f32; Shape::COUNT], part: impl Fn(&crate::rig::Motion) -> T) -> T
    where
        T: std::ops::Mul<f32, Output = T> + std::iter::Sum,
    {
        Shape::ALL.into_iter().map(|shape| part(self.rig.motion(shape)) * shapes[shape.index()]).sum()
    }

    fn rigid(&self, centre: Vec3, turned: impl Fn(Vec3) -> Vec3) -> Rigid {
        let at = |point: Vec3| (self.fit.project(point), self.fit.project(turned(point)));
        let (from, to) = at(centre);
        let [(from_x, to_x), (from_y, to_y)] = [Vec3::X, Vec3::Y].map(|axis| at(centre + axis));
        let before = Mat2::from_cols(from_x - from, from_y - from);
        let after = Mat2::from_cols(to_x - to, to_y - to);
        let turn = after * before.inverse();
        Rigid { centre: from, moved: to, turn, back: turn.inverse() }
    }

    /// How closed an eye is in the portrait, 0 to 1.
    pub fn rest_closed(&self, eye: usize) -> f32 {
        let [above, below] = lid_amounts(self.rig, &self.rest_shapes, eye);
        (above + below).clamp(0.0, 1.0)
    }

    /// How much of the portrait's own mouth expression is asked for: 1 for the portrait's, 0 for a neutral mouth.
    fn likeness(&self, shapes: &[f32; Shape::COUNT]) -> f32 {
        // Keeps the natural lips of a portrait that is all but neutral.
        const NEARLY_NEUTRAL: f32 = 0.02;
        let mouth = Shape::ALL.into_iter().filter(|s| s.name().starts_with("mouth") || *s == Shape::JawOpen);
        let (mut along, mut own) = (NEARLY_NEUTRAL, NEARLY_NEUTRAL);
        for shape in mouth {
            let rest = self.rest_shapes[shape.index()];
            along += shapes[shape.index()] * rest;
            own += rest * rest;
        }
        (along / own).clamp(0.0, 1.0)
    }
}

/// What the coefficients mean to the rig.
fn amounts(rig: &Rig, coefficients: &[f32; Shape::COUNT]) -> [f32; Shape::COUNT] {
    Shape::ALL.map(|shape| {
        let coefficient = coefficients[shape.index()].clamp(COEFFICIENT_RANGE.0, COEFFICIENT_RANGE.1);
        rig.motion(shape).amount(coefficient)
    })
}

fn add_shapes(rig: &Rig, shapes: &[f32; Shape::COUNT], delta: &mut [Vec3]) {
    for shape in Shape::ALL {
        let amount = shapes[shape.index()];
        if amount != 0.0 {
            for &(vertex, d) in &rig.motion(shape).deltas {
                delta[vertex as usize] += d * amount;
            }
        }
    }
}

/// Parts of the opening that the upper and the lower lid travel; together never more than the whole.
fn lid_amounts(rig: &Rig, shapes: &[f32; Shape::COUNT], eye: usize) -> [f32; 2] {
    let mut amounts = [0.0f32; 2];
    for shape in Shape::ALL {
        for (amount, lid) in amounts.iter_mut().zip(rig.motion(shape).lids[eye]) {
            *amount += lid * shapes[shape.index()];
        }
    }
    let total = amounts[0] + amounts[1];
    if total > 1.0 { amounts.map(|amount| amount / total) } else { amounts }
}

/// Vertices inside an opening lie midway between two of its rim.
fn follow_parents(delta: &mut [Vec3]) {
    let surface = Surface::get();
    for vertex in topology::VERTEX_COUNT..delta.len() {
        if surface.inside_opening[vertex] {
            let [a, b] = surface.parents[vertex];
            delta[vertex] = (delta[a as usize] + delta[b as usize]) * 0.5;
        }
    }
}

fn head_rotation(head: HeadPose) -> Mat3 {
    let limited = |angle: f32| HEAD_LIMIT * (angle / HEAD_LIMIT).tanh();
    let (yaw, pitch, roll) = (limited(head.yaw), limited(head.pitch), limited(head.roll));
    Mat3::from_rotation_y(yaw) * Mat3::from_rotation_x(-pitch) * Mat3::from_rotation_z(-roll)
}

impl Lids {
    fn new(vertices: &[Vec3], upper: &[u16; 9], lower: &[u16; 9], closed: f32, spreader: &mut Spreader) -> Lids {
        let at = |v: u16| vertices[v as usize];
        // The opening of the eye when the expression is neutral. A portrait with its eyes all but shut does not say
        // how far they open: at most twice as far as they do.
        let open_share = (1.0 - closed).clamp(0.5, 1.3);
        let gap = |station: usize| (at(upper[station]) - at(lower[station])) / open_share;
        let corners = [(upper[0], Vec3::ZERO), (upper[8], Vec3::ZERO)];
        let mut field = |lid: &[u16; 9], sign: f32| {
            let moving = (1..8).map(|station| (lid[station], gap(station) * sign));
            spreader.through(&moving.chain(corners).collect::<Vec<_>>(), LID_REACH)
        };
        let fields = [field(upper, -1.0), field(lower, 1.0)];
        Lids { fields, width_cm: at(upper[0]).distance(at(upper[8])), centre: (at(upper[0]) + at(upper[8])) * 0.5 }
    }
}
