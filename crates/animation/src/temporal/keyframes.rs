//! Which expressions of a shot are keyframes, and which of them a frame goes with.

use moue_timeline::{FlameChannel, FlameExpression};

/// What counts as a distance of 1, alone: half of what an expression component ranges over in faces (it is about
/// standard normal), a lid that shuts, a jaw that opens by 0.4 rad or moves to its side.
const COMPONENT: f32 = 2.0;
const EYELID: f32 = 1.0;
const JAW: [f32; 3] = [0.4, 0.2, 0.2];

/// How far two expressions are from each other: the root of the sum of squares, each coefficient in what counts as 1.
pub fn expression_distance(a: &FlameExpression, b: &FlameExpression) -> f32 {
    let unit = |index: usize| {
        if FlameChannel::EYELIDS.contains(&index) {
            EYELID
        } else if FlameChannel::JAW.contains(&index) {
            JAW[index - FlameChannel::JAW.start]
        } else {
            COMPONENT
        }
    };
    let pairs = a.as_array().iter().zip(b.as_array()).enumerate();
    pairs.map(|(index, (a, b))| ((a - b) / unit(index)).powi(2)).sum::<f32>().sqrt()
}

/// The keyframes of a shot: of its expressions in their order the first, and then each that is farther than a distance
/// from all keyframes before it. A held or returning expression adds none.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyframePlan {
    distance: f32,
    keyframes: Vec<FlameExpression>,
}

impl KeyframePlan {
    /// No keyframes yet, for a shot whose end is not known.
    pub fn new(distance: f64) -> Self {
        Self { distance: distance as f32, keyframes: Vec::new() }
    }

    /// Those of a whole shot.
    pub fn of(expressions: impl IntoIterator<Item = FlameExpression>, distance: f64) -> Self {
        let mut plan = Self::new(distance);
        expressions.into_iter().for_each(|expression| plan.extend(&expression));
        plan
    }

    /// Adds an expression, where no keyframe is near enough.
    pub fn extend(&mut self, expression: &FlameExpression) {
        if self.keyframes.iter().all(|keyframe| expression_distance(keyframe, expression) > self.distance) {
            self.keyframes.push(*expression);
        }
    }

    /// The keyframes' expressions.
    pub fn keyframes(&self) -> &[FlameExpression] {
        &self.keyframes
    }

    /// The keyframes that an expression goes with, at most two, and their shares, which sum to 1. They change without a
    /// jump as the expression moves: a keyframe comes in with nothing as another goes out, since what counts is how much
    /// nearer it is than the third.
    pub fn weights(&self, expression: &FlameExpression) -> Vec<(usize, f32)> {
        let distances = self.keyframes.iter().map(|keyframe| expression_distance(keyframe, expression));
        let mut near: Vec<(usize, f32)> = distances.enumerate().collect();
        near.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
        // Beyond one and a half distances a keyframe says nothing about the expression.
        let reach = near.get(2).map_or(f32::INFINITY, |third| third.1).min(1.5 * self.distance);
        let share = |distance: f32| (1.0 - distance / reach).max(0.0).powi(2);
        let shares = near.iter().take(2).map(|(index, distance)| (*index, share(*distance)));
        let mut weights: Vec<(usize, f32)> = shares.filter(|(_, share)| *share > 0.0).collect();
        let sum: f32 = weights.iter().map(|(_, share)| share).sum();
        if sum <= 0.0 {
            // As far from three keyframes as from each other, or from all too far.
            return near.first().map(|(index, _)| (*index, 1.0)).into_iter().collect();
        }
        weights.iter_mut().for_each(|(_, share)| *share /= sum);
        weights
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn expression(jaw: f32, smile: f32, lid: f32) -> FlameExpression {
        let mut expression = FlameExpression::NEUTRAL;
        for (name, value) in [("jaw_x", jaw), ("exp_00", smile), ("eyelid_left", lid)] {
            expression.set(FlameChannel::all().find(|channel| channel.name() == name).unwrap(), value);
        }
        expression
    }

    #[test]
    fn each_part_of_the_face_counts_by_how_far_it_goes() {
        let rest = FlameExpression::NEUTRAL;
        for moved in [expression(0.4, 0.0, 0.0), expression(0.0, 2.0, 0.0), expression(0.0, 0.0, 1.0)] {
            assert!((expression_distance(&rest, &moved) - 1.0).abs() < 1e-6);
        }
        assert_eq!(expression_distance(&rest, &rest), 0.0);
    }

    #[test]
    fn a_ramp_has_keyframes_at_its_distance_and_a_hold_has_one() {
        let ramp: Vec<_> = (0..=20).map(|i| expression(0.02 * i as f32, 0.0, 0.0)).collect();
        let plan = KeyframePlan::of(ramp.clone(), 0.3);
        let jaws: Vec<f32> = plan.keyframes().iter().map(|keyframe| keyframe.as_array()[52]).collect();
        assert_eq!(jaws, [0.0, 0.14, 0.28]);
        let back = KeyframePlan::of(ramp.iter().chain(ramp.iter().rev()).copied(), 0.3);
        assert_eq!(back, plan, "the way back needs none");
        assert_eq!(KeyframePlan::of([ramp[3]; 50], 0.3).keyframes(), [ramp[3]]);
        let [(0, most), (1, rest)] = plan.weights(&ramp[0])[..] else { panic!("{:?}", plan.weights(&ramp[0])) };
        assert!(most > 0.9 && rest < 0.1, "{most} {rest}");
        let between = plan.weights(&ramp[4]);
        assert_eq!(between.iter().map(|(index, _)| *index).collect::<Vec<_>>(), [1, 0]);
        assert!(KeyframePlan::new(1.0).weights(&ramp[0]).is_empty());
    }

    fn any_expression() -> impl Strategy<Value = FlameExpression> {
        (0.0f32..0.5, -3.0f32..3.0, 0.0f32..1.0).prop_map(|(jaw, smile, lid)| expression(jaw, smile, lid))
    }

    fn a_walk() -> impl Strategy<Value = Vec<FlameExpression>> {
        let step = (-0.05f32..0.05, -0.4f32..0.4, -0.2f32..0.2);
        prop::collection::vec(step, 1..80).prop_map(|steps| {
            let mut at = (0.1, 0.0, 0.3);
            let walk = steps.into_iter().map(|(jaw, smile, lid)| {
                at = ((at.0 + jaw).clamp(0.0, 0.5), at.1 + smile, (at.2 + lid).clamp(0.0, 1.0));
                expression(at.0, at.1, at.2)
            });
            walk.collect()
        })
    }

    proptest! {
        #[test]
        fn keyframes_cover_the_shot_and_stay_apart(walk in a_walk(), distance in 0.1f64..1.5) {
            let plan = KeyframePlan::of(walk.clone(), distance);
            prop_assert_eq!(&plan, &KeyframePlan::of(walk.clone(), distance));
            prop_assert_eq!(plan.keyframes()[0], walk[0]);
            for expression in &walk {
                let nearest = plan.keyframes().iter().map(|k| expression_distance(k, expression)).fold(f32::MAX, f32::min);
                prop_assert!(nearest <= distance as f32);
            }
            for (i, a) in plan.keyframes().iter().enumerate() {
                prop_assert!(plan.keyframes()[..i].iter().all(|b| expression_distance(a, b) > distance as f32));
                prop_assert!(walk.contains(a));
            }
            // Frames added at the end leave the keyframes before as they are: live, the plan grows.
            let half = KeyframePlan::of(walk[..walk.len().div_ceil(2)].to_vec(), distance);
            prop_assert_eq!(half.keyframes(), &plan.keyframes()[..half.keyframes().len()]);
        }

        #[test]
        fn shares_are_shares_of_the_nearest(walk in a_walk(), asked in any_expression(), distance in 0.1f64..1.5) {
            let plan = KeyframePlan::of(walk, distance);
            let weights = plan.weights(&asked);
            prop_assert!((1..=2).contains(&weights.len()));
            let sum: f32 = weights.iter().map(|(_, weight)| weight).sum();
            prop_assert!((sum - 1.0).abs() < 1e-5 && weights.iter().all(|(_, weight)| *weight > 0.0));
            let nearest = plan.keyframes().iter().map(|k| expression_distance(k, &asked)).fold(f32::MAX, f32::min);
            prop_assert_eq!(expression_distance(&plan.keyframes()[weights[0].0], &asked), nearest);
            if weights.len() == 2 {
                prop_assert!(weights[0].1 >= weights[1].1);
            }
        }

        /// In the frames of a shot a small change of the expression is a small change of the shares.
        #[test]
        fn shares_do_not_jump_along_a_ramp(to in any_expression(), distance in 0.3f64..1.5) {
            let from = expression(0.0, 0.0, 0.0);
            let at = |t: f32| {
                let (a, b) = (from.as_array(), to.as_array());
                FlameExpression::from_array(std::array::from_fn(|i| a[i] + (b[i] - a[i]) * t))
            };
            let plan = KeyframePlan::of((0..=400).map(|i| at(i as f32 / 400.0)), distance);
            let shares = |t: f32| {
                let mut shares = vec![0.0; plan.keyframes().len()];
                plan.weights(&at(t)).into_iter().for_each(|(index, weight)| shares[index] = weight);
                shares
            };
            let step = expression_distance(&from, &to) / 400.0 / distance as f32;
            for i in 0..400 {
                let (before, after) = (shares(i as f32 / 400.0), shares((i + 1) as f32 / 400.0));
                let most = before.iter().zip(&after).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                prop_assert!(most <= 12.0 * step + 1e-4, "a share changes by {most} in a step of {step} distances");
            }
        }
    }
}
