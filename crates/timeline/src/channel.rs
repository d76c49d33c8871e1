//! What one column of a track drives.

use std::ops::Range;

use crate::Shape;

/// An axis of the head's rotation; see [`crate::HeadPose`] for the signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HeadAxis {
    /// Turn to the side.
    Yaw,
    /// Nod.
    Pitch,
    /// Tilt to the shoulder.
    Roll,
}

impl HeadAxis {
    /// Every axis.
    pub const ALL: [Self; 3] = [Self::Yaw, Self::Pitch, Self::Roll];

    /// `head_yaw`, `head_pitch` or `head_roll`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Yaw => "head_yaw",
            Self::Pitch => "head_pitch",
            Self::Roll => "head_roll",
        }
    }
}

/// One coefficient of the FLAME head model as expression trackers give it: 50 expression components, two eyelids
/// (0 open, 1 shut) and the jaw's rotation vector (radians).
///
/// Source: Li et al., "Learning a model of facial shape and expression from 4D scans", 2017 (expression, jaw);
/// Retsinas et al., "3D Facial Expressions through Analysis-by-Neural-Synthesis", 2024 (eyelids).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FlameChannel(u8);

#[rustfmt::skip]
const FLAME_NAMES: [&str; 55] = [
    "exp_00", "exp_01", "exp_02", "exp_03", "exp_04", "exp_05", "exp_06", "exp_07", "exp_08", "exp_09",
    "exp_10", "exp_11", "exp_12", "exp_13", "exp_14", "exp_15", "exp_16", "exp_17", "exp_18", "exp_19",
    "exp_20", "exp_21", "exp_22", "exp_23", "exp_24", "exp_25", "exp_26", "exp_27", "exp_28", "exp_29",
    "exp_30", "exp_31", "exp_32", "exp_33", "exp_34", "exp_35", "exp_36", "exp_37", "exp_38", "exp_39",
    "exp_40", "exp_41", "exp_42", "exp_43", "exp_44", "exp_45", "exp_46", "exp_47", "exp_48", "exp_49",
    "eyelid_left", "eyelid_right", "jaw_x", "jaw_y", "jaw_z",
];

impl FlameChannel {
    /// How many coefficients there are.
    pub const COUNT: usize = FLAME_NAMES.len();
    /// Indices of the expression components.
    pub const EXPRESSION: Range<usize> = 0..50;
    /// Indices of the eyelids, left and right.
    pub const EYELIDS: Range<usize> = 50..52;
    /// Indices of the jaw's rotation vector, x, y and z.
    pub const JAW: Range<usize> = 52..55;

    /// The coefficient at `index` in `0..COUNT`: expression, eyelids, jaw.
    pub fn from_index(index: usize) -> Option<Self> {
        u8::try_from(index).ok().filter(|_| index < Self::COUNT).map(Self)
    }

    /// Every coefficient, in index order.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..Self::COUNT as u8).map(Self)
    }

    /// Index in `0..COUNT`.
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// `exp_00`..`exp_49`, `eyelid_left`, `eyelid_right`, `jaw_x`, `jaw_y` or `jaw_z`.
    pub const fn name(self) -> &'static str {
        FLAME_NAMES[self.index()]
    }
}

/// What one column of a track drives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Channel {
    /// An ARKit coefficient, unitless.
    Shape(Shape),
    /// A FLAME coefficient.
    Flame(FlameChannel),
    /// Rotation of the head, radians.
    Head(HeadAxis),
}

impl Channel {
    /// How many channels there are.
    pub const COUNT: usize = Shape::COUNT + FlameChannel::COUNT + HeadAxis::ALL.len();

    /// Every channel, in index order: ARKit, FLAME, head.
    pub fn all() -> impl Iterator<Item = Self> {
        let shapes = Shape::ALL.into_iter().map(Self::Shape);
        shapes.chain(FlameChannel::all().map(Self::Flame)).chain(HeadAxis::ALL.map(Self::Head))
    }

    /// Index in `0..COUNT`.
    pub const fn index(self) -> usize {
        match self {
            Self::Shape(shape) => shape.index(),
            Self::Flame(flame) => Shape::COUNT + flame.index(),
            Self::Head(axis) => Shape::COUNT + FlameChannel::COUNT + axis as usize,
        }
    }

    /// The name a track's column has: `jawOpen`, `exp_00`, `head_yaw`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Shape(shape) => shape.name(),
            Self::Flame(flame) => flame.name(),
            Self::Head(axis) => axis.name(),
        }
    }

    /// The channel and the sign that this one has in a mirror: the other side's shape or eyelid, the opposite turn and
    /// tilt. None for FLAME's expression components: each is a direction in which faces were found to vary, and its
    /// mirror image is a mixture of all, which only FLAME's own basis can tell.
    pub fn mirrored(self) -> Option<(Self, f32)> {
        const JAW_X: usize = FlameChannel::JAW.start;
        const EYELIDS: Range<usize> = FlameChannel::EYELIDS;
        match self {
            Self::Shape(shape) => Some((Self::Shape(shape.mirrored()), 1.0)),
            Self::Flame(flame) => match flame.index() {
                index if EYELIDS.contains(&index) => {
                    let other = FlameChannel::from_index(EYELIDS.start + EYELIDS.end - 1 - index)?;
                    Some((Self::Flame(other), 1.0))
                }
                JAW_X => Some((self, 1.0)),
                index if FlameChannel::JAW.contains(&index) => Some((self, -1.0)),
                _ => None,
            },
            Self::Head(HeadAxis::Pitch) => Some((self, 1.0)),
            Self::Head(_) => Some((self, -1.0)),
        }
    }

    /// How far the channel goes when it does all it can: what a change of its value is measured in.
    pub(crate) fn full_scale(self) -> f64 {
        const JAW_X: usize = FlameChannel::JAW.start;
        match self {
            Self::Shape(_) => 1.0,
            Self::Head(_) => 0.5,
            Self::Flame(flame) => match flame.index() {
                JAW_X => 0.5,
                index if FlameChannel::JAW.contains(&index) => 0.2,
                index if FlameChannel::EXPRESSION.contains(&index) => 2.0,
                _ => 1.0,
            },
        }
    }

    /// The channel called `name`, in any casing.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::all().find(|channel| channel.name().eq_ignore_ascii_case(name))
    }
}

/// The candidate that `name` is most likely a misspelling of, whatever the casing; none where nothing is near.
pub fn nearest_name<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Longer texts are no misspelt names, and the distance costs their length.
    if name.len() > 64 {
        return None;
    }
    let name = name.to_ascii_lowercase();
    let distance = |candidate: &str| strsim::osa_distance(&name, &candidate.to_ascii_lowercase());
    let nearest = candidates.into_iter().map(|candidate| (distance(candidate), candidate)).min_by_key(|pair| pair.0)?;
    // A third of the letters may be wrong; beyond that a suggestion is noise.
    (nearest.0 * 3 <= nearest.1.chars().count()).then_some(nearest.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_indices_belong_to_one_channel_each() {
        let all: Vec<Channel> = Channel::all().collect();
        assert_eq!(all.len(), Channel::COUNT);
        assert_eq!(Channel::COUNT, 110);
        for (index, channel) in all.into_iter().enumerate() {
            assert_eq!(channel.index(), index);
            assert_eq!(Channel::from_name(channel.name()), Some(channel));
            assert_eq!(Channel::from_name(&channel.name().to_uppercase()), Some(channel));
        }
        assert_eq!(Channel::from_name("exp_50"), None);
        assert_eq!(FlameChannel::from_index(FlameChannel::COUNT), None);
        assert_eq!(FlameChannel::from_index(50).map(FlameChannel::name), Some("eyelid_left"));
    }

    #[test]
    fn a_mirror_exchanges_sides_and_turns_angles() {
        let mirror =
            |name: &str| Channel::from_name(name).unwrap().mirrored().map(|(other, sign)| (other.name(), sign));
        assert_eq!(mirror("mouthSmileLeft"), Some(("mouthSmileRight", 1.0)));
        assert_eq!(mirror("jawOpen"), Some(("jawOpen", 1.0)));
        assert_eq!(mirror("eyelid_left"), Some(("eyelid_right", 1.0)));
        assert_eq!([mirror("jaw_x"), mirror("jaw_y")], [Some(("jaw_x", 1.0)), Some(("jaw_y", -1.0))]);
        assert_eq!(mirror("jaw_z"), Some(("jaw_z", -1.0)));
        assert_eq!([mirror("head_yaw"), mirror("head_pitch")], [Some(("head_yaw", -1.0)), Some(("head_pitch", 1.0))]);
        assert_eq!((mirror("head_roll"), mirror("exp_49")), (Some(("head_roll", -1.0)), None));
        for channel in Channel::all() {
            if let Some((other, sign)) = channel.mirrored() {
                assert_eq!(other.mirrored(), Some((channel, sign)));
            }
        }
    }

    #[test]
    fn misspelt_names_find_their_neighbour() {
        let nearest = |name: &str| nearest_name(name, Channel::all().map(Channel::name));
        assert_eq!(nearest("jawOpne"), Some("jawOpen"));
        assert_eq!(nearest("mouthsmileleft "), Some("mouthSmileLeft"));
        assert_eq!(nearest("eyeBlink_L"), Some("eyeBlinkLeft"));
        assert_eq!(nearest("joy"), None);
        assert_eq!(nearest("emotion"), None);
        assert_eq!(nearest(&"x".repeat(1000)), None);
        assert_eq!(nearest_name("jawOpen", []), None);
    }
}
