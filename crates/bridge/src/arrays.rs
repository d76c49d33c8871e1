//! A map as named arrays, which a file can hold.
//!
//! | array | shape | what |
//! | --- | --- | --- |
//! | `format` | (1) text | `moue arkit-flame map` |
//! | `version` | (1) | 1 |
//! | `to_flame_inputs` | (n) text | ARKit names |
//! | `to_flame_outputs` | (m) text | FLAME names |
//! | `to_flame_weights` | (n, m) | `y = x W + b` |
//! | `to_flame_bias` | (m) | |
//! | `to_flame_rmse`, `to_flame_r2` | (m) | error on held-back frames; NaN where nobody knows |
//! | `to_flame_rule_rmse`, `to_flame_rule_r2` | (m) | the same of the exact rules; NaN where there is none |
//! | `to_arkit_...` | | the same the other way; either may be missing as a whole |
//! | `source_names`, `source_hashes`, `source_frames` | (k) text, text, number | what it was learned from |
//! | `frames` | (2) | learned from, held back |

use std::collections::BTreeMap;

use moue_timeline::Channel;

use crate::{Affine, BridgeError, Family, LinearMap, Score, Source};

/// Arrays by name, as an archive holds them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NamedArrays {
    /// By name.
    pub arrays: BTreeMap<String, NamedArray>,
}

/// One array.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedArray {
    /// Length along each axis.
    pub shape: Vec<usize>,
    /// As many values as the shape says, row-major.
    pub data: ArrayData,
}

/// Values of one type.
#[derive(Clone, Debug, PartialEq)]
pub enum ArrayData {
    /// Single precision.
    F32(Vec<f32>),
    /// Double precision.
    F64(Vec<f64>),
    /// Texts.
    Text(Vec<String>),
}

const FORMAT: &str = "moue arkit-flame map";
const VERSION: f64 = 1.0;
/// More is no list of recordings.
const MOST_SOURCES: usize = 100_000;
const HINT: &str = "this is no map of ours, or a damaged one; make it again with `moue calibrate`";

impl From<&LinearMap> for NamedArrays {
    fn from(map: &LinearMap) -> Self {
        let mut arrays = Self::default();
        arrays.put_text("format", vec![FORMAT.to_owned()]);
        arrays.put("version", vec![1], vec![VERSION]);
        for (name, affine) in [("to_flame", &map.to_flame), ("to_arkit", &map.to_arkit)] {
            let Some(affine) = affine else { continue };
            let names = |channels: &[Channel]| channels.iter().map(|channel| channel.name().to_owned()).collect();
            let (n, m) = (affine.inputs.len(), affine.outputs.len());
            arrays.put_text(&format!("{name}_inputs"), names(&affine.inputs));
            arrays.put_text(&format!("{name}_outputs"), names(&affine.outputs));
            arrays.put(&format!("{name}_weights"), vec![n, m], affine.weights.clone());
            arrays.put(&format!("{name}_bias"), vec![m], affine.bias.clone());
            for (prefix, scores) in [("", &affine.scores), ("rule_", &affine.rule_scores)] {
                let rmse = scores.iter().map(|score| score.map_or(f64::NAN, |score| score.rmse));
                let r2 = scores.iter().map(|score| score.and_then(|score| score.r2).unwrap_or(f64::NAN));
                arrays.put(&format!("{name}_{prefix}rmse"), vec![m], rmse.collect());
                arrays.put(&format!("{name}_{prefix}r2"), vec![m], r2.collect());
            }
        }
        arrays.put_text("source_names", map.sources.iter().map(|source| source.name.clone()).collect());
        arrays.put_text("source_hashes", map.sources.iter().map(|source| source.hash.clone()).collect());
        let frames: Vec<f64> = map.sources.iter().map(|source| source.frames as f64).collect();
        arrays.put("source_frames", vec![frames.len()], frames);
        arrays.put("frames", vec![2], vec![map.training_frames as f64, map.held_back_frames as f64]);
        arrays
    }
}

impl TryFrom<&NamedArrays> for LinearMap {
    type Error = BridgeError;

    /// # Errors
    /// Where an array is missing, or is not as the table in the module's documentation says.
    fn try_from(arrays: &NamedArrays) -> Result<Self, BridgeError> {
        let format = arrays.text("format", Some(1))?;
        if format[0] != FORMAT {
            return Err(wrong("format", format!("'{}'", shortened(&format[0])), format!("'{FORMAT}'")));
        }
        let version = arrays.numbers("version", &[1])?[0];
        if version != VERSION {
            return Err(wrong("version", version.to_string(), VERSION.to_string()));
        }
        let to_flame = arrays.affine("to_flame", Family::Arkit, Family::Flame)?;
        let to_arkit = arrays.affine("to_arkit", Family::Flame, Family::Arkit)?;
        if to_flame.is_none() && to_arkit.is_none() {
            return Err(wrong(
                "to_flame_weights",
                "no such array".to_owned(),
                "a map in one direction or both".to_owned(),
            ));
        }
        let names = arrays.text("source_names", None)?;
        if names.len() > MOST_SOURCES {
            return Err(wrong("source_names", format!("{} names", names.len()), format!("at most {MOST_SOURCES}")));
        }
        let hashes = arrays.text("source_hashes", Some(names.len()))?;
        let frames = arrays.counts("source_frames", names.len())?;
        let sources = names.iter().zip(hashes).zip(frames);
        let sources = sources.map(|((name, hash), frames)| Source { name: name.clone(), hash: hash.clone(), frames });
        let counts = arrays.counts("frames", 2)?;
        Ok(Self {
            to_flame,
            to_arkit,
            sources: sources.collect(),
            training_frames: counts[0],
            held_back_frames: counts[1],
        })
    }
}

impl NamedArrays {
    fn put(&mut self, name: &str, shape: Vec<usize>, data: Vec<f64>) {
        self.arrays.insert(name.to_owned(), NamedArray { shape, data: ArrayData::F64(data) });
    }

    fn put_text(&mut self, name: &str, data: Vec<String>) {
        self.arrays.insert(name.to_owned(), NamedArray { shape: vec![data.len()], data: ArrayData::Text(data) });
    }

    /// None where no array of that direction is there.
    fn affine(&self, name: &str, from: Family, to: Family) -> Result<Option<Affine>, BridgeError> {
        let array = |part: &str| format!("{name}_{part}");
        if !self.arrays.keys().any(|key| key.starts_with(name)) {
            return Ok(None);
        }
        let inputs = self.channels(&array("inputs"), from)?;
        let outputs = self.channels(&array("outputs"), to)?;
        let (n, m) = (inputs.len(), outputs.len());
        let finite = |part: &str, shape: &[usize]| {
            let values = self.numbers(&array(part), shape)?;
            match values.iter().position(|value| !value.is_finite()) {
                None => Ok(values),
                Some(at) => {
                    Err(wrong(&array(part), format!("{} at place {at}", values[at]), "finite numbers".to_owned()))
                }
            }
        };
        let scores = |prefix: &str| {
            let rmse = self.numbers(&array(&format!("{prefix}rmse")), &[m])?;
            let r2 = self.numbers(&array(&format!("{prefix}r2")), &[m])?;
            let known = |value: f64| value.is_finite().then_some(value);
            let pairs = rmse.into_iter().zip(r2);
            let scores = pairs.map(|(rmse, r2)| known(rmse).map(|rmse| Score { rmse, r2: known(r2) })).collect();
            Ok::<Vec<Option<Score>>, BridgeError>(scores)
        };
        Ok(Some(Affine {
            weights: finite("weights", &[n, m])?,
            bias: finite("bias", &[m])?,
            scores: scores("")?,
            rule_scores: scores("rule_")?,
            inputs,
            outputs,
        }))
    }

    /// Names of one family, each once.
    fn channels(&self, name: &str, family: Family) -> Result<Vec<Channel>, BridgeError> {
        let mut channels: Vec<Channel> = Vec::new();
        for text in self.text(name, None)? {
            let channel = Channel::from_name(text).filter(|channel| Family::of(*channel) == Some(family));
            let found = || format!("'{}'", shortened(text));
            let channel = channel.ok_or_else(|| wrong(name, found(), format!("names of {family} coefficients")))?;
            if channels.contains(&channel) {
                return Err(wrong(name, format!("{} twice", found()), "each name once".to_owned()));
            }
            channels.push(channel);
        }
        if channels.is_empty() {
            return Err(wrong(name, "no names".to_owned(), format!("names of {family} coefficients")));
        }
        Ok(channels)
    }

    fn text(&self, name: &str, length: Option<usize>) -> Result<&[String], BridgeError> {
        let array = self.get(name)?;
        let ArrayData::Text(values) = &array.data else {
            return Err(wrong(name, "numbers".to_owned(), "texts".to_owned()));
        };
        let length = length.unwrap_or(values.len());
        if array.shape != [length] || values.len() != length {
            return Err(wrong(name, format!("shape {:?}", array.shape), format!("shape {:?}", [length])));
        }
        Ok(values)
    }

    fn numbers(&self, name: &str, shape: &[usize]) -> Result<Vec<f64>, BridgeError> {
        let array = self.get(name)?;
        let values: Vec<f64> = match &array.data {
            ArrayData::F32(values) => values.iter().copied().map(f64::from).collect(),
            ArrayData::F64(values) => values.clone(),
            ArrayData::Text(_) => return Err(wrong(name, "texts".to_owned(), "numbers".to_owned())),
        };
        if array.shape != shape || values.len() != shape.iter().product::<usize>() {
            return Err(wrong(name, format!("shape {:?}", array.shape), format!("shape {shape:?}")));
        }
        Ok(values)
    }

    fn counts(&self, name: &str, length: usize) -> Result<Vec<u64>, BridgeError> {
        /// Up to here an `f64` holds every whole number.
        const MOST: f64 = 9_007_199_254_740_992.0;
        let whole = |value: f64| (0.0..=MOST).contains(&value) && value.fract() == 0.0;
        let values = self.numbers(name, &[length])?;
        match values.iter().find(|value| !whole(**value)) {
            None => Ok(values.into_iter().map(|value| value as u64).collect()),
            Some(value) => Err(wrong(name, value.to_string(), "whole numbers from 0 on".to_owned())),
        }
    }

    fn get(&self, name: &str) -> Result<&NamedArray, BridgeError> {
        self.arrays.get(name).ok_or_else(|| wrong(name, "no such array".to_owned(), "one".to_owned()))
    }
}

fn wrong(array: &str, found: String, expected: String) -> BridgeError {
    BridgeError::Array { array: array.to_owned(), found, expected, hint: HINT }
}

/// Text from a file as it may stand in a message.
fn shortened(text: &str) -> String {
    text.chars().take(40).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
#[path = "arrays_tests.rs"]
mod tests;
