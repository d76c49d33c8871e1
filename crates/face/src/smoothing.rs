//! MediaPipe's smoothing of landmarks over time.
//!
//! Casiez et al., "1€ Filter: A Simple Speed-based Low-pass Filter for Noisy Input in Interactive Systems", 2012, on
//! each coordinate of each landmark, with the settings of MediaPipe's face landmarker in its video mode. Arithmetic is
//! in f32 and f64 where MediaPipe's is, so that results agree.

use std::f64::consts::TAU;
use std::time::Duration;

use crate::landmarks::{Landmarks, bounds};

/// Cutoff of a landmark at rest, Hz.
const MIN_CUTOFF: f64 = 0.05;
/// How much the cutoff rises with speed, Hz for each face size a second.
const BETA: f64 = 80.0;
/// Cutoff of the speed, Hz.
const SPEED_CUTOFF: f64 = 1.0;
/// Frames a second that are assumed before two frames are known.
const FIRST_FREQUENCY: f64 = 30.0;
/// Faces of fewer pixels are not smoothed.
const MIN_SIZE: f32 = 1e-6;

/// Smooths the landmarks of one face.
#[derive(Clone, Debug, Default)]
pub(crate) struct LandmarkSmoother {
    /// Of the three coordinates of each landmark; empty before the first frame.
    filters: Vec<[Coordinate; 3]>,
    last: Option<Duration>,
}

impl LandmarkSmoother {
    /// Forgets what came before.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }

    /// The landmarks of the frame at time `at`. A time that is not later than the last one leaves them as they are.
    pub(crate) fn apply(&mut self, landmarks: &mut Landmarks, at: Duration) {
        let size = bounds(landmarks).size();
        let size = (size[0] + size[1]) / 2.0;
        let passed = match self.last {
            Some(last) => at.checked_sub(last).filter(|passed| !passed.is_zero()),
            None => Some(Duration::from_secs_f64(1.0 / FIRST_FREQUENCY)),
        };
        let Some(passed) = passed.filter(|_| size >= MIN_SIZE) else { return };
        self.last = Some(at);
        self.filters.resize(landmarks.len(), [Coordinate::default(); 3]);
        let (frequency, scale) = (1.0 / passed.as_secs_f64(), f64::from(1.0 / size));
        for (landmark, filters) in landmarks.iter_mut().zip(&mut self.filters) {
            for (value, filter) in landmark.iter_mut().zip(filters) {
                *value = filter.apply(*value, scale, frequency);
            }
        }
    }
}

/// The filter of one coordinate.
#[derive(Clone, Copy, Debug, Default)]
struct Coordinate {
    value: LowPass,
    speed: LowPass,
    /// The last value before it was smoothed.
    raw: Option<f32>,
}

impl Coordinate {
    /// `scale` is what makes faces of all sizes alike.
    fn apply(&mut self, value: f32, scale: f64, frequency: f64) -> f32 {
        let speed = self.raw.map_or(0.0, |raw| f64::from(value - raw) * scale * frequency);
        self.raw = Some(value);
        let speed = self.speed.apply(speed as f32, alpha(SPEED_CUTOFF, frequency));
        let cutoff = MIN_CUTOFF + BETA * f64::from(speed).abs();
        self.value.apply(value, alpha(cutoff, frequency))
    }
}

/// The share of a new value at this cutoff and frequency, both in Hz.
fn alpha(cutoff: f64, frequency: f64) -> f32 {
    (1.0 / (1.0 + frequency / (TAU * cutoff))) as f32
}

/// Exponential smoothing.
#[derive(Clone, Copy, Debug, Default)]
struct LowPass(Option<f32>);

impl LowPass {
    fn apply(&mut self, value: f32, alpha: f32) -> f32 {
        let smoothed =
            self.0.map_or(value, |last| (f64::from(alpha * value) + (1.0 - f64::from(alpha)) * f64::from(last)) as f32);
        self.0 = Some(smoothed);
        smoothed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LANDMARK_COUNT;

    const FRAME: Duration = Duration::from_millis(40);

    /// A face of 100 pixels, moved.
    fn face(x: f32) -> Landmarks {
        let mut landmarks = [[x + 50.0, 50.0, 1.0]; LANDMARK_COUNT];
        (landmarks[0], landmarks[1]) = ([x, 0.0, 0.0], [x + 100.0, 100.0, 0.0]);
        landmarks
    }

    fn smoothed(smoother: &mut LandmarkSmoother, mut landmarks: Landmarks, frame: u32) -> Landmarks {
        smoother.apply(&mut landmarks, FRAME * frame);
        landmarks
    }

    #[test]
    fn a_face_at_rest_stays_and_noise_on_it_goes() {
        let mut smoother = LandmarkSmoother::default();
        let (mut noisy, mut calm) = (0f32, 0f32);
        for frame in 0..200 {
            let shift = if frame % 2 == 0 { 0.005 } else { -0.005 };
            let found = smoothed(&mut smoother, face(shift), frame);
            if frame >= 100 {
                noisy = noisy.max(shift.abs());
                calm = calm.max(found[0][0].abs());
            }
            assert_eq!(found[5][1], 50.0);
        }
        assert!(calm < noisy / 4.0, "{calm} of {noisy}");
    }

    #[test]
    fn a_moving_face_is_followed_within_a_frame_or_so() {
        let mut smoother = LandmarkSmoother::default();
        for frame in 0..50 {
            let at = frame as f32 * 2.0;
            let found = smoothed(&mut smoother, face(at), frame);
            let behind = at - found[7][0] + 50.0;
            assert!((-0.01..1.0).contains(&behind), "{behind} pixels behind in frame {frame}");
        }
    }

    #[test]
    fn values_are_those_of_the_formula() {
        let mut smoother = LandmarkSmoother::default();
        smoothed(&mut smoother, face(0.0), 10);
        let found = smoothed(&mut smoother, face(1.0), 11)[9][0];
        // 25 frames a second; 0.25 sizes a second, of which the speed's filter lets pass 1 / (1 + 25 / 2 pi).
        let speed = 0.25 / (1.0 + 25.0 / TAU);
        let share = 1.0 / (1.0 + 25.0 / (TAU * (0.05 + 80.0 * speed)));
        assert!((f64::from(found) - 50.0 - share).abs() < 1e-5, "{found}");
    }

    #[test]
    fn time_that_stands_still_or_runs_back_changes_nothing() {
        let mut smoother = LandmarkSmoother::default();
        smoothed(&mut smoother, face(0.0), 10);
        for frame in [10, 9, 0] {
            assert_eq!(smoothed(&mut smoother, face(30.0), frame), face(30.0));
        }
        assert_ne!(smoothed(&mut smoother, face(30.0), 11), face(30.0));
        smoother.reset();
        assert_eq!(smoothed(&mut smoother, face(60.0), 3), face(60.0));
    }

    #[test]
    fn a_face_without_extent_is_left_alone() {
        let mut smoother = LandmarkSmoother::default();
        let point = [[3.0; 3]; LANDMARK_COUNT];
        assert_eq!(smoothed(&mut smoother, point, 1), point);
        assert_eq!(smoothed(&mut smoother, [[4.0; 3]; LANDMARK_COUNT], 2), [[4.0; 3]; LANDMARK_COUNT]);
    }
}
