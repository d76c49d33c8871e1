//! Tracks of one family from tracks of the other.

use std::fmt;

use moue_timeline::{Channel, Track};

use crate::rule::{self, Rule};
use crate::{Affine, BridgeError, LinearMap};

/// A set of coefficients that describes a whole face.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// Apple's 52 blendshapes, 0 to 1.
    Arkit,
    /// FLAME's expression components, eyelids and jaw.
    Flame,
}

impl Family {
    /// The family of a channel; none for the head, which belongs to both.
    pub fn of(channel: Channel) -> Option<Self> {
        match channel {
            Channel::Shape(_) => Some(Self::Arkit),
            Channel::Flame(_) => Some(Self::Flame),
            Channel::Head(_) => None,
        }
    }

    pub(crate) fn rules(self) -> Vec<Rule> {
        match self {
            Self::Arkit => rule::to_arkit(),
            Self::Flame => rule::to_flame(),
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Arkit => "ARKit",
            Self::Flame => "FLAME",
        })
    }
}

/// A track of the wanted family, and how each channel came about.
#[derive(Clone, Debug, PartialEq)]
pub struct Bridged {
    /// At the times of the source; channels of the wanted family and the head's.
    pub track: Track,
    /// Channels that a rule gave.
    pub by_rule: Vec<Channel>,
    /// Channels that the map gave.
    pub by_map: Vec<Channel>,
    /// Channels of the source that move (by more than a hundredth from zero) and that nothing here follows from.
    pub lost: Vec<Channel>,
    /// Inputs of the map that the source lacks; they were taken as zero.
    pub missing: Vec<Channel>,
}

/// Turns a track into one of the family `to`.
///
/// Each channel of the result is, in this order: the track's own, if it has it already; what the rule gives
/// ([`crate::rule`]), if any of the rule's inputs exists; what the map gives, if any of its inputs exists. The head's
/// rotation is the same in both families. ARKit coefficients that are made here lie within 0 to 1; FLAME's are not
/// limited, see [`moue_timeline::FlameExpression::constrained`].
///
/// # Errors
/// Where nothing of the family follows from the track, and for a map that does not lead there.
pub fn bridge(track: &Track, to: Family, map: Option<&LinearMap>) -> Result<Bridged, BridgeError> {
    let affine = map.map(|map| map.to(to).ok_or(BridgeError::Direction { to })).transpose()?;
    let plan = Plan::new(track, to, affine);
    if !plan.channels(track).any(|channel| Family::of(channel) == Some(to)) {
        let hint = match map {
            Some(_) => "the map knows none of these channels",
            None => "all but lids and jaw takes a map: make one with `moue calibrate` and give it with --map",
        };
        return Err(BridgeError::Nothing { has: names(track.channels()), to, hint });
    }
    Ok(Bridged {
        track: plan.carry_out(track)?,
        lost: plan.lost(track),
        missing: plan.mapping.iter().flat_map(|mapping| mapping.missing(track)).collect(),
        by_rule: plan.rules.iter().map(|rule| rule.output).collect(),
        by_map: plan.mapping.iter().flat_map(Mapping::channels).collect(),
    })
}

/// Where each channel of the result comes from.
struct Plan<'a> {
    to: Family,
    /// Columns that stay as they are.
    own: Vec<usize>,
    rules: Vec<Rule>,
    mapping: Option<Mapping<'a>>,
}

/// What a map gives.
struct Mapping<'a> {
    affine: &'a Affine,
    /// Places of the outputs that nothing better gives; at least one.
    outputs: Vec<usize>,
}

impl<'a> Plan<'a> {
    fn new(track: &Track, to: Family, affine: Option<&'a Affine>) -> Self {
        let exists = |channel: Channel| track.has_channel(channel);
        let stays = |column: &usize| Family::of(track.channels()[*column]).is_none_or(|family| family == to);
        let mut rules = to.rules();
        rules.retain(|rule| !exists(rule.output) && rule.inputs().any(exists));
        let given = |channel: Channel| exists(channel) || rules.iter().any(|rule| rule.output == channel);
        let mapping = affine.filter(|affine| affine.inputs().iter().any(|input| exists(*input)));
        let mapping = mapping.map(|affine| {
            let outputs = (0..affine.outputs().len()).filter(|output| !given(affine.outputs()[*output]));
            Mapping { affine, outputs: outputs.collect() }
        });
        let mapping = mapping.filter(|mapping| !mapping.outputs.is_empty());
        Self { to, own: (0..track.channels().len()).filter(stays).collect(), rules, mapping }
    }

    fn channels(&self, track: &Track) -> impl Iterator<Item = Channel> {
        let own = self.own.iter().map(|column| track.channels()[*column]);
        let ruled = self.rules.iter().map(|rule| rule.output);
        own.chain(ruled).chain(self.mapping.iter().flat_map(Mapping::channels))
    }

    fn carry_out(&self, track: &Track) -> Result<Track, BridgeError> {
        let channels: Vec<Channel> = self.channels(track).collect();
        let columns =
            |mapping: &Mapping<'_>| mapping.affine.inputs().iter().map(|input| track.column(*input)).collect();
        let columns: Vec<Option<usize>> = self.mapping.as_ref().map_or(Vec::new(), columns);
        let mut values = Vec::with_capacity(track.times().len() * channels.len());
        let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
        for row in 0..track.times().len() {
            let row = track.row(row);
            values.extend(self.own.iter().map(|column| row[*column]));
            let value = |channel: Channel| track.column(channel).map_or(0.0, |column| row[column]);
            values.extend(self.rules.iter().map(|rule| rule.apply(value)));
            if let Some(mapping) = &self.mapping {
                inputs.clear();
                inputs.extend(columns.iter().map(|column| column.map_or(0.0, |column| f64::from(row[column]))));
                mapping.affine.apply(&inputs, &mut outputs);
                values.extend(mapping.outputs.iter().map(|output| limited(self.to, outputs[*output])));
            }
        }
        Ok(Track::new(channels, track.times().to_vec(), values)?)
    }

    /// Moving channels of the other family that nothing follows from; none where the track has both families, and so
    /// says the same twice.
    fn lost(&self, track: &Track) -> Vec<Channel> {
        let is_of = |channel: Channel, to: bool| Family::of(channel).is_some_and(|family| (family == self.to) == to);
        if track.channels().iter().any(|channel| is_of(*channel, true)) {
            return Vec::new();
        }
        let used = |channel: Channel| {
            let mapped = self.mapping.as_ref().is_some_and(|mapping| mapping.affine.inputs().contains(&channel));
            mapped || self.rules.iter().any(|rule| rule.inputs().any(|input| input == channel))
        };
        let moves = |column: usize| track.column_values(column).any(|value| value.abs() > 0.01);
        let channels = track.channels().iter().copied().enumerate();
        let lost = channels.filter(|(column, channel)| is_of(*channel, false) && !used(*channel) && moves(*column));
        lost.map(|(_, channel)| channel).collect()
    }
}

impl Mapping<'_> {
    fn channels(&self) -> impl Iterator<Item = Channel> {
        self.outputs.iter().map(|output| self.affine.outputs()[*output])
    }

    /// Inputs that the track lacks.
    fn missing(&self, track: &Track) -> impl Iterator<Item = Channel> {
        self.affine.inputs().iter().copied().filter(|input| !track.has_channel(*input))
    }
}

fn limited(to: Family, value: f64) -> f32 {
    match to {
        Family::Arkit => value.clamp(0.0, 1.0) as f32,
        Family::Flame => value.clamp(f64::from(f32::MIN), f64::from(f32::MAX)) as f32,
    }
}

/// The first few names, and how many more there are.
fn names(channels: &[Channel]) -> String {
    const SHOWN: usize = 5;
    let shown: Vec<&str> = channels.iter().take(SHOWN).map(|channel| channel.name()).collect();
    match channels.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
#[path = "convert_tests.rs"]
mod tests;
