//! Tracks that move the face during a part of a shot.

use std::sync::Arc;

use moue_timeline::{Channel, FlameChannel, FrameRate, Interpolation, Shape, Track};

use super::{NEUTRAL, Values, flash::smooth};
use crate::Motion;

/// A track in its place.
#[derive(Clone, Debug)]
pub(super) struct Playing {
    track: Arc<Track>,
    motion: Motion,
    /// Where it ends: never, where that is the shot's end, so that it goes on below a dissolve.
    end: f64,
    seconds_per_frame: f64,
}

impl Playing {
    /// `length` is the shot's, in frames.
    pub(super) fn new(track: Arc<Track>, motion: Motion, length: f64, rate: FrameRate) -> Self {
        let end = end(&motion, length);
        Self { track, motion, end, seconds_per_frame: f64::from(rate.den()) / f64::from(rate.num()) }
    }

    /// How much of it is there at a frame, 0 to 1.
    pub(super) fn weight(&self, frame: f64) -> f64 {
        let at = self.motion.at as f64;
        if frame < at || frame >= self.end {
            return 0.0;
        }
        let fade = self.motion.fade;
        let share = |frames: f64| if frames >= fade { 1.0 } else { smooth(frames / fade) };
        // At the shot's very start there is nothing to come in from.
        let comes = if self.motion.at == 0 { 1.0 } else { share(frame - at) };
        comes * share(self.end - frame)
    }

    /// Adds what it does at a frame, and gives how much of it was there.
    pub(super) fn add(&self, frame: f64, values: &mut Values) -> f64 {
        let weight = self.weight(frame);
        if weight == 0.0 {
            return weight;
        }
        let seconds = self.motion.from + (frame - self.motion.at as f64) * self.seconds_per_frame * self.motion.speed;
        let time = self.track.times()[0] + seconds;
        let mut expression = self.track.sample(time, Interpolation::Linear);
        self.motion.gains.apply(&mut expression);
        let mut own = NEUTRAL;
        let mut set = |channel: Channel, value: f32| own[channel.index()] = weight * f64::from(value);
        for shape in Shape::ALL {
            set(Channel::Shape(shape), expression.get(shape));
        }
        let head = expression.head;
        for (axis, value) in moue_timeline::HeadAxis::ALL.into_iter().zip([head.yaw, head.pitch, head.roll]) {
            set(Channel::Head(axis), value);
        }
        if self.track.has_flame() {
            let mut flame = self.track.sample_flame(time, Interpolation::Linear);
            self.motion.gains.apply_flame(&mut flame);
            for channel in FlameChannel::all() {
                set(Channel::Flame(channel), flame.get(channel));
            }
        }
        super::add(values, &own);
        weight
    }
}

/// Whether a motion is still there at the end of its shot of `length` frames.
pub(super) fn lasts(motion: &Motion, length: f64) -> bool {
    end(motion, length).is_infinite() && (motion.at as f64) < length
}

fn end(motion: &Motion, length: f64) -> f64 {
    // Ends are whole frames and lengths need not be.
    if motion.end as f64 >= length - 0.5 { f64::INFINITY } else { motion.end as f64 }
}
