//! What the face does at every frame.

mod also;
mod express;
mod flash;
mod jaw;
mod life;
mod motion;
mod timeline;

pub(crate) use flash::FLASH_FALL;
pub use timeline::{Face, FramingAt, ShotTimeline};

use moue_timeline::{Channel, FlameChannel};

/// Every channel's value, by [`Channel::index`].
type Values = [f64; Channel::COUNT];

const NEUTRAL: Values = [0.0; Channel::COUNT];

/// Where the jaw's rotation vector stands in [`Values`].
const JAW: std::ops::Range<usize> = jaw_start()..jaw_start() + 3;

const fn jaw_start() -> usize {
    moue_timeline::Shape::COUNT + FlameChannel::JAW.start
}

fn jaw_of(values: &Values) -> [f64; 3] {
    [values[JAW.start], values[JAW.start + 1], values[JAW.start + 2]]
}

fn set_jaw(values: &mut Values, jaw: [f64; 3]) {
    values[JAW].copy_from_slice(&jaw);
}

/// Adds values to others; the jaw's rotations follow each other.
fn add(total: &mut Values, other: &Values) {
    let turned = jaw::compose(jaw_of(other), jaw_of(total));
    for (total, other) in total.iter_mut().zip(other) {
        *total += other;
    }
    set_jaw(total, turned);
}
