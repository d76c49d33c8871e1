//! Operations that make a new track of one or two.

mod channels;
mod combine;
mod error;
mod gaps;
mod mirror;
mod time;

pub use error::EditError;
pub use gaps::Gap;
pub use mirror::Mirrored;
pub use time::MAX_TRACK_VALUES;

/// The nearest `f32`; where there is none, the largest: a track's values are finite.
pub(crate) fn finite(value: f64) -> f32 {
    value.clamp(f64::from(f32::MIN), f64::from(f32::MAX)) as f32
}
