//! Which channels of a track move, and how much.

use moue_timeline::{Channel, HeadAxis, Shape, Track};

/// How a channel moves over a track, in the channel's unit: coefficients as they are, the head's angles in degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Movement {
    /// Which channel.
    pub channel: Channel,
    /// Smallest value.
    pub low: f64,
    /// Largest value.
    pub high: f64,
    /// Standard deviation over the rows: what makes one channel busier than another.
    pub deviation: f64,
}

impl Movement {
    /// Whether the channel moves by more than trackers tremble: 0.01 for ARKit's coefficients and eyelids, 0.02 for
    /// FLAME's expression, 0.005 rad for its jaw, 0.2 degrees for the head.
    pub fn moves(&self) -> bool {
        self.high - self.low > Group::of(self.channel).tremble()
    }

    /// How busy channels of one group are, the busiest first; ones that are held compare by what they hold.
    pub(crate) fn busier(&self, other: &Self) -> std::cmp::Ordering {
        let held = |movement: &Self| movement.low.abs().max(movement.high.abs());
        other.deviation.total_cmp(&self.deviation).then_with(|| held(other).total_cmp(&held(self)))
    }
}

/// How each channel of `track` moves, in the order of its channels.
pub fn movements(track: &Track) -> Vec<Movement> {
    let first = track.row(0);
    let mut sums: Vec<Sums> = first.iter().map(|value| Sums::new(f64::from(*value))).collect();
    for row in 0..track.times().len() {
        for (sums, value) in sums.iter_mut().zip(track.row(row)) {
            sums.add(f64::from(*value));
        }
    }
    let movement = |(channel, sums): (&Channel, &Sums)| {
        let scale = Group::of(*channel).scale();
        let (low, high) = (sums.low * scale, sums.high * scale);
        Movement { channel: *channel, low, high, deviation: sums.deviation() * scale }
    };
    track.channels().iter().zip(&sums).map(movement).collect()
}

/// Moments about the first value, which keeps the precision of what moves little around a large value.
struct Sums {
    origin: f64,
    count: f64,
    sum: f64,
    squares: f64,
    low: f64,
    high: f64,
}

impl Sums {
    fn new(origin: f64) -> Self {
        Self { origin, count: 0.0, sum: 0.0, squares: 0.0, low: origin, high: origin }
    }

    fn add(&mut self, value: f64) {
        let from_origin = value - self.origin;
        self.count += 1.0;
        self.sum += from_origin;
        self.squares += from_origin * from_origin;
        self.low = self.low.min(value);
        self.high = self.high.max(value);
    }

    fn deviation(&self) -> f64 {
        let mean = self.sum / self.count;
        (self.squares / self.count - mean * mean).max(0.0).sqrt()
    }
}

/// Channels that share a plot, from the forehead down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    Brows,
    Eyes,
    Gaze,
    Mouth,
    Jaw,
    FlameExpression,
    FlameEyelids,
    FlameJaw,
    Head,
}

impl Group {
    pub const ALL: [Self; 9] = [
        Self::Brows,
        Self::Eyes,
        Self::Gaze,
        Self::Mouth,
        Self::Jaw,
        Self::FlameExpression,
        Self::FlameEyelids,
        Self::FlameJaw,
        Self::Head,
    ];

    pub fn of(channel: Channel) -> Self {
        match channel {
            Channel::Head(HeadAxis::Yaw | HeadAxis::Pitch | HeadAxis::Roll) => Self::Head,
            Channel::Flame(flame) => match flame.name() {
                name if name.starts_with("exp_") => Self::FlameExpression,
                name if name.starts_with("eyelid_") => Self::FlameEyelids,
                _ => Self::FlameJaw,
            },
            Channel::Shape(shape) => Self::of_shape(shape),
        }
    }

    fn of_shape(shape: Shape) -> Self {
        match shape.name() {
            name if name.starts_with("brow") => Self::Brows,
            name if name.starts_with("eyeLook") => Self::Gaze,
            // Cheeks rise when eyes are narrowed in earnest.
            name if name.starts_with("eye") || name.starts_with("cheekSquint") => Self::Eyes,
            name if name.starts_with("jaw") => Self::Jaw,
            _ => Self::Mouth,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Brows => "Brows",
            Self::Eyes => "Eyes",
            Self::Gaze => "Gaze",
            Self::Mouth => "Mouth, nose, cheeks",
            Self::Jaw => "Jaw",
            Self::FlameExpression => "FLAME expression",
            Self::FlameEyelids => "FLAME eyelids",
            Self::FlameJaw => "FLAME jaw",
            Self::Head => "Head",
        }
    }

    /// What the values count, where that is not plain.
    pub fn unit(self) -> Option<&'static str> {
        match self {
            Self::Head => Some("degrees"),
            Self::FlameJaw => Some("radians"),
            _ => None,
        }
    }

    /// From a track's values to what people read.
    pub fn scale(self) -> f64 {
        if self == Self::Head { 1f64.to_degrees() } else { 1.0 }
    }

    /// A large movement: what makes channels of different units comparable.
    pub fn full(self) -> f64 {
        match self {
            Self::Head => 20.0,
            Self::FlameJaw => 0.5,
            Self::FlameExpression => 2.0,
            _ => 1.0,
        }
    }

    fn tremble(self) -> f64 {
        self.full() / 100.0
    }

    /// The least that a value axis spans: noise is not blown up to the height of a plot.
    pub fn least_span(self) -> f64 {
        self.full() / 20.0
    }
}

/// The values of one channel over time, in the unit of its group.
pub(crate) fn values(track: &Track, column: usize) -> impl Iterator<Item = (f64, f64)> + '_ {
    let scale = Group::of(track.channels()[column]).scale();
    let value = move |(row, time): (usize, &f64)| (*time, f64::from(track.row(row)[column]) * scale);
    track.times().iter().enumerate().map(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel(name: &str) -> Channel {
        Channel::from_name(name).unwrap()
    }

    #[test]
    fn every_channel_has_its_group() {
        let group = |name: &str| Group::of(channel(name)).name();
        for (name, expected) in [
            ("browInnerUp", "Brows"),
            ("eyeBlinkLeft", "Eyes"),
            ("cheekSquintRight", "Eyes"),
            ("eyeLookUpLeft", "Gaze"),
            ("jawOpen", "Jaw"),
            ("mouthLeft", "Mouth, nose, cheeks"),
            ("tongueOut", "Mouth, nose, cheeks"),
            ("exp_07", "FLAME expression"),
            ("eyelid_left", "FLAME eyelids"),
            ("jaw_x", "FLAME jaw"),
            ("head_roll", "Head"),
        ] {
            assert_eq!(group(name), expected, "{name}");
        }
        assert!(Channel::all().all(|channel| Group::ALL.contains(&Group::of(channel))));
    }

    #[test]
    fn movement_is_measured_in_the_channels_unit() {
        let channels = ["jawOpen", "head_yaw", "browInnerUp"].map(channel).to_vec();
        let track = Track::new(channels, vec![0.0, 1.0], vec![0.2, 0.0, 0.5, 0.6, 0.1, 0.5]).unwrap();
        let [jaw, yaw, brow] = movements(&track).try_into().unwrap();
        assert!((jaw.deviation - 0.2).abs() < 1e-6 && (jaw.high - 0.6).abs() < 1e-6 && jaw.moves());
        assert!((yaw.deviation - 0.05f64.to_degrees()).abs() < 1e-5 && yaw.moves());
        assert_eq!((brow.low, brow.high, brow.deviation, brow.moves()), (0.5, 0.5, 0.0, false));
        let mut order = [brow, jaw];
        order.sort_by(Movement::busier);
        assert_eq!(order.map(|movement| movement.channel.name()), ["jawOpen", "browInnerUp"]);
    }
}
