//! Tracks brought to the coefficients that a renderer is moved by, and the maps for it in files.

use std::collections::BTreeMap;
use std::path::Path;

use moue_bridge::{ArrayData, BridgeError, Family, LinearMap, NamedArray, NamedArrays, bridge};
use moue_timeline::{Channel, Track};
use moue_tracks::arrays::{self, Array, Elements};

use crate::{AnimationError, Observer};

/// How many channels a note names.
const LISTED: usize = 5;

/// The track with the coefficients of all `families`: its own, and what follows from them by rule and map. What is lost
/// on the way is told, with the `name` of the motion.
///
/// # Errors
/// A map that leads elsewhere; a track from which nothing of a family follows.
pub fn to_families(
    name: &str,
    track: &Track,
    families: &[Family],
    map: Option<&LinearMap>,
    observer: &dyn Observer,
) -> Result<Track, AnimationError> {
    let mut parts = Vec::new();
    for family in families {
        let problem = |problem| AnimationError::Bridge { path: name.into(), problem: Box::new(problem) };
        let bridged = bridge(track, *family, map).map_err(problem)?;
        if !bridged.lost.is_empty() {
            let hint = match map {
                Some(_) => "the map does not know them",
                None => "--map takes a map that `moue calibrate` makes",
            };
            let (count, other, names) = (bridged.lost.len(), other(*family), listed(&bridged.lost));
            let moves = if count == 1 { "channel moves" } else { "channels move" };
            observer.note(&format!("{name}: {count} {other} {moves} nothing in {family}: {names}; {hint}"));
        }
        if !bridged.missing.is_empty() {
            let (count, names) = (bridged.missing.len(), listed(&bridged.missing));
            let inputs = if count == 1 { "input of the map is" } else { "inputs of the map are" };
            observer.note(&format!("{name}: {count} {inputs} missing and taken as 0: {names}"));
        }
        tracing::debug!(%family, by_rule = bridged.by_rule.len(), by_map = bridged.by_map.len(), "bridged");
        parts.push(bridged.track);
    }
    let mut parts = parts.into_iter();
    let Some(first) = parts.next() else { return Ok(track.clone()) };
    // All of them have the same times.
    parts.try_fold(first, |sum, part| Ok(sum.merged(&part, moue_timeline::Interpolation::Linear)?))
}

/// The track with the coefficients that a renderer is moved by, the first of `families`, and those of the others that
/// follow from them or were there from the beginning. Those only go along: what they lack stays at rest, and nothing is
/// told of it.
///
/// # Errors
/// As [`to_families`], for the first one.
pub(crate) fn moving(
    name: &str,
    track: &Track,
    families: &[Family],
    map: Option<&LinearMap>,
    observer: &dyn Observer,
) -> Result<Track, AnimationError> {
    let (first, others) = families.split_at(families.len().min(1));
    let mut moving = to_families(name, track, first, map, observer)?;
    for family in others {
        // A map that leads to the other family alone leaves the motion's own channels, and what rules give.
        let map = map.filter(|map| map.to(*family).is_some());
        match bridge(track, *family, map) {
            Ok(bridged) => moving = moving.merged(&bridged.track, moue_timeline::Interpolation::Linear)?,
            Err(BridgeError::Nothing { .. }) => {}
            Err(problem) => return Err(AnimationError::Bridge { path: name.into(), problem: Box::new(problem) }),
        }
    }
    Ok(moving)
}

fn other(family: Family) -> Family {
    match family {
        Family::Arkit => Family::Flame,
        Family::Flame => Family::Arkit,
    }
}

fn listed(channels: &[Channel]) -> String {
    let names: Vec<&str> = channels.iter().take(LISTED).map(|channel| channel.name()).collect();
    match channels.len().saturating_sub(LISTED) {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}

/// Reads a map that [`write_map`] wrote.
///
/// # Errors
/// A file that cannot be read, or is no map.
pub fn read_map(path: &Path) -> Result<LinearMap, AnimationError> {
    let arrays = arrays::read_npz(path)?;
    let mut named = NamedArrays::default();
    for (name, array) in arrays {
        let data = match array.elements() {
            Elements::F32(values) => ArrayData::F32(values.clone()),
            Elements::F64(values) => ArrayData::F64(values.clone()),
            Elements::Text(texts) => ArrayData::Text(texts.clone()),
        };
        named.arrays.insert(name, NamedArray { shape: array.shape().to_vec(), data });
    }
    LinearMap::try_from(&named)
        .map_err(|problem| AnimationError::Map { path: path.to_owned(), problem: Box::new(problem) })
}

/// Writes a map.
///
/// # Errors
/// Where the file exists and `overwrite` is not set, or it cannot be written.
pub fn write_map(path: &Path, map: &LinearMap, overwrite: bool) -> Result<(), AnimationError> {
    let mut arrays = BTreeMap::new();
    for (name, array) in NamedArrays::from(map).arrays {
        let elements = match array.data {
            ArrayData::F32(values) => Elements::F32(values),
            ArrayData::F64(values) => Elements::F64(values),
            ArrayData::Text(texts) => Elements::Text(texts),
        };
        let array = Array::new(&array.shape, elements);
        arrays.insert(
            name,
            array.map_err(|problem| AnimationError::Array { path: path.to_owned(), found: problem.to_string() })?,
        );
    }
    arrays::write_npz(path, arrays.iter().map(|(name, array)| (name.as_str(), array)), overwrite)?;
    Ok(())
}
