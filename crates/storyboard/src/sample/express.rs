//! The whole face's keys.

use std::collections::BTreeSet;

use moue_timeline::{Channel, Easing};

use super::{JAW, Values, jaw};
use crate::{ActionKind, Beat, Pose};

/// What is expressed: the whole face goes from key to key.
#[derive(Clone, Debug)]
pub(super) struct Express {
    /// The channels that any key moves, by [`Channel::index`], increasing; the others are at rest.
    channels: Vec<usize>,
    /// The column of the first of the jaw's three channels.
    jaw: Option<usize>,
    keys: Vec<Key>,
    /// One row of values for the shot's start and one for each key.
    rows: Vec<f64>,
}

#[derive(Clone, Debug)]
struct Key {
    /// Until then the face is as in the key before.
    start: f64,
    /// From then on it is as in this one.
    at: f64,
    easing: Easing,
    /// Columns with an easing of their own.
    special: Vec<(usize, Easing)>,
}

impl Express {
    pub(super) fn new(start: &Pose, beats: &[Beat]) -> Self {
        let actions = || beats.iter().filter_map(|beat| Some((beat, beat.action.as_ref()?)));
        let expressed = || actions().filter(|(_, action)| action.kind == ActionKind::Express);
        let poses = || std::iter::once(start).chain(expressed().map(|(_, action)| &action.pose));
        let mut moved: BTreeSet<Channel> =
            poses().flat_map(Pose::iter).filter(|(_, value)| *value != 0.0).map(|(channel, _)| channel).collect();
        if moved.iter().any(|channel| JAW.contains(&channel.index())) {
            moved.extend(Channel::all().filter(|channel| JAW.contains(&channel.index())));
        }
        let rows = poses().flat_map(|pose| moved.iter().map(|channel| pose.get(*channel))).collect();
        let keys = expressed().map(|(beat, action)| {
            let special = action.ease.channels.iter().filter_map(|(channel, easing)| {
                let column = moved.iter().position(|moved| moved == channel)?;
                Some((column, *easing))
            });
            Key { start: action.start as f64, at: beat.at as f64, easing: action.ease.all, special: special.collect() }
        });
        let channels: Vec<usize> = moved.iter().map(|channel| channel.index()).collect();
        let jaw = channels.iter().position(|index| *index == JAW.start);
        Self { jaw, keys: keys.collect(), rows, channels }
    }

    fn row(&self, row: usize) -> &[f64] {
        &self.rows[row * self.channels.len()..][..self.channels.len()]
    }

    /// Sets what is expressed at a frame. On a key's frame that is the key itself.
    pub(super) fn sample(&self, frame: f64, values: &mut Values) {
        let passed = self.keys.partition_point(|key| key.at <= frame);
        let from = self.row(passed);
        let Some(key) = self.keys.get(passed).filter(|key| frame > key.start) else {
            for (channel, value) in self.channels.iter().zip(from) {
                values[*channel] = *value;
            }
            return;
        };
        let to = self.row(passed + 1);
        let u = (frame - key.start) / (key.at - key.start);
        let eased = key.easing.at(u);
        let columns = self.channels.iter().zip(from).zip(to);
        for ((channel, from), to) in columns {
            values[*channel] = from + (to - from) * eased;
        }
        for (column, easing) in &key.special {
            values[self.channels[*column]] = from[*column] + (to[*column] - from[*column]) * easing.at(u);
        }
        if let Some(column) = self.jaw {
            let eased =
                key.special.iter().find(|(other, _)| *other == column).map_or(eased, |(_, easing)| easing.at(u));
            let vector = |row: &[f64]| [row[column], row[column + 1], row[column + 2]];
            super::set_jaw(values, jaw::between(vector(from), vector(to), eased));
        }
    }
}
