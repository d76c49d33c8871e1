//! Easings of several layers become one of each channel.

use moue_timeline::{Channel, ChannelSet, Easing, FlameChannel};

use crate::Ease;
use crate::written::EaseText;

/// What each channel's easing is where `layers` say it, the later ones counting more.
pub(super) fn ease<'a>(layers: impl Iterator<Item = &'a EaseText>) -> Ease {
    let entries: Vec<&(ChannelSet, Easing)> = layers.flat_map(|layer| &layer.0).collect();
    // What comes before an easing of all channels does not count.
    let whole = entries.iter().rposition(|(set, _)| Channel::all().all(|channel| set.contains(channel)));
    let all = whole.map_or(Easing::Linear, |index| entries[index].1);
    let single = &entries[whole.map_or(0, |index| index + 1)..];
    let last = |channel: Channel| single.iter().rposition(|(set, _)| set.contains(channel));
    // The three jaw channels are one rotation, which has one easing.
    let jaw =
        FlameChannel::all().skip(FlameChannel::JAW.start).filter_map(|channel| last(Channel::Flame(channel))).max();
    let easing = |channel| {
        let index = match channel {
            Channel::Flame(flame) if FlameChannel::JAW.contains(&flame.index()) => jaw,
            channel => last(channel),
        };
        index.map(|index| (channel, single[index].1))
    };
    let channels = if single.is_empty() { Vec::new() } else { Channel::all().filter_map(easing).collect() };
    Ease { all, channels }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(entries: &[(&str, &str)]) -> EaseText {
        EaseText(entries.iter().map(|(set, easing)| (set.parse().unwrap(), easing.parse().unwrap())).collect())
    }

    #[test]
    fn later_layers_count_more_and_the_jaw_turns_as_one() {
        let board = text(&[("all", "ease-in"), ("mouth", "spring")]);
        let shot = text(&[("mouthClose", "hold"), ("jaw_y", "linear")]);
        let ease = ease([&board, &shot].into_iter());
        let of = |name: &str| ease.of(Channel::from_name(name).unwrap()).to_string();
        assert_eq!([of("browInnerUp"), of("mouthFunnel"), of("mouthClose")], ["ease-in", "spring(0.35)", "hold"]);
        assert_eq!([of("jaw_x"), of("jaw_y"), of("jaw_z"), of("jawOpen")], ["linear", "linear", "linear", "ease-in"]);
        let all = super::ease([&board, &text(&[("all", "ease-out")])].into_iter());
        assert_eq!((all.all.to_string(), all.channels.len()), ("ease-out".to_owned(), 0));
    }
}
