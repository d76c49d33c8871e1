//! Which frames of a shot are painted where the others follow from them.

use std::fmt;
use std::str::FromStr;

/// How keyframes are chosen among the frames of a shot. Whatever the choice, it depends on what the frames are asked
/// for alone, so every part of a shot that is rendered by itself has the same.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Keyframing {
    /// As many as are needed for no frame to be farther than this from the nearer of the keyframes around it, as
    /// [`expression_distance`](crate::expression_distance) has it.
    Within(f32),
    /// So large a part of all frames (above 0, at most 1), those first that are farthest from the keyframes around
    /// them.
    Share(f64),
    /// Every so many frames (at least 1), whatever they show, and the last one.
    Every(usize),
}

impl Default for Keyframing {
    fn default() -> Self {
        Self::Within(0.25)
    }
}

impl fmt::Display for Keyframing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Within(distance) => write!(f, "within {distance}"),
            Self::Share(share) => write!(f, "a share of {share:.3}"),
            Self::Every(step) => write!(f, "every {step}"),
        }
    }
}

/// A part of all frames: `1/4`, or `0.25`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share(pub f64);

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("found '{text}', expected a part of all frames such as 1/4 or 0.25, at most 1");
        let number = |text: &str| text.trim().parse::<f64>().map_err(|_| wrong());
        let share = match text.split_once('/') {
            Some((part, whole)) => number(part)? / number(whole)?,
            None => number(text)?,
        };
        if share > 0.0 && share <= 1.0 { Ok(Self(share)) } else { Err(wrong()) }
    }
}

/// The keyframes among `frames` frames, ascending; the first frame is always one. `distance` says how far two frames
/// are from each other.
///
/// Where the choice is free, the frame that is farthest from the nearer of the keyframes around it becomes the next one
/// (the first of several), until that is near enough or there are enough of them. So turning points come first, a face
/// that holds still needs no keyframe, and a quick blink has one.
pub fn keyframes(frames: usize, how: Keyframing, distance: impl Fn(usize, usize) -> f32) -> Vec<usize> {
    if frames == 0 {
        return Vec::new();
    }
    let (most, near) = match how {
        Keyframing::Every(step) => {
            let mut keys: Vec<usize> = (0..frames).step_by(step.max(1)).collect();
            keys.extend(Some(frames - 1).filter(|last| keys.last() != Some(last)));
            return keys;
        }
        Keyframing::Within(near) => (frames, near),
        // A frame that shows what a keyframe shows is none, however many there could be.
        Keyframing::Share(share) => (((frames as f64 * share).round() as usize).clamp(1, frames), 0.0),
    };
    let mut keys = vec![0];
    let mut far: Vec<f32> = (0..frames).map(|frame| distance(frame, 0)).collect();
    while keys.len() < most {
        let farthest = far.iter().enumerate().fold((0, near), |best, (frame, far)| {
            // NaN compares as no farther.
            if *far > best.1 { (frame, *far) } else { best }
        });
        let (next, _) = farthest;
        if next == 0 {
            break;
        }
        let place = keys.partition_point(|key| *key < next);
        keys.insert(place, next);
        let (from, to) = (keys[place - 1] + 1, keys.get(place + 1).copied().unwrap_or(frames));
        for frame in from..to {
            let around = [Some(keys[place - 1]), keys.get(place + 1).copied(), Some(next)];
            // Only the two around the frame count: beyond them, the face may have been elsewhere in between.
            let around = match frame.cmp(&next) {
                std::cmp::Ordering::Less => [around[0], around[2]],
                std::cmp::Ordering::Equal => [around[2], None],
                std::cmp::Ordering::Greater => [around[2], around[1]],
            };
            far[frame] = around.into_iter().flatten().map(|key| distance(frame, key)).fold(f32::INFINITY, f32::min);
        }
    }
    keys
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(values: &[f32], how: Keyframing) -> Vec<usize> {
        keyframes(values.len(), how, |a, b| (values[a] - values[b]).abs())
    }

    #[test]
    fn turning_points_are_keyframes_and_holds_are_none() {
        // Hold, up in four frames, hold, a blink of a frame, hold.
        let values = [0.0, 0.0, 0.0, 0.25, 0.5, 0.75, 1.0, 1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0];
        assert_eq!(of(&values, Keyframing::Within(0.3)), [0, 4, 6, 10, 11]);
        assert_eq!(of(&[3.0; 9], Keyframing::Within(0.1)), [0]);
        assert_eq!(of(&[3.0; 9], Keyframing::Share(0.5)), [0], "nothing moves, whatever the share");
        let keys = of(&values, Keyframing::Share(0.25));
        assert_eq!(keys.len(), 4);
        assert!(keys.contains(&10), "the blink: {keys:?}");
        assert_eq!(of(&[], Keyframing::default()), [0; 0]);
        assert_eq!(of(&[f32::NAN; 3], Keyframing::Share(1.0)), [0]);
    }

    #[test]
    fn every_so_many_frames_the_last_one_too() {
        assert_eq!(of(&[0.0; 9], Keyframing::Every(4)), [0, 4, 8]);
        assert_eq!(of(&[0.0; 11], Keyframing::Every(4)), [0, 4, 8, 10]);
        assert_eq!(of(&[0.0; 3], Keyframing::Every(1)), [0, 1, 2]);
    }

    #[test]
    fn shares_are_fractions_or_numbers() {
        assert_eq!("1/4".parse(), Ok(Share(0.25)));
        assert_eq!(" 0.125".trim().parse(), Ok(Share(0.125)));
        for wrong in ["", "0", "5/4", "1/0", "-1/4", "a/b", "nan", "1/4/2"] {
            assert!(wrong.parse::<Share>().is_err(), "{wrong}");
        }
    }

    proptest! {
        /// No frame is farther than asked from the nearer of the keyframes around it, and no keyframe is needless in
        /// number: their count falls with the distance.
        #[test]
        fn all_frames_are_near_a_keyframe(
            values in prop::collection::vec(-2.0f32..2.0, 1..80),
            near in 0.05f32..1.0,
        ) {
            let keys = of(&values, Keyframing::Within(near));
            prop_assert_eq!(keys[0], 0);
            prop_assert!(keys.windows(2).all(|pair| pair[0] < pair[1]));
            for (frame, value) in values.iter().enumerate() {
                let place = keys.partition_point(|key| *key <= frame);
                let around = [Some(keys[place - 1]), keys.get(place).copied()];
                let nearest = around.into_iter().flatten().map(|key| (values[key] - value).abs());
                prop_assert!(nearest.fold(f32::INFINITY, f32::min) <= near);
            }
        }

        #[test]
        fn a_share_is_kept(values in prop::collection::vec(-2.0f32..2.0, 8..80), share in 0.05f64..1.0) {
            let keys = of(&values, Keyframing::Share(share));
            prop_assert!(keys.len() <= ((values.len() as f64 * share).round() as usize).max(1));
        }
    }
}
