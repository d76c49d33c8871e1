//! Channels that move on top of what is expressed.

use moue_timeline::Easing;

use super::{JAW, Values, jaw};
use crate::{ActionKind, Beat};

/// Offsets of single channels that go from key to key, each for itself.
#[derive(Clone, Debug, Default)]
pub(super) struct Also {
    parts: Vec<Part>,
}

/// One channel, or the jaw's three.
#[derive(Clone, Debug)]
struct Part {
    /// The first channel, by [`moue_timeline::Channel::index`].
    channel: usize,
    start: [f64; 3],
    keys: Vec<Key>,
}

#[derive(Clone, Debug)]
struct Key {
    start: f64,
    at: f64,
    value: [f64; 3],
    easing: Easing,
}

impl Also {
    /// From where the offsets are at the start of the shot: channels and values.
    pub(super) fn new(start: &[(usize, f64)], beats: &[Beat]) -> Self {
        let mut also = Self::default();
        for (channel, value) in start {
            let (part, place) = also.part(*channel);
            part.start[place] = *value;
        }
        for beat in beats {
            let Some(action) = beat.action.as_ref().filter(|action| action.kind == ActionKind::Also) else { continue };
            let named = action.pose.iter().map(|(channel, value)| (channel.index(), value));
            let mut named: Vec<(usize, f64)> = named.collect();
            if named.is_empty() {
                // Nothing at all takes everything back.
                named = also.parts.iter().map(|part| (part.channel, 0.0)).collect();
            }
            for (index, value) in named {
                let channel = moue_timeline::Channel::all().nth(index);
                let easing = channel.map_or(action.ease.all, |channel| action.ease.of(channel));
                let (part, place) = also.part(index);
                let (start, at) = (action.start as f64, beat.at as f64);
                match part.keys.last_mut().filter(|key| key.at == at && key.start == start) {
                    Some(key) => key.value[place] = value,
                    None => {
                        let mut key = Key { start, at, value: [0.0; 3], easing };
                        key.value[place] = value;
                        part.keys.push(key);
                    }
                }
            }
        }
        also
    }

    /// The part that moves a channel, and the channel's place in it.
    fn part(&mut self, index: usize) -> (&mut Part, usize) {
        let (channel, place) = if JAW.contains(&index) { (JAW.start, index - JAW.start) } else { (index, 0) };
        let known = self.parts.iter().position(|part| part.channel == channel);
        let at = known.unwrap_or_else(|| {
            self.parts.push(Part { channel, start: [0.0; 3], keys: Vec::new() });
            self.parts.len() - 1
        });
        (&mut self.parts[at], place)
    }

    /// Adds the offsets at a frame.
    pub(super) fn add(&self, frame: f64, values: &mut Values) {
        for part in &self.parts {
            let offset = part.sample(frame);
            if part.channel == JAW.start {
                let turned = jaw::compose(offset, super::jaw_of(values));
                super::set_jaw(values, turned);
            } else {
                values[part.channel] += offset[0];
            }
        }
    }

    /// The offsets at a frame: channels and values.
    pub(super) fn at(&self, frame: f64) -> Vec<(usize, f64)> {
        let all = self.parts.iter().flat_map(|part| {
            let count = if part.channel == JAW.start { 3 } else { 1 };
            part.sample(frame).into_iter().take(count).enumerate().map(|(place, value)| (part.channel + place, value))
        });
        all.collect()
    }
}

impl Part {
    fn sample(&self, frame: f64) -> [f64; 3] {
        let passed = self.keys.partition_point(|key| key.at <= frame);
        let from = passed.checked_sub(1).map_or(self.start, |before| self.keys[before].value);
        let Some(key) = self.keys.get(passed).filter(|key| frame > key.start) else { return from };
        let eased = key.easing.at((frame - key.start) / (key.at - key.start));
        if self.channel == JAW.start {
            return jaw::between(from, key.value, eased);
        }
        [from[0] + (key.value[0] - from[0]) * eased, 0.0, 0.0]
    }
}
