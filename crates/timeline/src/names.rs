//! The names by which lists such as `jawOpen=1.2,mouth=0.5` mean channels.

use crate::{Channel, Shape, nearest_name};

/// Every shape whose name begins with the word.
const REGIONS: [&str; 7] = ["brow", "cheek", "eye", "jaw", "mouth", "nose", "tongue"];

/// The entries of a list, without the space around them; empty ones are skipped.
pub(crate) fn entries(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|entry| !entry.is_empty())
}

/// Name and value of `NAME=VALUE`; none without `=`, or with nothing before it.
pub(crate) fn assignment(entry: &str) -> Option<(&str, &str)> {
    let (name, value) = entry.split_once('=')?;
    Some((name.trim(), value.trim())).filter(|(name, _)| !name.is_empty())
}

/// The channels that a name means, at least one: a channel, a channel without its side, a region, `head`, `eyelid` or
/// `all`, in any casing.
///
/// # Errors
/// The hint for a person who wrote a name that means none.
pub(crate) fn covered(name: &str) -> Result<Vec<Channel>, String> {
    let channels: Vec<Channel> = Channel::all().filter(|channel| covers(name, *channel)).collect();
    if channels.is_empty() { Err(unknown(name)) } else { Ok(channels) }
}

fn covers(name: &str, channel: Channel) -> bool {
    let is = |other: &str| name.eq_ignore_ascii_case(other);
    if is("all") || is(channel.name()) {
        return true;
    }
    match channel {
        Channel::Shape(shape) if REGIONS.into_iter().any(is) => {
            shape.name().to_ascii_lowercase().starts_with(&name.to_ascii_lowercase())
        }
        Channel::Shape(shape) => side_stem(shape).is_some_and(is),
        Channel::Flame(flame) => flame.name().starts_with("eyelid") && is("eyelid"),
        Channel::Head(_) => is("head"),
    }
}

fn side_stem(shape: Shape) -> Option<&'static str> {
    shape.name().strip_suffix("Left").or_else(|| shape.name().strip_suffix("Right"))
}

fn unknown(name: &str) -> String {
    let known = Shape::ALL.into_iter().filter_map(side_stem).chain(Channel::all().map(Channel::name));
    match nearest_name(name, known.chain(REGIONS).chain(["head", "eyelid"])) {
        Some(nearest) => format!("did you mean '{nearest}'?"),
        None => {
            format!("use ARKit names such as jawOpen or mouthSmile, a region ({}), head, or all", REGIONS.join(", "))
        }
    }
}
