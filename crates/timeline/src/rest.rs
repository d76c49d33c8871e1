//! The face that a driver rests in, and motions without it.

use crate::edit::finite;
use crate::{Channel, Expression, FlameChannel, FlameExpression, HeadAxis, HeadPose, Interpolation, Shape, Track};

/// The face that somebody rests in: what a tracker reads off it when it does nothing. A brow that always hangs a little,
/// lips that turn up at rest, a head turned to a camera beside the screen are no part of a motion.
#[derive(Clone, Debug, PartialEq)]
pub struct RestFace {
    /// By [`Channel::index`]; zero for channels that are not known.
    values: [f32; Channel::COUNT],
}

/// Of the frames, the share in which the face does least.
const QUIET_SHARE: f64 = 0.05;
/// A coefficient at rest is below this; with more, too little of it is left to move with.
const MAX_REST: f32 = 0.9;

impl RestFace {
    /// Finds the resting face in a motion.
    ///
    /// 1. Where each channel rests if it is looked at alone: for coefficients that only go one way (ARKit's, FLAME's
    ///    eyelids and jaw opening) their tenth percentile, which blinks, speech and a smile through nine tenths of the
    ///    motion do not reach; for what goes both ways (FLAME's expression components, the head) the median.
    /// 2. How far the face is from that in each frame, summed over its channels in shares of what they can do. The head
    ///    keeps its median: where it looks says nothing about the face.
    /// 3. The twentieth of the frames that are nearest to it, in which the face does least, all at the same time: blinks,
    ///    speech and smiles fall out. In each channel their median, since percentiles taken alone lie below the rest by
    ///    the tracker's noise.
    ///
    /// Each key counts once. A motion that never rests shows its calmest frames; a smile that lasts all the time, and
    /// in FLAME one that lasts half of it, cannot be told from a resting face.
    pub fn estimate(track: &Track) -> Self {
        let (rows, columns) = (track.times().len(), track.channels().len());
        let alone: Vec<f32> = track
            .channels()
            .iter()
            .enumerate()
            .map(|(column, channel)| {
                let values = track.column_values(column).collect();
                quantile(values, if one_sided(*channel) { 0.1 } else { 0.5 })
            })
            .collect();
        let scales: Vec<f32> = track.channels().iter().map(|channel| channel.full_scale() as f32).collect();
        let is_head = |channel: Channel| matches!(channel, Channel::Head(_));
        let activity = |row: usize| -> f32 {
            let face = (0..columns).filter(|column| !is_head(track.channels()[*column]));
            face.map(|column| ((track.row(row)[column] - alone[column]) / scales[column]).abs().min(1.0)).sum()
        };
        let mut order: Vec<(f32, usize)> = (0..rows).map(|row| (activity(row), row)).collect();
        let quiet = ((rows as f64 * QUIET_SHARE).ceil() as usize).clamp(1, rows);
        order.select_nth_unstable_by(quiet - 1, |a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let mut rest = Self::default();
        for (column, channel) in track.channels().iter().enumerate() {
            let quiet_values = || order[..quiet].iter().map(|(_, row)| track.row(*row)[column]).collect();
            let value = if is_head(*channel) { alone[column] } else { quantile(quiet_values(), 0.5) };
            rest.values[channel.index()] = value;
        }
        rest
    }

    /// What a track shows at `t` seconds, the median of a fifth of a second around it where there is more than one key.
    pub fn at(track: &Track, t: f64) -> Self {
        const AROUND: f64 = 0.1;
        let times = track.times();
        let near = times.partition_point(|time| *time < t - AROUND)..times.partition_point(|time| *time <= t + AROUND);
        let here = track.sample_row(t, Interpolation::Linear);
        let mut rest = Self::default();
        for (column, channel) in track.channels().iter().enumerate() {
            let values = near.clone().map(|row| track.row(row)[column]).chain([here[column]]).collect();
            rest.values[channel.index()] = quantile(values, 0.5);
        }
        rest
    }

    /// What one channel rests at; zero where it is not known. Radians for angles.
    pub fn get(&self, channel: Channel) -> f32 {
        self.values[channel.index()]
    }

    /// The motion away from this face.
    ///
    /// ARKit coefficients and FLAME's eyelids become `(v - r) / (1 - r)`, at least 0: nothing at rest, and still 1 where
    /// they were 1, so that eyes that rest half shut shut. FLAME's expression components and its jaw become `v - r`, the
    /// jaw at least shut. The head's rotation becomes what follows its rest, [`HeadPose::relative_to`]; an axis that the
    /// track lacks is zero.
    #[must_use]
    pub fn subtracted_from(&self, track: &Track) -> Track {
        let axes = HeadAxis::ALL.map(|axis| track.column(Channel::Head(axis)));
        let rest = self.head();
        let mut values = Vec::with_capacity(track.values().len());
        for row in 0..track.times().len() {
            let row = track.row(row);
            let [yaw, pitch, roll] = axes.map(|column| column.map_or(0.0, |column| row[column]));
            let head = HeadPose { yaw, pitch, roll }.relative_to(rest);
            values.extend(row.iter().zip(track.channels()).map(|(value, channel)| match channel {
                Channel::Head(HeadAxis::Yaw) => head.yaw,
                Channel::Head(HeadAxis::Pitch) => head.pitch,
                Channel::Head(HeadAxis::Roll) => head.roll,
                _ => self.without_rest(*channel, *value),
            }));
        }
        track.with(track.channels().to_vec(), values)
    }

    fn without_rest(&self, channel: Channel, value: f32) -> f32 {
        let rest = self.get(channel);
        match channel {
            Channel::Flame(flame) if FlameChannel::EXPRESSION.contains(&flame.index()) => difference(value, rest),
            Channel::Flame(flame) if flame.index() == FlameChannel::JAW.start => difference(value, rest).max(0.0),
            Channel::Flame(flame) if FlameChannel::JAW.contains(&flame.index()) => difference(value, rest),
            _ => {
                let rest = f64::from(rest.clamp(0.0, MAX_REST));
                finite(((f64::from(value) - rest) / (1.0 - rest)).max(0.0))
            }
        }
    }

    /// The head's rotation at rest.
    pub fn head(&self) -> HeadPose {
        let [yaw, pitch, roll] = HeadAxis::ALL.map(|axis| self.get(Channel::Head(axis)));
        HeadPose { yaw, pitch, roll }
    }
}

impl Default for RestFace {
    /// A face that rests in what the coefficients call neutral: subtracting it changes nothing but coefficients below 0.
    fn default() -> Self {
        Self { values: [0.0; Channel::COUNT] }
    }
}

impl From<&Expression> for RestFace {
    /// The face of a picture, for instance.
    fn from(expression: &Expression) -> Self {
        let mut rest = Self::default();
        for shape in Shape::ALL {
            rest.values[Channel::Shape(shape).index()] = expression.get(shape);
        }
        let HeadPose { yaw, pitch, roll } = expression.head;
        for (axis, angle) in HeadAxis::ALL.into_iter().zip([yaw, pitch, roll]) {
            rest.values[Channel::Head(axis).index()] = angle;
        }
        rest
    }
}

impl From<&FlameExpression> for RestFace {
    fn from(expression: &FlameExpression) -> Self {
        let mut rest = Self::default();
        for channel in FlameChannel::all() {
            rest.values[Channel::Flame(channel).index()] = expression.get(channel);
        }
        rest
    }
}

fn difference(value: f32, rest: f32) -> f32 {
    finite(f64::from(value) - f64::from(rest))
}

/// Whether the channel is zero or more by what it means.
fn one_sided(channel: Channel) -> bool {
    match channel {
        Channel::Shape(_) => true,
        Channel::Flame(flame) => {
            FlameChannel::EYELIDS.contains(&flame.index()) || flame.index() == FlameChannel::JAW.start
        }
        Channel::Head(_) => false,
    }
}

/// Of at least one value, the one below which a share of them lies.
fn quantile(mut values: Vec<f32>, share: f64) -> f32 {
    let index = ((values.len() - 1) as f64 * share).round() as usize;
    *values.select_nth_unstable_by(index, f32::total_cmp).1
}

#[cfg(test)]
#[path = "rest_tests.rs"]
mod tests;
