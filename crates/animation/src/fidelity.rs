//! How well the rendered face does what was asked: asked against re-measured coefficients.

use moue_face::{BLENDSHAPE_NAMES, Face};
use moue_timeline::{Expression, PairMoments, Shape};
use serde::Serialize;

use crate::expression_of;

/// What the tracker sees in the rendered frames, against what was asked for.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Fidelity {
    /// Every how many frames one was measured.
    pub every: u64,
    /// Frames that were measured.
    pub frames: u64,
    /// Frames in which the tracker found no face at the portrait's place; they count nowhere else.
    pub frames_without_face: u64,
    /// The channels that the tracker can measure, in ARKit's order.
    pub channels: Vec<ChannelFidelity>,
}

/// One channel's agreement over all frames that were measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ChannelFidelity {
    /// ARKit's name.
    pub name: &'static str,
    /// Smallest and largest value that was asked for.
    pub asked: [f64; 2],
    /// Smallest and largest value that was measured.
    pub measured: [f64; 2],
    /// Pearson's correlation of measured with asked; absent for a channel that was not asked to move.
    pub correlation: Option<f64>,
    /// Slope of the regression of measured on asked; absent for a channel that was not asked to move.
    pub slope: Option<f64>,
    /// Mean of |measured - asked|.
    pub mean_abs_error: f64,
}

/// Collects measurements; its size does not depend on how many there are.
#[derive(Clone, Debug)]
pub struct FidelityMeter {
    every: u64,
    frames: u64,
    frames_without_face: u64,
    moments: [PairMoments; Shape::COUNT],
}

impl FidelityMeter {
    /// A meter for every `every`-th frame (at least 1).
    pub fn new(every: u64) -> Self {
        let moments = [PairMoments::new(); Shape::COUNT];
        Self { every: every.max(1), frames: 0, frames_without_face: 0, moments }
    }

    /// Whether frame `index` is one to be measured.
    pub fn wants(&self, index: u64) -> bool {
        index.is_multiple_of(self.every)
    }

    /// Takes what was asked for in a frame and the face that was found in it, if any.
    pub fn add(&mut self, asked: &Expression, found: Option<&Face>) {
        self.frames += 1;
        match found {
            Some(face) => self.add_measured(asked, &expression_of(face)),
            None => self.frames_without_face += 1,
        }
    }

    fn add_measured(&mut self, asked: &Expression, measured: &Expression) {
        for (index, moments) in self.moments.iter_mut().enumerate() {
            moments.add(f64::from(asked.shapes[index]), f64::from(measured.shapes[index]));
        }
    }

    /// The agreement so far.
    pub fn result(&self) -> Fidelity {
        let seen = |shape: &Shape| BLENDSHAPE_NAMES.contains(&shape.name());
        let channels = Shape::ALL.into_iter().filter(seen);
        let channels = channels.filter_map(|shape| channel(shape.name(), &self.moments[shape.index()])).collect();
        Fidelity { every: self.every, frames: self.frames, frames_without_face: self.frames_without_face, channels }
    }
}

/// None before the first pair.
fn channel(name: &'static str, moments: &PairMoments) -> Option<ChannelFidelity> {
    Some(ChannelFidelity {
        name,
        asked: moments.asked(),
        measured: moments.measured(),
        correlation: moments.correlation(),
        slope: moments.slope(),
        mean_abs_error: moments.mean_abs_error()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(f32, f32)]) -> ChannelFidelity {
        let mut meter = FidelityMeter::new(1);
        for &(asked, measured) in pairs {
            let (mut a, mut m) = (Expression::NEUTRAL, Expression::NEUTRAL);
            a.set(Shape::JawOpen, asked);
            m.set(Shape::JawOpen, measured);
            meter.add_measured(&a, &m);
        }
        meter.result().channels.into_iter().find(|channel| channel.name == "jawOpen").unwrap()
    }

    #[test]
    fn a_channel_that_obeys_at_half_strength() {
        let jaw = of(&[(0.0, 0.1), (0.5, 0.35), (1.0, 0.6)]);
        assert!((jaw.correlation.unwrap() - 1.0).abs() < 1e-6 && (jaw.slope.unwrap() - 0.5).abs() < 1e-6);
        assert!((jaw.mean_abs_error - 0.65 / 3.0).abs() < 1e-6);
        assert!((jaw.measured[1] - 0.6).abs() < 1e-6);
    }

    #[test]
    fn a_channel_at_rest_has_no_correlation() {
        let jaw = of(&[(0.3, 0.1), (0.3, 0.2)]);
        assert_eq!((jaw.correlation, jaw.slope), (None, None));
        let stuck = of(&[(0.0, 0.2), (1.0, 0.2)]);
        assert_eq!((stuck.correlation, stuck.slope), (None, Some(0.0)));
    }

    #[test]
    fn only_what_the_tracker_sees_is_reported() {
        let mut meter = FidelityMeter::new(5);
        assert_eq!(meter.result().channels, []);
        meter.add(&Expression::NEUTRAL, None);
        assert_eq!((meter.result().frames, meter.result().frames_without_face), (1, 1));
        meter.add_measured(&Expression::NEUTRAL, &Expression::NEUTRAL);
        let names: Vec<&str> = meter.result().channels.iter().map(|channel| channel.name).collect();
        assert_eq!(names.len(), 51);
        assert!(!names.contains(&"tongueOut"));
        assert!(meter.wants(0) && !meter.wants(4) && meter.wants(10));
    }
}
