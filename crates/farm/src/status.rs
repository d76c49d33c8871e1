//! How far a film is.

use std::collections::HashMap;

use serde::Serialize;

use crate::error::Gap;
use crate::join::receipts;
use crate::receipt::Receipt;
use crate::{FarmError, Place, Plan, Task};

/// How far a film is.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// The plan's checksum, which is its name in the results.
    pub plan: String,
    /// Tasks, all of them.
    pub tasks: u64,
    /// Those with a result.
    pub done: u64,
    /// Phase by phase.
    pub phases: Vec<PhaseStatus>,
    /// Tasks without a result: ranges of their numbers, the last included.
    pub missing: Vec<[u64; 2]>,
    /// Tasks whose result cannot be used.
    pub broken: Vec<Broken>,
    /// Seconds of work that is left, on one machine, at the rate that was measured.
    pub left_seconds: Option<f64>,
    /// Seconds until the end, if as many machines go on as have been at work, by the storage's own clock.
    pub until_end_seconds: Option<f64>,
}

/// How far a phase is.
#[derive(Clone, Debug, Serialize)]
pub struct PhaseStatus {
    /// What its tasks do.
    pub work: &'static str,
    /// All of them.
    pub tasks: u64,
    /// Those with a result.
    pub done: u64,
    /// Frames in those.
    pub frames: u64,
    /// Seconds that a frame took, in the mean; nothing where none was drawn.
    pub seconds_per_frame: Option<f64>,
}

/// A task whose result cannot be used.
#[derive(Clone, Debug, Serialize)]
pub struct Broken {
    /// Its number.
    pub task: u64,
    /// The shots that it draws.
    pub shots: String,
    /// What is wrong.
    pub problem: String,
}

/// Looks at all results: whether they are there and have their sizes or, where it is `thorough`, every byte.
///
/// # Errors
/// The plan or the storage fails.
pub fn status(place: &Place, name: &str, thorough: bool) -> Result<Status, FarmError> {
    let plan = Plan::read(place, name)?;
    let receipts = receipts(place, &plan)?;
    let stamps: HashMap<String, i64> =
        place.list(&plan.receipts())?.into_iter().map(|entry| (entry.name, entry.stamp)).collect();
    let mut sizes: HashMap<String, u64> = HashMap::new();
    for folder in ["pieces", "painted"] {
        let found = place.list(&format!("{}/{folder}", plan.results))?;
        sizes.extend(found.into_iter().map(|entry| (entry.name, entry.bytes)));
    }
    let mut tally = Tally::default();
    for (task, receipt) in receipts {
        let problem = match &receipt {
            Ok(receipt) if thorough => receipt.mistake(place)?,
            Ok(receipt) => wrong_size(receipt, &sizes),
            Err(problem) => Some(problem.clone()),
        };
        let is_there = stamps.contains_key(&plan.receipt(task.index));
        let gap = |problem| Gap { task: task.index, shots: plan.shots_of(&task), problem };
        match (receipt, problem) {
            (Ok(receipt), None) => {
                tally.done.push((task, receipt, stamps.get(&plan.receipt(task.index)).copied()));
            }
            (_, Some(problem)) if is_there => tally.broken.push(gap(problem)),
            _ => tally.missing.push(task),
        }
    }
    Ok(tally.status(&plan))
}

fn wrong_size(receipt: &Receipt, sizes: &HashMap<String, u64>) -> Option<String> {
    receipt.files.iter().find_map(|made| match sizes.get(&made.name) {
        None => Some(format!("{} is not there", made.name)),
        Some(bytes) if *bytes != made.bytes => {
            Some(format!("{} has {bytes} bytes, expected {}", made.name, made.bytes))
        }
        Some(_) => None,
    })
}

/// Tasks by what became of them.
#[derive(Default)]
struct Tally {
    done: Vec<(Task, Receipt, Option<i64>)>,
    missing: Vec<Task>,
    broken: Vec<Gap>,
}

impl Tally {
    fn status(self, plan: &Plan) -> Status {
        let mut phases = Vec::new();
        let (mut left, mut is_known) = (0.0, true);
        let open: Vec<Task> =
            self.missing.iter().copied().chain(self.broken.iter().filter_map(|gap| plan.task(gap.task))).collect();
        for (work, range) in plan.phases() {
            let done: Vec<_> = self.done.iter().filter(|(task, ..)| range.contains(&task.index)).collect();
            // What was found from before says nothing of the rate.
            let drawn: u64 = done.iter().map(|(_, receipt, _)| receipt.drawn).sum();
            let took: u64 =
                done.iter().filter(|(_, receipt, _)| receipt.drawn > 0).map(|(_, receipt, _)| receipt.took).sum();
            let rate = (drawn > 0).then(|| took as f64 / 1e3 / drawn as f64);
            let open = open.iter().filter(|task| range.contains(&task.index));
            for task in open {
                match (rate, task.cost) {
                    (Some(rate), _) => left += rate * plan.frames(task) as f64,
                    (None, Some(cost)) => left += cost as f64 / 1e3,
                    (None, None) => is_known = false,
                }
            }
            phases.push(PhaseStatus {
                work: work.name(),
                tasks: range.end - range.start,
                done: done.len() as u64,
                frames: done.iter().map(|(_, receipt, _)| receipt.frames).sum(),
                seconds_per_frame: rate,
            });
        }
        let left_seconds = is_known.then_some(left);
        Status {
            plan: plan.id.clone(),
            tasks: plan.tasks(),
            done: self.done.len() as u64,
            phases,
            missing: ranges(self.missing.iter().map(|task| task.index)),
            until_end_seconds: left_seconds.and_then(|left| self.until_end(left)),
            left_seconds,
            broken: self
                .broken
                .into_iter()
                .map(|Gap { task, shots, problem }| Broken { task, shots, problem })
                .collect(),
        }
    }

    /// How long it takes at the rate at which results came in, by the stamps of one storage. Only an estimate hangs on
    /// them: where they make no sense, there is none.
    fn until_end(&self, left: f64) -> Option<f64> {
        let stamps = || self.done.iter().filter_map(|(.., stamp)| *stamp);
        let (first, last) = (stamps().min()?, stamps().max()?);
        let span = last.checked_sub(first)? as f64 / 1e3;
        // The first result says when the span begins; what came after it was done in it.
        let mut worked: f64 = self.done.iter().map(|(_, receipt, _)| receipt.took as f64 / 1e3).sum();
        let earliest = self.done.iter().find(|(.., stamp)| *stamp == Some(first))?;
        worked -= earliest.1.took as f64 / 1e3;
        let machines = worked / span;
        (machines.is_finite() && machines > 0.0 && machines < 1e6 && left > 0.0).then(|| left / machines)
    }
}

/// Numbers that follow one another, as ranges.
fn ranges(numbers: impl Iterator<Item = u64>) -> Vec<[u64; 2]> {
    let mut ranges: Vec<[u64; 2]> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some([_, last]) if *last + 1 == number => *last = number,
            _ => ranges.push([number, number]),
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::plan::tests::painted;

    #[test]
    fn numbers_become_ranges() {
        assert_eq!(ranges([0, 1, 2, 5, 7, 8].into_iter()), [[0, 2], [5, 5], [7, 8]]);
        assert!(ranges(std::iter::empty()).is_empty());
    }

    fn tally(plan: &Plan, stamps: [Option<i64>; 2]) -> Tally {
        let task = |index| plan.task(index).unwrap();
        let receipt = |index, took| Receipt::new(plan, &task(index), 8, Duration::from_secs(took), Vec::new());
        Tally {
            done: vec![(task(0), receipt(0, 16), stamps[0]), (task(1), receipt(1, 16), stamps[1])],
            missing: vec![task(2), task(3), task(4)],
            broken: Vec::new(),
        }
    }

    #[test]
    fn time_left_follows_what_was_measured_and_else_the_sample() {
        let plan = painted();
        let status = tally(&plan, [Some(0), Some(8_000)]).status(&plan);
        assert_eq!((status.done, status.tasks, &status.missing), (2, 5, &vec![[2, 4]]));
        assert_eq!(status.phases[0].seconds_per_frame, Some(2.0));
        // Fifteen painted frames of two seconds, and two tasks as the sample has them.
        assert!((status.left_seconds.unwrap() - 30.03).abs() < 1e-9, "{status:?}");
        // Sixteen seconds of work came in eight: two machines.
        assert!((status.until_end_seconds.unwrap() - 15.015).abs() < 1e-9, "{status:?}");
    }

    #[test]
    fn clocks_that_make_no_sense_cost_an_estimate_and_nothing_else() {
        let plan = painted();
        for stamps in [[None, None], [Some(5), Some(5)], [Some(i64::MIN), Some(i64::MAX)], [Some(1), None]] {
            let status = tally(&plan, stamps).status(&plan);
            assert_eq!((status.done, status.until_end_seconds), (2, None), "{stamps:?}");
            assert!(status.left_seconds.is_some());
        }
    }
}
