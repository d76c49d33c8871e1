//! What comes on top for a moment.

use super::Values;
use crate::{ActionKind, Beat};

/// How much longer than it rises a flash takes to fall: lids and brows come back slower than they go.
pub(crate) const FLASH_FALL: u32 = 2;

/// A pose that comes and goes.
#[derive(Clone, Debug)]
pub(super) struct Flash {
    /// Frames: where it begins, is all there, begins to go, and is gone.
    times: [f64; 4],
    /// Channels by [`moue_timeline::Channel::index`].
    pose: Vec<(usize, f64)>,
}

impl Flash {
    /// The flashes among some beats.
    pub(super) fn all(beats: &[Beat]) -> impl Iterator<Item = Self> {
        beats.iter().filter_map(|beat| {
            let action = beat.action.as_ref().filter(|action| action.kind == ActionKind::Flash)?;
            let (start, peak, fall) = (action.start as f64, beat.at as f64, beat.end as f64);
            let times = [start, peak, fall, fall + f64::from(FLASH_FALL) * (peak - start)];
            Some(Self { times, pose: action.pose.iter().map(|(channel, value)| (channel.index(), value)).collect() })
        })
    }

    /// The same flash for a shot that begins `frames` later; none where it is over by then.
    pub(super) fn later(&self, frames: f64) -> Option<Self> {
        (self.times[3] > frames).then(|| Self { times: self.times.map(|time| time - frames), pose: self.pose.clone() })
    }

    /// Adds what is there of it at a frame.
    pub(super) fn add(&self, frame: f64, values: &mut Values) {
        let weight = self.weight(frame);
        if weight == 0.0 {
            return;
        }
        let mut own = super::NEUTRAL;
        for (channel, value) in &self.pose {
            own[*channel] = value * weight;
        }
        super::add(values, &own);
    }

    fn weight(&self, frame: f64) -> f64 {
        let [start, peak, fall, end] = self.times;
        if frame <= start || frame >= end {
            // Without a rise it is there on its frames alone.
            return f64::from(u8::from(frame >= peak && frame <= fall && start == peak));
        }
        if frame < peak {
            return smooth((frame - start) / (peak - start));
        }
        if frame <= fall { 1.0 } else { smooth((end - frame) / (end - fall)) }
    }
}

/// From 0 to 1, at rest at both ends.
pub(super) fn smooth(u: f64) -> f64 {
    u * u * (3.0 - 2.0 * u)
}
