//! Pure values: time, frame rate, expression coefficients, tracks and their sampling.
//!
//! This crate does no I/O.

mod channel;
mod expression;
mod flame;
mod gains;
mod interpolation;
mod rate;
mod shape;
mod span;
mod time;
mod track;

pub use channel::{Channel, FlameChannel, HeadAxis, nearest_name};
pub use expression::{Expression, HeadPose};
pub use flame::FlameExpression;
pub use gains::{Gains, GainsError};
pub use interpolation::Interpolation;
pub use rate::{FrameRate, FrameRateError};
pub use shape::Shape;
pub use span::{Span, SpanError};
pub use time::{Pts, TimeError, parse_time};
pub use track::{Track, TrackShapeError};
