//! What a plan has to be like, whoever wrote it.

use super::{Plan, Work};
use crate::place::is_within;

/// Sides of a film, in pixels.
const SIDES: std::ops::RangeInclusive<u32> = 16..=8192;
/// More frames than any film has: a week of it.
const MOST_FRAMES: u64 = 1 << 24;

impl Plan {
    /// Refuses what this program would not have written, whoever wrote it.
    pub(super) fn check(&self) -> Result<(), String> {
        let Self { inputs, shots, pieces, .. } = self;
        let columns = |name: &str, lengths: &[usize]| {
            let same = lengths.windows(2).all(|pair| pair[0] == pair[1]);
            if same { Ok(()) } else { Err(format!("the columns of `{name}` have different lengths")) }
        };
        columns("inputs", &[inputs.name.len(), inputs.at.len(), inputs.sha256.len(), inputs.seconds.len()])?;
        columns("models", &[self.models.file.len(), self.models.sha256.len()])?;
        if self.models.side.is_some_and(|side| !SIDES.contains(&side)) {
            return Err("the models have learned pictures of a size that no picture has".to_owned());
        }
        columns("shots", &[shots.name.len(), shots.inputs.len(), shots.painted.len(), shots.rest.len()])?;
        columns("pieces", &[pieces.end.len(), pieces.shot.len(), pieces.name.len()])?;
        if let Some(name) = inputs.at.iter().chain([&self.results]).find(|name| !is_within(name)) {
            return Err(format!("`{name}` is no path within the plan's folder"));
        }
        if shots.inputs.iter().flatten().any(|input| *input as usize >= inputs.name.len()) {
            return Err("a shot names an input that is not there".to_owned());
        }
        if pieces.shot.iter().any(|shot| *shot as usize >= shots.name.len()) {
            return Err("a piece shows a shot that is not there".to_owned());
        }
        let is_hash = |hash: &String| hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
        if let Some(hash) = inputs.sha256.iter().chain(&self.models.sha256).find(|hash| !is_hash(hash)) {
            return Err(format!("`{hash}` is no SHA-256, expected 64 hexadecimal digits"));
        }
        let [width, height] = self.film.size;
        if !SIDES.contains(&width) || !SIDES.contains(&height) {
            let (least, most) = (SIDES.start(), SIDES.end());
            return Err(format!("the film has {width}x{height} pixels, expected sides from {least} to {most}"));
        }
        if self.film.frames > MOST_FRAMES {
            return Err(format!("the film has {} frames, expected at most {MOST_FRAMES}", self.film.frames));
        }
        let is_name = |name: &String| name.len() == 32 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !pieces.name.iter().chain(shots.painted.iter().chain(&shots.rest).flatten()).all(is_name) {
            return Err("a piece has a name that no piece has".to_owned());
        }
        let rising = pieces.end.iter().try_fold(0, |last, end| if *end > last { Ok(*end) } else { Err(()) });
        if rising != Ok(self.film.frames) {
            return Err("the pieces do not make the film".to_owned());
        }
        let mut next = 0;
        for phase in &self.phases {
            let paints = phase.work != Work::Film;
            columns("phases", &[phase.first.len(), phase.count.len()])?;
            columns("phases", &[phase.shot.len(), if paints { phase.first.len() } else { 0 }])?;
            columns("phases", &[phase.cost.len(), if phase.cost.is_empty() { 0 } else { phase.first.len() }])?;
            if phase.count.contains(&0)
                || phase
                    .first
                    .iter()
                    .zip(&phase.count)
                    .any(|(a, b)| a.checked_add(*b).is_none_or(|end| end > MOST_FRAMES))
            {
                return Err("a task has no work, or more than a film has".to_owned());
            }
            if phase.shot.iter().any(|shot| shots.painted.get(*shot as usize).is_none_or(Option::is_none)) {
                return Err("a task paints a shot that is not there".to_owned());
            }
            if !paints {
                for (first, count) in phase.first.iter().zip(&phase.count) {
                    if *first != next {
                        return Err("the tasks do not make the film".to_owned());
                    }
                    next = first + count;
                }
            }
        }
        let costs = self.phases.iter().flat_map(|phase| &phase.cost);
        let adds_up = costs.copied().try_fold(0u64, u64::checked_add).is_some()
            && self.sample.is_none_or(|sample| sample.paint.checked_add(sample.film).is_some());
        if !adds_up {
            return Err("its tasks take longer than can be counted".to_owned());
        }
        if next != pieces.end.len() as u64 {
            return Err("the tasks do not make the film".to_owned());
        }
        Ok(())
    }
}
