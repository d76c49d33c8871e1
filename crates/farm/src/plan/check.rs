//! What a plan has to be like, whoever wrote it.

use super::{Plan, Work};
use crate::place::is_within;

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
                || phase.first.iter().zip(&phase.count).any(|(a, b)| a.checked_add(*b).is_none())
            {
                return Err("a task has no work".to_owned());
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
        if next != pieces.end.len() as u64 {
            return Err("the tasks do not make the film".to_owned());
        }
        Ok(())
    }
}
