//! The part of a track that is played.

use crate::FrameRate;

/// The part of a track that is played, in seconds of the track.
///
/// An end given by a person is exclusive, so `1s` to `3s` at 25 frames per second is 50 frames. The track's own end
/// is inclusive, so that its last key is shown: a recording of 300 rows at 30 frames per second gives 300 frames.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    start: f64,
    end: f64,
    shows_end: bool,
}

/// Why a part of a track cannot be played.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SpanError {
    /// The start lies at or after the end that was asked for.
    #[error("start {start} s is not before end {end} s\nhint: --start and --end are both times from the track's start")]
    Empty {
        /// Seconds.
        start: f64,
        /// Seconds.
        end: f64,
    },
    /// The start lies after the track's end.
    #[error("start {start} s lies after the end of the track, which lasts {duration} s\nhint: use a smaller --start")]
    PastEnd {
        /// Seconds.
        start: f64,
        /// Seconds.
        duration: f64,
    },
    /// A time that is negative or not a number.
    #[error("start or end {found} s: expected a time of zero or more\nhint: use times from the track's start")]
    Invalid {
        /// Seconds.
        found: f64,
    },
}

impl Span {
    /// The part from `start` (the track's start where none) to `end` (its end where none, or where later), in seconds.
    ///
    /// # Errors
    /// Where nothing is left between them.
    pub fn new(start: Option<f64>, end: Option<f64>, duration: f64) -> Result<Self, SpanError> {
        if let Some(found) = start.into_iter().chain(end).find(|time| !time.is_finite() || *time < 0.0) {
            return Err(SpanError::Invalid { found });
        }
        let start = start.unwrap_or(0.0);
        if let Some(end) = end.filter(|end| *end <= start) {
            return Err(SpanError::Empty { start, end });
        }
        if start > duration {
            return Err(SpanError::PastEnd { start, duration });
        }
        let end = end.filter(|end| *end < duration);
        Ok(Self { start, end: end.unwrap_or(duration), shows_end: end.is_none() })
    }

    /// Seconds of the track where it begins.
    pub fn start(self) -> f64 {
        self.start
    }

    /// Seconds of the track where it ends.
    pub fn end(self) -> f64 {
        self.end
    }

    /// Seconds from start to end.
    pub fn duration(self) -> f64 {
        self.end - self.start
    }

    /// How many frames it gives; at least one.
    pub fn frame_count(self, rate: FrameRate) -> u64 {
        let duration = self.duration();
        if !self.shows_end {
            return rate.frames_in(duration).max(1);
        }
        // A millionth of a frame is forgiven, as in `FrameRate::frames_in`.
        (duration * f64::from(rate.num()) / f64::from(rate.den()) + 1e-6).floor() as u64 + 1
    }

    /// The track's time that frame `index` shows, computed from the index.
    pub fn time_of(self, rate: FrameRate, index: u64) -> f64 {
        self.start + rate.seconds_at(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_tracks_own_end_is_shown_and_a_given_end_is_not() {
        let frames = |start, end| Span::new(start, end, 9.96).unwrap().frame_count(FrameRate::FPS_25);
        assert_eq!(frames(None, None), 250);
        assert_eq!(frames(None, Some(60.0)), 250);
        assert_eq!(frames(Some(1.0), Some(3.0)), 50);
        assert_eq!(frames(Some(9.96), None), 1);
        assert_eq!(frames(Some(1.0), Some(1.000_000_001)), 1);
        let span = Span::new(Some(1.0), Some(3.0), 9.96).unwrap();
        assert_eq!(span.time_of(FrameRate::FPS_25, 49), 2.96);
        let recorded = Span::new(None, None, 299.0 / 30.0).unwrap();
        assert_eq!(recorded.frame_count(FrameRate::FPS_30), 300);
    }

    #[test]
    fn nothing_to_play_is_an_error() {
        assert_eq!(
            Span::new(Some(3.0), Some(2.0), 10.0).unwrap_err().to_string(),
            "start 3 s is not before end 2 s\nhint: --start and --end are both times from the track's start"
        );
        assert_eq!(
            Span::new(Some(12.0), None, 10.0).unwrap_err().to_string(),
            "start 12 s lies after the end of the track, which lasts 10 s\nhint: use a smaller --start"
        );
        assert_eq!(
            Span::new(None, Some(-2.0), 10.0).unwrap_err().to_string(),
            "start or end -2 s: expected a time of zero or more\nhint: use times from the track's start"
        );
        assert!(Span::new(Some(f64::NAN), None, 10.0).is_err());
    }

    proptest! {
        #[test]
        fn every_frame_lies_inside(start in 0.0..100.0f64, length in 1e-3..100.0f64, duration in 0.0..150.0f64, num in 1u32..120_000) {
            let Ok(rate) = FrameRate::new(num, 1001) else { return Ok(()) };
            let Ok(span) = Span::new(Some(start), Some(start + length), duration) else { return Ok(()) };
            let count = span.frame_count(rate);
            prop_assert!(count >= 1);
            prop_assert!(span.time_of(rate, count - 1) <= span.end() + 1e-5 * rate.seconds_at(1));
            prop_assert!(span.time_of(rate, count) >= span.end() - 1e-5 * rate.seconds_at(1));
        }
    }
}
