//! Pure values: time, frame rate, expression coefficients, tracks and their sampling.
//!
//! This crate does no I/O.

mod agreement;
mod channel;
mod channel_set;
mod counted;
mod easing;
mod edit;
mod expression;
mod flame;
mod gains;
mod interpolation;
mod moments;
mod names;
mod offsets;
mod one_euro;
mod rate;
mod rest;
mod rotation;
mod shape;
mod smoothing;
mod span;
#[cfg(test)]
mod testing;
mod time;
mod time_grid;
mod track;

pub use agreement::{Agreement, Lag};
pub use channel::{Channel, FlameChannel, HeadAxis, nearest_name};
pub use channel_set::{ChannelSet, ChannelSetError};
pub use counted::counted;
pub use easing::{CubicBezier, Easing, EasingError, Spring, Steps};
pub use edit::{EditError, Gap, MAX_TRACK_VALUES, Mirrored};
pub use expression::{Expression, HeadPose};
pub use flame::FlameExpression;
pub use gains::{Gains, GainsError};
pub use interpolation::Interpolation;
pub use moments::PairMoments;
pub use offsets::{Offsets, OffsetsError};
pub use rate::{FrameRate, FrameRateError};
pub use rest::RestFace;
pub use shape::Shape;
pub use smoothing::{Smoother, Smoothing, SmoothingError};
pub use span::{Span, SpanError};
pub use time::{Pts, TimeError, parse_time};
pub use track::{Track, TrackShapeError};
